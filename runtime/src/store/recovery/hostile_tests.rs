//! Files with values that have right checksums and make no sense. Loading them, without the net that catches panics
//! of redb, ends with a state or with an error.

use orrery_host_abi::{AlgebraicType, ColId, Element, ProductType, bsatn::Encode};
use redb::{Database, ReadableDatabase, ReadableTable, backends::InMemoryBackend};

use super::*;
use crate::store::{
    IndexKind, IndexSpec, SequenceSpec,
    disk::{CHECKSUM_LEN, PageKey, seal},
};

/// What the tables of a file contain, without checksums.
#[derive(Debug, Clone, Default)]
struct Contents {
    checkpoint: Option<Vec<u8>>,
    pages: Vec<(PageKey, Vec<u8>)>,
    journal: Vec<(u64, Vec<u8>)>,
}

impl Contents {
    fn of(database: &Database) -> Self {
        let read = database.begin_read().unwrap();
        let open = |value: &[u8]| {
            if value.is_empty() { Vec::new() } else { unseal(value, "a value").unwrap().to_vec() }
        };
        let checkpoint =
            read.open_table(META).unwrap().get(META_CHECKPOINT).unwrap().map(|value| open(value.value()));
        let mut contents = Self { checkpoint, ..Self::default() };
        if let Ok(pages) = read.open_table(PAGES) {
            let entries = pages.iter().unwrap().map(Result::unwrap);
            contents.pages = entries.map(|(key, value)| (key.value(), open(value.value()))).collect();
        }
        if let Ok(journal) = read.open_table(JOURNAL) {
            let entries = journal.iter().unwrap().map(Result::unwrap);
            contents.journal = entries.map(|(key, value)| (key.value(), open(value.value()))).collect();
        }
        contents
    }

    /// Loads a file with these contents. Panics if that does.
    fn load(&self) -> Result<Box<Inner>, OpenError> {
        let close = |value: &[u8]| {
            let mut sealed = vec![0; CHECKSUM_LEN];
            sealed.extend_from_slice(value);
            seal(&mut sealed);
            sealed
        };
        let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let write = database.begin_write().unwrap();
        {
            let mut meta = write.open_table(META).unwrap();
            if let Some(checkpoint) = &self.checkpoint {
                meta.insert(META_CHECKPOINT, &*close(checkpoint)).unwrap();
            }
            let mut pages = write.open_table(PAGES).unwrap();
            for (key, value) in &self.pages {
                pages.insert(key, &*close(value)).unwrap();
            }
            let mut journal = write.open_table(JOURNAL).unwrap();
            for (key, value) in &self.journal {
                journal.insert(key, &*close(value)).unwrap();
            }
        }
        write.commit().unwrap();
        load(&database, &StoreOptions::default()).map(|(inner, _)| inner)
    }

    /// The values, each to be changed.
    fn values(&mut self) -> impl Iterator<Item = &mut Vec<u8>> {
        self.checkpoint
            .iter_mut()
            .chain(self.pages.iter_mut().map(|(_, value)| value))
            .chain(self.journal.iter_mut().map(|(_, value)| value))
    }
}

/// A file with a checkpoint, pages and a journal with every kind of section.
fn sample() -> Contents {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let element = |ty| Element { name: None, ty };
    let table = TableId(4096);
    let index =
        |id, column, kind, unique| IndexSpec { id: IndexId(id), columns: vec![ColId(column)], kind, unique };
    let sequence = |id, column| SequenceSpec {
        id: SequenceId(id),
        column: ColId(column),
        start: 100,
        min_value: 1,
        max_value: 1 << 40,
        increment: 1,
    };
    let spec = TableSpec {
        id: table,
        name: "t".into(),
        row_type: ProductType {
            elements: [element(AlgebraicType::U32), element(AlgebraicType::String)].into(),
        },
        indexes: vec![index(4096, 0, IndexKind::BTree, true), index(4097, 1, IndexKind::Hash, false)],
        sequences: vec![sequence(4096, 0)],
        kind: TableKind::Durable,
    };
    let row = |id: u32, text: &str| [id.to_bsatn(), text.to_bsatn()].concat();
    let open = || open(&path, &StoreOptions::default()).unwrap();
    let mut writer = open();
    writer.create_table(spec.clone()).unwrap();
    for id in 1..6 {
        writer.insert(table, &mut row(id, "some text")).unwrap();
    }
    writer.insert(table, &mut row(6, &"long".repeat(600))).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let mut writer = open();
    writer.insert(table, &mut row(0, "more")).unwrap();
    writer.delete_point(IndexId(4096), &2_u32.to_le_bytes()).unwrap();
    writer.update(table, IndexId(4096), &mut row(3, "other text")).unwrap();
    writer.commit().unwrap();
    let other = TableId(4097);
    writer
        .create_table(TableSpec { id: other, indexes: Vec::new(), sequences: Vec::new(), ..spec.clone() })
        .unwrap();
    writer.insert(other, &mut row(9, "a")).unwrap();
    writer.insert(other, &mut row(9, "b")).unwrap();
    writer.add_index(other, index(4098, 1, IndexKind::Direct, false)).unwrap();
    writer.add_sequence(other, sequence(4097, 0)).unwrap();
    writer.alter_table(table, "renamed", spec.row_type.clone(), &[]).unwrap();
    let mut elements = spec.row_type.elements.to_vec();
    elements.push(element(AlgebraicType::String));
    writer.alter_table(table, "grown", ProductType { elements: elements.into() }, &"new".to_bsatn()).unwrap();
    writer.commit().unwrap();
    writer.delete_point(IndexId(4098), &"a".to_bsatn()).unwrap();
    writer.commit().unwrap();
    writer.drop_index(IndexId(4097)).unwrap();
    writer.drop_sequence(SequenceId(4097)).unwrap();
    writer.drop_table(other).unwrap();
    writer.commit().unwrap();
    drop(writer);
    Contents::of(&Database::open(&path).unwrap())
}

#[test]
fn a_good_file_is_loaded() {
    let sample = sample();
    assert!(sample.checkpoint.is_some() && sample.pages.len() == 2 && !sample.journal.is_empty());
    let inner = sample.load().unwrap();
    assert_eq!(inner.offset, 5);
    assert_eq!(inner.tables.values().map(|writer| writer.table.row_count()).collect::<Vec<_>>(), [6]);
}

#[test]
fn any_changed_byte_is_an_error_or_harmless() {
    let mut sample = sample();
    let count = sample.values().count();
    let mut refused = 0;
    for which in 0..count {
        let len = sample.values().nth(which).unwrap().len();
        for at in (0..len).step_by(if len > 1000 { 131 } else { 1 }) {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = sample.clone();
                changed.values().nth(which).unwrap()[at] ^= change;
                refused += usize::from(changed.load().is_err());
            }
        }
    }
    assert!(refused > 300, "{refused} refused");
}

#[test]
fn anything_cut_short_or_too_long_is_an_error() {
    let mut sample = sample();
    for which in 0..sample.values().count() {
        let len = sample.values().nth(which).unwrap().len();
        for end in (0..len).step_by(if len > 1000 { 131 } else { 1 }) {
            let mut changed = sample.clone();
            changed.values().nth(which).unwrap().truncate(end);
            assert!(changed.load().is_err(), "value {which} cut at {end} of {len}");
        }
    }
    for at in 0..sample.journal.len() {
        let mut changed = sample.clone();
        changed.journal[at].1.push(0);
        assert!(changed.load().is_err());
        let mut changed = sample.clone();
        changed.journal.remove(at);
        assert!(changed.load().is_err() || at + 1 == sample.journal.len());
        let mut changed = sample.clone();
        changed.journal[at].0 += 1;
        assert!(changed.load().is_err());
    }
    let mut changed = sample;
    changed.pages[0].0.1 = u32::MAX;
    assert!(changed.load().is_err());
}

#[test]
fn random_bytes_are_an_error() {
    let good = sample();
    let mut state = 1_u64;
    for round in 0..600 {
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        let mut record: Vec<u8> = (0..round % 40).map(|_| random()).collect();
        // A known kind of section about a known table, so that more than the first byte is looked at.
        if record.len() > 3 {
            record[0] = 1 + record[0] % 9;
            record[1..3].copy_from_slice(&[0x80, 0x20]);
        }
        let mut group = Vec::new();
        1_u64.encode(&mut group);
        1_u32.encode(&mut group);
        group.push(record.len() as u8);
        group.extend_from_slice(&record);
        let mut changed = good.clone();
        changed.journal = vec![(2, group)];
        let is_fine = changed.load().is_ok();
        assert!(!is_fine || record.is_empty() || record.len() > 3, "{record:?}");
    }
}
