//! Copies of tables, whole and damaged.

use std::sync::Arc;

use orrery_host_abi::{
    AlgebraicType, ColId, ModuleDef, TypeRef,
    bsatn::Encode,
    module_def::{ColumnDef, SequenceDef, TableDef},
};
use redb::backends::InMemoryBackend;

use super::{
    read::{BackupError, BackupReader, restore_tables},
    write::{Frames, Tables},
};
use crate::{
    pace::Pace,
    schema,
    store::{self, StoreOptions, Writer},
};

fn table(name: &str, ty: AlgebraicType) -> TableDef {
    let column =
        |name: &str, ty| ColumnDef { name: name.into(), accessor_name: name.into(), ty, default: None };
    TableDef {
        name: name.into(),
        accessor_name: name.into(),
        row_type: TypeRef(0),
        columns: vec![column("id", AlgebraicType::U8), column("value", ty)],
        primary_key: None,
        indexes: Vec::new(),
        unique_constraints: Vec::new(),
        sequences: vec![SequenceDef {
            name: format!("{name}_seq").into(),
            column: ColId(0),
            start: None,
            min_value: None,
            max_value: None,
            increment: 1,
        }],
        schedule: None,
        is_public: true,
        is_event: false,
    }
}

fn module() -> ModuleDef {
    let tables = vec![table("words", AlgebraicType::String), table("numbers", AlgebraicType::U32)];
    ModuleDef { tables, ..ModuleDef::default() }
}

fn store_of(module: &ModuleDef) -> Writer {
    let mut writer = store::open_backend(InMemoryBackend::new(), &StoreOptions::default()).unwrap();
    schema::tests::initialise(&mut writer, module);
    writer
}

fn id(writer: &Writer, name: &str) -> orrery_host_abi::TableId {
    writer.tables().find(|table| *table.spec().name == *name).unwrap().id()
}

/// Rows in both tables, one of them with a zero where values are counted up.
fn filled() -> Writer {
    let mut writer = store_of(&module());
    let (words, numbers) = (id(&writer, "words"), id(&writer, "numbers"));
    for number in 0..100_u32 {
        writer.insert(words, &mut [vec![0], "word ".repeat(number as usize).to_bsatn()].concat()).unwrap();
        writer.insert(numbers, &mut [vec![0], number.to_bsatn()].concat()).unwrap();
    }
    writer.load(numbers, 1, &[0, 1, 2, 3, 4]).unwrap();
    writer.commit().unwrap();
    writer
}

fn rows(writer: &Writer) -> Vec<Vec<Vec<u8>>> {
    ["words", "numbers"]
        .map(|name| {
            let mut rows: Vec<_> =
                writer.table(id(writer, name)).unwrap().rows().map(<[u8]>::to_vec).collect();
            rows.sort_unstable();
            rows
        })
        .into()
}

fn frames() -> Frames<Vec<u8>> {
    Frames { out: Vec::new(), frame: Vec::new(), pace: Pace::of_backup(&Arc::default()) }
}

fn backup_of(writer: &Writer) -> Vec<u8> {
    let mut out = frames();
    Tables::take(writer).write(&mut out).unwrap();
    out.out
}

fn restore(backup: &[u8], module: &ModuleDef) -> Result<Writer, BackupError> {
    let mut writer = store_of(module);
    restore_tables(&mut BackupReader { source: backup }, &mut writer, u64::MAX)?;
    Ok(writer)
}

#[test]
fn a_copy_has_the_rows_and_goes_on_counting() {
    let original = filled();
    let mut copy = restore(&backup_of(&original), &module()).unwrap();
    assert_eq!(rows(&copy), rows(&original));
    let numbers = id(&copy, "numbers");
    let mut row = vec![0, 9, 9, 9, 9];
    copy.insert(numbers, &mut row).unwrap();
    copy.commit().unwrap();
    // 4097 in a byte: the copy does not know which of the values set aside were used.
    assert_eq!(row[0], 1);
    assert_eq!(rows(&restore(&backup_of(&copy), &module()).unwrap()).concat().len(), 202);
}

#[test]
fn a_copy_is_of_one_moment() {
    let mut writer = filled();
    let before = rows(&writer);
    let tables = Tables::take(&writer);
    let words = id(&writer, "words");
    writer.clear(words).unwrap();
    writer.commit().unwrap();
    let mut out = frames();
    tables.write(&mut out).unwrap();
    assert_eq!(rows(&restore(&out.out, &module()).unwrap()), before);
}

#[test]
fn other_tables_are_refused() {
    let backup = backup_of(&filled());
    let refused = |module: &ModuleDef| restore(&backup, module).unwrap_err().to_string();
    let mut other = module();
    other.tables.remove(1);
    assert!(refused(&other).contains("does not declare the table `numbers`"));
    let mut other = module();
    other.tables[1].columns[1].ty = AlgebraicType::I32;
    assert!(refused(&other).contains("`numbers` with other columns"));
    let mut other = module();
    other.tables[0].sequences.clear();
    assert!(refused(&other).contains("does not count up"));
}

#[test]
fn what_is_too_much_is_refused() {
    let backup = backup_of(&filled());
    let mut writer = store_of(&module());
    let limit = writer.row_bytes() + 1000;
    let refused = restore_tables(&mut BackupReader { source: &*backup }, &mut writer, limit).unwrap_err();
    assert!(refused.to_string().contains("more than a database may"), "{refused}");
}

#[test]
fn what_is_cut_short_or_damaged_is_refused() {
    let backup = backup_of(&filled());
    for len in (0..backup.len()).step_by(97) {
        assert!(restore(&backup[..len], &module()).is_err(), "cut at {len}");
    }
    for at in (0..backup.len()).step_by(131) {
        let mut damaged = backup.clone();
        damaged[at] ^= 0x41;
        assert!(restore(&damaged, &module()).is_err(), "changed at {at}");
    }
    assert!(BackupReader::open(&b"something else entirely"[..]).is_err());
}

#[test]
fn what_is_forged_is_refused_or_harmless() {
    let backup = backup_of(&filled());
    let mut frames = Vec::new();
    let mut rest = &backup[..];
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        frames.push(rest[12..12 + len].to_vec());
        rest = &rest[12 + len..];
    }
    let seal = |frames: &[Vec<u8>]| -> Vec<u8> {
        let seal = |frame: &Vec<u8>| {
            [&(frame.len() as u32).to_le_bytes()[..], &super::checksum(frame), &**frame].concat()
        };
        frames.iter().flat_map(seal).collect()
    };
    assert_eq!(seal(&frames), backup);
    // Right checksums over wrong bytes: an error or some rows, and never a panic.
    for frame in 0..frames.len() {
        for at in (0..frames[frame].len()).step_by(1 + frames[frame].len() / 40) {
            for change in [0x01, 0x80, 0xff] {
                let mut forged = frames.clone();
                forged[frame][at] ^= change;
                let _ = restore(&seal(&forged), &module());
                forged[frame].truncate(at);
                let _ = restore(&seal(&forged), &module());
            }
        }
        let mut forged = frames.clone();
        forged.remove(frame);
        assert!(restore(&seal(&forged), &module()).is_err());
        let mut forged = frames.clone();
        forged.insert(frame, frames[frame].clone());
        let _ = restore(&seal(&forged), &module());
    }
}
