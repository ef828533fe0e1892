//! Backups: a database as a stream of bytes, and back.
//!
//! A backup holds what a database is made of, not how it is stored: the program, the rows of its tables by name, and
//! how far sequences are used up. Restoring makes a new database with that program and puts the rows into it, so
//! whatever the stream holds can at worst be refused.
//!
//! The stream is a sequence of frames after a magic text: the length of what follows the checksum (32 bits), a
//! checksum, and the contents, whose first byte says what they are. A backup without an end frame is incomplete.

mod read;
mod write;

pub(crate) use read::{BackupError, BackupReader, restore_tables};
pub(crate) use write::Backup;

/// The first bytes of every backup.
const MAGIC: &[u8; 16] = b"orrery backup 1\n";

/// Length in bytes of the checksum of a frame.
const CHECKSUM_LEN: usize = 8;

/// What a frame is: the first byte of its contents.
mod kind {
    /// Which database, when, and its program.
    pub(super) const HEAD: u8 = 1;
    /// A table begins: its name, the type of its rows, and its sequences.
    pub(super) const TABLE: u8 = 2;
    /// Rows of the table that has begun.
    pub(super) const ROWS: u8 = 3;
    /// All is told: how many tables and rows there were.
    pub(super) const END: u8 = 4;
}

/// The system tables that are part of a backup. The others say what the program says, and come with it.
const SYSTEM_TABLES: [&str; 3] = ["st_client", "st_connection_credentials", "st_var"];

fn checksum(contents: &[u8]) -> [u8; CHECKSUM_LEN] {
    let hash = blake3::hash(contents);
    let mut checksum = [0; CHECKSUM_LEN];
    checksum.copy_from_slice(&hash.as_bytes()[..CHECKSUM_LEN]);
    checksum
}

#[cfg(test)]
mod tests;
