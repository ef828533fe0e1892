//! The store: rows in memory in their wire form, durable through redb.
//!
//! One [`Writer`] changes the current state in place and can take it back; any number of [`Snapshot`]s keep
//! looking at the state of the commit at which they were taken. Both show their data as [`Table`]s: rows as BSATN,
//! and indexes that find them by keys cut from their bytes. A commit yields the [`ChangeSet`] and hands it to the
//! journal; what has become durable, [`Durability`] tells.
//!
//! From the bottom up:
//!
//! - `page`, `page_table`, `heap`: rows in pages of 4 KiB, copied only while a snapshot holds them;
//! - `tree`, `tree_key`, `key`, `index`: copy-on-write trees from encoded keys to rows;
//! - `table`: both together, as they are at one moment;
//! - `sequence`, `table_writer`, `schema`, `writer`, `commit`: transactions, with one undo list for each table that
//!   is also its change set;
//! - `record`, `journal`, `checkpoint`, `disk`, `recovery`: what is written, by whom, and how it is read again;
//! - `kv`: a small durable map beside all this, for the control plane.
//!
//! What always holds: a table is a set of rows; an index has an entry for each of them and no other; what a
//! snapshot shows never changes; offsets have no gaps; the file holds a complete checkpoint and every transaction
//! after it up to the durable one, whole transactions only.

mod change_set;
mod checkpoint;
mod commit;
mod disk;
mod error;
mod heap;
mod id_map;
mod index;
mod journal;
mod key;
mod kv;
mod options;
mod page;
mod page_table;
mod record;
mod recovery;
mod scan;
mod schema;
mod sequence;
mod snapshot;
mod spec;
mod table;
mod table_writer;
mod tree;
mod tree_key;
mod writer;

pub use change_set::{ChangeSet, RowList, TableChanges};
pub use commit::Commit;
pub use error::{CommitError, Duplicate, DurabilityError, KeyError, OpenError, SchemaError, WriteError};
pub use heap::{Chunk, Chunks, Rows};
pub use index::{IndexRef, Matches};
pub use journal::Durability;
pub use key::RangeArgs;
pub(crate) use key::{KeyBytes, encode_key};
pub use kv::{Kv, KvBatch, KvEntry, KvError};
pub use options::StoreOptions;
pub use page::RowPtr;
pub use recovery::{open, open_backend};
pub use scan::Scan;
pub use sequence::SequenceState;
pub use snapshot::Snapshot;
pub use spec::{IndexKind, IndexSpec, SequenceSpec, TableKind, TableSpec};
pub use table::Table;
pub use writer::{Inserted, Writer};

/// The number of a committed transaction that changed something durable: 1 for the first one of a database, and one
/// more for each that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TxOffset(pub u64);

impl std::fmt::Display for TxOffset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
