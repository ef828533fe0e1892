//! New databases: the system tables, the tables of the program, and the program itself.

use orrery_host_abi::{ColId, IndexId, SequenceId, TableId, module_def::IndexAlgorithm};

use super::{
    apply::{SchemaError, apply, take},
    checks::Stored,
    history,
    plan::plan,
    rows::{Row, column_row, constraint_row, index_row, sequence_row, table_row},
    system::{FIRST_USER_ID, SYSTEM_TABLES, table},
};
use crate::{
    database::{DatabaseKey, ProgramKind},
    program::LoadedProgram,
    store::{SequenceSpec, Writer},
};

/// Makes all tables of a new database.
pub(crate) fn initialise(
    writer: &mut Writer,
    key: DatabaseKey,
    program: &LoadedProgram,
) -> Result<(), SchemaError> {
    create_system_tables(writer)?;
    let plan = plan(None, &program.module, &Stored::nothing());
    let plan = plan.map_err(|reasons| SchemaError(reasons.join("\n")))?;
    apply(writer, None, &program.module, &plan)?;
    write_program(writer, key, program)
}

/// Makes the system tables and writes down what they are in themselves.
pub(super) fn create_system_tables(writer: &mut Writer) -> Result<(), SchemaError> {
    let mut first_index = 1;
    for table in SYSTEM_TABLES {
        writer.create_table(table.spec(first_index))?;
        first_index += u32::try_from(table.indexes.len()).expect("a system table has few indexes");
    }
    let (mut index_id, mut constraint_id) = (1, 1);
    for system in SYSTEM_TABLES {
        let id = TableId(system.id);
        let primary_key = system.primary_key.map(ColId);
        table_row(id, system.name, true, system.is_public, primary_key).insert(writer, table::TABLE)?;
        for ((name, ty), position) in system.columns.iter().zip(0..) {
            column_row(id.0, position, name, &ty.algebraic()).insert(writer, table::COLUMN)?;
        }
        for (columns, unique) in system.indexes {
            let names = system.column_names(columns);
            let columns: Vec<_> = columns.iter().map(|column| ColId(*column)).collect();
            let name = format!("{}_{names}_idx_btree", system.name);
            let index = IndexId(take(&mut index_id));
            index_row(index, id, &name, &IndexAlgorithm::BTree(columns.clone()))
                .insert(writer, table::INDEX)?;
            if *unique {
                let name = format!("{}_{names}_key", system.name);
                constraint_row(take(&mut constraint_id), &name, id, &columns)
                    .insert(writer, table::CONSTRAINT)?;
            }
        }
        if let Some((column, sequence)) = system.sequence {
            let name = format!("{}_{}_seq", system.name, system.column_names(&[column]));
            let spec = SequenceSpec {
                id: SequenceId(sequence),
                column: ColId(column),
                start: i128::from(FIRST_USER_ID) + 1,
                min_value: 1,
                max_value: i128::MAX,
                increment: 1,
            };
            sequence_row(&name, id, &spec, FIRST_USER_ID.into()).insert(writer, table::SEQUENCE)?;
        }
    }
    Ok(())
}

/// Notes that the database runs that program from now on: the one row of `st_module`, and the history.
pub(crate) fn write_program(
    writer: &mut Writer,
    key: DatabaseKey,
    program: &LoadedProgram,
) -> Result<(), SchemaError> {
    writer.clear(table::MODULE)?;
    let source = &program.source;
    Row::with_capacity(source.bytes.len() + 128)
        .with_32(key.database.0)
        .with_32(key.owner.0)
        .with(match source.kind {
            ProgramKind::Wasm => &0u8,
            ProgramKind::Js => &1u8,
        })
        .with_32(program.hash.0)
        .with(&source.bytes)
        .with("")
        .insert(writer, table::MODULE)?;
    history::note(writer, program)
}
