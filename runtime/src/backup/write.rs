//! Writing a backup, from a snapshot: nobody waits for it.

use std::io::{self, Write};

use orrery_host_abi::{
    ColId, SequenceId, TableId, Timestamp,
    bsatn::{Encode, encode_len},
};

use super::{CHECKSUM_LEN, MAGIC, SYSTEM_TABLES, checksum, kind};
use crate::{
    database::{DatabaseKey, ProgramKind},
    pace::Pace,
    program::LoadedProgram,
    schema::{FIRST_USER_ID, HISTORY},
    store::{Snapshot, Table, TableKind, Writer},
};

/// Rows are gathered into frames of about so many bytes.
const FRAME_BYTES: usize = 128 << 10;

/// A database at one moment.
#[derive(Debug)]
pub(crate) struct Backup {
    key: DatabaseKey,
    program: LoadedProgram,
    tables: Tables,
}

/// The tables of a database at one moment.
#[derive(Debug)]
pub(super) struct Tables {
    snapshot: Snapshot,
    /// What is used up of each sequence: where the copy goes on.
    sequences: Vec<(SequenceId, i128)>,
}

impl Backup {
    /// The committed state.
    pub(crate) fn take(writer: &Writer, key: DatabaseKey, program: &LoadedProgram) -> Self {
        Self { key, program: program.clone(), tables: Tables::take(writer) }
    }

    /// Writes all of it, at that pace.
    pub(crate) fn write(&self, mut out: impl Write, pace: Pace) -> io::Result<()> {
        out.write_all(MAGIC)?;
        let mut out = Frames { out, frame: Vec::new(), pace };
        out.frame(kind::HEAD, |frame| self.head(frame))?;
        self.tables.write(&mut out)
    }

    fn head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.database.0);
        Timestamp::now().0.encode(out);
        self.tables.snapshot.offset().0.encode(out);
        out.push(match self.program.source.kind {
            ProgramKind::Wasm => 0,
            ProgramKind::Js => 1,
        });
        out.extend_from_slice(&self.program.hash.0);
        encode_len(self.program.source.bytes.len(), out);
        out.extend_from_slice(&self.program.source.bytes);
    }
}

impl Tables {
    pub(super) fn take(writer: &Writer) -> Self {
        let ids = writer.tables().flat_map(|table| table.spec().sequences.iter().map(|sequence| sequence.id));
        let sequences = ids.filter_map(|id| Some((id, writer.sequence(id)?.allocated))).collect();
        Self { sequences, snapshot: writer.snapshot() }
    }

    /// Writes all tables, and the end.
    pub(super) fn write(&self, out: &mut Frames<impl Write>) -> io::Result<()> {
        let (mut tables, mut rows) = (0_u32, 0_u64);
        for table in self.snapshot.tables().filter(|table| is_kept(table)) {
            out.frame(kind::TABLE, |frame| self.table_head(table, frame))?;
            out.rows(table)?;
            tables += 1;
            rows += table.row_count();
        }
        out.frame(kind::END, |frame| {
            tables.encode(frame);
            rows.encode(frame);
        })?;
        out.out.flush()
    }

    fn table_head(&self, table: &Table, out: &mut Vec<u8>) {
        let spec = table.spec();
        spec.name.encode(out);
        spec.row_type.encode(out);
        let state = |id| self.sequences.iter().find(|(known, _)| *known == id).map(|(_, next)| *next);
        let sequences: Vec<(ColId, i128)> =
            spec.sequences.iter().filter_map(|it| Some((it.column, state(it.id)?))).collect();
        encode_len(sequences.len(), out);
        for (column, next) in sequences {
            column.0.encode(out);
            next.encode(out);
        }
    }
}

fn is_kept(table: &Table) -> bool {
    let TableId(id) = table.id();
    table.spec().kind == TableKind::Durable
        && (id >= FIRST_USER_ID || table.id() == HISTORY || SYSTEM_TABLES.contains(&&*table.spec().name))
}

/// Frames on their way out.
pub(super) struct Frames<W> {
    pub(super) out: W,
    /// Memory for one.
    pub(super) frame: Vec<u8>,
    pub(super) pace: Pace,
}

impl<W: Write> Frames<W> {
    fn frame(&mut self, kind: u8, contents: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.begin(kind);
        contents(&mut self.frame);
        self.end()
    }

    fn begin(&mut self, kind: u8) {
        self.frame.clear();
        // Room for the length and the checksum.
        self.frame.resize(4 + CHECKSUM_LEN, 0);
        self.frame.push(kind);
    }

    fn end(&mut self) -> io::Result<()> {
        let (head, contents) = self.frame.split_at_mut(4 + CHECKSUM_LEN);
        let len =
            u32::try_from(contents.len()).map_err(|_| io::Error::other("a frame of more than 4 GiB"))?;
        head[..4].copy_from_slice(&len.to_le_bytes());
        head[4..].copy_from_slice(&checksum(contents));
        self.out.write_all(&self.frame)
    }

    /// All rows of a table. A frame has their number, and then they lie side by side.
    fn rows(&mut self, table: &Table) -> io::Result<()> {
        let mut rows = 0_u64;
        for chunk in table.chunks() {
            self.pace.keep();
            if rows > 0 && self.frame.len() + chunk.bytes.len() > FRAME_BYTES {
                self.end_rows(rows)?;
                rows = 0;
            }
            if rows == 0 {
                self.begin(kind::ROWS);
                0_u64.encode(&mut self.frame);
            }
            rows += chunk.rows as u64;
            self.frame.extend_from_slice(chunk.bytes);
        }
        if rows > 0 { self.end_rows(rows) } else { Ok(()) }
    }

    fn end_rows(&mut self, rows: u64) -> io::Result<()> {
        self.frame[4 + CHECKSUM_LEN + 1..][..8].copy_from_slice(&rows.to_le_bytes());
        self.end()
    }
}
