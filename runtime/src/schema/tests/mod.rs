//! Changes of the schema, over rows in a store.

mod random;
mod rules;
mod state;

use orrery_host_abi::{
    AlgebraicType, ColId, ModuleDef, SumType, TypeRef, Variant,
    bsatn::Encode,
    module_def::{ColumnDef, IndexAlgorithm, IndexDef, SequenceDef, TableDef, UniqueConstraintDef},
};
use redb::backends::InMemoryBackend;

use super::{
    apply::apply,
    checks::{Stored, check_unique},
    initialise::create_system_tables,
    plan::{Plan, plan},
};
use crate::store::{self, StoreOptions, Writer};

/// A column without a default.
fn column(name: &str, ty: AlgebraicType) -> ColumnDef {
    ColumnDef { name: name.into(), accessor_name: name.into(), ty, default: None }
}

/// A column with a default.
fn column_with(name: &str, ty: AlgebraicType, default: &(impl Encode + ?Sized)) -> ColumnDef {
    ColumnDef { default: Some(default.to_bsatn().into()), ..column(name, ty) }
}

fn index(name: &str, columns: &[u16]) -> IndexDef {
    IndexDef {
        name: name.into(),
        alias: None,
        accessor_name: None,
        algorithm: IndexAlgorithm::BTree(col_ids(columns)),
    }
}

fn unique(name: &str, columns: &[u16]) -> UniqueConstraintDef {
    UniqueConstraintDef { name: name.into(), columns: col_ids(columns) }
}

fn sequence(name: &str, column: u16) -> SequenceDef {
    SequenceDef {
        name: name.into(),
        column: ColId(column),
        start: None,
        min_value: None,
        max_value: None,
        increment: 1,
    }
}

fn col_ids(columns: &[u16]) -> Vec<ColId> {
    columns.iter().copied().map(ColId).collect()
}

fn sum(variants: &[(&str, AlgebraicType)]) -> AlgebraicType {
    let variant = |(name, ty): &(&str, AlgebraicType)| Variant { name: Some((*name).into()), ty: ty.clone() };
    AlgebraicType::Sum(SumType { variants: variants.iter().map(variant).collect() })
}

/// A table `id: U64, name: String` with a unique index on `id`.
fn table(name: &str) -> TableDef {
    TableDef {
        name: name.into(),
        accessor_name: name.into(),
        row_type: TypeRef(0),
        columns: vec![column("id", AlgebraicType::U64), column("name", AlgebraicType::String)],
        primary_key: Some(ColId(0)),
        indexes: vec![index(&format!("{name}_by_id"), &[0])],
        unique_constraints: vec![unique(&format!("{name}_id_key"), &[0])],
        sequences: Vec::new(),
        schedule: None,
        is_public: true,
        is_event: false,
    }
}

fn module(tables: Vec<TableDef>) -> ModuleDef {
    ModuleDef { raw_version: 10, tables, ..ModuleDef::default() }
}

/// A store with the tables of a module.
fn store_of(module: &ModuleDef) -> Writer {
    let mut writer = store::open_backend(InMemoryBackend::new(), &StoreOptions::default()).unwrap();
    initialise(&mut writer, module);
    writer
}

/// Makes the tables of a module.
pub(crate) fn initialise(writer: &mut Writer, module: &ModuleDef) {
    create_system_tables(writer).unwrap();
    let plan = plan(None, module, &Stored::nothing()).unwrap();
    apply(writer, None, module, &plan).unwrap();
    writer.commit().unwrap();
}

/// A plan, with everything looked at that can be.
fn full_plan(writer: &Writer, old: &ModuleDef, new: &ModuleDef) -> Result<Plan, Vec<String>> {
    let stored = Stored::now(writer);
    let plan = plan(Some(old), new, &stored)?;
    let reasons = check_unique(new, &plan, &stored);
    if reasons.is_empty() { Ok(plan) } else { Err(reasons) }
}

/// Inserts a row, given cell by cell.
fn insert(writer: &mut Writer, table: &str, row: &[Vec<u8>]) {
    let id = writer.tables().find(|stored| *stored.spec().name == *table).unwrap().id();
    writer.insert(id, &mut row.concat()).unwrap();
}
