//! What has changed between two answers of a view.

use std::collections::HashMap;

use bytes::Bytes;
use orrery_host_abi::{Layout, bsatn::DecodeError};

/// Rows of an answer, cut apart.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// BSATN: an array.
    array: Bytes,
    /// Where each row ends in `array`.
    ends: Box<[u32]>,
}

/// Bytes before the rows in an array: their number.
const HEAD: usize = 4;

impl Rows {
    /// The rows of an array (BSATN) whose elements have that layout.
    pub(crate) fn new(array: Bytes, row: &Layout) -> Result<Self, DecodeError> {
        let head = array.first_chunk::<HEAD>();
        let count = u32::from_le_bytes(*head.ok_or(DecodeError::Truncated {
            at: 0,
            needed: HEAD,
            expected: "an array",
        })?) as usize;
        // The array has been checked as a whole, so it is no shorter than it says; rows may be empty, though.
        let mut ends = Vec::with_capacity(count.min(array.len()));
        let mut at = HEAD;
        for _ in 0..count {
            at += row.validate(&array[at..])?;
            ends.push(at as u32);
        }
        Ok(Self { array, ends: ends.into() })
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn row(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(HEAD, |before| self.ends[before] as usize);
        &self.array[start..self.ends[at] as usize]
    }
}

/// The rows that must be added and those that must be taken away to get from `old` to `new`, each a BSATN array. How
/// often a row occurs counts, in which order does not. None if there are none of either.
pub(crate) fn difference(old: &Rows, new: &Rows) -> Option<(Bytes, Bytes)> {
    if old.array == new.array {
        return None;
    }
    // Most changes are about a few rows: what is the same at both ends need not be looked up.
    let common = old.len().min(new.len());
    let before = (0..common).take_while(|&at| old.row(at) == new.row(at)).count();
    let after = (0..common - before)
        .take_while(|&at| old.row(old.len() - 1 - at) == new.row(new.len() - 1 - at))
        .count();

    let mut left: HashMap<&[u8], usize> = HashMap::new();
    for at in before..old.len() - after {
        *left.entry(old.row(at)).or_default() += 1;
    }
    let mut inserts = ArrayWriter::default();
    for at in before..new.len() - after {
        let row = new.row(at);
        match left.get_mut(row) {
            Some(count) if *count > 0 => *count -= 1,
            _ => inserts.push(row),
        }
    }
    let mut deletes = ArrayWriter::default();
    for at in before..old.len() - after {
        let row = old.row(at);
        if let Some(count) = left.get_mut(row)
            && *count > 0
        {
            *count -= 1;
            deletes.push(row);
        }
    }
    (inserts.count + deletes.count > 0).then(|| (inserts.finish(), deletes.finish()))
}

/// Writes an array of rows.
struct ArrayWriter {
    count: u32,
    bytes: Vec<u8>,
}

impl Default for ArrayWriter {
    fn default() -> Self {
        Self { count: 0, bytes: vec![0; HEAD] }
    }
}

impl ArrayWriter {
    fn push(&mut self, row: &[u8]) {
        self.count += 1;
        self.bytes.extend_from_slice(row);
    }

    fn finish(mut self) -> Bytes {
        self.bytes[..HEAD].copy_from_slice(&self.count.to_le_bytes());
        self.bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use orrery_host_abi::{AlgebraicType, Typespace};
    use proptest::prelude::*;

    use super::*;

    fn array(rows: &[String]) -> Bytes {
        let mut writer = ArrayWriter::default();
        for row in rows {
            writer.push(&(row.len() as u32).to_le_bytes());
            writer.bytes.extend_from_slice(row.as_bytes());
        }
        writer.count = rows.len() as u32;
        writer.finish()
    }

    fn read(bytes: Bytes) -> Vec<Vec<u8>> {
        let rows = rows(bytes);
        (0..rows.len()).map(|at| rows.row(at).to_vec()).collect()
    }

    fn rows(bytes: Bytes) -> Rows {
        Rows::new(bytes, &Layout::new(&AlgebraicType::String, &Typespace::default()).unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn a_difference_leads_from_one_to_the_other(
            old in proptest::collection::vec("[ab]{0,2}", 0..12),
            new in proptest::collection::vec("[ab]{0,2}", 0..12),
        ) {
            let mut held = read(array(&old));
            let mut wanted = read(array(&new));
            if let Some((inserts, deletes)) = difference(&rows(array(&old)), &rows(array(&new))) {
                let (inserts, deletes) = (read(inserts), read(deletes));
                prop_assert!(inserts.iter().all(|row| !deletes.contains(row)), "nothing comes and goes at once");
                for row in deletes {
                    let at = held.iter().position(|one| *one == row);
                    held.remove(at.expect("what goes was there"));
                }
                held.extend(inserts);
            }
            held.sort();
            wanted.sort();
            prop_assert_eq!(held, wanted);
        }
    }

    #[test]
    fn another_order_is_no_difference() {
        let (one, other) = (["a", "b", "a"].map(String::from), ["b", "a", "a"].map(String::from));
        assert!(difference(&rows(array(&one)), &rows(array(&other))).is_none());
    }
}
