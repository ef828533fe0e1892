//! Rows as BSATN bytes: check them and find their columns without decoding.

use smallvec::SmallVec;

use crate::{
    AlgebraicType, ColId, ProductType, Typespace,
    bsatn::DecodeError,
    layout::{Compiler, Guard, LayoutError, Program, Seq, Size},
};

/// Where the columns of a table's rows are.
///
/// The columns before the first one of variable length have fixed places, so that finding them costs nothing;
/// those after it are found by walking over what lies between.
#[derive(Debug, Clone)]
pub struct RowLayout {
    columns: Box<[Column]>,
    /// The instructions for a whole row.
    row: Program,
    row_seq: Seq,
    /// The instructions for one column each.
    cells: Program,
    cell_seqs: Box<[Seq]>,
    size: Size,
    /// How many columns have a fixed place: those of fixed length at the start, and the next one.
    placed: usize,
}

/// A column of a [`RowLayout`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Column {
    /// Its type, with every reference resolved.
    pub ty: AlgebraicType,
    /// Where it begins in every row, if that is the same place in all.
    pub offset: Option<usize>,
    /// How many bytes it takes in every row, if that is the same in all.
    pub fixed_len: Option<usize>,
}

impl RowLayout {
    /// The layout of rows of that type. References are resolved in `typespace`.
    pub fn new(row_type: &ProductType, typespace: &Typespace) -> Result<Self, LayoutError> {
        let mut guard = Guard::new(typespace);
        let resolved = row_type.resolve_with(&mut guard)?;
        let no_refs = Typespace::default();
        let mut rows = Compiler::new(&no_refs);
        let (row_seq, size) = rows.sequence(|c| c.product(&resolved))?;

        let mut cells = Compiler::new(&no_refs);
        let mut cell_seqs = Vec::with_capacity(resolved.elements.len());
        let mut columns = Vec::with_capacity(resolved.elements.len());
        let mut next_offset = Some(0_usize);
        for element in resolved.elements {
            let (seq, size) = cells.sequence(|c| c.ty(&element.ty))?;
            let fixed_len = size.is_fixed.then_some(size.min);
            columns.push(Column { ty: element.ty, offset: next_offset, fixed_len });
            next_offset = next_offset.zip(fixed_len).and_then(|(offset, len)| offset.checked_add(len));
            cell_seqs.push(seq);
        }
        let placed = columns.iter().take_while(|column| column.offset.is_some()).count();
        Ok(Self {
            columns: columns.into(),
            row: rows.program,
            row_seq,
            cells: cells.program,
            cell_seqs: cell_seqs.into(),
            size,
            placed,
        })
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The length in bytes of every row, if all rows have the same.
    pub fn fixed_len(&self) -> Option<usize> {
        self.size.is_fixed.then_some(self.size.min)
    }

    /// The length in bytes of the shortest row.
    pub fn min_len(&self) -> usize {
        self.size.min
    }

    /// Checks that `bytes` begins with a valid row; how many bytes that row takes.
    ///
    /// Allocates nothing and never panics. If every row has the same length and holds numbers only, this is a
    /// comparison of lengths.
    #[inline]
    pub fn validate(&self, bytes: &[u8]) -> Result<usize, DecodeError> {
        if self.size.is_fixed && self.size.is_any_valid && bytes.len() >= self.size.min {
            return Ok(self.size.min);
        }
        self.row.check(self.row_seq, bytes, 0, 0)
    }

    /// The bytes of one column of a valid row.
    ///
    /// For bytes that [`Self::validate`] did not accept, or a column that does not exist, the answer means
    /// nothing; it is never a panic.
    #[inline]
    pub fn column<'r>(&self, row: &'r [u8], column: usize) -> &'r [u8] {
        if let Some(&Column { offset: Some(start), fixed_len: Some(len), .. }) = self.columns.get(column) {
            return row.get(start..start + len).unwrap_or_default();
        }
        self.walk_to(row, column)
    }

    /// The bytes of several columns of a valid row, in the order asked for.
    ///
    /// Columns that are asked for in the order of the row are found in one walk.
    pub fn columns_at<'r>(&self, row: &'r [u8], columns: &[ColId]) -> SmallVec<[&'r [u8]; 4]> {
        let mut found = SmallVec::with_capacity(columns.len());
        self.each_column(row, columns, |cell| found.push(cell));
        found
    }

    /// Appends the bytes of several columns of a valid row to `key`, in the order asked for: the BSATN of the
    /// product of those columns.
    pub fn project(&self, row: &[u8], columns: &[ColId], key: &mut Vec<u8>) {
        self.each_column(row, columns, |cell| key.extend_from_slice(cell));
    }

    fn each_column<'r>(&self, row: &'r [u8], columns: &[ColId], mut take: impl FnMut(&'r [u8])) {
        // Where the walk has got to: the next column, and its offset.
        let (mut next, mut at) = self.walk_start();
        for column in columns {
            let column = column.0 as usize;
            if let Some(&Column { offset: Some(start), fixed_len: Some(len), .. }) = self.columns.get(column)
            {
                take(row.get(start..start + len).unwrap_or_default());
                continue;
            }
            if column < next {
                (next, at) = self.walk_start();
            }
            let cell;
            (cell, at) = self.walk(row, next, at, column);
            next = column + 1;
            take(cell);
        }
    }

    /// The last column with a fixed place, and that place.
    fn walk_start(&self) -> (usize, usize) {
        let last = self.placed.saturating_sub(1);
        (last, self.columns.get(last).and_then(|column| column.offset).unwrap_or(0))
    }

    fn walk_to<'r>(&self, row: &'r [u8], column: usize) -> &'r [u8] {
        let (next, at) = self.walk_start();
        self.walk(row, next, at, column).0
    }

    /// Walks from column `next` at `at` to the end of `column`; its bytes, and where they end.
    fn walk<'r>(&self, row: &'r [u8], next: usize, mut at: usize, column: usize) -> (&'r [u8], usize) {
        let Some(seqs) = self.cell_seqs.get(next..=column) else { return (&[], at) };
        let mut start = at;
        for &seq in seqs {
            start = at;
            at = self.cells.skip(seq, row, at);
        }
        (row.get(start..at).unwrap_or_default(), at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Element, SumType, TypeRef, Variant};

    fn product(types: &[AlgebraicType]) -> ProductType {
        ProductType { elements: types.iter().map(|ty| Element { name: None, ty: ty.clone() }).collect() }
    }

    fn sum(types: &[AlgebraicType]) -> AlgebraicType {
        AlgebraicType::Sum(SumType {
            variants: types.iter().map(|ty| Variant { name: None, ty: ty.clone() }).collect(),
        })
    }

    fn layout(types: &[AlgebraicType]) -> RowLayout {
        RowLayout::new(&product(types), &Typespace::default()).unwrap()
    }

    #[test]
    fn numbers_alone_need_only_their_length() {
        let layout = layout(&[AlgebraicType::U32, AlgebraicType::F64]);
        assert_eq!(layout.fixed_len(), Some(12));
        assert_eq!(layout.validate(&[0xff; 20]), Ok(12));
        assert!(layout.validate(&[0xff; 11]).is_err());
        let row: Vec<u8> = (0..12).collect();
        assert_eq!(layout.column(&row, 0), &row[..4]);
        assert_eq!(layout.column(&row, 1), &row[4..]);
    }

    #[test]
    fn columns_after_a_string_are_found() {
        use AlgebraicType::{Array, Bool, String, U8, U16};
        let option = sum(&[String, AlgebraicType::unit()]);
        let layout = layout(&[U16, String, U8, option, Array(Box::new(Bool)), U16]);
        let row = b"\x01\x02\x02\0\0\0hi\x09\0\x01\0\0\0x\x02\0\0\0\x01\0\x07\x08";
        assert_eq!(layout.validate(row), Ok(row.len()));
        assert_eq!(layout.fixed_len(), None);
        let cells: Vec<&[u8]> = (0..6).map(|column| layout.column(row, column)).collect();
        let expected: [&[u8]; 6] =
            [b"\x01\x02", b"\x02\0\0\0hi", b"\x09", b"\0\x01\0\0\0x", b"\x02\0\0\0\x01\0", b"\x07\x08"];
        assert_eq!(cells, expected);
        for order in [&[0_u16, 1, 2, 3, 4, 5][..], &[5, 4, 3, 2, 1, 0], &[1, 1, 0, 3, 3, 5, 2], &[]] {
            let columns: Vec<ColId> = order.iter().map(|&column| ColId(column)).collect();
            let wanted: Vec<&[u8]> = order.iter().map(|&column| expected[column as usize]).collect();
            assert_eq!(layout.columns_at(row, &columns).to_vec(), wanted);
            let mut key = Vec::new();
            layout.project(row, &columns, &mut key);
            assert_eq!(key, wanted.concat());
        }
        for end in 0..row.len() {
            assert!(layout.validate(&row[..end]).is_err());
            for column in 0..7 {
                layout.column(&row[..end], column);
            }
        }
    }

    #[test]
    fn invalid_bytes_are_told_apart() {
        use AlgebraicType::{Bool, String, U8};
        assert_eq!(layout(&[Bool]).validate(&[2]), Err(DecodeError::InvalidBool { at: 0, byte: 2 }));
        assert_eq!(
            layout(&[U8, String]).validate(b"\0\x01\0\0\0\xff"),
            Err(DecodeError::InvalidUtf8 { at: 5 })
        );
        let unit = AlgebraicType::unit();
        assert_eq!(
            layout(&[sum(&[unit.clone(), unit])]).validate(&[2]),
            Err(DecodeError::InvalidTag { at: 0, tag: 2, variants: 2 })
        );
        assert_eq!(layout(&[sum(&[])]).validate(&[0]), Err(DecodeError::NoVariants { at: 0 }));
    }

    #[test]
    fn huge_counts_take_no_time() {
        use AlgebraicType::{Array, Bool};
        let units = layout(&[Array(Box::new(AlgebraicType::unit()))]);
        assert_eq!(units.validate(&[0xff; 4]), Ok(4));
        let never = layout(&[Array(Box::new(sum(&[])))]);
        assert!(never.validate(&[0xff; 4]).is_err());
        let bools = layout(&[Array(Box::new(Bool))]);
        assert!(bools.validate(&[0xff, 0xff, 0xff, 0xff, 0, 1]).is_err());
    }

    #[test]
    fn hostile_types_are_refused() {
        use AlgebraicType::{Array, Ref, U8};
        let typespace = |types| Typespace { types };
        let row = |ty| product(&[ty]);
        let own = typespace(vec![Array(Box::new(Ref(TypeRef(0))))]);
        assert_eq!(RowLayout::new(&row(Ref(TypeRef(0))), &own).unwrap_err(), LayoutError::UnresolvedRef(0));
        assert_eq!(RowLayout::new(&row(Ref(TypeRef(7))), &own).unwrap_err(), LayoutError::UnresolvedRef(7));
        let mut deep = U8;
        for _ in 0..200 {
            deep = Array(Box::new(deep));
        }
        assert_eq!(RowLayout::new(&row(deep), &own).unwrap_err(), LayoutError::TooDeep);
        let mut doubling = vec![U8];
        for target in 0..60 {
            let half = Ref(TypeRef(target));
            doubling.push(AlgebraicType::Product(product(&[half.clone(), half])));
        }
        let doubling = typespace(doubling);
        assert_eq!(RowLayout::new(&row(Ref(TypeRef(60))), &doubling).unwrap_err(), LayoutError::TooLarge);
    }
}
