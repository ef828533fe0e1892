//! Values of the SATS type system, decoded.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use ethnum::{I256, U256};

/// A value. Its type is not carried along.
///
/// Values of one type have a total order: sums by tag and then payload, products and arrays by their first
/// difference, `false` before `true`, floats as [`cmp_floats`] says. Between values of different types the order
/// is arbitrary, but it is one.
#[derive(Debug, Clone)]
pub enum AlgebraicValue {
    /// `true` or `false`.
    Bool(bool),
    /// 8-bit signed integer.
    I8(i8),
    /// 8-bit unsigned integer.
    U8(u8),
    /// 16-bit signed integer.
    I16(i16),
    /// 16-bit unsigned integer.
    U16(u16),
    /// 32-bit signed integer.
    I32(i32),
    /// 32-bit unsigned integer.
    U32(u32),
    /// 64-bit signed integer.
    I64(i64),
    /// 64-bit unsigned integer.
    U64(u64),
    /// 128-bit signed integer.
    I128(i128),
    /// 128-bit unsigned integer.
    U128(u128),
    /// 256-bit signed integer.
    I256(I256),
    /// 256-bit unsigned integer.
    U256(U256),
    /// 32-bit IEEE 754 number.
    F32(f32),
    /// 64-bit IEEE 754 number.
    F64(f64),
    /// Text.
    String(Box<str>),
    /// An array of [`AlgebraicType::U8`](crate::AlgebraicType::U8); never an [`AlgebraicValue::Array`].
    Bytes(Box<[u8]>),
    /// An array of anything else.
    Array(Vec<AlgebraicValue>),
    /// One variant of a sum.
    Sum(SumValue),
    /// The elements of a product.
    Product(Vec<AlgebraicValue>),
}

/// A value of a sum type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SumValue {
    /// Which variant.
    pub tag: u8,
    /// The variant's payload.
    pub value: Box<AlgebraicValue>,
}

/// The total order of floats: by number, -0 equal to 0, all NaNs equal to each other and greater than the rest.
///
/// Widening 32-bit floats keeps it, so it serves for them too.
pub fn cmp_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Bits that are equal exactly if the floats are equal in the order of [`cmp_floats`].
fn float_identity(value: f64) -> u64 {
    match value {
        0.0 => 0,
        nan if nan.is_nan() => f64::NAN.to_bits(),
        number => number.to_bits(),
    }
}

impl AlgebraicValue {
    /// The value of the unit type.
    pub const fn unit() -> Self {
        Self::Product(Vec::new())
    }

    /// An option: `some` with tag 0 or `none` with tag 1.
    pub fn option(value: Option<Self>) -> Self {
        match value {
            Some(value) => Self::Sum(SumValue { tag: 0, value: Box::new(value) }),
            None => Self::Sum(SumValue { tag: 1, value: Box::new(Self::unit()) }),
        }
    }

    /// A place for each kind, to tell values of different kinds apart.
    const fn kind(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::I8(_) => 1,
            Self::U8(_) => 2,
            Self::I16(_) => 3,
            Self::U16(_) => 4,
            Self::I32(_) => 5,
            Self::U32(_) => 6,
            Self::I64(_) => 7,
            Self::U64(_) => 8,
            Self::I128(_) => 9,
            Self::U128(_) => 10,
            Self::I256(_) => 11,
            Self::U256(_) => 12,
            Self::F32(_) => 13,
            Self::F64(_) => 14,
            Self::String(_) => 15,
            Self::Bytes(_) => 16,
            Self::Array(_) => 17,
            Self::Sum(_) => 18,
            Self::Product(_) => 19,
        }
    }
}

impl Ord for AlgebraicValue {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::I8(a), Self::I8(b)) => a.cmp(b),
            (Self::U8(a), Self::U8(b)) => a.cmp(b),
            (Self::I16(a), Self::I16(b)) => a.cmp(b),
            (Self::U16(a), Self::U16(b)) => a.cmp(b),
            (Self::I32(a), Self::I32(b)) => a.cmp(b),
            (Self::U32(a), Self::U32(b)) => a.cmp(b),
            (Self::I64(a), Self::I64(b)) => a.cmp(b),
            (Self::U64(a), Self::U64(b)) => a.cmp(b),
            (Self::I128(a), Self::I128(b)) => a.cmp(b),
            (Self::U128(a), Self::U128(b)) => a.cmp(b),
            (Self::I256(a), Self::I256(b)) => a.cmp(b),
            (Self::U256(a), Self::U256(b)) => a.cmp(b),
            (Self::F32(a), Self::F32(b)) => cmp_floats((*a).into(), (*b).into()),
            (Self::F64(a), Self::F64(b)) => cmp_floats(*a, *b),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::Array(a), Self::Array(b)) | (Self::Product(a), Self::Product(b)) => a.cmp(b),
            (Self::Sum(a), Self::Sum(b)) => a.cmp(b),
            (a, b) => a.kind().cmp(&b.kind()),
        }
    }
}

impl PartialOrd for AlgebraicValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for AlgebraicValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for AlgebraicValue {}

impl Hash for AlgebraicValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.kind());
        match self {
            Self::Bool(value) => value.hash(state),
            Self::I8(value) => value.hash(state),
            Self::U8(value) => value.hash(state),
            Self::I16(value) => value.hash(state),
            Self::U16(value) => value.hash(state),
            Self::I32(value) => value.hash(state),
            Self::U32(value) => value.hash(state),
            Self::I64(value) => value.hash(state),
            Self::U64(value) => value.hash(state),
            Self::I128(value) => value.hash(state),
            Self::U128(value) => value.hash(state),
            Self::I256(value) => value.hash(state),
            Self::U256(value) => value.hash(state),
            Self::F32(value) => float_identity((*value).into()).hash(state),
            Self::F64(value) => float_identity(*value).hash(state),
            Self::String(value) => value.hash(state),
            Self::Bytes(value) => value.hash(state),
            Self::Array(elements) | Self::Product(elements) => elements.hash(state),
            Self::Sum(value) => value.hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AlgebraicType, Element, MAX_TYPE_DEPTH, ProductType, TypeRef,
        bsatn::{Decode, DecodeError, Encode},
    };

    #[test]
    fn floats_have_a_total_order() {
        let sorted = [f64::NEG_INFINITY, -1.0, 0.0, 1.0, f64::INFINITY, f64::NAN];
        for (place, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(cmp_floats(*a, *b), place.cmp(&other), "{a} {b}");
            }
        }
        assert_eq!(AlgebraicValue::F64(0.0), AlgebraicValue::F64(-0.0));
        assert_eq!(AlgebraicValue::F32(f32::NAN), AlgebraicValue::F32(-f32::NAN));
    }

    #[test]
    fn known_bytes_of_values_and_types() {
        let some = AlgebraicValue::option(Some(AlgebraicValue::U32(5)));
        assert_eq!(some.to_bsatn(), [0, 5, 0, 0, 0]);
        assert_eq!(AlgebraicValue::option(None).to_bsatn(), [1]);
        assert_eq!(AlgebraicValue::String("hi".into()).to_bsatn(), *b"\x02\0\0\0hi");
        assert_eq!(AlgebraicType::Array(Box::new(AlgebraicType::String)).to_bsatn(), [3, 4]);
        let element = Element { name: Some("id".into()), ty: AlgebraicType::U64 };
        let product = AlgebraicType::Product(ProductType { elements: [element].into() });
        let bytes = *b"\x02\x01\0\0\0\0\x02\0\0\0id\x0d";
        assert_eq!(product.to_bsatn(), bytes);
        assert_eq!(AlgebraicType::from_bsatn(&bytes), Ok(product));
    }

    #[test]
    fn decoding_is_bounded() {
        let mut deep = vec![3; 1 << 20];
        deep.push(4);
        assert!(matches!(AlgebraicType::from_bsatn(&deep), Err(DecodeError::TooDeep { .. })));
        let mut allowed = vec![3; MAX_TYPE_DEPTH];
        allowed.push(4);
        assert!(AlgebraicType::from_bsatn(&allowed).is_ok());

        let units = AlgebraicType::Array(Box::new(AlgebraicType::unit()));
        let error = AlgebraicValue::from_bsatn(&[0xff; 4], &units).unwrap_err();
        assert!(matches!(error, DecodeError::TooManyUnits { .. }));
        let pair = AlgebraicType::Array(Box::new(AlgebraicType::U16));
        assert!(AlgebraicValue::from_bsatn(&[0xff; 8], &pair).is_err());
        assert_eq!(
            AlgebraicValue::from_bsatn(&[], &AlgebraicType::Ref(TypeRef(3))),
            Err(DecodeError::UnresolvedRef(3))
        );
    }
}
