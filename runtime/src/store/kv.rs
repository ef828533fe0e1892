//! A small durable map for the control plane: names, owners and the like.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use redb::{Database, ReadableDatabase, TableDefinition};

use super::{
    OpenError,
    disk::{self, any_error, table_error},
};

const MAGIC: &[u8] = b"orrery control ";
const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");
/// It is small, and read at leisure.
const CACHE_BYTES: usize = 1 << 20;

/// A small durable map from bytes to bytes, in order of keys, in a file of its own. For any thread, through a shared
/// reference.
///
/// After a failed write, of which nobody knows how far it got, the file is opened again before anything else is done
/// with it.
pub struct Kv {
    /// None after a failure.
    database: Mutex<Option<Database>>,
    /// None if it is in other storage than a file, which cannot be opened again.
    path: Option<PathBuf>,
}

/// Why a [`Kv`] does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the file of the control plane cannot be used: {reason}")]
pub struct KvError {
    /// What failed.
    pub reason: Arc<str>,
}

impl<E: Into<redb::Error>> From<E> for KvError {
    fn from(error: E) -> Self {
        Self { reason: error.into().to_string().into() }
    }
}

/// Changes of a [`Kv`] that are made together or not at all. Of several changes of one key the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KvBatch {
    changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    key: Box<[u8]>,
    /// `None` removes the key.
    value: Option<Box<[u8]>>,
}

/// A key and its value.
pub type KvEntry = (Vec<u8>, Vec<u8>);

impl KvBatch {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.changes.push(Change { key: key.into(), value: Some(value.into()) });
    }

    /// Removes a key, if it is there.
    pub fn delete(&mut self, key: &[u8]) {
        self.changes.push(Change { key: key.into(), value: None });
    }
}

impl fmt::Debug for Kv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kv").finish_non_exhaustive()
    }
}

impl Kv {
    /// Opens the map in that file, which is created if it does not exist. The file stays locked until the map is
    /// dropped.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let database = prepared(disk::open(path, CACHE_BYTES, MAGIC)?)?;
        Ok(Self { database: Mutex::new(Some(database)), path: Some(path.into()) })
    }

    /// Opens the map in that storage, and makes one if it is empty.
    pub fn open_backend(backend: impl redb::StorageBackend) -> Result<Self, OpenError> {
        let database = prepared(disk::open_backend(backend, CACHE_BYTES, MAGIC)?)?;
        Ok(Self { database: Mutex::new(Some(database)), path: None })
    }

    /// Does something with the file, which is opened again first if it has failed before.
    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, KvError>) -> Result<T, KvError> {
        let mut place = self.database.lock();
        let database = match place.take() {
            Some(database) => database,
            None => self.open_again()?,
        };
        let result = act(&database);
        if result.is_ok() || self.path.is_none() {
            *place = Some(database);
        }
        result
    }

    fn open_again(&self) -> Result<Database, KvError> {
        let failed = |error: OpenError| KvError { reason: error.to_string().into() };
        let path = self.path.as_deref().ok_or_else(|| KvError { reason: "it has failed before".into() })?;
        disk::open(path, CACHE_BYTES, MAGIC).map_err(failed)
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.with(|database| {
            let read = database.begin_read()?;
            Ok(read.open_table(ENTRIES)?.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    /// All keys that begin with `prefix`, and their values, in order.
    pub fn scan_prefix(&self, prefix: &[u8]) -> Result<Vec<KvEntry>, KvError> {
        self.with(|database| {
            let read = database.begin_read()?;
            let mut found = Vec::new();
            for entry in read.open_table(ENTRIES)?.range(prefix..)? {
                let (key, value) = entry?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                found.push((key.value().to_vec(), value.value().to_vec()));
            }
            Ok(found)
        })
    }

    /// Makes all changes, or none. They are durable when this returns.
    pub fn write(&self, batch: &KvBatch) -> Result<(), KvError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            {
                let mut entries = transaction.open_table(ENTRIES)?;
                for Change { key, value } in &batch.changes {
                    match value {
                        Some(value) => drop(entries.insert(&**key, &**value)?),
                        None => drop(entries.remove(&**key)?),
                    }
                }
            }
            transaction.commit()?;
            Ok(())
        })
    }
}

/// The file, with the table that holds everything.
fn prepared(database: Database) -> Result<Database, OpenError> {
    let transaction = database.begin_write().map_err(any_error)?;
    transaction.open_table(ENTRIES).map_err(table_error)?;
    transaction.commit().map_err(any_error)?;
    Ok(database)
}
