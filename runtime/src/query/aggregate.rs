//! `COUNT`, `SUM`, `MIN`, `MAX` and `AVG`.
//!
//! | | type of the result | exactly |
//! | --- | --- | --- |
//! | `COUNT(*)` | `U64` | the number of rows |
//! | `COUNT(a)` | `U64` | the number of rows in which `a` is not missing |
//! | `SUM(a)` | twice as wide as `a`: `U64` or `I64` for up to 32 bits, `U128` or `I128` for 64, `U256` or `I256` for more; `F64` for floats | the sum, 0 of no rows; an error if it does not fit the type |
//! | `MIN(a)`, `MAX(a)` | that of `a` | in the order of `ORDER BY`; missing values do not count |
//! | `AVG(a)` | `F64` | the exact sum, as a float, divided by the count; missing values do not count |
//!
//! Where there may be no value to give, because all rows are one group and there may be none, or because all values
//! of an optional column may be missing, the result of `MIN`, `MAX` and `AVG` is an option. Sums of floats are added
//! up in the order in which the rows are found.

use orrery_host_abi::{AlgebraicType, bsatn::Encode};

use ethnum::{I256, U256};

use super::{
    compare::{f32_of, f64_of},
    error::QueryError,
    number::to_f64,
    relation::ColumnRef,
    syntax::Function,
};
use crate::store::{KeyBytes, encode_key};

/// A function of the rows of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aggregate {
    function: Function,
    argument: Option<Argument>,
    /// Whether a group may have no value to give.
    may_be_empty: bool,
}

/// The column that a function is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) column: ColumnRef,
    pub(super) ty: AlgebraicType,
}

impl Argument {
    fn inner_type(&self) -> &AlgebraicType {
        self.ty.as_option().unwrap_or(&self.ty)
    }
}

impl Aggregate {
    /// A function of a column, or of rows as such. `is_ungrouped`: whether all rows are one group. The error is the
    /// type that the function is not for.
    pub(super) fn new(
        function: Function,
        argument: Option<Argument>,
        is_ungrouped: bool,
    ) -> Result<Self, AlgebraicType> {
        let may_be_empty =
            is_ungrouped || argument.as_ref().is_some_and(|argument| argument.ty.as_option().is_some());
        if matches!(function, Function::Sum | Function::Avg)
            && let Some(argument) = &argument
            && sum_type(argument.inner_type()).is_none()
        {
            return Err(argument.ty.clone());
        }
        Ok(Self { function, argument, may_be_empty })
    }

    /// The column that it is of.
    pub(super) fn column(&self) -> Option<ColumnRef> {
        self.argument.as_ref().map(|argument| argument.column)
    }

    /// The type of its result.
    pub(super) fn result_type(&self) -> AlgebraicType {
        let optional = |ty| if self.may_be_empty { AlgebraicType::option(ty) } else { ty };
        let inner = self.argument.as_ref().map(Argument::inner_type);
        match (self.function, inner) {
            (Function::Sum, Some(inner)) => sum_type(inner).unwrap_or(AlgebraicType::U64),
            (Function::Min | Function::Max, Some(inner)) => optional(inner.clone()),
            (Function::Avg, _) => optional(AlgebraicType::F64),
            _ => AlgebraicType::U64,
        }
    }

    /// What it begins with.
    pub(super) fn start(&self) -> Accumulator {
        let sum = || match self.argument.as_ref().map(|argument| Number::of(argument.inner_type())) {
            Some(Some(Number::Float { .. })) => Sum::Float(0.0),
            Some(Some(Number::Integer { width: 32, is_signed: false })) => Sum::Unsigned(U256::ZERO),
            Some(Some(Number::Integer { width: 16 | 32, .. })) => Sum::Wide(I256::ZERO),
            _ => Sum::Small(0),
        };
        match self.function {
            Function::Count => Accumulator::Count(0),
            Function::Sum => Accumulator::Sum(sum()),
            Function::Avg => Accumulator::Avg(sum(), 0),
            Function::Min | Function::Max => Accumulator::Extreme(None),
        }
    }

    /// Takes a row's value (its cell; nothing for `COUNT(*)`) into account. How many bytes more are kept.
    pub(super) fn add(&self, to: &mut Accumulator, cell: &[u8]) -> Result<usize, QueryError> {
        let Some(argument) = &self.argument else {
            if let Accumulator::Count(count) = to {
                *count += 1;
            }
            return Ok(0);
        };
        let is_optional = argument.ty.as_option().is_some();
        let ((false, value) | (true, [0, value @ ..])) = (is_optional, cell) else { return Ok(0) };
        let ty = argument.inner_type();
        match to {
            Accumulator::Count(count) => *count += 1,
            Accumulator::Sum(sum) => sum.add(ty, value).ok_or_else(|| self.overflow())?,
            Accumulator::Avg(sum, count) => {
                sum.add(ty, value).ok_or_else(|| self.overflow())?;
                *count += 1;
            }
            Accumulator::Extreme(best) => {
                let mut key = KeyBytes::new();
                encode_key(ty, value, &mut key);
                let is_better = best.as_ref().is_none_or(|(known, _)| match self.function {
                    Function::Min => key < *known,
                    _ => key > *known,
                });
                if is_better {
                    let before = best.as_ref().map_or(0, |(key, value)| key.len() + value.len());
                    let now = key.len() + value.len();
                    *best = Some((key, value.into()));
                    return Ok(now.saturating_sub(before));
                }
            }
        }
        Ok(0)
    }

    /// Appends the BSATN of the result.
    pub(super) fn finish(&self, from: &Accumulator, out: &mut Vec<u8>) -> Result<(), QueryError> {
        let mut optional = |value: Option<&[u8]>| match value {
            Some(value) => {
                if self.may_be_empty {
                    out.push(0);
                }
                out.extend_from_slice(value);
            }
            None => out.push(1),
        };
        match from {
            Accumulator::Count(count) => count.encode(out),
            Accumulator::Sum(sum) => {
                sum.encode(&self.result_type(), out).ok_or_else(|| self.overflow())?;
            }
            Accumulator::Avg(_, 0) => optional(None),
            Accumulator::Avg(sum, count) => {
                optional(Some(&(sum.to_f64() / *count as f64).to_le_bytes()));
            }
            Accumulator::Extreme(best) => optional(best.as_ref().map(|(_, value)| &**value)),
        }
        Ok(())
    }

    fn overflow(&self) -> QueryError {
        QueryError::plain(format!("the {} is too large for its type", self.function.name()))
    }
}

/// What a function knows of the rows so far.
#[derive(Debug)]
pub(super) enum Accumulator {
    Count(u64),
    Sum(Sum),
    Avg(Sum, u64),
    /// The value with its key.
    Extreme(Option<(KeyBytes, Box<[u8]>)>),
}

/// A sum so far.
#[derive(Debug)]
pub(super) enum Sum {
    /// Of integers of up to 64 bits.
    Small(i128),
    /// Of integers of 128 bits, or signed ones of 256.
    Wide(I256),
    /// Of unsigned integers of 256 bits.
    Unsigned(U256),
    Float(f64),
}

impl Sum {
    fn add(&mut self, ty: &AlgebraicType, value: &[u8]) -> Option<()> {
        match (self, Number::of(ty)?) {
            (Self::Small(sum), Number::Integer { is_signed, .. }) => {
                *sum = sum.checked_add(widened(value, is_signed))?;
            }
            (Self::Wide(sum), Number::Integer { is_signed, .. }) => {
                *sum = sum.checked_add(I256::from_le_bytes(extended(value, is_signed)))?;
            }
            (Self::Unsigned(sum), _) => {
                *sum = sum.checked_add(U256::from_le_bytes(extended(value, false)))?;
            }
            (Self::Float(sum), Number::Float { width: 4 }) => *sum += f64::from(f32_of(value)),
            (Self::Float(sum), _) => *sum += f64_of(value),
            _ => return None,
        }
        Some(())
    }

    fn to_f64(&self) -> f64 {
        match self {
            Self::Small(sum) => *sum as f64,
            Self::Wide(sum) => to_f64(*sum),
            Self::Unsigned(sum) => sum.as_f64(),
            Self::Float(sum) => *sum,
        }
    }

    fn encode(&self, ty: &AlgebraicType, out: &mut Vec<u8>) -> Option<()> {
        match (self, ty) {
            (Self::Float(sum), _) => sum.encode(out),
            (Self::Small(sum), AlgebraicType::U64) => u64::try_from(*sum).ok()?.encode(out),
            (Self::Small(sum), AlgebraicType::I64) => i64::try_from(*sum).ok()?.encode(out),
            (Self::Small(sum), _) => sum.encode(out),
            (Self::Wide(sum), AlgebraicType::U256) => U256::try_from(*sum).ok()?.encode(out),
            (Self::Wide(sum), _) => sum.encode(out),
            (Self::Unsigned(sum), _) => sum.encode(out),
        }
        Some(())
    }
}

/// A type of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Integer { width: u8, is_signed: bool },
    Float { width: u8 },
}

impl Number {
    fn of(ty: &AlgebraicType) -> Option<Self> {
        use AlgebraicType as Type;
        let width = ty.scalar_width()? as u8;
        match ty {
            Type::Bool => None,
            Type::F32 | Type::F64 => Some(Self::Float { width }),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 | Type::I256 => {
                Some(Self::Integer { width, is_signed: true })
            }
            _ => Some(Self::Integer { width, is_signed: false }),
        }
    }
}

/// The type of sums of that type.
fn sum_type(ty: &AlgebraicType) -> Option<AlgebraicType> {
    Some(match Number::of(ty)? {
        Number::Float { .. } => AlgebraicType::F64,
        Number::Integer { width: ..=4, is_signed: false } => AlgebraicType::U64,
        Number::Integer { width: ..=4, is_signed: true } => AlgebraicType::I64,
        Number::Integer { width: 8, is_signed: false } => AlgebraicType::U128,
        Number::Integer { width: 8, is_signed: true } => AlgebraicType::I128,
        Number::Integer { is_signed: false, .. } => AlgebraicType::U256,
        Number::Integer { is_signed: true, .. } => AlgebraicType::I256,
    })
}

/// An integer of up to 8 bytes.
fn widened(value: &[u8], is_signed: bool) -> i128 {
    let bytes: [u8; 16] = extended(value, is_signed);
    i128::from_le_bytes(bytes)
}

/// An integer with more bytes.
fn extended<const N: usize>(value: &[u8], is_signed: bool) -> [u8; N] {
    let is_negative = is_signed && value.last().is_some_and(|last| last & 0x80 != 0);
    let mut bytes = [if is_negative { 0xff } else { 0 }; N];
    for (to, from) in bytes.iter_mut().zip(value) {
        *to = *from;
    }
    bytes
}
