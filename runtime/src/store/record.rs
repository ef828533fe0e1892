//! The bytes of journal records and of descriptions of tables.
//!
//! A record is what one transaction changed, in sections: first the changes of the schema in the order in which
//! they were made, then the net changes of rows by table, then how far sequences are used up. Rows lie side by side
//! without lengths, since they tell their own. Where a table has a unique index, a deleted row is represented by
//! its key there, and an updated one by its new bytes alone. Numbers are LEB128.

use orrery_host_abi::{
    ColId, IndexId, ProductType, SequenceId, TableId,
    bsatn::{Decode, DecodeError, Encode, Reader, encode_len},
};

use super::{
    IndexKind, IndexSpec, SequenceSpec, TableKind, TableSpec, change_set::TableChanges, index::Index,
    table::Table, table_writer::NetChange,
};

/// What a section of a record is about: its first byte.
pub(super) mod section {
    pub(in super::super) const ROWS: u8 = 1;
    pub(in super::super) const SEQUENCE: u8 = 2;
    pub(in super::super) const CREATE_TABLE: u8 = 3;
    pub(in super::super) const DROP_TABLE: u8 = 4;
    pub(in super::super) const ALTER_TABLE: u8 = 5;
    pub(in super::super) const ADD_INDEX: u8 = 6;
    pub(in super::super) const DROP_INDEX: u8 = 7;
    pub(in super::super) const ADD_SEQUENCE: u8 = 8;
    pub(in super::super) const DROP_SEQUENCE: u8 = 9;
    /// As `ALTER_TABLE`, and then what follows each row.
    pub(in super::super) const EXTEND_TABLE: u8 = 10;
}

/// What a section of rows consists of: bits of its second byte.
pub(super) mod rows {
    pub(in super::super) const DELETED_KEYS: u8 = 1;
    pub(in super::super) const DELETED_ROWS: u8 = 2;
    pub(in super::super) const UPDATED_ROWS: u8 = 4;
    pub(in super::super) const INSERTED_ROWS: u8 = 8;
    pub(in super::super) const ALL: u8 = 15;
}

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn read_number(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let at = reader.position();
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = reader.read_u8()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(DecodeError::Invalid { at, message: "a number of more than 64 bits" })
}

pub(super) fn read_id(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let at = reader.position();
    u32::try_from(read_number(reader)?)
        .map_err(|_| DecodeError::Invalid { at, message: "an id of more than 32 bits" })
}

/// Appends the section for what a transaction changed in a table. `use_keys`: deletes may be told by a unique key;
/// not so if the table's indexes changed in the same transaction.
pub(super) fn put_rows(
    out: &mut Vec<u8>,
    table: &Table,
    changes: TableChanges<'_>,
    net: &NetChange,
    use_keys: bool,
) {
    let (deletes, inserts) = (changes.deletes(), changes.inserts());
    let replaced = changes.replaced().len();
    let delete_index = table.indexes.iter().map(Index::spec).find(|spec| use_keys && spec.unique);
    let mut flags = 0;
    if deletes.len() > replaced {
        flags |= if delete_index.is_some() { rows::DELETED_KEYS } else { rows::DELETED_ROWS };
    }
    if replaced > 0 {
        flags |= rows::UPDATED_ROWS;
    }
    if inserts.len() > replaced {
        flags |= rows::INSERTED_ROWS;
    }
    out.push(section::ROWS);
    put_number(out, u64::from(table.spec.id.0));
    out.push(flags);
    if deletes.len() > replaced {
        if let Some(index) = delete_index {
            put_number(out, u64::from(index.id.0));
        }
        put_number(out, (deletes.len() - replaced) as u64);
        match delete_index {
            Some(index) => {
                for row in deletes.iter().skip(replaced) {
                    table.layout.project(row, &index.columns, out);
                }
            }
            None => out.extend_from_slice(deletes.bytes_from(replaced)),
        }
    }
    let (updated, inserted) =
        inserts.bytes().split_at(inserts.bytes().len() - inserts.bytes_from(replaced).len());
    if replaced > 0 {
        put_number(out, net.update_index.map_or(0, |index| u64::from(index.0)));
        put_number(out, replaced as u64);
        out.extend_from_slice(updated);
    }
    if inserts.len() > replaced {
        put_number(out, (inserts.len() - replaced) as u64);
        out.extend_from_slice(inserted);
    }
}

pub(super) fn put_sequence(out: &mut Vec<u8>, sequence: SequenceId, allocated: i128) {
    out.push(section::SEQUENCE);
    put_number(out, u64::from(sequence.0));
    out.extend_from_slice(&allocated.to_le_bytes());
}

pub(super) fn put_create_table(out: &mut Vec<u8>, spec: &TableSpec) {
    out.push(section::CREATE_TABLE);
    spec.encode(out);
}

pub(super) fn put_drop_table(out: &mut Vec<u8>, table: TableId) {
    out.push(section::DROP_TABLE);
    put_number(out, u64::from(table.0));
}

pub(super) fn put_alter_table(
    out: &mut Vec<u8>,
    table: TableId,
    name: &str,
    row_type: &ProductType,
    added: &[u8],
) {
    out.push(if added.is_empty() { section::ALTER_TABLE } else { section::EXTEND_TABLE });
    put_number(out, u64::from(table.0));
    name.encode(out);
    row_type.encode(out);
    if !added.is_empty() {
        put_number(out, added.len() as u64);
        out.extend_from_slice(added);
    }
}

pub(super) fn put_add_index(out: &mut Vec<u8>, table: TableId, spec: &IndexSpec) {
    out.push(section::ADD_INDEX);
    put_number(out, u64::from(table.0));
    spec.encode(out);
}

pub(super) fn put_drop_index(out: &mut Vec<u8>, index: IndexId) {
    out.push(section::DROP_INDEX);
    put_number(out, u64::from(index.0));
}

pub(super) fn put_add_sequence(out: &mut Vec<u8>, table: TableId, spec: &SequenceSpec) {
    out.push(section::ADD_SEQUENCE);
    put_number(out, u64::from(table.0));
    spec.encode(out);
}

pub(super) fn put_drop_sequence(out: &mut Vec<u8>, sequence: SequenceId) {
    out.push(section::DROP_SEQUENCE);
    put_number(out, u64::from(sequence.0));
}

impl Encode for TableSpec {
    fn encode(&self, out: &mut Vec<u8>) {
        self.id.0.encode(out);
        self.name.encode(out);
        self.row_type.encode(out);
        encode_all(&self.indexes, out);
        encode_all(&self.sequences, out);
        out.push(match self.kind {
            TableKind::Durable => 0,
            TableKind::Ephemeral => 1,
            TableKind::Event => 2,
        });
    }
}

impl Decode for TableSpec {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: TableId(reader.read_u32()?),
            name: Decode::decode(reader)?,
            row_type: Decode::decode(reader)?,
            indexes: decode_all(reader)?,
            sequences: decode_all(reader)?,
            kind: match reader.read_tag(3)? {
                0 => TableKind::Durable,
                1 => TableKind::Ephemeral,
                _ => TableKind::Event,
            },
        })
    }
}

impl Encode for IndexSpec {
    fn encode(&self, out: &mut Vec<u8>) {
        self.id.0.encode(out);
        encode_len(self.columns.len(), out);
        for column in &self.columns {
            column.0.encode(out);
        }
        out.push(match self.kind {
            IndexKind::BTree => 0,
            IndexKind::Hash => 1,
            IndexKind::Direct => 2,
        });
        self.unique.encode(out);
    }
}

impl Decode for IndexSpec {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = IndexId(reader.read_u32()?);
        let mut columns = Vec::new();
        for _ in 0..reader.read_count()? {
            columns.push(ColId(reader.read_u16()?));
        }
        let kind = match reader.read_tag(3)? {
            0 => IndexKind::BTree,
            1 => IndexKind::Hash,
            _ => IndexKind::Direct,
        };
        Ok(Self { id, columns, kind, unique: reader.read_bool()? })
    }
}

impl Encode for SequenceSpec {
    fn encode(&self, out: &mut Vec<u8>) {
        self.id.0.encode(out);
        self.column.0.encode(out);
        self.start.encode(out);
        self.min_value.encode(out);
        self.max_value.encode(out);
        self.increment.encode(out);
    }
}

impl Decode for SequenceSpec {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: SequenceId(reader.read_u32()?),
            column: ColId(reader.read_u16()?),
            start: Decode::decode(reader)?,
            min_value: Decode::decode(reader)?,
            max_value: Decode::decode(reader)?,
            increment: Decode::decode(reader)?,
        })
    }
}

fn encode_all<T: Encode>(all: &[T], out: &mut Vec<u8>) {
    encode_len(all.len(), out);
    for one in all {
        one.encode(out);
    }
}

fn decode_all<T: Decode>(reader: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
    let mut all = Vec::new();
    for _ in 0..reader.read_count()? {
        all.push(T::decode(reader)?);
    }
    Ok(all)
}
