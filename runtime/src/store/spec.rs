//! What a table is made of, as the store sees it: columns, indexes, sequences.
//!
//! Names of columns, constraints, access and schedules are the schema's business, not the store's: here a
//! unique constraint is an index that is unique.

use orrery_host_abi::{ColId, IndexId, ProductType, SequenceId, TableId};

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// Its id.
    pub id: TableId,
    /// Its name, for messages; the store never looks it up.
    pub name: Box<str>,
    /// The type of its rows, without references.
    pub row_type: ProductType,
    /// Its indexes.
    pub indexes: Vec<IndexSpec>,
    /// Its sequences, at most one for a column.
    pub sequences: Vec<SequenceSpec>,
    /// How long its rows live.
    pub kind: TableKind,
}

/// How long the rows of a table live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// Until they are deleted, across restarts.
    Durable,
    /// Until they are deleted or the store is closed: never written to disk.
    Ephemeral,
    /// Until the transaction that inserted them commits. They appear in its change set and never in the state.
    Event,
}

/// An index of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    /// Its id.
    pub id: IndexId,
    /// The columns that make up its key, in the order in which they compare. At least one.
    pub columns: Vec<ColId>,
    /// What it is good for.
    pub kind: IndexKind,
    /// Whether no two rows may have the same key.
    pub unique: bool,
}

/// What an index is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexKind {
    /// Points and ranges, in key order.
    BTree,
    /// Points only.
    Hash,
    /// Points and ranges over a column of small unsigned integers.
    Direct,
}

/// A sequence: where the values of an auto-increment column come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceSpec {
    /// Its id.
    pub id: SequenceId,
    /// The column it fills, of an integer type.
    pub column: ColId,
    /// The first value.
    pub start: i128,
    /// The smallest value.
    pub min_value: i128,
    /// The largest value.
    pub max_value: i128,
    /// The distance between two values; may be negative, not 0.
    pub increment: i128,
}
