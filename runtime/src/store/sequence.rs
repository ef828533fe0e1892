//! Sequences: where the values of auto-increment columns come from.
//!
//! Values are handed out from memory, and 4096 of them at a time are noted in the journal as used up, together
//! with the transaction that asked for the first of them. After a restart a sequence goes on behind what was noted,
//! so a value that a committed row may have is never given twice. Rolling a transaction back does not give values
//! back; what it wanted noted is noted by the next transaction that commits.

use orrery_host_abi::{AlgebraicType, RowLayout, SequenceId};

use super::{SchemaError, SequenceSpec};

/// How many values are noted as used up at a time.
const ALLOTMENT: u128 = 4096;

/// Where a sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceState {
    /// The next value.
    pub next: i128,
    /// The first value that is not set aside for this run: after a restart the sequence goes on from here.
    pub allocated: i128,
}

/// A sequence and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    pub(super) spec: SequenceSpec,
    pub(super) state: SequenceState,
    /// What the journal knows of [`SequenceState::allocated`].
    pub(super) journaled: i128,
    /// The length of the column's integer in bytes.
    width: usize,
}

impl Sequence {
    /// A sequence at its start, for a table of that layout.
    pub(super) fn new(spec: SequenceSpec, layout: &RowLayout) -> Result<Self, SchemaError> {
        let invalid = SchemaError::InvalidSequence(spec.id);
        let column = layout.columns().get(usize::from(spec.column.0)).ok_or(invalid.clone())?;
        let width = integer_width(&column.ty).ok_or(invalid.clone())?;
        let reach = spec.max_value.wrapping_sub(spec.min_value) as u128;
        let is_valid = spec.min_value < spec.max_value
            && (spec.min_value..=spec.max_value).contains(&spec.start)
            && spec.increment != 0
            && spec.increment.unsigned_abs() < reach;
        if !is_valid {
            return Err(invalid);
        }
        let state = SequenceState { next: spec.start, allocated: spec.start };
        Ok(Self { journaled: spec.start, state, spec, width })
    }

    pub(super) fn id(&self) -> SequenceId {
        self.spec.id
    }

    /// Takes the next value.
    pub(super) fn take(&mut self) -> i128 {
        if self.state.next == self.state.allocated {
            self.state.allocated = self.after(self.state.next, ALLOTMENT);
        }
        let value = self.state.next;
        self.state.next = self.after(value, 1);
        value
    }

    /// Whether values were handed out that the journal does not know to be used up.
    pub(super) fn is_ahead(&self) -> bool {
        self.state.allocated != self.journaled
    }

    /// Goes on from there; everything before counts as used up.
    pub(super) fn set_next(&mut self, next: i128) {
        self.state = SequenceState { next, allocated: next };
    }

    /// The value so many steps after another one, wrapping around from one bound to the other.
    fn after(&self, value: i128, steps: u128) -> i128 {
        let SequenceSpec { min_value: min, max_value: max, increment, .. } = self.spec;
        // How many values there are; 0 stands for all 2¹²⁸.
        let count = (max.wrapping_sub(min) as u128).wrapping_add(1);
        let place = value.wrapping_sub(min) as u128;
        let (step, is_down) = (increment.unsigned_abs(), increment < 0);
        let distance = if count == 0 { step.wrapping_mul(steps) } else { multiply_mod(step, steps, count) };
        let place = match (count, is_down) {
            (0, false) => place.wrapping_add(distance),
            (0, true) => place.wrapping_sub(distance),
            (_, false) => add_mod(place, distance, count),
            (_, true) => add_mod(place, count - distance, count),
        };
        min.wrapping_add(place as i128)
    }

    /// Writes a value over the column's bytes, cut to its width.
    pub(super) fn write(&self, value: i128, cell: &mut [u8]) {
        // Integers of 256 bits are longer than the value: it is non-negative or its sign goes on.
        let sign = if value < 0 { 0xff } else { 0 };
        let bytes = value.to_le_bytes();
        for (at, byte) in cell.iter_mut().take(self.width).enumerate() {
            *byte = bytes.get(at).copied().unwrap_or(sign);
        }
    }
}

/// `a + b` for numbers of at most `count`.
fn add_mod(a: u128, b: u128, count: u128) -> u128 {
    let (a, b) = (a % count, b % count);
    if a >= count - b { a - (count - b) } else { a + b }
}

/// `a * b` by doubling, as the product may be longer than 128 bits.
fn multiply_mod(a: u128, b: u128, count: u128) -> u128 {
    if let Some(product) = a.checked_mul(b) {
        return product % count;
    }
    let (mut result, mut a, mut b) = (0, a % count, b);
    while b != 0 {
        if b & 1 == 1 {
            result = add_mod(result, a, count);
        }
        a = add_mod(a, a, count);
        b >>= 1;
    }
    result
}

/// The width in bytes of the integer that is all there is to a value of that type.
fn integer_width(ty: &AlgebraicType) -> Option<usize> {
    Some(match ty {
        AlgebraicType::I8 | AlgebraicType::U8 => 1,
        AlgebraicType::I16 | AlgebraicType::U16 => 2,
        AlgebraicType::I32 | AlgebraicType::U32 => 4,
        AlgebraicType::I64 | AlgebraicType::U64 => 8,
        AlgebraicType::I128 | AlgebraicType::U128 => 16,
        AlgebraicType::I256 | AlgebraicType::U256 => 32,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use orrery_host_abi::{ColId, Element, ProductType, Typespace};

    use super::*;

    fn sequence(
        start: i128,
        min_value: i128,
        max_value: i128,
        increment: i128,
    ) -> Result<Sequence, SchemaError> {
        let row = ProductType { elements: [Element { name: None, ty: AlgebraicType::U8 }].into() };
        let layout = RowLayout::new(&row, &Typespace::default()).unwrap();
        let spec =
            SequenceSpec { id: SequenceId(1), column: ColId(0), start, min_value, max_value, increment };
        Sequence::new(spec, &layout)
    }

    #[track_caller]
    fn check(sequence: Result<Sequence, SchemaError>, expected: &[i128]) {
        let mut sequence = sequence.unwrap();
        let values: Vec<i128> = expected.iter().map(|_| sequence.take()).collect();
        assert_eq!(values, expected);
    }

    #[test]
    fn values_wrap_around() {
        check(sequence(1, 1, i128::MAX, 1), &[1, 2, 3]);
        check(sequence(3, 1, 4, 1), &[3, 4, 1, 2, 3]);
        check(sequence(3, 1, 5, 2), &[3, 5, 2, 4, 1, 3]);
        check(sequence(-2, -3, 3, -2), &[-2, 3, 1, -1, -3, 2]);
        check(sequence(i128::MAX - 1, i128::MIN, i128::MAX, 1), &[i128::MAX - 1, i128::MAX, i128::MIN]);
        check(sequence(i128::MAX, 1, i128::MAX, i128::MAX / 2), &[i128::MAX, i128::MAX / 2, i128::MAX - 1]);
        check(sequence(i128::MIN, i128::MIN, i128::MAX, -1), &[i128::MIN, i128::MAX]);
    }

    #[test]
    fn nonsense_is_refused() {
        for (start, min, max, increment) in
            [(1, 1, 9, 0), (0, 1, 9, 1), (10, 1, 9, 1), (1, 1, 1, 1), (1, 1, 9, -8)]
        {
            assert!(sequence(start, min, max, increment).is_err(), "{start} {min} {max} {increment}");
        }
    }

    #[test]
    fn values_are_noted_by_the_thousand() {
        let mut sequence = sequence(1, 1, i128::MAX, 1).unwrap();
        assert!(!sequence.is_ahead());
        sequence.take();
        assert_eq!(sequence.state, SequenceState { next: 2, allocated: 4097 });
        sequence.journaled = 4097;
        for _ in 1..4096 {
            sequence.take();
        }
        assert!(!sequence.is_ahead());
        assert_eq!(sequence.take(), 4097);
        assert!(sequence.is_ahead());
    }

    #[test]
    fn values_are_cut_to_the_column() {
        let mut sequence = sequence(257, 1, i128::MAX, 1).unwrap();
        let value = sequence.take();
        let mut cell = [0];
        sequence.write(value, &mut cell);
        assert_eq!(cell, [1]);
    }
}
