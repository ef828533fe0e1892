//! Comparing values as they lie in rows.

use std::cmp::Ordering;

use orrery_host_abi::{AlgebraicType, cmp_floats};

use super::syntax::Comparison;

/// How the values of a type are compared: what is special about a type does not matter, only how it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An integer of up to 8 bytes; a bool or the tag of a plain enum is one as well.
    Integer {
        /// Bytes.
        width: u8,
        is_signed: bool,
    },
    /// A longer integer.
    Wide {
        /// Bytes.
        width: u8,
        is_signed: bool,
    },
    F32,
    F64,
    /// A length, and bytes or text.
    Bytes,
}

/// A type whose values can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comparable {
    pub(super) kind: Kind,
    /// Whether it is an option: then a value may be missing.
    pub(super) is_optional: bool,
}

impl Comparable {
    /// How values of a type are compared, if they can be. What is inside of an option counts.
    pub(super) fn of(ty: &AlgebraicType) -> Option<Self> {
        let is_optional = ty.as_option().is_some();
        Some(Self { kind: Kind::of(ty.as_option().unwrap_or(ty))?, is_optional })
    }

    /// The value in a cell, without the tag of an option; none if it is missing.
    #[inline(always)]
    pub(super) fn value(self, cell: &[u8]) -> Option<&[u8]> {
        match (self.is_optional, cell) {
            (false, value) | (true, [0, value @ ..]) => Some(value),
            (true, _) => None,
        }
    }
}

impl Kind {
    fn of(ty: &AlgebraicType) -> Option<Self> {
        use AlgebraicType as Type;
        Some(match ty {
            Type::String => Self::Bytes,
            Type::Array(element) if **element == Type::U8 => Self::Bytes,
            Type::F32 => Self::F32,
            Type::F64 => Self::F64,
            Type::Sum(sum) if sum.is_plain_enum() => Self::Integer { width: 1, is_signed: false },
            Type::Product(product) => Self::of(&product.as_special()?.element_type())?,
            scalar => {
                let width = scalar.scalar_width()? as u8;
                let is_signed =
                    matches!(scalar, Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 | Type::I256);
                match width {
                    ..=8 => Self::Integer { width, is_signed },
                    _ => Self::Wide { width, is_signed },
                }
            }
        })
    }

    /// Compares two values.
    pub(super) fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Self::Integer { width, is_signed } => {
                ordered(a, width, is_signed).cmp(&ordered(b, width, is_signed))
            }
            Self::Wide { is_signed, .. } => compare_wide(a, b, is_signed),
            Self::F32 => cmp_floats(f32_of(a).into(), f32_of(b).into()),
            Self::F64 => cmp_floats(f64_of(a), f64_of(b)),
            Self::Bytes => a.get(4..).cmp(&b.get(4..)),
        }
    }

    /// Whether two values are equal.
    #[inline]
    pub(super) fn is_equal(self, a: &[u8], b: &[u8]) -> bool {
        match self {
            Self::F32 | Self::F64 => self.compare(a, b).is_eq(),
            _ => a == b,
        }
    }
}

impl Comparison {
    /// Whether values that compare like that meet it.
    #[inline(always)]
    pub(super) fn is_met(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }

    /// The same with its sides exchanged.
    pub(super) const fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }
}

/// An unsigned number in the order of integers of up to 8 bytes.
#[inline(always)]
pub(super) fn ordered(bytes: &[u8], width: u8, is_signed: bool) -> u64 {
    let (value, sign) = match (width, bytes) {
        (8, _) => (bytes.first_chunk().copied().map_or(0, u64::from_le_bytes), 1 << 63),
        (4, _) => (bytes.first_chunk().copied().map_or(0, u32::from_le_bytes).into(), 1 << 31),
        (2, _) => (bytes.first_chunk().copied().map_or(0, u16::from_le_bytes).into(), 1 << 15),
        _ => (bytes.first().copied().map_or(0, u64::from), 1 << 7),
    };
    if is_signed { value ^ sign } else { value }
}

fn compare_wide(a: &[u8], b: &[u8], is_signed: bool) -> Ordering {
    let sign = |bytes: &[u8]| is_signed && bytes.last().is_some_and(|last| last & 0x80 != 0);
    // A negative number comes first; among numbers of one sign, that of two's complement is the order of its bytes.
    sign(b).cmp(&sign(a)).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

pub(super) fn f32_of(bytes: &[u8]) -> f32 {
    bytes.first_chunk().copied().map_or(0.0, f32::from_le_bytes)
}

pub(super) fn f64_of(bytes: &[u8]) -> f64 {
    bytes.first_chunk().copied().map_or(0.0, f64::from_le_bytes)
}
