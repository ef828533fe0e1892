//! The file: which redb tables there are, and what is in them.
//!
//! - `meta`: `format` says that the file is ours and in which version; `checkpoint` describes the current
//!   checkpoint (see the `checkpoint` module).
//! - `pages`: the rows of checkpoints, by table, page number and generation of the checkpoint that wrote them.
//! - `journal`: what was committed after the checkpoint, in groups of transactions, by the offset of the first.
//!
//! Every value begins with a checksum of the rest, as redb trusts what it reads.

use std::{fs, io, path::Path};

use redb::{
    Database, DatabaseError, ReadableDatabase, StorageError, TableDefinition, TableError, TableHandle,
};

use super::OpenError;

/// The version of everything in the file that is ours: keys, values, what they mean. A change that an older program
/// would misunderstand needs the next number.
const FORMAT_VERSION: u32 = 1;
const FORMAT_MAGIC: &[u8] = b"orrery store ";

pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// A table, the number of a page, and the generation of the checkpoint that wrote it.
pub(super) type PageKey = (u32, u32, u32);
/// An empty value: from that generation on there is no such page.
pub(super) const PAGES: TableDefinition<'_, PageKey, &[u8]> = TableDefinition::new("pages");
pub(super) const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");

const META_FORMAT: &str = "format";
pub(super) const META_CHECKPOINT: &str = "checkpoint";

/// Length in bytes of the checksum before every value.
pub(super) const CHECKSUM_LEN: usize = 8;

/// Opens the file at that path. If there is none, a complete one appears or none at all.
pub(super) fn open(path: &Path, cache_bytes: usize, magic: &[u8]) -> Result<Database, OpenError> {
    let mut builder = Database::builder();
    builder.set_cache_size(cache_bytes);
    if !path.try_exists()? {
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        // Left over from a process that died here.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let database = builder.create(&new).map_err(database_error)?;
        initialise(&database, magic)?;
        database.close().map_err(database_error)?;
        fs::rename(&new, path)?;
        sync_parent(path)?;
    }
    let database = builder.open(path).map_err(database_error)?;
    check_format(&database, magic)?;
    Ok(database)
}

/// Opens the file in that storage, and makes one if it is empty.
pub(super) fn open_backend(
    backend: impl redb::StorageBackend,
    cache_bytes: usize,
    magic: &[u8],
) -> Result<Database, OpenError> {
    let mut builder = Database::builder();
    builder.set_cache_size(cache_bytes);
    let database = builder.create_with_backend(backend).map_err(database_error)?;
    let is_new = {
        let read = database.begin_read().map_err(any_error)?;
        read.list_tables().map_err(storage_error)?.next().is_none()
    };
    if is_new {
        initialise(&database, magic)?;
    }
    check_format(&database, magic)?;
    Ok(database)
}

/// The beginning of the format of a store's file.
pub(super) const STORE_MAGIC: &[u8] = FORMAT_MAGIC;

fn initialise(database: &Database, magic: &[u8]) -> Result<(), OpenError> {
    let transaction = database.begin_write().map_err(any_error)?;
    {
        let mut meta = transaction.open_table(META).map_err(table_error)?;
        let format = [magic, &FORMAT_VERSION.to_le_bytes()].concat();
        meta.insert(META_FORMAT, &*format).map_err(storage_error)?;
    }
    transaction.commit().map_err(any_error)
}

fn check_format(database: &Database, magic: &[u8]) -> Result<(), OpenError> {
    let foreign = || OpenError::Foreign("it is a redb file of something else".to_owned());
    let read = database.begin_read().map_err(any_error)?;
    let meta = read.open_table(META).map_err(|error| match error {
        TableError::TableDoesNotExist(_) | TableError::TableTypeMismatch { .. } => foreign(),
        error => table_error(error),
    })?;
    let format = meta.get(META_FORMAT).map_err(storage_error)?.ok_or_else(foreign)?;
    let version = format.value().strip_prefix(magic).ok_or_else(foreign)?;
    let version = u32::from_le_bytes(version.try_into().map_err(|_| foreign())?);
    if version > FORMAT_VERSION {
        return Err(OpenError::TooNew { found: version, supported: FORMAT_VERSION });
    }
    Ok(())
}

/// Makes a rename last.
fn sync_parent(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Puts the checksum of what follows it at the start of a value, where room for it was left.
pub(super) fn seal(value: &mut [u8]) {
    let (checksum, rest) = value.split_at_mut(CHECKSUM_LEN);
    checksum.copy_from_slice(&blake3::hash(rest).as_bytes()[..CHECKSUM_LEN]);
}

/// What follows the checksum at the start of a value.
pub(super) fn unseal<'a>(value: &'a [u8], what: &str) -> Result<&'a [u8], OpenError> {
    let damaged = || OpenError::Corrupted(format!("the checksum of {what} is wrong"));
    let (checksum, rest) = value.split_at_checked(CHECKSUM_LEN).ok_or_else(damaged)?;
    if blake3::hash(rest).as_bytes()[..CHECKSUM_LEN] != *checksum {
        return Err(damaged());
    }
    Ok(rest)
}

pub(super) fn database_error(error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => OpenError::Locked,
        DatabaseError::UpgradeRequired(version) => {
            OpenError::Foreign(format!("it has the outdated redb format {version}"))
        }
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            OpenError::Foreign(error.to_string())
        }
        DatabaseError::Storage(error) => storage_error(error),
        error => OpenError::Corrupted(error.to_string()),
    }
}

pub(super) fn storage_error(error: StorageError) -> OpenError {
    match error {
        StorageError::Io(error) => OpenError::Io(error),
        error => OpenError::Corrupted(error.to_string()),
    }
}

pub(super) fn table_error(error: TableError) -> OpenError {
    match error {
        TableError::Storage(error) => storage_error(error),
        error => OpenError::Corrupted(error.to_string()),
    }
}

/// For errors of transactions and commits, which are storage errors or bugs.
pub(super) fn any_error(error: impl Into<redb::Error>) -> OpenError {
    match error.into() {
        redb::Error::Io(error) => OpenError::Io(error),
        error => OpenError::Corrupted(error.to_string()),
    }
}

/// Whether a table of that name exists in the file.
pub(super) fn has_table(read: &redb::ReadTransaction, name: &str) -> Result<bool, OpenError> {
    Ok(read.list_tables().map_err(storage_error)?.any(|table| table.name() == name))
}
