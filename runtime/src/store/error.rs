//! What can go wrong in the store, by kind of operation.

use std::sync::Arc;

use orrery_host_abi::{IndexId, LayoutError, SequenceId, TableId, bsatn::DecodeError};

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this one, has the file open.
    #[error("the database file is in use by another process")]
    Locked,
    /// The file was written by something else.
    #[error("not a database file of this program: {0}")]
    Foreign(String),
    /// The file was written by a newer version of this program.
    #[error("the database file has format {found}, this program understands up to {supported}")]
    TooNew {
        /// The format of the file.
        found: u32,
        /// The newest format that can be read.
        supported: u32,
    },
    /// The file is damaged.
    #[error("the database file is damaged: {0}")]
    Corrupted(String),
    /// The operating system said no.
    #[error("the database file cannot be opened: {0}")]
    Io(#[from] std::io::Error),
}

/// Why a change of rows was not made. It left no trace, and the transaction can go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// No table has that id.
    #[error("no such table: {0}")]
    NoSuchTable(TableId),
    /// No index has that id, or it belongs to another table.
    #[error("no such index: {0}")]
    NoSuchIndex(IndexId),
    /// The bytes are not a row of that table.
    #[error("not a row of table {table}: {error}")]
    InvalidRow {
        /// The table.
        table: TableId,
        /// What is wrong with the bytes.
        error: DecodeError,
    },
    /// The bytes are not a key, or not arguments of a range, of that index.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A row with the same key is there already.
    #[error("a row with the same key exists in unique index {0}")]
    UniqueViolation(IndexId),
    /// An update through an index that is not unique.
    #[error("index {0} is not unique")]
    IndexNotUnique(IndexId),
    /// An update of a row that is not there.
    #[error("no row with that key in index {0}")]
    NoSuchRow(IndexId),
    /// The table has as many rows as it can address (about four thousand million), or the row is longer than
    /// a row can be (512 MiB).
    #[error("table {0} is full")]
    TableFull(TableId),
}

/// Why the arguments of an index scan make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Bytes that are not values of the key's columns.
    #[error("not a key of index {index}: {error}")]
    Invalid {
        /// The index.
        index: IndexId,
        /// What is wrong with the bytes.
        error: DecodeError,
    },
    /// A prefix of as many columns as the index has, or more.
    #[error("a prefix of {elems} columns is too long for index {index}")]
    PrefixTooLong {
        /// The index.
        index: IndexId,
        /// How many columns the prefix has.
        elems: u16,
    },
    /// The table has no such index.
    #[error("no such index: {0}")]
    NoSuchIndex(IndexId),
    /// A range of an index that has no order.
    #[error("index {0} is a hash index and cannot be scanned by range")]
    NotRanged(IndexId),
}

/// Why a change of tables, indexes or sequences was not made. It left no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// No table has that id.
    #[error("no such table: {0}")]
    NoSuchTable(TableId),
    /// No index has that id.
    #[error("no such index: {0}")]
    NoSuchIndex(IndexId),
    /// No sequence has that id.
    #[error("no such sequence: {0}")]
    NoSuchSequence(SequenceId),
    /// A table with that id exists.
    #[error("table {0} exists already")]
    TableExists(TableId),
    /// An index with that id exists.
    #[error("index {0} exists already")]
    IndexExists(IndexId),
    /// A sequence with that id, or another for the same column, exists.
    #[error("sequence {0} exists already")]
    SequenceExists(SequenceId),
    /// An id beyond what the store has room for (2²⁴).
    #[error("id {0} is too large")]
    IdTooLarge(u32),
    /// The row type cannot be laid out.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// An index without columns, with a column that does not exist, or with one twice.
    #[error("index {0} has no valid list of columns")]
    InvalidIndex(IndexId),
    /// A sequence whose column is not an integer, whose increment is 0, or whose bounds make no sense.
    #[error("sequence {0} is not valid for its column")]
    InvalidSequence(SequenceId),
    /// Rows with equal keys stand in the way of a unique index.
    #[error("index {index} cannot be unique: {} keys occur more than once", .duplicates.len())]
    Duplicates {
        /// The index.
        index: IndexId,
        /// The keys that occur more than once; at most ten are given.
        duplicates: Vec<Duplicate>,
    },
    /// A change of the row type after changes of rows in the same transaction.
    #[error("the type of table {0} cannot change after its rows in the same transaction")]
    RowsChanged(TableId),
    /// The table has more rows than it can address under the new row type.
    #[error("table {0} is full")]
    TableFull(TableId),
    /// A row that is not valid for the new row type.
    #[error("a row of table {table} does not fit the new type: {error}")]
    RowDoesNotFit {
        /// The table.
        table: TableId,
        /// What is wrong with the row.
        error: DecodeError,
    },
}

/// A key that occurs more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The values of the key's columns one after the other, BSATN.
    pub key: Box<[u8]>,
    /// How many rows have it.
    pub rows: u64,
}

/// The disk failed, or the journal ended: nothing is made durable any more.
///
/// The first failure stays: every later commit and every wait for durability gets the same reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database has stopped, because its disk failed: {reason}")]
pub struct DurabilityError {
    /// What failed.
    pub reason: Arc<str>,
}

/// Why a transaction was not committed. It has been rolled back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The disk has failed before.
    #[error(transparent)]
    Failed(#[from] DurabilityError),
    /// The rows would take more bytes than they may.
    #[error("the rows may take {row_bytes_max} bytes, and would take more")]
    Full {
        /// How many they may take.
        row_bytes_max: u64,
    },
    /// The transaction changed more bytes than one may (1 GiB).
    #[error("the transaction is too large: {0} bytes")]
    TooLarge(usize),
}
