//! The store: rows in memory, durable through redb.

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {}
