//! The store alone: no module, no server, the calls that a session makes. The limit beside each figure is what the
//! standard library's `HashMap` or a plain copy does with the same rows, in memory only.

use std::{
    collections::HashMap,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use orrery_host_abi::{AlgebraicType, ColId, Element, IndexId, ProductType, TableId};
use orrery_runtime::store::{self, IndexKind, IndexSpec, StoreOptions, TableKind, TableSpec, Writer};
use orrery_tests::random::Random;
use tempfile::TempDir;

use crate::{
    table::{Row, Target, median, print},
    zipf::Zipf,
};

const ACCOUNTS: TableId = TableId(4096);
const BY_ID: IndexId = IndexId(4096);
const RUNS: usize = 5;
const MILLION: u32 = 1_000_000;

/// Measures the store.
pub(crate) fn run() {
    memory();
    for exponent in [0.0, 1.5] {
        transfers(exponent);
    }
    transfers_between_snapshots();
    inserts();
    scans();
    names();
    opening();
}

/// A table of `{ id: u32, balance: i64 }` with a unique index on `id`.
fn accounts() -> TableSpec {
    let element = |ty| Element { name: None, ty };
    TableSpec {
        id: ACCOUNTS,
        name: "accounts".into(),
        row_type: ProductType { elements: [element(AlgebraicType::U32), element(AlgebraicType::I64)].into() },
        indexes: vec![IndexSpec { id: BY_ID, columns: vec![ColId(0)], kind: IndexKind::BTree, unique: true }],
        sequences: Vec::new(),
        kind: TableKind::Durable,
    }
}

fn account(id: u32, balance: i64) -> [u8; 12] {
    let mut row = [0; 12];
    row[..4].copy_from_slice(&id.to_le_bytes());
    row[4..].copy_from_slice(&balance.to_le_bytes());
    row
}

fn open(path: &Path) -> Writer {
    store::open(path, &StoreOptions::default()).expect("a store opens")
}

fn with_accounts(dir: &TempDir, count: u32) -> Writer {
    let mut writer = open(&dir.path().join("db"));
    writer.create_table(accounts()).expect("a new table");
    for id in 0..count {
        writer.insert(ACCOUNTS, &mut account(id, 1_000_000)).expect("a new row");
    }
    let commit = writer.commit().expect("a commit");
    writer.durability().wait(commit.offset).expect("a disk");
    writer
}

fn temp_dir() -> TempDir {
    tempfile::tempdir().expect("a directory for temporary files")
}

/// Moves 1 from one account to another, in a transaction of its own.
#[inline]
fn transfer(writer: &mut Writer, from: u32, to: u32) {
    for (id, change) in [(from, -1), (to, 1)] {
        let index = writer.table(ACCOUNTS).and_then(|table| table.index(BY_ID)).expect("the index");
        let row = index.find(&id.to_le_bytes()).expect("a key").expect("an account");
        let balance = i64::from_le_bytes(row[4..12].try_into().expect("eight bytes"));
        writer.update(ACCOUNTS, BY_ID, &mut account(id, balance + change)).expect("an update");
    }
    let commit = writer.commit().expect("a commit");
    writer.recycle(commit.changes);
}

/// So many draws in advance, that drawing does not count.
fn draws(count: u32, exponent: f64) -> Vec<(u32, u32)> {
    let zipf = Zipf::new(count, exponent);
    let mut random = Random::new(7);
    (0..MILLION).map(|_| zipf.draw_pair(&mut random)).collect()
}

fn transfers(exponent: f64) {
    let draws = draws(100_000, exponent);
    let dir = temp_dir();
    let mut writer = with_accounts(&dir, 100_000);
    let ours = median(RUNS, || {
        let began = Instant::now();
        for &(from, to) in &draws {
            transfer(&mut writer, from, to);
        }
        draws.len() as f64 / began.elapsed().as_secs_f64()
    });
    let mut map: HashMap<u32, i64> = (0..100_000).map(|id| (id, 1_000_000)).collect();
    let limit = median(RUNS, || {
        let began = Instant::now();
        for &(from, to) in &draws {
            for (id, change) in [(from, -1), (to, 1)] {
                let balance = map[&id];
                *map.get_mut(&id).expect("an account") = balance + change;
            }
        }
        draws.len() as f64 / began.elapsed().as_secs_f64()
    });
    print(&Row {
        what: format!("store: transfers, journal on, zipf {exponent}"),
        ours,
        limit: Some((limit, "HashMap, no transactions")),
        target: Target::AtLeast(800_000.0),
        unit: "tx/s",
    });
}

/// As above, but a snapshot is taken after every 100 and lives until the next: pages are copied all the time.
fn transfers_between_snapshots() {
    let draws = draws(100_000, 0.0);
    let dir = temp_dir();
    let mut writer = with_accounts(&dir, 100_000);
    let ours = median(RUNS, || {
        let mut snapshot = writer.snapshot();
        let began = Instant::now();
        for (at, &(from, to)) in draws.iter().take(200_000).enumerate() {
            transfer(&mut writer, from, to);
            if at % 100 == 0 {
                snapshot = writer.snapshot();
            }
        }
        drop(black_box(snapshot));
        200_000.0 / began.elapsed().as_secs_f64()
    });
    print(&Row {
        what: "store: transfers, a snapshot every 100".to_owned(),
        ours,
        limit: None,
        target: Target::None,
        unit: "tx/s",
    });
}

fn inserts() {
    let ours = median(RUNS, || {
        let dir = temp_dir();
        let mut writer = open(&dir.path().join("db"));
        writer.create_table(accounts()).expect("a new table");
        let began = Instant::now();
        for id in 0..MILLION {
            writer.insert(ACCOUNTS, &mut account(id, 1)).expect("a new row");
        }
        writer.commit().expect("a commit");
        f64::from(MILLION) / began.elapsed().as_secs_f64()
    });
    let limit = median(RUNS, || {
        let began = Instant::now();
        let mut map = HashMap::new();
        for id in 0..MILLION {
            map.insert(id, account(id, 1));
        }
        black_box(&map);
        f64::from(MILLION) / began.elapsed().as_secs_f64()
    });
    print(&Row {
        what: "store: insert 1M rows, one transaction".to_owned(),
        ours,
        limit: Some((limit, "HashMap")),
        target: Target::AtLeast(2e6),
        unit: "rows/s",
    });
}

fn scans() {
    let dir = temp_dir();
    let writer = with_accounts(&dir, MILLION);
    let table = writer.table(ACCOUNTS).expect("the table");
    let sum = |row: &[u8]| i64::from_le_bytes(row[4..12].try_into().expect("eight bytes"));
    let by_row = median(RUNS, || {
        let began = Instant::now();
        black_box(table.rows().map(sum).sum::<i64>());
        f64::from(MILLION) / began.elapsed().as_secs_f64()
    });
    let plain: Vec<u8> = table.chunks().flat_map(|chunk| chunk.bytes.to_vec()).collect();
    let limit_by_row = median(RUNS, || {
        let began = Instant::now();
        black_box(plain.chunks(12).map(sum).sum::<i64>());
        f64::from(MILLION) / began.elapsed().as_secs_f64()
    });
    let mut copy = Vec::with_capacity(plain.len());
    let by_chunk = median(RUNS, || {
        let began = Instant::now();
        copy.clear();
        for chunk in table.chunks() {
            copy.extend_from_slice(chunk.bytes);
        }
        black_box(&copy);
        f64::from(MILLION) / began.elapsed().as_secs_f64()
    });
    let limit_by_chunk = median(RUNS, || {
        let began = Instant::now();
        copy.clear();
        copy.extend_from_slice(black_box(&plain));
        black_box(&copy);
        f64::from(MILLION) / began.elapsed().as_secs_f64()
    });
    for (what, ours, limit) in [
        ("store: scan 1M rows, row by row", by_row, (limit_by_row, "one plain array")),
        ("store: scan 1M rows, copied in chunks", by_chunk, (limit_by_chunk, "one copy")),
    ] {
        let target = Target::AtLeast(50e6);
        print(&Row { what: what.to_owned(), ours, limit: Some(limit), target, unit: "rows/s" });
    }
}

/// Rows found by a name: a key that is no number.
fn names() {
    let dir = temp_dir();
    let mut writer = open(&dir.path().join("db"));
    let mut spec = accounts();
    spec.row_type.elements[1].ty = AlgebraicType::String;
    spec.indexes[0].columns = vec![ColId(1)];
    writer.create_table(spec).expect("a new table");
    let count = 100_000_u32;
    let key = |id: u32| {
        let name = format!("user {}", id.wrapping_mul(0x9e37_79b9));
        [&(name.len() as u32).to_le_bytes(), name.as_bytes()].concat()
    };
    let keys: Vec<Vec<u8>> = (0..count).map(key).collect();
    let began = Instant::now();
    for (id, key) in (0..count).zip(&keys) {
        let mut row = [&id.to_le_bytes(), &**key].concat();
        writer.insert(ACCOUNTS, &mut row).expect("a new row");
        writer.commit().expect("a commit");
    }
    let inserted = f64::from(count) / began.elapsed().as_secs_f64();
    let index = writer.table(ACCOUNTS).and_then(|table| table.index(BY_ID)).expect("the index");
    let found = median(RUNS, || {
        let began = Instant::now();
        for at in 0..count {
            let key = &keys[(at.wrapping_mul(0x9e37_79b9) % count) as usize];
            black_box(index.find(key).expect("a key").expect("a row"));
        }
        f64::from(count) / began.elapsed().as_secs_f64()
    });
    let map: HashMap<&[u8], u32> = keys.iter().map(|key| &**key).zip(0..).collect();
    let limit = median(RUNS, || {
        let began = Instant::now();
        for at in 0..count {
            let key = &keys[(at.wrapping_mul(0x9e37_79b9) % count) as usize];
            black_box(map.get(&**key).expect("a row"));
        }
        f64::from(count) / began.elapsed().as_secs_f64()
    });
    let row = |what: &str, ours, limit| {
        print(&Row { what: what.to_owned(), ours, limit, target: Target::None, unit: "/s" });
    };
    row("store: insert by name, a transaction each", inserted, None);
    row("store: find by name, one of 100 000", found, Some((limit, "HashMap")));
}

fn opening() {
    let dir = temp_dir();
    let path = dir.path().join("db");
    with_accounts(&dir, MILLION).close().expect("a disk");
    let seconds = |elapsed: Duration| elapsed.as_secs_f64();
    let from_checkpoint = median(RUNS, || {
        let began = Instant::now();
        let writer = open(&path);
        assert_eq!(writer.table(ACCOUNTS).map(store::Table::row_count), Some(u64::from(MILLION)));
        seconds(began.elapsed())
    });
    let dir = temp_dir();
    let path = dir.path().join("db");
    let mut writer = with_accounts(&dir, 100_000);
    for &(from, to) in &draws(100_000, 0.0) {
        transfer(&mut writer, from, to);
    }
    drop(writer);
    let from_journal = median(RUNS, || {
        let began = Instant::now();
        black_box(open(&path));
        seconds(began.elapsed())
    });
    for (what, ours, target) in [
        ("store: open 1M rows from a checkpoint", from_checkpoint, 1.5),
        ("store: open with 1M transactions in the journal", from_journal, 3.0),
    ] {
        print(&Row { what: what.to_owned(), ours, limit: None, target: Target::AtMost(target), unit: "s" });
    }
}

/// Memory per row, everything included: first of all, while nothing else has been left behind in the process.
fn memory() {
    let Some(before) = resident_bytes() else { return };
    let dir = temp_dir();
    let writer = with_accounts(&dir, MILLION);
    let Some(after) = resident_bytes() else { return };
    print(&Row {
        what: "store: memory per row of 12 bytes, of 1M".to_owned(),
        ours: (after - before) / f64::from(MILLION),
        limit: Some((12.0, "its own bytes")),
        target: Target::AtMost(64.0),
        unit: "bytes",
    });
    drop(writer);
}

fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1024.0)
}
