//! Files that cannot be opened, and what is said about them; and the little map beside the store.

use std::{fs, path::Path};

use orrery_runtime::store::{self, Kv, KvBatch, OpenError, StoreOptions};
use redb::{Database, TableDefinition};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

fn error(path: &Path) -> OpenError {
    store::open(path, &StoreOptions::default()).expect_err("this is no store")
}

#[test]
fn files_of_something_else_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    fs::write(&path, "this is a letter, not a database".repeat(1000)).unwrap();
    assert!(matches!(error(&path), OpenError::Foreign(_)));
    fs::remove_file(&path).unwrap();
    let database = Database::create(&path).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(TableDefinition::<u64, u64>::new("numbers")).unwrap().insert(1, 2).unwrap();
    write.commit().unwrap();
    drop(database);
    assert!(matches!(error(&path), OpenError::Foreign(_)));
    fs::remove_file(&path).unwrap();
    drop(Kv::open(&path).unwrap());
    assert!(matches!(error(&path), OpenError::Foreign(_)));
    assert!(matches!(error(&dir.path().join("no such directory/db")), OpenError::Io(_)));
    assert!(matches!(error(dir.path()), OpenError::Io(_)));
}

#[test]
fn newer_and_damaged_files_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let set = |key: &str, value: &[u8]| {
        let database = Database::open(&path).unwrap();
        let write = database.begin_write().unwrap();
        write.open_table(META).unwrap().insert(key, value).unwrap();
        write.commit().unwrap();
    };
    store::open(&path, &StoreOptions::default()).unwrap().close().unwrap();
    set("checkpoint", b"no checkpoint");
    assert!(
        matches!(error(&path), OpenError::Corrupted(text) if text.contains("checksum of the checkpoint"))
    );
    set("format", b"orrery store \x09\0\0\0");
    assert!(matches!(error(&path), OpenError::TooNew { found: 9, supported: 1 }));
    set("format", b"something else");
    assert!(matches!(error(&path), OpenError::Foreign(_)));
}

#[test]
fn bytes_that_changed_on_the_disk_are_an_error_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    store::open(&path, &StoreOptions::default()).unwrap().close().unwrap();
    let good = fs::read(&path).unwrap();
    let mut refused = 0;
    for at in (0..good.len().min(64 << 10)).step_by(509) {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        fs::write(&path, &bad).unwrap();
        refused += usize::from(store::open(&path, &StoreOptions::default()).is_err());
    }
    assert!(refused > 0);
}

#[test]
fn what_was_left_of_making_a_file_is_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    fs::write(dir.path().join("db.new"), "half a file").unwrap();
    store::open(&path, &StoreOptions::default()).unwrap().close().unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn the_map_keeps_what_it_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control");
    let kv = Kv::open(&path).unwrap();
    let mut batch = KvBatch::new();
    for (key, value) in [("name/a", "1"), ("name/b", "2"), ("owner/a", "3"), ("name/c", "4")] {
        batch.put(key.as_bytes(), value.as_bytes());
    }
    batch.delete(b"name/c");
    kv.write(&batch).unwrap();
    assert!(matches!(Kv::open(&path), Err(OpenError::Locked)));
    drop(kv);
    let kv = Kv::open(&path).unwrap();
    assert_eq!(kv.get(b"name/b").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(kv.get(b"name/c").unwrap(), None);
    let names = kv.scan_prefix(b"name/").unwrap();
    assert_eq!(names, [(b"name/a".to_vec(), b"1".to_vec()), (b"name/b".to_vec(), b"2".to_vec())]);
    assert_eq!(kv.scan_prefix(b"").unwrap().len(), 3);
    assert!(kv.scan_prefix(b"x").unwrap().is_empty());
}
