//! What is wrong with bytes that cannot be decoded.

/// Bytes that are not BSATN of the type expected. Positions count from the start of what was decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end too early.
    #[error("invalid BSATN: expected {expected} of {needed} bytes at byte {at}, but the bytes end before")]
    Truncated {
        /// Where the missing thing begins.
        at: usize,
        /// How many bytes it takes.
        needed: usize,
        /// What it is.
        expected: &'static str,
    },
    /// A bool that is neither 0 nor 1.
    #[error("invalid BSATN: byte {at} should be a bool, but is {byte}")]
    InvalidBool {
        /// Where it is.
        at: usize,
        /// What it is.
        byte: u8,
    },
    /// Text that is not UTF-8.
    #[error("invalid BSATN: the string at byte {at} is not UTF-8")]
    InvalidUtf8 {
        /// Where the text begins.
        at: usize,
    },
    /// The tag of a variant that the sum does not have.
    #[error("invalid BSATN: tag {tag} at byte {at}, but the sum has {variants} variants")]
    InvalidTag {
        /// Where the tag is.
        at: usize,
        /// The tag.
        tag: u8,
        /// How many variants there are.
        variants: u16,
    },
    /// A value of a sum without variants.
    #[error("invalid BSATN: byte {at} should begin a value of a type that has no values")]
    NoVariants {
        /// Where it should begin.
        at: usize,
    },
    /// More units than [`MAX_UNITS`](super::MAX_UNITS) allows.
    #[error("invalid BSATN: an array of too many elements without content at byte {at}")]
    TooManyUnits {
        /// Where the limit was reached.
        at: usize,
    },
    /// Nested deeper than [`MAX_TYPE_DEPTH`](crate::MAX_TYPE_DEPTH).
    #[error("invalid BSATN: nested too deeply at byte {at}")]
    TooDeep {
        /// Where the limit was reached.
        at: usize,
    },
    /// A type reference where only resolved types can be decoded.
    #[error("type reference {0} has not been resolved")]
    UnresolvedRef(u32),
    /// Well-formed bytes that the contract does not allow here.
    #[error("{message} (at byte {at})")]
    Invalid {
        /// Where they are.
        at: usize,
        /// What is wrong with them.
        message: &'static str,
    },
}

impl DecodeError {
    pub(crate) const fn truncated(at: usize, needed: usize, expected: &'static str) -> Self {
        Self::Truncated { at, needed, expected }
    }
}
