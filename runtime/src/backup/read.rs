//! Reading a backup. Nothing in it is trusted: a checksum tells what was damaged, not what was forged.

use std::io::{self, Read};

use orrery_host_abi::{
    ColId, Hash, Identity, ProductType, TableId,
    bsatn::{Decode, DecodeError, Reader},
};

use super::{CHECKSUM_LEN, MAGIC, SYSTEM_TABLES, checksum, kind};
use crate::{
    database::{Program, ProgramKind},
    schema::{self, FIRST_USER_ID, HISTORY},
    store::{CommitError, SchemaError, Table, TableKind, WriteError, Writer},
};

/// Rows are committed whenever so many bytes have come together.
const COMMIT_BYTES: usize = 32 << 20;

/// The longest frame holds the longest row (512 MiB) and little else, or a program.
const FRAME_LEN_MAX: u32 = (512 << 20) + (1 << 20);

/// Why a backup cannot be restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// The stream broke off or cannot be read.
    #[error("it breaks off: {0}")]
    Io(#[from] io::Error),
    /// It is something else, damaged, or forged.
    #[error("{0}")]
    Invalid(String),
    /// The disk.
    #[error("the database cannot be stored: {0}")]
    Storage(String),
}

fn invalid<T>(text: impl Into<String>) -> Result<T, BackupError> {
    Err(BackupError::Invalid(text.into()))
}

impl From<DecodeError> for BackupError {
    fn from(error: DecodeError) -> Self {
        Self::Invalid(format!("it is damaged: {error}"))
    }
}

impl From<WriteError> for BackupError {
    fn from(error: WriteError) -> Self {
        Self::Invalid(format!("it is damaged: {error}"))
    }
}

impl From<SchemaError> for BackupError {
    fn from(error: SchemaError) -> Self {
        Self::Invalid(format!("it is damaged: {error}"))
    }
}

impl From<CommitError> for BackupError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Full { .. } => {
                Self::Invalid("it holds more than a database may on this server".into())
            }
            error => Self::Storage(error.to_string()),
        }
    }
}

/// A backup that is being read.
pub(crate) struct BackupReader<R> {
    pub(super) source: R,
}

/// What a backup begins with.
#[derive(Debug)]
pub(crate) struct Head {
    /// The database that it is of.
    pub(crate) database: Identity,
    /// The program that the database ran.
    pub(crate) program: Program,
    /// And its hash.
    pub(crate) hash: Hash,
}

/// What a table begins with.
#[derive(Debug)]
struct TableHead {
    name: Box<str>,
    row_type: ProductType,
    /// Columns with the next value of their sequence.
    sequences: Vec<(ColId, i128)>,
}

impl<R: Read> BackupReader<R> {
    /// Reads as far as the first table.
    pub(crate) fn open(mut source: R) -> Result<(Self, Head), BackupError> {
        let mut magic = [0; MAGIC.len()];
        if source.read_exact(&mut magic).is_err() || magic != *MAGIC {
            return invalid("it is no backup of a database, or one by a newer version of Orrery");
        }
        let mut reader = Self { source };
        let frame = reader.frame()?;
        let Some((&kind::HEAD, contents)) = frame.split_first() else {
            return invalid("it does not begin as a backup does");
        };
        let mut contents = Reader::new(contents);
        let database = Identity(contents.read_array("an identity")?);
        // When it was taken, and after which transaction.
        contents.read_i64()?;
        contents.read_u64()?;
        let kind = match contents.read_tag(2)? {
            0 => ProgramKind::Wasm,
            _ => ProgramKind::Js,
        };
        let hash = Hash(contents.read_array("a hash")?);
        let bytes = contents.read_counted_bytes()?.to_vec().into();
        Ok((reader, Head { database, program: Program { kind, bytes }, hash }))
    }

    /// The contents of the next frame.
    fn frame(&mut self) -> Result<Vec<u8>, BackupError> {
        let mut head = [0; 4 + CHECKSUM_LEN];
        self.source.read_exact(&mut head)?;
        let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        if len > FRAME_LEN_MAX {
            return invalid("it is damaged: a part of it is longer than any can be");
        }
        let mut contents = Vec::new();
        // No memory for what does not come.
        (&mut self.source).take(len.into()).read_to_end(&mut contents)?;
        if contents.len() as u64 != u64::from(len) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if checksum(&contents) != head[4..] {
            return invalid("it is damaged: a checksum is wrong");
        }
        Ok(contents)
    }
}

impl Decode for TableHead {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (name, row_type) = (Decode::decode(reader)?, Decode::decode(reader)?);
        let mut sequences = Vec::new();
        for _ in 0..reader.read_count()? {
            sequences.push((ColId(reader.read_u16()?), reader.read_i128()?));
        }
        Ok(Self { name, row_type, sequences })
    }
}

/// Reads all tables into a store in which the program's tables have been made, and commits. The writer must not have
/// anything open. An error if all rows would take more bytes than `row_bytes_max`.
pub(crate) fn restore_tables<R: Read>(
    reader: &mut BackupReader<R>,
    writer: &mut Writer,
    row_bytes_max: u64,
) -> Result<(), BackupError> {
    let (mut tables, mut rows) = (0_u32, 0_u64);
    let mut current: Option<(TableId, TableHead)> = None;
    let mut uncommitted = 0;
    loop {
        let frame = reader.frame()?;
        let Some((&kind, contents)) = frame.split_first() else { return invalid("it has an empty frame") };
        if kind != kind::ROWS
            && let Some((table, head)) = current.take()
        {
            go_on_counting(writer, table, &head)?;
        }
        match kind {
            kind::TABLE => {
                let head = TableHead::from_bsatn(contents)?;
                let table = find_table(writer, &head)?;
                // It may have something from the beginning: the history its program.
                writer.clear(table)?;
                tables += 1;
                current = Some((table, head));
            }
            kind::ROWS => {
                let Some((table, _)) = &current else { return invalid("it has rows of no table") };
                let mut contents = Reader::new(contents);
                let count = contents.read_u64()?;
                let bytes = contents.rest();
                if count > bytes.len().max(1) as u64 || writer.load(*table, count, bytes)? != count {
                    return invalid("it is damaged: it has other rows than it says");
                }
                rows += count;
                uncommitted += bytes.len();
                if uncommitted > COMMIT_BYTES {
                    let commit = writer.commit_within(row_bytes_max)?;
                    writer.recycle(commit.changes);
                    uncommitted = 0;
                }
            }
            kind::END => {
                let mut contents = Reader::new(contents);
                if (contents.read_u32()?, contents.read_u64()?) != (tables, rows) {
                    return invalid("it is damaged: it has other rows than it says");
                }
                schema::note_allocated(writer)?;
                writer.commit_within(row_bytes_max)?;
                return Ok(());
            }
            _ => return invalid("it has something that this version of Orrery does not know"),
        }
    }
}

/// The table that rows of that description belong to.
fn find_table(writer: &Writer, head: &TableHead) -> Result<TableId, BackupError> {
    let is_meant = |table: &&Table| {
        table.spec().name == head.name
            && (table.id().0 >= FIRST_USER_ID
                || table.id() == HISTORY
                || SYSTEM_TABLES.contains(&&*table.spec().name))
    };
    let Some(table) = writer.tables().find(is_meant) else {
        return invalid(format!("its program does not declare the table `{}` that it has", head.name));
    };
    if table.spec().row_type != head.row_type || table.spec().kind != TableKind::Durable {
        return invalid(format!("its program declares the table `{}` with other columns", head.name));
    }
    Ok(table.id())
}

/// Lets the sequences of a table go on where they were.
fn go_on_counting(writer: &mut Writer, table: TableId, head: &TableHead) -> Result<(), BackupError> {
    let stored = writer.table(table).map(|table| table.spec().sequences.clone()).unwrap_or_default();
    for (column, next) in &head.sequences {
        let Some(sequence) = stored.iter().find(|sequence| sequence.column == *column) else {
            return invalid(format!("its program does not count up what it has in table `{}`", head.name));
        };
        writer.set_sequence(sequence.id, *next)?;
    }
    Ok(())
}
