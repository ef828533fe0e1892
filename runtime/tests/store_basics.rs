//! The store from outside: what each operation does, once.

use std::sync::mpsc;

use orrery_host_abi::{
    AlgebraicType, ColId, Element, IndexId, ProductType, SequenceId, SumType, TableId, Variant,
};
use orrery_runtime::store::{
    self, IndexKind, IndexSpec, RangeArgs, SchemaError, SequenceSpec, StoreOptions, Table, TableKind,
    TableSpec, TxOffset, WriteError, Writer,
};

const PEOPLE: TableId = TableId(4096);
const BY_ID: IndexId = IndexId(4096);
const BY_AGE: IndexId = IndexId(4097);
const BY_NAME: IndexId = IndexId(4098);

fn memory() -> Writer {
    store::open_backend(redb::backends::InMemoryBackend::new(), &StoreOptions::default()).unwrap()
}

fn row_type(types: &[AlgebraicType]) -> ProductType {
    ProductType { elements: types.iter().map(|ty| Element { name: None, ty: ty.clone() }).collect() }
}

fn index(id: IndexId, columns: &[u16], kind: IndexKind, unique: bool) -> IndexSpec {
    IndexSpec { id, columns: columns.iter().map(|&column| ColId(column)).collect(), kind, unique }
}

fn people(kind: TableKind) -> TableSpec {
    TableSpec {
        id: PEOPLE,
        name: "people".into(),
        row_type: row_type(&[AlgebraicType::U32, AlgebraicType::String, AlgebraicType::I8]),
        indexes: vec![
            index(BY_ID, &[0], IndexKind::BTree, true),
            index(BY_AGE, &[2], IndexKind::BTree, false),
            index(BY_NAME, &[1], IndexKind::Hash, false),
        ],
        sequences: vec![SequenceSpec {
            id: SequenceId(4096),
            column: ColId(0),
            start: 1,
            min_value: 1,
            max_value: i128::MAX,
            increment: 1,
        }],
        kind,
    }
}

fn person(id: u32, name: &str, age: i8) -> Vec<u8> {
    let mut row = id.to_le_bytes().to_vec();
    row.extend((name.len() as u32).to_le_bytes());
    row.extend(name.as_bytes());
    row.push(age as u8);
    row
}

fn all(table: &Table) -> Vec<Vec<u8>> {
    let mut rows: Vec<Vec<u8>> = table.rows().map(<[u8]>::to_vec).collect();
    rows.sort();
    rows
}

#[test]
fn rows_come_and_go() {
    let mut writer = memory();
    writer.create_table(people(TableKind::Durable)).unwrap();
    let mut row = person(0, "Ada", 36);
    let inserted = writer.insert(PEOPLE, &mut row).unwrap();
    assert_eq!((inserted.generated_len, inserted.existed), (4, false));
    assert_eq!(row[..4], 1_u32.to_le_bytes());
    assert!(writer.insert(PEOPLE, &mut person(1, "Ada", 36)).unwrap().existed);
    assert_eq!(writer.insert(PEOPLE, &mut person(1, "Bob", 36)), Err(WriteError::UniqueViolation(BY_ID)));
    let commit = writer.commit().unwrap();
    assert_eq!((commit.offset, commit.durable_change), (TxOffset(1), true));
    let changes = commit.changes.table(PEOPLE).unwrap();
    assert_eq!(changes.inserts().iter().collect::<Vec<_>>(), [person(1, "Ada", 36)]);

    let snapshot = writer.snapshot();
    writer.update(PEOPLE, BY_ID, &mut person(1, "Ada Lovelace", -1)).unwrap();
    writer.insert(PEOPLE, &mut person(0, "Bob", -1)).unwrap();
    assert_eq!(all(snapshot.table(PEOPLE).unwrap()), [person(1, "Ada", 36)]);
    let table = writer.table(PEOPLE).unwrap();
    let negative = RangeArgs { prefix: &[], prefix_elems: 0, start: &[2], end: &[1, 0] };
    assert_eq!(table.range(BY_AGE, &negative).unwrap().count(), 2);
    assert_eq!(table.point(BY_NAME, b"\x03\0\0\0Bob").unwrap().collect::<Vec<_>>(), [person(2, "Bob", -1)]);
    assert_eq!(table.index(BY_ID).unwrap().find(&2_u32.to_le_bytes()).unwrap(), Some(&*person(2, "Bob", -1)));
    let commit = writer.commit().unwrap();
    let changes = commit.changes.table(PEOPLE).unwrap();
    let replaced: Vec<_> = changes.replaced().collect();
    assert_eq!(replaced, [(&*person(1, "Ada", 36), &*person(1, "Ada Lovelace", -1))]);
    assert_eq!((changes.deletes().len(), changes.inserts().len()), (1, 2));

    assert_eq!(writer.delete_point(BY_AGE, &[0xff]).unwrap(), 2);
    writer.insert(PEOPLE, &mut person(2, "Bob", -1)).unwrap();
    let commit = writer.commit().unwrap();
    let changes = commit.changes.table(PEOPLE).unwrap();
    assert_eq!(changes.deletes().iter().collect::<Vec<_>>(), [person(1, "Ada Lovelace", -1)]);
    assert!(changes.inserts().is_empty());
    assert_eq!(writer.table(PEOPLE).unwrap().version(), TxOffset(3));
}

#[test]
fn a_rolled_back_transaction_leaves_only_a_gap_in_the_sequence() {
    let mut writer = memory();
    writer.create_table(people(TableKind::Durable)).unwrap();
    for age in 0..100 {
        writer.insert(PEOPLE, &mut person(0, "somebody", age)).unwrap();
    }
    writer.commit().unwrap();
    let before = all(writer.table(PEOPLE).unwrap());
    for id in 1..50 {
        writer.update(PEOPLE, BY_ID, &mut person(id, &"long ".repeat(id as usize), 1)).unwrap();
    }
    writer
        .delete_range(BY_AGE, &RangeArgs { prefix: &[], prefix_elems: 0, start: &[0, 70], end: &[2] })
        .unwrap();
    writer.insert(PEOPLE, &mut person(0, "one more", 1)).unwrap();
    writer.drop_index(BY_NAME).unwrap();
    assert_eq!(writer.clear(PEOPLE).unwrap(), 71);
    writer.drop_table(PEOPLE).unwrap();
    writer.rollback();
    assert_eq!(all(writer.table(PEOPLE).unwrap()), before);
    let table = writer.table(PEOPLE).unwrap();
    assert_eq!(table.index(BY_NAME).unwrap().rows().count(), 100);
    assert_eq!(table.index(BY_AGE).unwrap().rows().count(), 100);
    assert_eq!(table.index(BY_ID).unwrap().rows().collect::<Vec<_>>(), before);
    let mut row = person(0, "next", 1);
    writer.insert(PEOPLE, &mut row).unwrap();
    assert_eq!(row[..4], 102_u32.to_le_bytes());
}

#[test]
fn a_store_is_what_it_was_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let options = StoreOptions::default();
    let mut expected = Vec::new();
    for round in 0..6_u32 {
        let mut writer = store::open(&path, &options).unwrap();
        if round == 0 {
            writer.create_table(people(TableKind::Durable)).unwrap();
        }
        assert_eq!(all(writer.table(PEOPLE).unwrap()), expected);
        for i in 0..200_u32 {
            let mut row = person(0, &"x".repeat((i * 37 % 3000) as usize), i as i8);
            writer.insert(PEOPLE, &mut row).unwrap();
            if i % 3 == 0 {
                writer.commit().unwrap();
            }
        }
        writer.delete_point(BY_AGE, &[round as u8]).unwrap();
        let commit = writer.commit().unwrap();
        expected = all(writer.table(PEOPLE).unwrap());
        assert!(matches!(store::open(&path, &options), Err(store::OpenError::Locked)));
        match round % 3 {
            0 => writer.close().unwrap(),
            1 => drop(writer),
            _ => {
                writer.checkpoint();
                writer.durability().wait(commit.offset).unwrap();
            }
        }
    }
}

#[test]
fn schema_changes_are_checked_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut writer = store::open(&path, &StoreOptions::default()).unwrap();
    writer.create_table(people(TableKind::Durable)).unwrap();
    assert_eq!(writer.create_table(people(TableKind::Durable)), Err(SchemaError::TableExists(PEOPLE)));
    for (name, age) in [("a", 1), ("b", 2), ("a", 3), ("a", 4)] {
        writer.insert(PEOPLE, &mut person(0, name, age)).unwrap();
    }
    writer.commit().unwrap();
    let unique_name = index(IndexId(5000), &[1], IndexKind::BTree, true);
    let Err(SchemaError::Duplicates { duplicates, .. }) = writer.add_index(PEOPLE, unique_name.clone())
    else {
        panic!("duplicates were not seen");
    };
    assert_eq!((&*duplicates[0].key, duplicates[0].rows, duplicates.len()), (&b"\x01\0\0\0a"[..], 3, 1));
    // Removing the duplicates and forbidding them in one transaction must survive a restart.
    writer.delete_point(BY_AGE, &[3]).unwrap();
    writer.delete_point(BY_AGE, &[4]).unwrap();
    writer.add_index(PEOPLE, unique_name).unwrap();
    writer.drop_index(BY_AGE).unwrap();
    let wide = row_type(&[
        AlgebraicType::U32,
        AlgebraicType::String,
        AlgebraicType::Sum(SumType { variants: [Variant { name: None, ty: AlgebraicType::unit() }].into() }),
    ]);
    assert!(matches!(writer.alter_table(PEOPLE, "x", wide, &[]), Err(SchemaError::RowsChanged(_))));
    writer.commit().unwrap();
    writer.drop_sequence(SequenceId(4096)).unwrap();
    writer.insert(PEOPLE, &mut person(0, "zero", 9)).unwrap();
    writer.commit().unwrap();
    let expected = all(writer.table(PEOPLE).unwrap());
    drop(writer);
    for _ in 0..2 {
        let writer = store::open(&path, &StoreOptions::default()).unwrap();
        let table = writer.table(PEOPLE).unwrap();
        assert_eq!(all(table), expected);
        assert_eq!(table.spec().indexes.len(), 3);
        assert!(table.index(BY_AGE).is_none());
        assert_eq!(table.index(IndexId(5000)).unwrap().rows().count(), 3);
        assert_eq!(writer.sequence(SequenceId(4096)), None);
        writer.close().unwrap();
    }
}

#[test]
fn passing_rows_are_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut writer = store::open(&path, &StoreOptions::default()).unwrap();
    writer.create_table(people(TableKind::Ephemeral)).unwrap();
    let events = TableId(5000);
    let spec =
        TableSpec { id: events, indexes: Vec::new(), sequences: Vec::new(), ..people(TableKind::Event) };
    writer.create_table(spec).unwrap();
    let created = writer.commit().unwrap();
    assert_eq!((created.offset, created.durable_change), (TxOffset(1), true));
    let version = writer.table(PEOPLE).unwrap().version();
    writer.insert(PEOPLE, &mut person(0, "a", 1)).unwrap();
    writer.insert(events, &mut person(7, "b", 1)).unwrap();
    assert_eq!(writer.table(events).unwrap().row_count(), 1);
    let commit = writer.commit().unwrap();
    assert_eq!((commit.offset, commit.durable_change), (TxOffset(1), false));
    assert_eq!(commit.changes.tables().len(), 2);
    assert_eq!(commit.changes.table(events).unwrap().kind(), TableKind::Event);
    assert_eq!(writer.table(events).unwrap().row_count(), 0);
    assert_eq!(writer.table(PEOPLE).unwrap().row_count(), 1);
    assert!(writer.table(PEOPLE).unwrap().version() != version);
    writer.close().unwrap();
    let writer = store::open(&path, &StoreOptions::default()).unwrap();
    assert_eq!(writer.table(PEOPLE).unwrap().row_count(), 0);
    assert_eq!(writer.table(events).unwrap().row_count(), 0);
}

#[test]
fn a_committed_value_is_never_given_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut last = 0;
    for _ in 0..4 {
        let mut writer = store::open(&path, &StoreOptions::default()).unwrap();
        if writer.table(PEOPLE).is_none() {
            writer.create_table(people(TableKind::Durable)).unwrap();
            writer.commit().unwrap();
        }
        // The transaction that asks for the values is rolled back, and another one uses them.
        writer.insert(PEOPLE, &mut person(0, "a", 1)).unwrap();
        writer.rollback();
        let mut row = person(0, "b", 1);
        writer.insert(PEOPLE, &mut row).unwrap();
        let id = u32::from_le_bytes(row[..4].try_into().unwrap());
        assert!(id > last, "{id} after {last}");
        last = id;
        writer.commit().unwrap();
    }
}

#[test]
fn waiting_for_the_disk_ends() {
    let mut writer = memory();
    writer.create_table(people(TableKind::Durable)).unwrap();
    let offset = writer.commit().unwrap().offset;
    let durability = writer.durability();
    durability.wait(offset).unwrap();
    assert_eq!(durability.durable_offset(), offset);
    let (sender, receiver) = mpsc::channel();
    let later = sender.clone();
    durability.after(offset, move |outcome| sender.send(outcome.is_ok()).unwrap());
    assert!(receiver.recv().unwrap());
    durability.after(TxOffset(99), move |outcome| later.send(outcome.is_ok()).unwrap());
    writer.close().unwrap();
    assert!(!receiver.recv().unwrap());
    assert!(durability.wait(TxOffset(100)).is_err());
    assert!(durability.wait(offset).is_ok());
}

#[test]
fn nonsense_leaves_no_trace() {
    let mut writer = memory();
    writer.create_table(people(TableKind::Durable)).unwrap();
    writer.insert(PEOPLE, &mut person(5, "a", 1)).unwrap();
    writer.commit().unwrap();
    assert!(matches!(writer.insert(TableId(9), &mut []), Err(WriteError::NoSuchTable(_))));
    assert!(matches!(writer.insert(PEOPLE, &mut [1, 2]), Err(WriteError::InvalidRow { .. })));
    assert!(matches!(
        writer.update(PEOPLE, BY_AGE, &mut person(5, "a", 2)),
        Err(WriteError::IndexNotUnique(_))
    ));
    assert!(matches!(writer.update(PEOPLE, BY_ID, &mut person(6, "a", 2)), Err(WriteError::NoSuchRow(_))));
    assert!(matches!(
        writer.update(PEOPLE, IndexId(1), &mut person(6, "a", 2)),
        Err(WriteError::NoSuchIndex(_))
    ));
    assert!(matches!(writer.delete_point(BY_NAME, &[9]), Err(WriteError::Key(_))));
    let all_rows = RangeArgs { prefix: &[], prefix_elems: 0, start: &[2], end: &[2] };
    assert!(matches!(writer.delete_range(BY_NAME, &all_rows), Err(WriteError::Key(_))));
    let too_long = RangeArgs { prefix_elems: 1, ..all_rows };
    assert!(matches!(writer.delete_range(BY_AGE, &too_long), Err(WriteError::Key(_))));
    let mut relation = 2_u32.to_le_bytes().to_vec();
    relation.extend(person(5, "a", 1));
    assert!(matches!(writer.delete_rows(PEOPLE, &relation), Err(WriteError::InvalidRow { .. })));
    assert!(!writer.has_changes());
    relation.extend(person(6, "b", 1));
    assert_eq!(writer.delete_rows(PEOPLE, &relation), Ok(1));
    assert!(writer.has_changes());
    writer.rollback();
    assert_eq!(all(writer.table(PEOPLE).unwrap()), [person(5, "a", 1)]);
    let empty = writer.commit();
    assert!(matches!(empty, Ok(commit) if !commit.durable_change && commit.changes.is_empty()));
}

#[test]
fn rows_without_content_are_rows() {
    let mut writer = memory();
    let spec = TableSpec {
        row_type: row_type(&[]),
        indexes: Vec::new(),
        sequences: Vec::new(),
        ..people(TableKind::Durable)
    };
    writer.create_table(spec).unwrap();
    assert!(!writer.insert(PEOPLE, &mut []).unwrap().existed);
    assert!(writer.insert(PEOPLE, &mut []).unwrap().existed);
    let commit = writer.commit().unwrap();
    assert_eq!(commit.changes.table(PEOPLE).unwrap().inserts().iter().collect::<Vec<_>>(), [b""]);
    let table = writer.table(PEOPLE).unwrap();
    assert_eq!((table.rows().count(), table.chunks().next().unwrap().rows), (1, 1));
    assert_eq!(writer.delete_rows(PEOPLE, &[0xff; 4]), Ok(1));
    assert_eq!(writer.table(PEOPLE).unwrap().rows().count(), 0);
}

#[test]
fn a_row_type_can_grow() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let sum = |types: &[AlgebraicType]| {
        AlgebraicType::Sum(SumType {
            variants: types.iter().map(|ty| Variant { name: None, ty: ty.clone() }).collect(),
        })
    };
    // All rows have the same length at first, and then no longer.
    let small = row_type(&[AlgebraicType::U32, sum(&[AlgebraicType::U32, AlgebraicType::I32])]);
    let large = row_type(&[
        AlgebraicType::U32,
        sum(&[AlgebraicType::U32, AlgebraicType::I32, AlgebraicType::unit()]),
    ]);
    let spec = TableSpec {
        row_type: small.clone(),
        indexes: vec![
            index(BY_ID, &[0], IndexKind::BTree, true),
            index(BY_AGE, &[1], IndexKind::BTree, false),
        ],
        ..people(TableKind::Durable)
    };
    let mut writer = store::open(&path, &StoreOptions::default()).unwrap();
    writer.create_table(spec).unwrap();
    for id in 1..1000_u32 {
        let mut row = [&id.to_le_bytes()[..], &[(id % 2) as u8], &id.to_be_bytes()].concat();
        writer.insert(PEOPLE, &mut row).unwrap();
    }
    writer.commit().unwrap();
    writer.checkpoint();
    let before = all(writer.table(PEOPLE).unwrap());
    let ordered = |writer: &Writer| -> Vec<Vec<u8>> {
        writer.table(PEOPLE).unwrap().index(BY_AGE).unwrap().rows().map(<[u8]>::to_vec).collect()
    };
    let order = ordered(&writer);
    for is_kept in [false, true] {
        writer.alter_table(PEOPLE, "larger", large.clone(), &[]).unwrap();
        assert_eq!(ordered(&writer), order);
        writer.insert(PEOPLE, &mut [0xff, 0, 1, 0, 2]).unwrap();
        writer.delete_point(BY_ID, &7_u32.to_le_bytes()).unwrap();
        assert_eq!(writer.table(PEOPLE).unwrap().row_count(), 999);
        if is_kept {
            let commit = writer.commit().unwrap();
            assert_eq!(commit.changes.table(PEOPLE).unwrap().inserts().len(), 1);
        } else {
            writer.rollback();
            assert_eq!(all(writer.table(PEOPLE).unwrap()), before);
            assert_eq!(ordered(&writer), order);
        }
    }
    let refused = writer.alter_table(PEOPLE, "smaller", small, &[]);
    assert!(matches!(refused, Err(SchemaError::RowDoesNotFit { .. })));
    let after = all(writer.table(PEOPLE).unwrap());
    drop(writer);
    for _ in 0..3 {
        let writer = store::open(&path, &StoreOptions::default()).unwrap();
        assert_eq!(all(writer.table(PEOPLE).unwrap()), after);
        assert_eq!(&*writer.table(PEOPLE).unwrap().spec().name, "larger");
        assert_eq!(writer.table(PEOPLE).unwrap().version(), TxOffset(2));
        writer.close().unwrap();
    }
}

#[test]
fn readers_see_whole_transactions_while_the_writer_goes_on() {
    let mut writer = memory();
    let spec = TableSpec { sequences: Vec::new(), ..people(TableKind::Durable) };
    writer.create_table(spec).unwrap();
    for id in 0..500 {
        writer.insert(PEOPLE, &mut person(id, "x", 0)).unwrap();
    }
    writer.commit().unwrap();
    // Every transaction keeps the sum of all ages and the number of rows.
    let check = |snapshot: store::Snapshot| {
        let table = snapshot.table(PEOPLE).unwrap();
        let ages = |rows: &mut dyn Iterator<Item = &[u8]>| -> (usize, i64) {
            rows.fold((0, 0), |(count, sum), row| (count + 1, sum + i64::from(row[row.len() - 1] as i8)))
        };
        for _ in 0..20 {
            assert_eq!(ages(&mut table.rows()), (500, 0));
            assert_eq!(ages(&mut table.index(BY_AGE).unwrap().rows()), (500, 0));
            assert_eq!(ages(&mut table.index(BY_ID).unwrap().rows()), (500, 0));
        }
    };
    std::thread::scope(|scope| {
        for round in 0..40_u32 {
            let snapshot = writer.snapshot();
            scope.spawn(move || check(snapshot));
            for step in 0..100_u32 {
                let (a, b) = ((round * 7 + step * 13) % 500, (round + step * 29 + 1) % 500);
                let find = |writer: &Writer, id: u32| {
                    let row = writer.table(PEOPLE).unwrap().index(BY_ID).unwrap().find(&id.to_le_bytes());
                    row.unwrap().unwrap().last().copied().unwrap() as i8
                };
                let (age_a, age_b) = (find(&writer, a), find(&writer, b));
                if a == b || age_a == i8::MIN || age_b == i8::MAX {
                    continue;
                }
                let name = "long name ".repeat((step % 50) as usize);
                writer.update(PEOPLE, BY_ID, &mut person(a, &name, age_a - 1)).unwrap();
                writer.update(PEOPLE, BY_ID, &mut person(b, "y", age_b + 1)).unwrap();
                if step % 9 == 0 {
                    writer.rollback();
                } else {
                    writer.commit().unwrap();
                }
            }
        }
    });
}

#[test]
fn a_scan_in_pieces_gives_the_rows_of_the_moment_when_it_began() {
    let mut writer = memory();
    writer.create_table(people(TableKind::Durable)).unwrap();
    // Short rows, rows longer than a page, and gaps of several pages.
    for id in 1..=3000u32 {
        let name = if id % 500 == 0 { "x".repeat(10_000) } else { "x".repeat((id % 7) as usize) };
        writer.insert(PEOPLE, &mut person(id, &name, 1)).unwrap();
    }
    for id in (1000..2000u32).chain([1, 3000]) {
        assert_eq!(writer.delete_point(BY_ID, &id.to_le_bytes()).unwrap(), 1);
    }
    writer.commit().unwrap();
    let expected = writer.table(PEOPLE).unwrap().rows().collect::<Vec<_>>().concat();
    for len in [0, 1, 5000, 32 * 1024, usize::MAX] {
        let mut scan = writer.table(PEOPLE).unwrap().scan();
        let (mut scanned, mut piece) = (Vec::new(), Vec::new());
        let mut id = 100_000 + len.min(100_000) as u32;
        while scan.fill(len, &mut piece) {
            assert!(piece.len() > len, "a piece is filled while rows are left");
            scanned.append(&mut piece);
            // What is written meanwhile does not show.
            writer.insert(PEOPLE, &mut person(id, "new", 2)).unwrap();
            writer.delete_point(BY_ID, &id.to_le_bytes()).unwrap();
            id += 1;
        }
        scanned.append(&mut piece);
        assert!(!scan.fill(len, &mut piece) && piece.is_empty(), "the end stays the end");
        assert_eq!(scanned, expected);
        writer.rollback();
    }
}
