//! Keys of indexes: cut from rows, and encoded so that they compare as the values do.
//!
//! The order of values is the contract's: integers by size, `false` before `true`, strings and arrays from their
//! first element on, products by their first unequal element, sums by tag and then by payload, floats with
//! `-0.0 == 0.0` and every NaN equal to every other and greater than all numbers.
//!
//! Every value has an encoding whose bytes compare like that, and of which none is the beginning of another, so
//! the encoding of a key is that of its columns one after the other. Integers are big-endian with the sign bit
//! flipped; strings and byte arrays end with `00 00`, and `00 ff` stands for a zero in them; each element of
//! another array follows a `01`, and a `00` ends it. Where every key of an index has the same encoded length of at
//! most 32 bytes, and most have, the bytes are kept as a number and compared as one.

use orrery_host_abi::{
    AlgebraicType, ColId, IndexId, LayoutError, ProductType, RowLayout, SumType, Typespace,
    bsatn::DecodeError,
};
use smallvec::SmallVec;

use super::{error::KeyError, tree::Edge};

/// Encoded bytes. Short ones lie on the stack.
pub(crate) type KeyBytes = SmallVec<[u8; 32]>;

/// How the keys of an index are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyForm {
    /// Keys of up to 8 bytes.
    U64,
    /// Keys of up to 16 bytes.
    U128,
    /// Keys of up to 32 bytes.
    Words,
    /// All others.
    Bytes,
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EncodedKey {
    U64(u64),
    U128(u128),
    Words([u64; 4]),
    Bytes(KeyBytes),
}

/// The range of keys that a scan asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRange {
    pub(super) from: Edge<EncodedKey>,
    pub(super) to: Edge<EncodedKey>,
}

/// Raw arguments of a range scan, BSATN as modules pass them.
///
/// They ask for the rows whose first key columns equal `prefix` and whose next key column lies between `start` and
/// `end`; the columns after it do not matter. If the index has one column and that is a product, then the elements
/// of the product count as columns here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeArgs<'a> {
    /// The values of the first `prefix_elems` columns of the key, one after the other. Not looked at if that is 0.
    pub prefix: &'a [u8],
    /// How many columns `prefix` has. Less than the index has.
    pub prefix_elems: u16,
    /// The lower bound of the next column: `00` and a value that is included, `01` and one that is not, or `02`.
    pub start: &'a [u8],
    /// The upper bound of the next column, likewise.
    pub end: &'a [u8],
}

/// How the keys of one index are cut and encoded.
#[derive(Debug)]
pub(super) struct KeyPlan {
    index: IndexId,
    columns: Box<[ColId]>,
    types: Box<[AlgebraicType]>,
    /// Checks a whole key.
    key: RowLayout,
    /// Types and checks of what counts as columns for a range scan.
    parts: Box<[(AlgebraicType, RowLayout)]>,
    form: KeyForm,
    /// The encoded length, unless the form is [`KeyForm::Bytes`].
    encoded_len: usize,
    /// The way without detours, for a key of one integer.
    integer: Option<Integer>,
    /// Where that integer is, if it is in the same place in all rows.
    offset: Option<usize>,
}

/// An integer of up to 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Integer {
    len: usize,
    is_signed: bool,
}

impl Integer {
    /// The integer that is all there is to a value of that type.
    fn of(ty: &AlgebraicType) -> Option<Self> {
        let (len, is_signed) = match ty {
            AlgebraicType::Bool | AlgebraicType::U8 => (1, false),
            AlgebraicType::I8 => (1, true),
            AlgebraicType::U16 => (2, false),
            AlgebraicType::I16 => (2, true),
            AlgebraicType::U32 => (4, false),
            AlgebraicType::I32 => (4, true),
            AlgebraicType::U64 => (8, false),
            AlgebraicType::I64 => (8, true),
            AlgebraicType::Sum(sum) if is_plain_enum(sum) => (1, false),
            AlgebraicType::Product(product) => match &*product.elements {
                [only] => return Self::of(&only.ty),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { len, is_signed })
    }

    /// An unsigned number in the order of the integers. `bytes` begins with the integer.
    #[inline(always)]
    fn ordered(self, bytes: &[u8]) -> Option<u64> {
        fn read<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
            bytes.first_chunk().copied()
        }
        let (value, sign) = match self.len {
            4 => (u64::from(u32::from_le_bytes(read(bytes)?)), 1 << 31),
            8 => (u64::from_le_bytes(read(bytes)?), 1 << 63),
            2 => (u64::from(u16::from_le_bytes(read(bytes)?)), 1 << 15),
            _ => (u64::from(*bytes.first()?), 1 << 7),
        };
        Some(if self.is_signed { value ^ sign } else { value })
    }
}

/// Whether no variant has a payload.
fn is_plain_enum(sum: &SumType) -> bool {
    sum.variants
        .iter()
        .all(|variant| matches!(&variant.ty, AlgebraicType::Product(product) if product.elements.is_empty()))
}

impl KeyPlan {
    /// Of columns of rows of that layout, all of which exist.
    pub(super) fn new(index: IndexId, columns: &[ColId], row: &RowLayout) -> Result<Self, LayoutError> {
        let column = |id: &ColId| &row.columns()[usize::from(id.0)];
        let types: Box<[AlgebraicType]> = columns.iter().map(|id| column(id).ty.clone()).collect();
        let parts = match &*types {
            [AlgebraicType::Product(product)] => product.elements.iter().map(|e| e.ty.clone()).collect(),
            _ => types.to_vec(),
        };
        let encoded_len = types.iter().map(encoded_len).sum::<Option<usize>>();
        let form = match encoded_len {
            Some(..=8) => KeyForm::U64,
            Some(..=16) => KeyForm::U128,
            Some(..=32) => KeyForm::Words,
            _ => KeyForm::Bytes,
        };
        let integer = match &*types {
            [only] => Integer::of(only),
            _ => None,
        };
        let offset = match columns {
            [only] if integer.is_some() => column(only).offset,
            _ => None,
        };
        Ok(Self {
            index,
            columns: columns.into(),
            key: layout_of(types.iter())?,
            types,
            parts: parts
                .into_iter()
                .map(|ty| Ok((ty.clone(), layout_of([&ty])?)))
                .collect::<Result<_, _>>()?,
            form,
            encoded_len: encoded_len.unwrap_or(0),
            integer,
            offset,
        })
    }

    pub(super) fn form(&self) -> KeyForm {
        self.form
    }

    /// The key of a row, if it is one integer.
    #[inline(always)]
    pub(super) fn integer_of_row(&self, row: &RowLayout, bytes: &[u8]) -> Option<u64> {
        let integer = self.integer?;
        match self.offset {
            Some(offset) => integer.ordered(bytes.get(offset..)?),
            None => integer.ordered(row.column(bytes, usize::from(self.columns[0].0))),
        }
    }

    /// The key of a row.
    #[inline]
    pub(super) fn of_row(&self, row: &RowLayout, bytes: &[u8]) -> EncodedKey {
        if let Some(key) = self.integer_of_row(row, bytes) {
            return EncodedKey::U64(key);
        }
        let mut encoded = KeyBytes::new();
        for (ty, mut cell) in self.types.iter().zip(row.columns_at(bytes, &self.columns)) {
            encode(ty, &mut cell, &mut encoded);
        }
        self.pack(encoded, 0)
    }

    /// The key that a module passes: the values of its columns, one after the other.
    #[inline]
    pub(super) fn of_point(&self, key: &[u8]) -> Result<EncodedKey, KeyError> {
        self.decode(key).map(|(_, key)| key).map_err(|error| self.invalid(error))
    }

    /// The key that the bytes begin with, and how many bytes it takes.
    #[inline]
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<(usize, EncodedKey), DecodeError> {
        let len = self.key.validate(bytes)?;
        if let Some(integer) = self.integer
            && let Some(key) = integer.ordered(bytes)
        {
            return Ok((len, EncodedKey::U64(key)));
        }
        let mut encoded = KeyBytes::new();
        let mut rest = &bytes[..len];
        for ty in &self.types {
            encode(ty, &mut rest, &mut encoded);
        }
        Ok((len, self.pack(encoded, 0)))
    }

    /// Whether two rows have the same bytes in the columns of the key. If so, they have the same key; if not, they
    /// may still have (floats).
    #[inline]
    pub(super) fn is_same(&self, row: &RowLayout, a: &[u8], b: &[u8]) -> bool {
        self.columns.iter().all(|column| {
            let column = usize::from(column.0);
            row.column(a, column) == row.column(b, column)
        })
    }

    /// The range that a module asks for.
    pub(super) fn of_range(&self, args: &RangeArgs<'_>) -> Result<KeyRange, KeyError> {
        let at = usize::from(args.prefix_elems);
        let too_long = KeyError::PrefixTooLong { index: self.index, elems: args.prefix_elems };
        let Some((ty, layout)) = self.parts.get(at) else { return Err(too_long) };
        let mut prefix = KeyBytes::new();
        let mut rest = args.prefix;
        for (ty, layout) in &self.parts[..at] {
            let len = layout.validate(rest).map_err(|error| self.invalid(error))?;
            encode(ty, &mut &rest[..len], &mut prefix);
            rest = &rest[len..];
        }
        let bound = |bytes: &[u8]| -> Result<Edge<KeyBytes>, KeyError> {
            let (tag, value) = split_bound(bytes).map_err(|error| self.invalid(error))?;
            if tag == 2 {
                return Ok(Edge::Unbounded);
            }
            let len = layout.validate(value).map_err(|error| self.invalid(error))?;
            let mut encoded = prefix.clone();
            encode(ty, &mut &value[..len], &mut encoded);
            Ok(if tag == 0 { Edge::Included(encoded) } else { Edge::Excluded(encoded) })
        };
        // Columns after the bounded one may have any value: a lower bound goes on with the least, an upper bound
        // that is included, with the greatest, and the other way round if it is not.
        let from = match bound(args.start)? {
            Edge::Unbounded => Edge::Included(self.pack(prefix.clone(), 0)),
            Edge::Included(low) => Edge::Included(self.pack(low, 0)),
            Edge::Excluded(low) => match self.after(low) {
                Edge::Included(key) => Edge::Excluded(key),
                Edge::Excluded(key) => Edge::Included(key),
                // Nothing is greater.
                Edge::Unbounded => return Ok(self.nothing()),
            },
        };
        let to = match bound(args.end)? {
            Edge::Unbounded => self.after(prefix),
            Edge::Included(high) => self.after(high),
            Edge::Excluded(high) => Edge::Excluded(self.pack(high, 0)),
        };
        Ok(KeyRange { from, to })
    }

    /// The whole key, if that range can contain no other one.
    pub(super) fn point_of_range(&self, args: &RangeArgs<'_>) -> Option<KeyBytes> {
        let is_last = usize::from(args.prefix_elems) + 1 == self.parts.len();
        let (start_tag, start) = split_bound(args.start).ok()?;
        let (end_tag, end) = split_bound(args.end).ok()?;
        let prefix = if args.prefix_elems == 0 { &[] } else { args.prefix };
        (is_last && start_tag == 0 && end_tag == 0 && start == end)
            .then(|| prefix.iter().chain(start).copied().collect())
    }

    /// The upper end of the keys that begin with `low`.
    fn after(&self, mut low: KeyBytes) -> Edge<EncodedKey> {
        if self.form != KeyForm::Bytes {
            return Edge::Included(self.pack(low, 0xff));
        }
        // The least byte string that does not begin so and is greater.
        while let Some(last) = low.pop() {
            if last < 0xff {
                low.push(last + 1);
                return Edge::Excluded(EncodedKey::Bytes(low));
            }
        }
        Edge::Unbounded
    }

    fn nothing(&self) -> KeyRange {
        let key = self.pack(KeyBytes::new(), 0);
        KeyRange { from: Edge::Included(key.clone()), to: Edge::Excluded(key) }
    }

    /// Encoded bytes in the form in which they are kept. What is missing to the full length is filled up.
    fn pack(&self, mut encoded: KeyBytes, fill: u8) -> EncodedKey {
        if self.form == KeyForm::Bytes {
            return EncodedKey::Bytes(encoded);
        }
        encoded.resize(self.encoded_len, fill);
        match self.form {
            KeyForm::U64 => EncodedKey::U64(big_endian(&encoded) as u64),
            KeyForm::U128 => EncodedKey::U128(big_endian(&encoded)),
            KeyForm::Words | KeyForm::Bytes => {
                let mut words = [0; 4];
                for (word, bytes) in words.iter_mut().zip(encoded.chunks(8)) {
                    *word = (big_endian(bytes) as u64) << (8 * (8 - bytes.len()));
                }
                EncodedKey::Words(words)
            }
        }
    }

    fn invalid(&self, error: DecodeError) -> KeyError {
        KeyError::Invalid { index: self.index, error }
    }
}

fn layout_of<'a>(types: impl IntoIterator<Item = &'a AlgebraicType>) -> Result<RowLayout, LayoutError> {
    let product = ProductType {
        elements: types
            .into_iter()
            .map(|ty| orrery_host_abi::Element { name: None, ty: ty.clone() })
            .collect(),
    };
    RowLayout::new(&product, &Typespace::default())
}

/// The tag of a BSATN `Bound` and the value that follows.
fn split_bound(bytes: &[u8]) -> Result<(u8, &[u8]), DecodeError> {
    match bytes.split_first() {
        Some((&tag @ 0..=2, value)) => Ok((tag, value)),
        Some((&tag, _)) => Err(DecodeError::InvalidTag { at: 0, tag, variants: 3 }),
        None => Err(DecodeError::Truncated { at: 0, needed: 1, expected: "a bound" }),
    }
}

/// At most 16 bytes as a number.
fn big_endian(bytes: &[u8]) -> u128 {
    let mut padded = [0; 16];
    if let Some(end) = padded.len().checked_sub(bytes.len()) {
        padded[end..].copy_from_slice(bytes);
    }
    u128::from_be_bytes(padded)
}

/// The length of every encoded value of that type, if all have the same.
fn encoded_len(ty: &AlgebraicType) -> Option<usize> {
    Some(match ty {
        AlgebraicType::Bool | AlgebraicType::I8 | AlgebraicType::U8 => 1,
        AlgebraicType::I16 | AlgebraicType::U16 => 2,
        AlgebraicType::I32 | AlgebraicType::U32 | AlgebraicType::F32 => 4,
        AlgebraicType::I64 | AlgebraicType::U64 | AlgebraicType::F64 => 8,
        AlgebraicType::I128 | AlgebraicType::U128 => 16,
        AlgebraicType::I256 | AlgebraicType::U256 => 32,
        AlgebraicType::Product(product) => {
            product.elements.iter().map(|e| encoded_len(&e.ty)).sum::<Option<_>>()?
        }
        AlgebraicType::Sum(sum) => {
            let mut lens = sum.variants.iter().map(|variant| encoded_len(&variant.ty));
            let first = lens.next().unwrap_or(Some(0))?;
            if lens.any(|len| len != Some(first)) {
                return None;
            }
            1 + first
        }
        AlgebraicType::String | AlgebraicType::Array(_) | AlgebraicType::Ref(_) => return None,
    })
}

/// Appends the encoding of a value of that type, given as valid BSATN: equal values have equal encodings, the order of
/// values is that of their encodings' bytes, and no encoding is the beginning of another.
pub(crate) fn encode_key(ty: &AlgebraicType, mut bsatn: &[u8], out: &mut KeyBytes) {
    encode(ty, &mut bsatn, out);
}

/// Takes a value of that type off the start of valid BSATN and appends its encoding.
///
/// Bytes that are not valid give an encoding that means nothing.
fn encode(ty: &AlgebraicType, bytes: &mut &[u8], out: &mut KeyBytes) {
    match ty {
        AlgebraicType::Bool | AlgebraicType::U8 => encode_integer(take(bytes, 1), false, out),
        AlgebraicType::I8 => encode_integer(take(bytes, 1), true, out),
        AlgebraicType::U16 => encode_integer(take(bytes, 2), false, out),
        AlgebraicType::I16 => encode_integer(take(bytes, 2), true, out),
        AlgebraicType::U32 => encode_integer(take(bytes, 4), false, out),
        AlgebraicType::I32 => encode_integer(take(bytes, 4), true, out),
        AlgebraicType::U64 => encode_integer(take(bytes, 8), false, out),
        AlgebraicType::I64 => encode_integer(take(bytes, 8), true, out),
        AlgebraicType::U128 => encode_integer(take(bytes, 16), false, out),
        AlgebraicType::I128 => encode_integer(take(bytes, 16), true, out),
        AlgebraicType::U256 => encode_integer(take(bytes, 32), false, out),
        AlgebraicType::I256 => encode_integer(take(bytes, 32), true, out),
        AlgebraicType::F32 => {
            let value = f32::from_le_bytes(take(bytes, 4).try_into().unwrap_or_default());
            let value = if value.is_nan() { f32::NAN } else { value + 0.0 };
            let bits = value.to_bits();
            let ordered = if bits >> 31 == 0 { bits ^ 1 << 31 } else { !bits };
            out.extend_from_slice(&ordered.to_be_bytes());
        }
        AlgebraicType::F64 => {
            let value = f64::from_le_bytes(take(bytes, 8).try_into().unwrap_or_default());
            let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
            let bits = value.to_bits();
            let ordered = if bits >> 63 == 0 { bits ^ 1 << 63 } else { !bits };
            out.extend_from_slice(&ordered.to_be_bytes());
        }
        AlgebraicType::String => encode_bytes(bytes, 0, out),
        AlgebraicType::Array(element) => match &**element {
            AlgebraicType::U8 | AlgebraicType::Bool => encode_bytes(bytes, 0, out),
            AlgebraicType::I8 => encode_bytes(bytes, 0x80, out),
            element => {
                let count = take_count(bytes);
                for _ in 0..count {
                    out.push(1);
                    encode(element, bytes, out);
                }
                out.push(0);
            }
        },
        AlgebraicType::Product(product) => {
            for element in &product.elements {
                encode(&element.ty, bytes, out);
            }
        }
        AlgebraicType::Sum(sum) => {
            let tag = take(bytes, 1).first().copied().unwrap_or(0);
            out.push(tag);
            if let Some(variant) = sum.variants.get(usize::from(tag)) {
                encode(&variant.ty, bytes, out);
            }
        }
        AlgebraicType::Ref(_) => {}
    }
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at_checked(len).unwrap_or_default();
    *bytes = rest;
    taken
}

fn take_count(bytes: &mut &[u8]) -> usize {
    u32::from_le_bytes(take(bytes, 4).try_into().unwrap_or_default()) as usize
}

fn encode_integer(bytes: &[u8], is_signed: bool, out: &mut KeyBytes) {
    let start = out.len();
    out.extend(bytes.iter().rev().copied());
    if is_signed && let Some(first) = out.get_mut(start) {
        *first ^= 0x80;
    }
}

/// A length and so many bytes, each of which is XORed with `flip`.
fn encode_bytes(bytes: &mut &[u8], flip: u8, out: &mut KeyBytes) {
    let len = take_count(bytes);
    for &byte in take(bytes, len) {
        match byte ^ flip {
            0 => out.extend_from_slice(&[0, 0xff]),
            byte => out.push(byte),
        }
    }
    out.extend_from_slice(&[0, 0]);
}
