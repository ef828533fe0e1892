//! How a store behaves.

/// How a store behaves. The default is right for a server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreOptions {
    /// A checkpoint starts when the journal has grown by so many bytes since the last one. It takes some seconds to
    /// open a store with a journal of 64 MiB, the default.
    pub checkpoint_journal_bytes: u64,
    /// A commit waits while so many bytes wait for the disk.
    pub pending_bytes_max: usize,
    /// Memory in bytes for redb's cache. Little is read from it but when opening.
    pub cache_bytes: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { checkpoint_journal_bytes: 64 << 20, pending_bytes_max: 32 << 20, cache_bytes: 16 << 20 }
    }
}
