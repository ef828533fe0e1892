//! BSATN, the binary encoding: little-endian, no tags, no padding, read with the type in hand.

/// Bytes that are not BSATN of the type expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid BSATN")]
pub struct DecodeError;
