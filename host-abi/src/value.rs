//! Values of the SATS type system, decoded.

/// A value. Its type is not carried along.
#[derive(Debug, Clone, PartialEq)]
pub enum AlgebraicValue {
    /// `true` or `false`.
    Bool(bool),
}

/// A value of a sum type.
#[derive(Debug, Clone, PartialEq)]
pub struct SumValue {
    /// Which variant.
    pub tag: u8,
    /// The variant's payload.
    pub value: Box<AlgebraicValue>,
}
