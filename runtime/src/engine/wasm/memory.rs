//! The module's memory, as its host calls point into it.
//!
//! The rules for pointers: 0 is never valid, not even for nothing; any other pointer is, as long as what it points
//! to lies inside the memory. There is no alignment. Breaking a rule traps.

use std::ops::Range;

/// A pointer that the module must not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPointer {
    /// Zero.
    #[error("the module passed a null pointer to a host call")]
    Null,
    /// It leads outside.
    #[error("the module passed {len} bytes at {ptr:#x} to a host call, outside its memory of {size} bytes")]
    Outside { ptr: u32, len: u32, size: usize },
    /// What it leads to is not UTF-8.
    #[error("the module passed a name that is not UTF-8 to a host call")]
    NotUtf8,
}

/// The memory while a host call runs.
pub(super) struct Memory<'a>(pub(super) &'a mut [u8]);

impl Memory<'_> {
    #[inline]
    fn range(&self, ptr: u32, len: u32) -> Result<Range<usize>, BadPointer> {
        if ptr == 0 {
            return Err(BadPointer::Null);
        }
        let size = self.0.len();
        if u64::from(ptr) + u64::from(len) > size as u64 {
            return Err(BadPointer::Outside { ptr, len, size });
        }
        Ok(ptr as usize..ptr as usize + len as usize)
    }

    /// Bytes to read.
    #[inline]
    pub(super) fn bytes(&self, ptr: u32, len: u32) -> Result<&[u8], BadPointer> {
        let range = self.range(ptr, len)?;
        Ok(&self.0[range])
    }

    /// Bytes to write to.
    #[inline]
    pub(super) fn bytes_mut(&mut self, ptr: u32, len: u32) -> Result<&mut [u8], BadPointer> {
        let range = self.range(ptr, len)?;
        Ok(&mut self.0[range])
    }

    /// Text that must be UTF-8.
    pub(super) fn str(&self, ptr: u32, len: u32) -> Result<&str, BadPointer> {
        str::from_utf8(self.bytes(ptr, len)?).map_err(|_| BadPointer::NotUtf8)
    }

    /// A few bytes by value.
    #[inline]
    pub(super) fn array<const N: usize>(&self, ptr: u32) -> Result<[u8; N], BadPointer> {
        let range = self.range(ptr, N as u32)?;
        let mut array = [0; N];
        array.copy_from_slice(&self.0[range]);
        Ok(array)
    }

    /// A length or an id.
    #[inline]
    pub(super) fn u32(&self, ptr: u32) -> Result<u32, BadPointer> {
        self.array(ptr).map(u32::from_le_bytes)
    }

    /// Writes a few bytes.
    #[inline]
    pub(super) fn write<const N: usize>(&mut self, ptr: u32, bytes: [u8; N]) -> Result<(), BadPointer> {
        let range = self.range(ptr, N as u32)?;
        self.0[range].copy_from_slice(&bytes);
        Ok(())
    }

    /// Writes a length or an id.
    #[inline]
    pub(super) fn write_u32(&mut self, ptr: u32, value: u32) -> Result<(), BadPointer> {
        self.write(ptr, value.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_checked_at_every_edge() {
        let mut bytes = [0; 16];
        let mut memory = Memory(&mut bytes);
        assert_eq!(memory.bytes(0, 0), Err(BadPointer::Null));
        assert_eq!(memory.bytes(16, 0), Ok(&[][..]));
        assert_eq!(memory.bytes(17, 0), Err(BadPointer::Outside { ptr: 17, len: 0, size: 16 }));
        assert_eq!(memory.bytes(1, 15).map(<[u8]>::len), Ok(15));
        assert!(memory.bytes(1, 16).is_err());
        assert!(memory.bytes(u32::MAX, u32::MAX).is_err());
        assert!(memory.bytes(2, u32::MAX - 1).is_err());
        memory.write_u32(3, 0x0102_0304).unwrap();
        assert_eq!(memory.u32(3), Ok(0x0102_0304));
        assert!(memory.write_u32(13, 0).is_err());
        assert_eq!(memory.bytes_mut(12, 4).map(|b| b.len()), Ok(4));
    }
}
