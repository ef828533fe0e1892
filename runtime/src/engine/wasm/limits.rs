//! What an instance may take from the machine.

use wasmtime::ResourceLimiter;

/// Entries of all tables of an instance: 8 MiB of pointers. The table of a large program has some ten thousand.
const TABLE_ENTRIES_MAX: usize = 1 << 20;

/// Counts what an instance has, and remembers that it wanted more.
pub(super) struct Limits {
    /// Bytes of memory, at most.
    memory: u64,
    table_entries: usize,
    /// Set when the present call was refused memory: how much it may have.
    refused: Option<u64>,
}

/// The module wanted more memory than it may have.
#[derive(Debug, thiserror::Error)]
#[error("the module wanted more than the {0} bytes of memory it may have")]
pub(super) struct OutOfMemory(u64);

impl Limits {
    pub(super) fn new(memory: u64) -> Self {
        Self { memory, table_entries: 0, refused: None }
    }

    /// Forgets what earlier calls were refused.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.refused = None;
    }

    /// How much the instance may have, if it was refused more in the present call.
    pub(super) fn refused(&self) -> Option<u64> {
        self.refused
    }

    /// Whether the host may hold that many bytes on behalf of the module.
    #[inline]
    pub(super) fn check_held(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        if bytes as u64 > self.memory {
            self.refused = Some(self.memory);
            return Err(OutOfMemory(self.memory));
        }
        Ok(())
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A module has one memory. Some declare a maximum of their own.
        let limit = maximum.map_or(self.memory, |maximum| self.memory.min(maximum as u64));
        let fits = desired as u64 <= limit;
        if !fits {
            self.refused = Some(limit);
        }
        Ok(fits)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        // The machine itself has no more.
        self.refused.get_or_insert(self.memory);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let entries = self.table_entries.saturating_add(desired.saturating_sub(current));
        let fits = entries <= TABLE_ENTRIES_MAX;
        if fits {
            self.table_entries = entries;
        }
        Ok(fits)
    }
}
