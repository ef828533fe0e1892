//! What a store holds, without the ids, which depend on what was there before.

use std::collections::{BTreeMap, BTreeSet};

use orrery_host_abi::{AlgebraicValue, TableId};

use crate::{
    schema::system::{SYSTEM_TABLES, table},
    store::{IndexKind, Table, TableKind, Writer},
};

/// All that can be seen of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// What the system tables say, by table.
    pub(super) described: BTreeMap<&'static str, BTreeSet<String>>,
    /// What tables of the module there are, by name.
    pub(super) tables: BTreeMap<String, TableState>,
}

/// A table of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableState {
    columns: String,
    kind: TableKind,
    indexes: BTreeSet<(Vec<u16>, u8, bool)>,
    sequences: BTreeSet<(u16, i128, i128, i128, i128)>,
    pub(super) rows: BTreeSet<Vec<u8>>,
}

impl State {
    pub(super) fn of(writer: &Writer) -> Self {
        let names: BTreeMap<u32, String> =
            writer.tables().map(|table| (table.id().0, table.spec().name.to_string())).collect();
        let described = SYSTEM_TABLES.iter().map(|system| {
            let table = writer.table(TableId(system.id)).unwrap();
            let rows = table.rows().map(|row| describe(system.id, table, row, &names));
            (system.name, rows.collect())
        });
        let is_of_module = |table: &&Table| SYSTEM_TABLES.iter().all(|system| system.id != table.id().0);
        let tables = writer.tables().filter(is_of_module).map(|table| {
            check_indexes(table);
            let spec = table.spec();
            let indexes = spec.indexes.iter().map(|index| {
                let columns = index.columns.iter().map(|column| column.0).collect();
                (columns, index.kind as u8, index.unique)
            });
            let sequences = spec.sequences.iter().map(|sequence| {
                let it = sequence;
                (it.column.0, it.start, it.min_value, it.max_value, it.increment)
            });
            let state = TableState {
                columns: format!("{:?}", spec.row_type),
                kind: spec.kind,
                indexes: indexes.collect(),
                sequences: sequences.collect(),
                rows: table.rows().map(<[u8]>::to_vec).collect(),
            };
            (spec.name.to_string(), state)
        });
        Self { described: described.collect(), tables: tables.collect() }
    }

    /// The same without rows of the module's tables, and without how far sequences are used up.
    pub(super) fn schema(&self) -> Self {
        let mut schema = self.clone();
        schema.tables.values_mut().for_each(|table| table.rows.clear());
        schema
    }
}

/// A row of a system table, with the names of tables instead of their ids, and without ids of its own.
fn describe(id: u32, table: &Table, row: &[u8], names: &BTreeMap<u32, String>) -> String {
    let row_type = orrery_host_abi::AlgebraicType::Product(table.spec().row_type.clone());
    let AlgebraicValue::Product(cells) = AlgebraicValue::from_bsatn(row, &row_type).unwrap() else {
        unreachable!("a row is a product")
    };
    let table_column = match TableId(id) {
        table::TABLE | table::COLUMN | table::EVENT_TABLE | table::ROW_LEVEL_SECURITY => Some(0),
        table::INDEX | table::SCHEDULED => Some(1),
        table::CONSTRAINT | table::SEQUENCE => Some(2),
        _ => None,
    };
    let own_id = match TableId(id) {
        table::INDEX | table::CONSTRAINT | table::SEQUENCE | table::SCHEDULED | table::VIEW => Some(0),
        table::VIEW_PARAM | table::VIEW_COLUMN => Some(0),
        _ => None,
    };
    let cells = cells.iter().enumerate().map(|(place, cell)| match cell {
        AlgebraicValue::U32(id) if table_column == Some(place) => names[id].clone(),
        _ if own_id == Some(place) => "#".to_owned(),
        cell => format!("{cell:?}"),
    });
    cells.collect::<Vec<_>>().join(" ")
}

/// Every index finds every row.
fn check_indexes(table: &Table) {
    for index in table.indexes() {
        assert_eq!(index.rows().count() as u64, table.row_count());
        for row in table.rows() {
            let mut key = Vec::new();
            table.layout().project(row, &index.spec().columns, &mut key);
            let found: Vec<&[u8]> = index.point(&key).unwrap().collect();
            assert!(found.contains(&row));
            assert!(!index.spec().unique || found.len() == 1);
        }
        if index.spec().kind != IndexKind::Hash {
            let keys = index.rows().map(|row| table.layout().columns_at(row, &index.spec().columns).concat());
            assert_eq!(keys.count() as u64, table.row_count());
        }
    }
    assert!(table.rows().all(|row| table.find_row(row).is_some()));
}
