//! Disks that fail, tear writes and forget: at every single operation of a short life of a store.
//!
//! Whatever happens, what is found afterwards is one of the states that were committed, not older than the last one
//! that was acknowledged as durable. After a failure nothing is acknowledged any more, and the errors say why.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use orrery_host_abi::{AlgebraicType, ColId, Element, IndexId, ProductType, SequenceId, TableId};
use orrery_runtime::store::{
    self, CommitError, IndexKind, IndexSpec, OpenError, SequenceSpec, StoreOptions, Table, TableKind,
    TableSpec, Writer,
};
use redb::StorageBackend;

/// A disk in memory.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What survives a power cut.
    synced: Vec<u8>,
    /// What the process sees.
    seen: Vec<u8>,
    /// What happened since the last sync.
    unsynced: Vec<Change>,
    /// How many operations there have been.
    operations: usize,
    fault: Option<Fault>,
    /// Whether the fault has happened.
    is_broken: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Len(usize),
}

#[derive(Debug, Clone, Copy)]
struct Fault {
    /// Which operation it hits, counted from 0.
    at: usize,
    kind: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultKind {
    /// The operation fails and the next ones succeed.
    Once,
    /// The operation and all after it fail.
    Forever,
    /// As above; if it is a write, half of it is done.
    Torn,
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, data) => {
                if bytes.len() < at + data.len() {
                    bytes.resize(at + data.len(), 0);
                }
                bytes[*at..at + data.len()].copy_from_slice(data);
            }
            Self::Len(len) => bytes.resize(*len, 0),
        }
    }
}

impl Disk {
    fn with(bytes: Vec<u8>, fault: Option<Fault>) -> Self {
        Self(Arc::new(Mutex::new(State { synced: bytes.clone(), seen: bytes, fault, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic with the lock")
    }

    /// Counts an operation, and fails if it is its turn.
    fn operation(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        let now = state.operations;
        state.operations += 1;
        if let Some(fault) = state.fault
            && (now == fault.at || (now > fault.at && fault.kind != FaultKind::Once))
        {
            state.is_broken = true;
            return Err(io::Error::other("the injected fault"));
        }
        Ok(state)
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = match self.operation() {
            Ok(state) => state,
            Err(error) => {
                let mut state = self.state();
                if let (Change::Write(at, data), Some(Fault { kind: FaultKind::Torn, at: fault_at })) =
                    (&change, state.fault)
                    && state.operations == fault_at + 1
                {
                    let half = Change::Write(*at, data[..data.len() / 2].to_vec());
                    half.apply(&mut state.seen);
                    state.unsynced.push(half);
                }
                return Err(error);
            }
        };
        change.apply(&mut state.seen);
        state.unsynced.push(change);
        Ok(())
    }

    /// What may be on the disk after the power went.
    fn after_power_cut(&self) -> Vec<Vec<u8>> {
        let state = self.state();
        let mut images = vec![state.synced.clone(), state.seen.clone()];
        for pattern in [0x5555_5555_5555_5555_u64, 0x6db6_db6d_b6db_6db6, 0xfff0_0fff_f00f_f00f] {
            let mut image = state.synced.clone();
            for (at, change) in state.unsynced.iter().enumerate() {
                if pattern >> (at % 64) & 1 == 1 {
                    change.apply(&mut image);
                }
            }
            images.push(image);
        }
        images
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.operation()?.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.operation()?;
        let bytes = state.seen.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Len(len as usize))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.operation()?;
        state.synced = state.seen.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset as usize, data.to_vec()))
    }
}

const THINGS: TableId = TableId(4096);
const BY_ID: IndexId = IndexId(4096);
const BY_TEXT: IndexId = IndexId(4097);

fn options() -> StoreOptions {
    StoreOptions::default()
}

fn things() -> TableSpec {
    let element = |ty| Element { name: None, ty };
    TableSpec {
        id: THINGS,
        name: "things".into(),
        row_type: ProductType {
            elements: [element(AlgebraicType::U64), element(AlgebraicType::String)].into(),
        },
        indexes: vec![
            IndexSpec { id: BY_ID, columns: vec![ColId(0)], kind: IndexKind::BTree, unique: true },
            IndexSpec { id: BY_TEXT, columns: vec![ColId(1)], kind: IndexKind::Hash, unique: false },
        ],
        sequences: vec![SequenceSpec {
            id: SequenceId(4096),
            column: ColId(0),
            start: 1,
            min_value: 1,
            max_value: i128::MAX,
            increment: 1,
        }],
        kind: TableKind::Durable,
    }
}

/// A row, with as many more columns as the table has got by now.
fn thing(writer: &Writer, id: u64, text: &str) -> Vec<u8> {
    let more = writer.table(THINGS).map_or(0, |table| table.layout().columns().len() - 2);
    [&id.to_le_bytes()[..], &(text.len() as u32).to_le_bytes(), text.as_bytes(), &[9; 4].repeat(more)]
        .concat()
}

/// Adds a column to the table.
fn grow(writer: &mut Writer) {
    let mut row_type = writer.table(THINGS).expect("a table").spec().row_type.clone();
    let column = Element { name: None, ty: AlgebraicType::U32 };
    row_type.elements = row_type.elements.into_iter().chain([column]).collect();
    writer.alter_table(THINGS, "grown", row_type, &[7; 4]).expect("a wider table");
}

type Rows = BTreeSet<Vec<u8>>;

fn rows(writer: &Writer) -> Rows {
    let rows: Rows =
        writer.table(THINGS).map(|table| table.rows().map(<[u8]>::to_vec).collect()).unwrap_or_default();
    if let Some(table) = writer.table(THINGS) {
        assert_eq!(table.index(BY_TEXT).expect("an index").rows().count(), rows.len());
        assert_eq!(table.index(BY_ID).expect("an index").rows().count(), rows.len());
        assert_eq!(table.row_count(), rows.len() as u64);
    }
    rows
}

/// What became of one life of a store.
#[derive(Default)]
struct Life {
    /// The state after each commit that was accepted, the empty one first.
    states: Vec<Rows>,
    /// The last of them that was acknowledged as durable.
    acknowledged: usize,
    was_opened: bool,
}

/// The transactions of a life: inserts, updates that move rows, deletes, a long row, a clear, a new column.
fn transaction(writer: &mut Writer, number: u64) {
    if number % 5 == 3 {
        grow(writer);
    }
    for i in 0..8 {
        let text = "text ".repeat((number * 31 + i * 7) as usize % 90);
        let mut row = thing(writer, 0, &text);
        writer.insert(THINGS, &mut row).expect("a new row");
    }
    if number % 3 == 1 {
        let ids: Vec<u64> = writer
            .table(THINGS)
            .into_iter()
            .flat_map(Table::rows)
            .map(|row| u64::from_le_bytes(row[..8].try_into().expect("eight bytes")))
            .step_by(3)
            .collect();
        for id in ids {
            let mut row = thing(writer, id, &"longer ".repeat(number as usize * 20));
            writer.update(THINGS, BY_ID, &mut row).expect("an update");
        }
    }
    if number % 4 == 2 {
        writer.delete_point(BY_TEXT, b"\0\0\0\0").expect("a delete");
        let mut row = thing(writer, 0, &"x".repeat(6000));
        writer.insert(THINGS, &mut row).expect("a long row");
    }
    if number == 7 {
        writer.clear(THINGS).expect("a clear");
        let mut row = thing(writer, 0, "what is left");
        writer.insert(THINGS, &mut row).expect("a new row");
    }
}

fn live(disk: &Disk, life: &mut Life, first_number: u64) {
    let Ok(mut writer) = store::open_backend(disk.clone(), &options()) else { return };
    life.was_opened = true;
    let durability = writer.durability();
    if writer.table(THINGS).is_none() {
        writer.create_table(things()).expect("a new table");
    }
    let mut has_failed = false;
    for number in first_number..first_number + 10 {
        transaction(&mut writer, number);
        let rows_now = rows(&writer);
        match writer.commit() {
            Ok(commit) => {
                assert!(!has_failed, "a commit after a failure");
                life.states.push(rows_now);
                // Not after each, so that some groups have more than one transaction.
                if number % 2 == 0 {
                    match durability.wait(commit.offset) {
                        Ok(()) => life.acknowledged = life.states.len() - 1,
                        Err(error) => {
                            assert!(disk.state().is_broken, "{error}");
                            assert!(error.reason.contains("the injected fault"), "{error}");
                            has_failed = true;
                        }
                    }
                }
            }
            Err(CommitError::Failed(error)) => {
                assert!(error.reason.contains("the injected fault"), "{error}");
                assert_eq!(
                    &rows(&writer),
                    life.states.last().expect("a state"),
                    "the commit was not rolled back"
                );
                has_failed = true;
            }
            Err(error) => panic!("{error}"),
        }
        if number == first_number + 4 && !has_failed {
            writer.checkpoint();
        }
    }
    match writer.close() {
        Ok(()) => life.acknowledged = life.states.len() - 1,
        Err(error) => assert!(error.reason.contains("the injected fault"), "{error}"),
    }
}

/// Opens what is left and sees whether it is what it may be.
fn check(life: &Life, image: Vec<u8>, what: &str) {
    let is_empty = image.is_empty();
    let mut writer = match store::open_backend(Disk::with(image, None), &options()) {
        Ok(writer) => writer,
        // A file that was never completely made.
        Err(OpenError::Foreign(_)) if !life.was_opened => return,
        Err(error) => panic!("{what}: {error}"),
    };
    assert!(!is_empty || life.acknowledged == 0, "{what}");
    let found = rows(&writer);
    let allowed = &life.states[life.acknowledged..];
    assert!(
        allowed.contains(&found),
        "{what}: {} rows, which is none of the states from {} on; {:?}",
        found.len(),
        life.acknowledged,
        life.states.iter().position(|state| *state == found)
    );
    // And it goes on, without giving a value twice.
    if writer.table(THINGS).is_none() {
        writer.create_table(things()).expect("a new table");
    }
    let mut row = thing(&writer, 0, "one more");
    writer.insert(THINGS, &mut row).expect("a new row");
    assert!(found.iter().all(|old| old[..8] != row[..8]));
    let commit = writer.commit().expect("a commit");
    writer.durability().wait(commit.offset).expect("a good disk");
}

fn every_fault(start: &[u8], states: &[Rows], first_number: u64) {
    let start_life = || Life { states: states.to_vec(), acknowledged: states.len() - 1, was_opened: false };
    let disk = Disk::with(start.to_vec(), None);
    live(&disk, &mut start_life(), first_number);
    let operations = disk.state().operations;
    assert!(operations > 50, "{operations} operations");
    for kind in [FaultKind::Once, FaultKind::Forever, FaultKind::Torn] {
        for at in 0..operations {
            let disk = Disk::with(start.to_vec(), Some(Fault { at, kind }));
            let mut life = start_life();
            if !start.is_empty() {
                life.was_opened = true;
            }
            live(&disk, &mut life, first_number);
            for (number, image) in disk.after_power_cut().into_iter().enumerate() {
                check(&life, image, &format!("{kind:?} at {at}, image {number}"));
            }
        }
    }
}

#[test]
fn a_new_store_survives_every_fault() {
    every_fault(&[], &[Rows::new()], 0);
}

#[test]
fn an_old_store_survives_every_fault() {
    let disk = Disk::default();
    let mut life = Life { states: vec![Rows::new()], ..Life::default() };
    live(&disk, &mut life, 0);
    let states = life.states[life.acknowledged..].to_vec();
    assert_eq!(states.len(), 1);
    let image = disk.state().seen.clone();
    every_fault(&image, &states, 3);
}

#[test]
fn a_crash_without_closing_loses_nothing_durable() {
    // The disk stops at every operation in turn, and only what was synced is there the next time; for some lives.
    let mut image = Vec::new();
    let mut states = vec![Rows::new()];
    for round in 0..12 {
        let fault = Fault { at: 60 + round * 23, kind: FaultKind::Forever };
        let disk = Disk::with(image.clone(), Some(fault));
        let mut life =
            Life { states: states.clone(), acknowledged: states.len() - 1, was_opened: !image.is_empty() };
        live(&disk, &mut life, round as u64 * 10);
        let next = disk.state().synced.clone();
        if next.is_empty() {
            continue;
        }
        check(&life, next.clone(), &format!("round {round}"));
        let Ok(writer) = store::open_backend(Disk::with(next.clone(), None), &options()) else {
            assert!(!life.was_opened);
            continue;
        };
        states = vec![rows(&writer)];
        drop(writer);
        image = next;
    }
}
