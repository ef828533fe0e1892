//! The store: rows in memory, durable through redb.
