//! The programs that a database has run, so that it can go back to an earlier one.
//!
//! They are rows of a table of their own, which no module or query can name. Each program is there once, the one
//! that runs included; publishing it again makes it the newest.

use orrery_host_abi::{
    AlgebraicType, Element, Hash, ProductType, TableId, Timestamp,
    bsatn::{Decode, DecodeError, Encode, Reader},
};

use super::apply::SchemaError;
use crate::{
    database::{Program, ProgramKind},
    program::LoadedProgram,
    store::{Table, TableKind, TableSpec, Writer},
};

/// The table. Its id is that of no system table of the peer, and its name no identifier.
pub(crate) const HISTORY: TableId = TableId(4095);
const NAME: &str = "#programs";

/// How many programs are kept, with the one that runs.
const PROGRAMS_MAX: usize = 6;
/// How many bytes earlier programs may take in all.
const BYTES_MAX: usize = 32 << 20;
/// A program beyond this size is kept as it is: to compress it would hold up the database.
const PACKED_MAX: usize = 16 << 20;
/// The lowest level: half the size in a tenth of the time of the highest, which gains little more.
const LEVEL: u8 = 1;

/// A program that a database has run, or runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramRecord {
    /// Its hash.
    pub hash: Hash,
    /// What it is written in.
    pub kind: ProgramKind,
    /// When it was last published to the database.
    pub published_at: Timestamp,
    /// How many bytes it has.
    pub size: u64,
}

/// A row of the table.
struct Entry {
    /// Larger than that of all programs before it.
    revision: u64,
    record: ProgramRecord,
    is_packed: bool,
    /// The program, compressed or not.
    bytes: Box<[u8]>,
}

/// Notes that a program runs from now on. Of those before it, the newest are kept.
pub(super) fn note(writer: &mut Writer, program: &LoadedProgram) -> Result<(), SchemaError> {
    if writer.table(HISTORY).is_none() {
        writer.create_table(spec())?;
    }
    let mut entries = read(writer.table(HISTORY)).map_err(|error| SchemaError(error.to_string()))?;
    let revision = entries.first().map_or(1, |newest| newest.revision + 1);
    let known = entries.iter().position(|entry| entry.record.hash == program.hash);
    let mut newest = match known {
        Some(known) => entries.remove(known),
        None => Entry::of(program),
    };
    newest.revision = revision;
    newest.record.published_at = Timestamp::now();
    entries.insert(0, newest);
    let mut bytes = 0;
    let kept = entries.iter().enumerate().take_while(|(at, entry)| {
        bytes += if *at == 0 { 0 } else { entry.bytes.len() };
        *at < PROGRAMS_MAX && bytes <= BYTES_MAX
    });
    let kept = kept.count();
    entries.truncate(kept);
    writer.clear(HISTORY)?;
    for entry in entries {
        writer.insert(HISTORY, &mut entry.to_bsatn())?;
    }
    Ok(())
}

/// The programs that the database has run and can go back to, the newest first: the one that runs. None in a
/// database that an older server made, until something is published to it.
pub(crate) fn programs(table: Option<&Table>) -> Result<Vec<ProgramRecord>, DecodeError> {
    Ok(read(table)?.into_iter().map(|entry| entry.record).collect())
}

/// A program from the history.
pub(crate) fn program(table: Option<&Table>, hash: Hash) -> Result<Option<Program>, DecodeError> {
    let Some(entry) = read(table)?.into_iter().find(|entry| entry.record.hash == hash) else {
        return Ok(None);
    };
    let bytes = if entry.is_packed {
        let size = usize::try_from(entry.record.size).unwrap_or(usize::MAX);
        let unpacked = miniz_oxide::inflate::decompress_to_vec_with_limit(&entry.bytes, size);
        unpacked.map_err(|_| DecodeError::Invalid { at: 0, message: "a program that does not decompress" })?
    } else {
        entry.bytes.into()
    };
    Ok(Some(Program { kind: entry.record.kind, bytes: bytes.into() }))
}

/// The rows, the newest first.
fn read(table: Option<&Table>) -> Result<Vec<Entry>, DecodeError> {
    let rows = table.into_iter().flat_map(Table::rows);
    let mut entries = rows.map(Entry::from_bsatn).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.revision));
    Ok(entries)
}

fn spec() -> TableSpec {
    let element = |(name, ty): (&str, AlgebraicType)| Element { name: Some(name.into()), ty };
    let columns = [
        ("revision", AlgebraicType::U64),
        ("hash", AlgebraicType::U256),
        ("kind", AlgebraicType::U8),
        ("published_at", AlgebraicType::I64),
        ("size", AlgebraicType::U64),
        ("is_packed", AlgebraicType::Bool),
        ("bytes", AlgebraicType::Array(Box::new(AlgebraicType::U8))),
    ];
    TableSpec {
        id: HISTORY,
        name: NAME.into(),
        row_type: ProductType { elements: columns.map(element).into() },
        indexes: Vec::new(),
        sequences: Vec::new(),
        kind: TableKind::Durable,
    }
}

impl Entry {
    fn of(program: &LoadedProgram) -> Self {
        let bytes = &program.source.bytes;
        let packed = (bytes.len() <= PACKED_MAX)
            .then(|| miniz_oxide::deflate::compress_to_vec(bytes, LEVEL))
            .filter(|packed| packed.len() < bytes.len());
        Self {
            revision: 0,
            record: ProgramRecord {
                hash: program.hash,
                kind: program.source.kind,
                published_at: Timestamp::default(),
                size: bytes.len() as u64,
            },
            is_packed: packed.is_some(),
            bytes: packed.unwrap_or_else(|| bytes.to_vec()).into(),
        }
    }
}

impl Encode for Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        self.revision.encode(out);
        out.extend_from_slice(&self.record.hash.0);
        out.push(match self.record.kind {
            ProgramKind::Wasm => 0,
            ProgramKind::Js => 1,
        });
        self.record.published_at.0.encode(out);
        self.record.size.encode(out);
        self.is_packed.encode(out);
        self.bytes.encode(out);
    }
}

impl Decode for Entry {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            revision: reader.read_u64()?,
            record: ProgramRecord {
                hash: Hash(reader.read_array("a hash")?),
                kind: match reader.read_tag(2)? {
                    0 => ProgramKind::Wasm,
                    _ => ProgramKind::Js,
                },
                published_at: Timestamp(reader.read_i64()?),
                size: reader.read_u64()?,
            },
            is_packed: reader.read_bool()?,
            bytes: reader.read_counted_bytes()?.into(),
        })
    }
}
