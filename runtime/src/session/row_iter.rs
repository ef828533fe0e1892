//! Row iterators: the rows of a scan, handed out in whole chunks.
//!
//! What an index finds is copied when the iterator is opened. A whole table that cannot change meanwhile is read a
//! chunk at a time instead, however large it is.

use orrery_host_abi::{Advance, Errno, HostError, IterId};

use crate::store::Scan;

/// A chunk ends with the first row that makes it larger than this many bytes.
const CHUNK_BYTES: usize = 32 * 1024;
/// Buffers larger than this are not kept for the next scan.
const KEPT_BUFFER_BYTES: usize = 1024 * 1024;
/// How many bytes of rows a call may have in open iterators: far more than a module could hold itself.
const OPEN_BYTES_MAX: usize = 4 << 30;
/// How many buffers are kept for the next scans.
const KEPT_BUFFERS: usize = 8;

/// The rows of one scan.
#[derive(Debug, Default)]
struct Rows {
    bytes: Vec<u8>,
    /// Where each chunk but the last one ends.
    chunk_ends: Vec<usize>,
    /// How many bytes have been handed out.
    position: usize,
    /// How many chunks have been handed out.
    chunk: usize,
    /// Where more rows come from when these have been handed out.
    rest: Option<Scan>,
    /// How many bytes it counts for in [`RowIters::open_bytes`].
    counted: usize,
}

impl Rows {
    /// Puts the next chunk in the place of rows that have been handed out. Whether there is one.
    fn refill(&mut self) -> bool {
        if self.rest.is_none() {
            return false;
        }
        self.forget();
        if let Some(scan) = &mut self.rest
            && !scan.fill(CHUNK_BYTES, &mut self.bytes)
        {
            self.rest = None;
        }
        !self.bytes.is_empty()
    }

    /// Forgets the rows but keeps their memory.
    fn forget(&mut self) {
        self.bytes.clear();
        self.chunk_ends.clear();
        self.position = 0;
        self.chunk = 0;
    }
}

/// Collects the rows of a scan.
#[derive(Debug)]
pub(super) struct Collector {
    rows: Rows,
    chunk_start: usize,
}

impl Collector {
    /// Adds a row.
    #[inline]
    pub(super) fn push(&mut self, row: &[u8]) {
        let bytes = &mut self.rows.bytes;
        bytes.extend_from_slice(row);
        if bytes.len() - self.chunk_start > CHUNK_BYTES {
            self.chunk_start = bytes.len();
            self.rows.chunk_ends.push(bytes.len());
        }
    }
}

/// The open iterators of a call.
#[derive(Debug, Default)]
pub(super) struct RowIters {
    /// By id, less one.
    open: Vec<Option<Rows>>,
    /// Empty places in `open`.
    free: Vec<u32>,
    /// How many bytes of rows are in `open`.
    open_bytes: usize,
    /// Emptied buffers, for the next scans.
    spare: Vec<Rows>,
}

impl RowIters {
    /// Begins a scan.
    #[inline]
    pub(super) fn collector(&mut self) -> Collector {
        Collector { rows: self.spare.pop().unwrap_or_default(), chunk_start: 0 }
    }

    /// Opens an iterator over what was collected.
    #[inline]
    pub(super) fn open(&mut self, mut collected: Collector) -> Result<IterId, HostError> {
        let rows = &mut collected.rows;
        rows.counted = if rows.rest.is_some() { CHUNK_BYTES } else { rows.bytes.len() };
        self.open_bytes += rows.counted;
        if self.open_bytes > OPEN_BYTES_MAX {
            return Err(HostError::Trap(format!(
                "the module's open row iterators hold more than {OPEN_BYTES_MAX} bytes"
            )));
        }
        let place = if let Some(place) = self.free.pop() {
            self.open[place as usize] = Some(collected.rows);
            place
        } else {
            self.open.push(Some(collected.rows));
            // A module would run out of memory long before it has opened 2^32 iterators.
            (self.open.len() - 1) as u32
        };
        Ok(IterId(place + 1))
    }

    /// Opens an iterator over a whole table.
    pub(super) fn open_scan(&mut self, scan: Scan) -> Result<IterId, HostError> {
        let mut collector = self.collector();
        collector.rows.rest = Some(scan);
        self.open(collector)
    }

    /// See [`orrery_host_abi::HostCalls::row_iter_bsatn_advance`].
    #[inline]
    pub(super) fn advance(&mut self, iter: IterId, buffer: &mut [u8]) -> Result<Advance, HostError> {
        let rows = self.get(iter)?;
        let mut written = 0;
        // Until the next chunk does not fit, or there is none.
        let exhausted = loop {
            if rows.position == rows.bytes.len() && !rows.refill() {
                break true;
            }
            let end = rows.chunk_ends.get(rows.chunk).copied().unwrap_or(rows.bytes.len());
            let chunk = &rows.bytes[rows.position..end];
            let Some(place) = buffer[written..].get_mut(..chunk.len()) else {
                if written == 0 {
                    return Err(HostError::BufferTooSmall(chunk.len()));
                }
                break false;
            };
            place.copy_from_slice(chunk);
            written += chunk.len();
            rows.position = end;
            rows.chunk += 1;
        };
        if exhausted {
            self.close(iter)?;
        }
        Ok(Advance { written, exhausted })
    }

    /// Closes an iterator.
    pub(super) fn close(&mut self, iter: IterId) -> Result<(), HostError> {
        self.get(iter)?;
        let place = iter.0 - 1;
        let Some(mut rows) = self.open[place as usize].take() else { return Ok(()) };
        self.open_bytes -= rows.counted;
        if self.spare.len() < KEPT_BUFFERS && rows.bytes.capacity() <= KEPT_BUFFER_BYTES {
            rows.forget();
            rows.rest = None;
            self.spare.push(rows);
        }
        self.free.push(place);
        Ok(())
    }

    /// Closes all iterators that a call has left open.
    pub(super) fn close_all(&mut self) {
        if self.free.len() < self.open.len() {
            self.open.clear();
            self.free.clear();
            self.open_bytes = 0;
        }
    }

    fn get(&mut self, iter: IterId) -> Result<&mut Rows, HostError> {
        let place = iter.0.checked_sub(1).ok_or(Errno::NoSuchIter)?;
        let rows = self.open.get_mut(place as usize).and_then(Option::as_mut);
        Ok(rows.ok_or(Errno::NoSuchIter)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(iters: &mut RowIters, rows: &[&[u8]]) -> IterId {
        let mut collector = iters.collector();
        for row in rows {
            collector.push(row);
        }
        iters.open(collector).unwrap()
    }

    #[test]
    fn empty_scans_end_at_once() {
        let mut iters = RowIters::default();
        let iter = open(&mut iters, &[]);
        assert_eq!(iters.advance(iter, &mut [0; 8]), Ok(Advance { written: 0, exhausted: true }));
        assert_eq!(iters.advance(iter, &mut [0; 8]), Err(Errno::NoSuchIter.into()));
        assert_eq!(iters.close(iter), Err(Errno::NoSuchIter.into()));
        assert_eq!(iters.close(IterId(0)), Err(Errno::NoSuchIter.into()));
    }

    #[test]
    fn chunks_are_never_cut() {
        let mut iters = RowIters::default();
        let row = [7; 20_000];
        // Two rows make a chunk of 40,000 bytes, the third one is left for a chunk of its own.
        let iter = open(&mut iters, &[&row, &row, &row]);
        let mut buffer = vec![0; 100_000];
        assert_eq!(iters.advance(iter, &mut buffer[..30_000]), Err(HostError::BufferTooSmall(40_000)));
        assert_eq!(
            iters.advance(iter, &mut buffer[..59_999]),
            Ok(Advance { written: 40_000, exhausted: false })
        );
        assert_eq!(iters.advance(iter, &mut buffer[..1]), Err(HostError::BufferTooSmall(20_000)));
        assert_eq!(iters.advance(iter, &mut buffer), Ok(Advance { written: 20_000, exhausted: true }));

        let iter = open(&mut iters, &[&row, &row, &row]);
        assert_eq!(iters.advance(iter, &mut buffer), Ok(Advance { written: 60_000, exhausted: true }));
    }

    #[test]
    fn ids_are_used_again_once_closed() {
        let mut iters = RowIters::default();
        let first = open(&mut iters, &[b"a"]);
        let second = open(&mut iters, &[b"b"]);
        assert_eq!((first, second), (IterId(1), IterId(2)));
        iters.close(first).unwrap();
        assert_eq!(open(&mut iters, &[b"c"]), first);
        iters.close_all();
        assert_eq!(iters.close(second), Err(Errno::NoSuchIter.into()));
    }
}
