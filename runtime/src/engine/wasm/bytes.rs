//! Bytes sources and sinks: how payloads of any length pass through calls that only take numbers.
//!
//! A source is filled by the host and read by the module in pieces; a sink is the reverse. Both are named by
//! numbers that start at 1 with every call into the module. Zero names no sink, and in place of a source it says
//! that there is nothing to read.

use ::bytes::{Buf, Bytes};

/// More sources than any call needs. A module that opens them in a loop without reading must not fill the host's
/// memory.
const SOURCES_MAX: usize = 1 << 16;

/// What a sink may keep allocated between calls. Error messages and the rows of ordinary views fit.
const KEPT_SINK_BYTES: usize = 64 << 10;

/// Why a source cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SourceError {
    /// Lengths are 32 bits wide.
    #[error("{0} bytes are more than a module can be given at once")]
    TooLong(usize),
    /// See [`SOURCES_MAX`].
    #[error("the module has opened more than {SOURCES_MAX} bytes sources in one call")]
    TooMany,
}

/// The sources of one call. One that has been read to its end is empty: no open source ever is.
#[derive(Default)]
pub(super) struct Sources(Vec<Bytes>);

impl Sources {
    /// Opens a source. Nothing to read is source 0.
    #[inline]
    pub(super) fn open(&mut self, bytes: Bytes) -> Result<u32, SourceError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if bytes.len() > u32::MAX as usize {
            return Err(SourceError::TooLong(bytes.len()));
        }
        if self.0.len() == SOURCES_MAX {
            return Err(SourceError::TooMany);
        }
        self.0.push(bytes);
        Ok(self.0.len() as u32)
    }

    /// What is left to read; none if there is no such source (any more).
    #[inline]
    pub(super) fn get(&mut self, id: u32) -> Option<&mut Bytes> {
        self.0.get_mut((id as usize).wrapping_sub(1)).filter(|source| !source.is_empty())
    }

    /// Ends all sources; numbers start at 1 again.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.0.clear();
    }
}

/// Moves the beginning of a source to `buffer`: how many bytes, and whether that was all.
#[inline]
pub(super) fn read(source: &mut Bytes, buffer: &mut [u8]) -> (u32, bool) {
    let n = source.len().min(buffer.len());
    buffer[..n].copy_from_slice(&source[..n]);
    source.advance(n);
    let drained = source.is_empty();
    if drained {
        // Lets go of the memory before the call ends.
        *source = Bytes::new();
    }
    (n as u32, drained)
}

/// The sinks of one call. Their memory is used again by the next one.
#[derive(Default)]
pub(super) struct Sinks {
    sinks: Vec<Vec<u8>>,
    open: usize,
}

impl Sinks {
    /// Opens a sink.
    #[inline]
    pub(super) fn open(&mut self) -> u32 {
        if self.open == self.sinks.len() {
            self.sinks.push(Vec::new());
        }
        self.open += 1;
        self.open as u32
    }

    /// What was written; none if there is no such sink.
    #[inline]
    pub(super) fn get(&mut self, id: u32) -> Option<&mut Vec<u8>> {
        self.sinks[..self.open].get_mut((id as usize).wrapping_sub(1))
    }

    /// Takes what was written.
    pub(super) fn take(&mut self, id: u32) -> Vec<u8> {
        self.get(id).map(std::mem::take).unwrap_or_default()
    }

    /// Bytes in all sinks together.
    pub(super) fn total(&self) -> usize {
        self.sinks[..self.open].iter().map(Vec::len).sum()
    }

    /// Ends all sinks; numbers start at 1 again.
    #[inline]
    pub(super) fn reset(&mut self) {
        for sink in &mut self.sinks[..self.open] {
            if sink.capacity() > KEPT_SINK_BYTES {
                *sink = Vec::new();
            } else {
                sink.clear();
            }
        }
        self.open = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_ends_in_the_read_that_drains_it() {
        let mut sources = Sources::default();
        assert_eq!(sources.open(Bytes::new()), Ok(0));
        assert_eq!(sources.open(Bytes::from_static(b"abcde")), Ok(1));
        assert_eq!(sources.open(Bytes::from_static(b"f")), Ok(2));
        let mut buffer = [0; 3];
        assert_eq!(read(sources.get(1).unwrap(), &mut []), (0, false));
        assert_eq!(read(sources.get(1).unwrap(), &mut buffer), (3, false));
        assert_eq!(read(sources.get(1).unwrap(), &mut buffer), (2, true));
        assert_eq!(&buffer, b"dec");
        assert!(sources.get(1).is_none());
        for id in [0, 3, u32::MAX] {
            assert!(sources.get(id).is_none());
        }
        sources.reset();
        assert!(sources.get(2).is_none());
        assert_eq!(sources.open(Bytes::from_static(b"g")), Ok(1));
    }

    #[test]
    fn sinks_start_anew_with_each_call() {
        let mut sinks = Sinks::default();
        assert!(sinks.get(1).is_none());
        assert_eq!(sinks.open(), 1);
        sinks.get(1).unwrap().extend_from_slice(b"text");
        assert!(sinks.get(0).is_none() && sinks.get(2).is_none());
        assert_eq!(sinks.total(), 4);
        sinks.reset();
        assert!(sinks.get(1).is_none());
        assert_eq!(sinks.total(), 0);
        assert_eq!(sinks.open(), 1);
        assert_eq!(sinks.take(1), b"");
    }
}
