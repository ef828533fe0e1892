//! A scan that can be put down and taken up again.

use super::{Table, heap::Heap};

/// All rows of a table as it was when the scan began, a piece at a time. What it holds on to is copied by a writer
/// that changes it, as for a snapshot.
#[derive(Debug)]
pub struct Scan {
    heap: Heap,
    /// The first page that has not been read. None when all have.
    next: Option<u32>,
}

impl Table {
    /// Begins a scan.
    pub fn scan(&self) -> Scan {
        Scan { heap: self.heap.clone(), next: Some(0) }
    }
}

impl Scan {
    /// Appends rows to `out`, one after the other, until it holds more than `len` bytes (by one page or one long row
    /// at most) or no rows are left. Whether some may be left.
    pub fn fill(&mut self, len: usize, out: &mut Vec<u8>) -> bool {
        if let Some(first) = self.next {
            self.next = self.heap.copy_rows(first, len, out);
        }
        self.next.is_some()
    }
}
