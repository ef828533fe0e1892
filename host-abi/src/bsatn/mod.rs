//! BSATN, the binary encoding: little-endian, no tags, no padding, read with the type in hand.
//!
//! Integers and floats have their own width; a bool is one byte, 0 or 1; text and arrays begin with a 32-bit
//! count; a product is its elements one after the other; a sum is the variant's tag in one byte and its payload.
//! What follows a value is not looked at: as for SpacetimeDB, trailing bytes are not an error.

mod error;
mod impls;
mod read;
mod types;
mod value;

pub use error::DecodeError;
pub use read::{MAX_UNITS, Reader};

/// Something that has a BSATN form.
pub trait Encode {
    /// Appends its BSATN to `out`.
    ///
    /// # Panics
    ///
    /// If text or an array is longer than 2³² − 1, which the format cannot express.
    fn encode(&self, out: &mut Vec<u8>);

    /// Its BSATN.
    fn to_bsatn(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// Something that can be read from BSATN.
pub trait Decode: Sized {
    /// Reads one value.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads the value that `bytes` begins with; what follows it is ignored.
    fn from_bsatn(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(&mut Reader::new(bytes))
    }
}

/// Appends a count or a length.
///
/// # Panics
///
/// If it is more than the format can express.
pub fn encode_len(len: usize, out: &mut Vec<u8>) {
    let len = u32::try_from(len).expect("BSATN arrays and strings have at most 2^32 - 1 elements");
    out.extend_from_slice(&len.to_le_bytes());
}
