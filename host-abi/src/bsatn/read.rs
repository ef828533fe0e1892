//! Reading BSATN piece by piece.

use super::DecodeError;

/// How many units, beyond one for each byte, may be decoded from one piece of BSATN.
///
/// Units, and products of nothing but units, take no bytes, so four bytes can announce an array of four billion of them. That is valid, and checking
/// a row accepts it at no cost, but to build them as values or write them as JSON would take all memory there is.
pub const MAX_UNITS: usize = 1 << 20;

/// A place in bytes that are being decoded.
#[derive(Debug, Clone)]
pub struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    units_left: usize,
    depth: usize,
}

macro_rules! read_number {
    ($($name:ident -> $ty:ty, $expected:literal;)*) => {$(
        #[doc = concat!("Reads ", $expected, ".")]
        #[inline]
        pub fn $name(&mut self) -> Result<$ty, DecodeError> {
            self.read_array($expected).map(<$ty>::from_le_bytes)
        }
    )*};
}

impl<'b> Reader<'b> {
    /// A reader at the start of `bytes`.
    pub const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, units_left: MAX_UNITS.saturating_add(bytes.len()), depth: 0 }
    }

    /// How many bytes have been read.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The bytes that have not been read yet.
    pub fn rest(&self) -> &'b [u8] {
        &self.bytes[self.at..]
    }

    /// Reads that many bytes; `expected` says in errors what they are.
    #[inline]
    pub fn read_bytes(&mut self, len: usize, expected: &'static str) -> Result<&'b [u8], DecodeError> {
        match self.at.checked_add(len).and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(DecodeError::truncated(self.at, len, expected)),
        }
    }

    /// Reads a fixed number of bytes; `expected` says in errors what they are.
    #[inline]
    pub fn read_array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], DecodeError> {
        match self.bytes[self.at..].first_chunk() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(DecodeError::truncated(self.at, N, expected)),
        }
    }

    read_number! {
        read_u8 -> u8, "an 8-bit integer";
        read_i8 -> i8, "an 8-bit integer";
        read_u16 -> u16, "a 16-bit integer";
        read_i16 -> i16, "a 16-bit integer";
        read_u32 -> u32, "a 32-bit integer";
        read_i32 -> i32, "a 32-bit integer";
        read_u64 -> u64, "a 64-bit integer";
        read_i64 -> i64, "a 64-bit integer";
        read_u128 -> u128, "a 128-bit integer";
        read_i128 -> i128, "a 128-bit integer";
        read_u256 -> ethnum::U256, "a 256-bit integer";
        read_i256 -> ethnum::I256, "a 256-bit integer";
        read_f32 -> f32, "a 32-bit float";
        read_f64 -> f64, "a 64-bit float";
    }

    /// Reads a bool.
    #[inline]
    pub fn read_bool(&mut self) -> Result<bool, DecodeError> {
        match self.read_array("a bool")? {
            [0] => Ok(false),
            [1] => Ok(true),
            [byte] => Err(DecodeError::InvalidBool { at: self.at - 1, byte }),
        }
    }

    /// Reads the tag of a sum with that many variants.
    #[inline]
    pub fn read_tag(&mut self, variants: usize) -> Result<u8, DecodeError> {
        if variants == 0 {
            return Err(DecodeError::NoVariants { at: self.at });
        }
        let [tag] = self.read_array("a sum's tag")?;
        if usize::from(tag) < variants {
            return Ok(tag);
        }
        Err(DecodeError::InvalidTag { at: self.at - 1, tag, variants: variants as u16 })
    }

    /// Reads text.
    #[inline]
    pub fn read_str(&mut self) -> Result<&'b str, DecodeError> {
        let bytes = self.read_counted_bytes()?;
        let at = self.at - bytes.len();
        std::str::from_utf8(bytes).map_err(|_| DecodeError::InvalidUtf8 { at })
    }

    /// Reads an array of bytes.
    #[inline]
    pub fn read_counted_bytes(&mut self) -> Result<&'b [u8], DecodeError> {
        let len = self.read_array("a length").map(u32::from_le_bytes)?;
        self.read_bytes(len as usize, "an array of bytes")
    }

    /// Reads the count of an array whose elements take at least one byte each: it is not more than the number of
    /// bytes left.
    #[inline]
    pub fn read_count(&mut self) -> Result<u32, DecodeError> {
        let count = self.read_array("a count").map(u32::from_le_bytes)?;
        if count as usize > self.rest().len() {
            return Err(DecodeError::truncated(self.at, count as usize, "an array"));
        }
        Ok(count)
    }

    /// Reads a unit, or notes a product that is as empty, which takes no bytes; fails if there have been too many (see [`MAX_UNITS`]).
    #[inline]
    pub fn read_unit(&mut self) -> Result<(), DecodeError> {
        match self.units_left.checked_sub(1) {
            Some(left) => {
                self.units_left = left;
                Ok(())
            }
            None => Err(DecodeError::TooManyUnits { at: self.at }),
        }
    }

    /// Runs `read` one level deeper; fails beyond [`MAX_TYPE_DEPTH`](crate::MAX_TYPE_DEPTH), before the stack is
    /// exhausted.
    pub fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.depth >= crate::MAX_TYPE_DEPTH {
            return Err(DecodeError::TooDeep { at: self.at });
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}
