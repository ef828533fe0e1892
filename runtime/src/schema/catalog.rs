//! What a running database knows of its schema: ids by name, and what is special about a table.

use std::{collections::HashMap, sync::Arc};

use orrery_host_abi::{ColId, Hash, Identity, IndexId, ModuleDef, TableId};

use super::system::{self, SYSTEM_TABLES};
use crate::{
    database::{DatabaseKey, ProgramKind},
    store::{Table, Writer},
};

/// The names of a database's tables and indexes, fixed while one program runs.
#[derive(Debug)]
pub(crate) struct Catalog {
    /// The running program's definition.
    pub(crate) module: Arc<ModuleDef>,
    tables: HashMap<Box<str>, TableId>,
    indexes: HashMap<Box<str>, IndexId>,
    /// Few, so a list.
    scheduled: Vec<ScheduledTable>,
}

/// A table whose rows name a time at which a function runs.
#[derive(Debug)]
pub(crate) struct ScheduledTable {
    pub(crate) table: TableId,
    /// The column with the time.
    pub(crate) at_column: ColId,
    /// The primary key, a `u64`.
    pub(crate) id_column: ColId,
    /// Its index.
    pub(crate) id_index: IndexId,
    /// The reducer or procedure, by canonical name. Its argument is the row.
    pub(crate) function: Box<str>,
    /// It is a procedure.
    pub(crate) is_procedure: bool,
}

impl Catalog {
    /// Finds the tables of `module` in the store. The error says what the store lacks.
    pub(crate) fn new(module: &Arc<ModuleDef>, writer: &Writer) -> Result<Self, String> {
        let mut catalog = Self {
            tables: HashMap::new(),
            indexes: HashMap::new(),
            scheduled: Vec::new(),
            module: Arc::clone(module),
        };
        for table in SYSTEM_TABLES {
            catalog.tables.insert(table.name.into(), TableId(table.id));
        }
        let stored: HashMap<&str, &Table> =
            writer.tables().map(|table| (&*table.spec().name, table)).collect();
        for def in &module.tables {
            let table = stored.get(&*def.name).ok_or_else(|| format!("table `{}` is missing", def.name))?;
            let id = table.spec().id;
            catalog.tables.insert(def.name.clone(), id);
            catalog.tables.entry(def.accessor_name.clone()).or_insert(id);
            for index in &def.indexes {
                let columns = index.algorithm.columns();
                let kind = super::apply::index_kind(&index.algorithm);
                let stored = table
                    .spec()
                    .indexes
                    .iter()
                    .find(|spec| spec.columns == columns && spec.kind == kind)
                    .ok_or_else(|| format!("index `{}` is missing", index.name))?;
                catalog.indexes.insert(index.name.clone(), stored.id);
                if let Some(alias) = &index.alias {
                    catalog.indexes.entry(alias.clone()).or_insert(stored.id);
                }
            }
            if let Some(schedule) = &def.schedule {
                let id_column = def.primary_key;
                let id_column =
                    id_column.ok_or_else(|| format!("table `{}` has no primary key", def.name))?;
                let mut indexes = table.spec().indexes.iter();
                let id_index = indexes.find(|index| index.columns == [id_column]);
                catalog.scheduled.push(ScheduledTable {
                    table: id,
                    at_column: schedule.at_column,
                    id_column,
                    id_index: id_index
                        .ok_or_else(|| format!("the primary key of table `{}` has no index", def.name))?
                        .id,
                    function: schedule.function.clone(),
                    is_procedure: module.procedure(&schedule.function).is_some(),
                });
            }
        }
        Ok(catalog)
    }

    /// The table with that name or alias.
    pub(crate) fn table(&self, name: &str) -> Option<TableId> {
        self.tables.get(name).copied()
    }

    /// The index with that name or alias.
    pub(crate) fn index(&self, name: &str) -> Option<IndexId> {
        self.indexes.get(name).copied()
    }

    /// The column that holds the time of a scheduled table's rows.
    #[inline]
    pub(crate) fn schedule_column(&self, table: TableId) -> Option<ColId> {
        if self.scheduled.is_empty() {
            return None;
        }
        self.scheduled_table(table).map(|scheduled| scheduled.at_column)
    }

    /// The tables whose rows name a time.
    pub(crate) fn scheduled_tables(&self) -> &[ScheduledTable] {
        &self.scheduled
    }

    /// What that table schedules, if it is one of those.
    pub(crate) fn scheduled_table(&self, table: TableId) -> Option<&ScheduledTable> {
        self.scheduled.iter().find(|scheduled| scheduled.table == table)
    }
}

/// The row of `st_module`: which program a database runs, and whose it is.
#[derive(Debug)]
pub(crate) struct ModuleRow {
    pub(crate) key: DatabaseKey,
    pub(crate) kind: ProgramKind,
    pub(crate) hash: Hash,
    pub(crate) program: Vec<u8>,
}

impl ModuleRow {
    /// The row, if the database has one.
    pub(crate) fn read(writer: &Writer) -> Result<Option<Self>, String> {
        let Some(table) = writer.table(system::table::MODULE) else { return Ok(None) };
        let Some(row) = table.rows().next() else { return Ok(None) };
        let part = |column| table.layout().column(row, column);
        let id = |column: usize| -> Result<[u8; 32], String> {
            part(column).try_into().map_err(|_| "st_module holds an identity of the wrong size".to_owned())
        };
        Ok(Some(Self {
            key: DatabaseKey { database: Identity(id(0)?), owner: Identity(id(1)?) },
            kind: match part(2) {
                [0] => ProgramKind::Wasm,
                [1] => ProgramKind::Js,
                other => return Err(format!("st_module names an unknown kind of program ({other:?})")),
            },
            hash: Hash(id(3)?),
            // After the length.
            program: part(4)[4..].to_vec(),
        }))
    }
}
