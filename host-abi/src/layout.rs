//! Types compiled to a flat form with which BSATN bytes are checked and skipped without decoding.

use std::ops::Range;

use crate::{AlgebraicType, ProductType, SumType, Typespace, bsatn::DecodeError};

/// How deep types may nest, references included. Deeper ones are refused, so that no walk over a type or a value
/// can exhaust the stack.
pub const MAX_TYPE_DEPTH: usize = 128;

/// How deep values of recursive types may nest. Deeper ones are refused, like types.
pub(crate) const MAX_VALUE_DEPTH: usize = 256;

/// How many types one type may consist of once its references are replaced by what they refer to. Without a
/// bound, a typespace of a few lines can describe a type of astronomic size.
pub const MAX_TYPE_SIZE: usize = 1 << 16;

/// Why a type cannot be laid out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A reference that leads nowhere or back to itself.
    #[error("type reference {0} cannot be resolved")]
    UnresolvedRef(u32),
    /// Types nested deeper than [`MAX_TYPE_DEPTH`].
    #[error("the type is nested more than {MAX_TYPE_DEPTH} levels deep")]
    TooDeep,
    /// More than [`MAX_TYPE_SIZE`] types in one.
    #[error("the type consists of more than {MAX_TYPE_SIZE} types")]
    TooLarge,
    /// A sum whose tags do not fit a byte.
    #[error("a sum type has {0} variants, more than 256")]
    TooManyVariants(usize),
}

/// A type compiled for checking and skipping its values in BSATN.
#[derive(Debug, Clone)]
pub struct Layout {
    program: Program,
    root: Seq,
    size: Size,
}

/// What the length of a value depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// The length of the shortest value.
    pub(crate) min: usize,
    /// Whether every value has that length.
    pub(crate) is_fixed: bool,
    /// Whether any bytes of that length are a valid value.
    pub(crate) is_any_valid: bool,
}

/// Instructions, and the sequences of them that the variants of sums lead to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    ops: Vec<Op>,
    variants: Vec<Seq>,
    routines: Vec<Seq>,
}

/// A run of instructions in [`Program::ops`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seq {
    start: u32,
    end: u32,
}

impl Seq {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One instruction: what comes next in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    /// That many bytes, whatever they are.
    Skip(u32),
    /// A byte that is 0 or 1.
    Bool,
    /// A byte below that number (1 to 256): the tag of a sum without payloads.
    Tag(u16),
    /// A byte below `count`, and then what [`Program::variants`] says from `first` on. The instructions of the
    /// payloads follow, up to `end`.
    Sum { first: u32, end: u32, count: u16 },
    /// A length in bytes, and text.
    String,
    /// A count, and that many elements of `width` bytes, whatever they are.
    Scalars { width: u32 },
    /// A count, and that many times the instructions that follow, up to `end`; none takes less than `min` bytes.
    Array { end: u32, min: u32 },
    /// What [`Program::routines`] says at that place: a recursive type.
    Call(u32),
    /// A value of the sum without variants: there is none.
    Never,
}

impl Layout {
    /// The layout of a type, which may be recursive. References are resolved in `typespace`.
    pub fn new(ty: &AlgebraicType, typespace: &Typespace) -> Result<Self, LayoutError> {
        let mut compiler = Compiler::recursive(typespace);
        let (root, size) = compiler.sequence(|c| c.ty(ty))?;
        compiler.routines()?;
        Ok(Self { program: compiler.program, root, size })
    }

    /// The layout of a product, such as the arguments of a function.
    pub fn of_product(ty: &ProductType, typespace: &Typespace) -> Result<Self, LayoutError> {
        let mut compiler = Compiler::recursive(typespace);
        let (root, size) = compiler.sequence(|c| c.product(ty))?;
        compiler.routines()?;
        Ok(Self { program: compiler.program, root, size })
    }

    /// The length in bytes of every value, if all have the same.
    pub fn fixed_len(&self) -> Option<usize> {
        self.size.is_fixed.then_some(self.size.min)
    }

    /// The length in bytes of the shortest value.
    pub fn min_len(&self) -> usize {
        self.size.min
    }

    /// Checks that `bytes` begins with a valid value; how many bytes that value takes.
    ///
    /// Allocates nothing and never panics.
    pub fn validate(&self, bytes: &[u8]) -> Result<usize, DecodeError> {
        if self.size.is_fixed && self.size.is_any_valid && bytes.len() >= self.size.min {
            return Ok(self.size.min);
        }
        self.program.check(self.root, bytes, 0, 0)
    }
}

impl Program {
    /// Checks the values that `seq` describes, from `at` on; where they end. `depth` counts the calls around it.
    pub(crate) fn check(
        &self,
        seq: Seq,
        bytes: &[u8],
        mut at: usize,
        depth: usize,
    ) -> Result<usize, DecodeError> {
        if depth > MAX_VALUE_DEPTH {
            return Err(DecodeError::TooDeep { at });
        }
        let Range { start: mut pc, end } = seq.range();
        while pc < end {
            match self.ops[pc] {
                Op::Skip(len) => at = end_of(bytes, at, len as usize, "a number")?,
                Op::Bool => match bytes.get(at) {
                    Some(0 | 1) => at += 1,
                    Some(&byte) => return Err(DecodeError::InvalidBool { at, byte }),
                    None => return Err(DecodeError::truncated(at, 1, "a bool")),
                },
                Op::Tag(count) => {
                    read_tag(bytes, at, count)?;
                    at += 1;
                }
                Op::Sum { first, end, count } => {
                    let tag = read_tag(bytes, at, count)?;
                    at =
                        self.check(self.variants[first as usize + tag as usize], bytes, at + 1, depth + 1)?;
                    pc = end as usize;
                    continue;
                }
                Op::String => {
                    let start = at + 4;
                    at = end_of(bytes, start, read_count(bytes, at)? as usize, "a string")?;
                    if std::str::from_utf8(&bytes[start..at]).is_err() {
                        return Err(DecodeError::InvalidUtf8 { at: start });
                    }
                }
                Op::Scalars { width } => {
                    let count = read_count(bytes, at)?;
                    let len = (u64::from(count) * u64::from(width)).try_into().unwrap_or(usize::MAX);
                    at = end_of(bytes, at + 4, len, "an array")?;
                }
                Op::Array { end, min } => {
                    let count = read_count(bytes, at)?;
                    at += 4;
                    // A count that cannot be true is refused before the first element is looked at. Elements
                    // take at least one byte here or are invalid, so the loop ends.
                    let needed = (u64::from(count) * u64::from(min)).try_into().unwrap_or(usize::MAX);
                    end_of(bytes, at, needed, "an array")?;
                    let element = Seq { start: pc as u32 + 1, end };
                    for _ in 0..count {
                        at = self.check(element, bytes, at, depth + 1)?;
                    }
                    pc = end as usize;
                    continue;
                }
                Op::Call(routine) => {
                    at = self.check(self.routines[routine as usize], bytes, at, depth + 1)?;
                }
                Op::Never => return Err(DecodeError::NoVariants { at }),
            }
            pc += 1;
        }
        Ok(at)
    }

    /// Where the values end that `seq` describes and that begin at `at`. They must be valid: for others the
    /// answer means nothing, but it is an answer.
    pub(crate) fn skip(&self, seq: Seq, bytes: &[u8], mut at: usize) -> usize {
        let Range { start: mut pc, end } = seq.range();
        while pc < end {
            match self.ops[pc] {
                Op::Skip(len) => at = at.saturating_add(len as usize),
                Op::Bool | Op::Tag(_) => at = at.saturating_add(1),
                Op::Sum { first, end, count } => {
                    let Ok(tag) = read_tag(bytes, at, count) else { return bytes.len() };
                    at = self.skip(self.variants[first as usize + tag as usize], bytes, at + 1);
                    pc = end as usize;
                    continue;
                }
                Op::String => {
                    let Ok(len) = read_count(bytes, at) else { return bytes.len() };
                    at = at.saturating_add(4).saturating_add(len as usize);
                }
                Op::Scalars { width } => {
                    let Ok(count) = read_count(bytes, at) else { return bytes.len() };
                    at = at.saturating_add(4).saturating_add((count as usize).saturating_mul(width as usize));
                }
                Op::Array { end, .. } => {
                    let Ok(count) = read_count(bytes, at) else { return bytes.len() };
                    at += 4;
                    let element = Seq { start: pc as u32 + 1, end };
                    for _ in 0..count {
                        at = self.skip(element, bytes, at);
                        if at >= bytes.len() {
                            break;
                        }
                    }
                    pc = end as usize;
                    continue;
                }
                // Rows, which alone are skipped over, have no recursive types.
                Op::Call(_) | Op::Never => return bytes.len(),
            }
            pc += 1;
        }
        at
    }
}

/// Where `len` bytes end that begin at `at`.
#[inline]
fn end_of(bytes: &[u8], at: usize, len: usize, expected: &'static str) -> Result<usize, DecodeError> {
    match at.checked_add(len) {
        Some(end) if end <= bytes.len() => Ok(end),
        _ => Err(DecodeError::truncated(at, len, expected)),
    }
}

/// The count or length at `at`.
#[inline]
fn read_count(bytes: &[u8], at: usize) -> Result<u32, DecodeError> {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(count) => Ok(u32::from_le_bytes(*count)),
        None => Err(DecodeError::truncated(at, 4, "a length")),
    }
}

/// The tag at `at`, which must be below `count`.
#[inline]
fn read_tag(bytes: &[u8], at: usize, count: u16) -> Result<u8, DecodeError> {
    match bytes.get(at) {
        Some(&tag) if u16::from(tag) < count => Ok(tag),
        Some(&tag) => Err(DecodeError::InvalidTag { at, tag, variants: count }),
        None => Err(DecodeError::truncated(at, 1, "a sum's tag")),
    }
}

/// Turns types into instructions.
pub(crate) struct Compiler<'t> {
    pub(crate) program: Program,
    guard: Guard<'t>,
    /// Instructions before this one belong to a finished sequence and must not grow.
    sealed: usize,
    /// The recursive references, in the order of their routines; none where recursion is not allowed.
    recursive: Option<Vec<u32>>,
}

impl Size {
    const EMPTY: Self = Self { min: 0, is_fixed: true, is_any_valid: true };

    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            min: self.min.saturating_add(next.min),
            is_fixed: self.is_fixed && next.is_fixed,
            is_any_valid: self.is_any_valid && next.is_any_valid,
        }
    }
}

impl<'t> Compiler<'t> {
    pub(crate) fn new(typespace: &'t Typespace) -> Self {
        Self { program: Program::default(), guard: Guard::new(typespace), sealed: 0, recursive: None }
    }

    /// A compiler that allows recursive types. [`Self::routines`] must be called at the end.
    fn recursive(typespace: &'t Typespace) -> Self {
        Self { recursive: Some(Vec::new()), ..Self::new(typespace) }
    }

    /// Compiles the routines for recursive types, which may lead to more of them.
    fn routines(&mut self) -> Result<(), LayoutError> {
        while let Some(&target) =
            self.recursive.as_ref().and_then(|recursive| recursive.get(self.program.routines.len()))
        {
            let ty = self.guard.follow(target)?;
            let (routine, _) = self.sequence(|c| c.ty(ty))?;
            self.guard.unfollow();
            self.program.routines.push(routine);
        }
        Ok(())
    }

    /// The instruction for a reference to a type that it is inside of.
    fn call(&mut self, target: u32) -> Option<Size> {
        let recursive = self.recursive.as_mut()?;
        let routine = recursive.iter().position(|&known| known == target).unwrap_or_else(|| {
            recursive.push(target);
            recursive.len() - 1
        });
        self.program.ops.push(Op::Call(routine as u32));
        Some(Size { min: 0, is_fixed: false, is_any_valid: false })
    }

    /// Compiles into a sequence of its own.
    pub(crate) fn sequence(
        &mut self,
        compile: impl FnOnce(&mut Self) -> Result<Size, LayoutError>,
    ) -> Result<(Seq, Size), LayoutError> {
        let start = self.program.ops.len();
        self.sealed = start;
        let size = compile(self)?;
        let end = self.program.ops.len();
        self.sealed = end;
        Ok((Seq { start: start as u32, end: end as u32 }, size))
    }

    pub(crate) fn product(&mut self, product: &ProductType) -> Result<Size, LayoutError> {
        let mut size = Size::EMPTY;
        for element in &product.elements {
            size = size.then(self.ty(&element.ty)?);
        }
        Ok(size)
    }

    pub(crate) fn ty(&mut self, ty: &AlgebraicType) -> Result<Size, LayoutError> {
        self.guard.enter()?;
        let size = self.ty_inner(ty);
        self.guard.leave();
        size
    }

    fn ty_inner(&mut self, ty: &AlgebraicType) -> Result<Size, LayoutError> {
        let variable = |min| Size { min, is_fixed: false, is_any_valid: false };
        Ok(match ty {
            AlgebraicType::Ref(target) => {
                if self.guard.is_inside(target.0)
                    && let Some(size) = self.call(target.0)
                {
                    return Ok(size);
                }
                let target_type = self.guard.follow(target.0)?;
                let size = self.ty(target_type)?;
                self.guard.unfollow();
                size
            }
            AlgebraicType::Product(product) => self.product(product)?,
            AlgebraicType::Sum(sum) => self.sum(sum)?,
            AlgebraicType::Array(element) => {
                let place = self.program.ops.len();
                self.program.ops.push(Op::Never);
                let (elements, size) = self.sequence(|c| c.ty(element))?;
                if size.is_fixed && size.is_any_valid {
                    self.program.ops.truncate(place);
                    let width = size.min.try_into().map_err(|_| LayoutError::TooLarge)?;
                    self.program.ops.push(Op::Scalars { width });
                } else {
                    let min = size.min.try_into().map_err(|_| LayoutError::TooLarge)?;
                    self.program.ops[place] = Op::Array { end: elements.end, min };
                }
                self.sealed = self.program.ops.len();
                variable(4)
            }
            AlgebraicType::String => {
                self.program.ops.push(Op::String);
                variable(4)
            }
            AlgebraicType::Bool => {
                self.program.ops.push(Op::Bool);
                Size { min: 1, is_fixed: true, is_any_valid: false }
            }
            scalar => {
                let width = scalar.scalar_width().unwrap_or(0);
                self.skip(width as u32);
                Size { min: width, is_fixed: true, is_any_valid: true }
            }
        })
    }

    fn sum(&mut self, sum: &SumType) -> Result<Size, LayoutError> {
        let count = sum.variants.len();
        if count > 256 {
            return Err(LayoutError::TooManyVariants(count));
        }
        let place = self.program.ops.len();
        self.program.ops.push(Op::Never);
        let mut payloads = Vec::with_capacity(count);
        let mut sizes: Option<Size> = None;
        for variant in &sum.variants {
            let (payload, size) = self.sequence(|c| c.ty(&variant.ty))?;
            payloads.push(payload);
            sizes = Some(match sizes {
                None => size,
                Some(before) => Size {
                    min: before.min.min(size.min),
                    is_fixed: before.is_fixed && size.is_fixed && before.min == size.min,
                    is_any_valid: before.is_any_valid && size.is_any_valid,
                },
            });
        }
        let Some(size) = sizes else {
            return Ok(Size { min: 0, is_fixed: true, is_any_valid: false });
        };
        let end = self.program.ops.len() as u32;
        let count = count as u16;
        self.program.ops[place] = if end as usize == place + 1 {
            Op::Tag(count)
        } else {
            let first = self.program.variants.len() as u32;
            self.program.variants.extend(payloads);
            Op::Sum { first, end, count }
        };
        Ok(Size { min: 1, is_fixed: true, is_any_valid: count == 256 }.then(size))
    }

    /// Appends a skip, or lengthens the one before.
    fn skip(&mut self, len: u32) {
        let is_open = self.program.ops.len() > self.sealed;
        match self.program.ops.last_mut() {
            Some(Op::Skip(before)) if is_open && before.checked_add(len).is_some() => *before += len,
            _ => self.program.ops.push(Op::Skip(len)),
        }
    }
}

/// Watches a walk over a type: how deep it is, how much it has seen, and which references it is inside of.
pub(crate) struct Guard<'t> {
    typespace: &'t Typespace,
    depth: usize,
    left: usize,
    inside: Vec<u32>,
}

impl<'t> Guard<'t> {
    pub(crate) fn new(typespace: &'t Typespace) -> Self {
        Self::with_budget(typespace, MAX_TYPE_SIZE)
    }

    /// A guard that lets pass at most so many types.
    pub(crate) fn with_budget(typespace: &'t Typespace, budget: usize) -> Self {
        Self { typespace, depth: 0, left: budget, inside: Vec::new() }
    }

    /// How many more types may pass.
    pub(crate) fn budget_left(&self) -> usize {
        self.left
    }

    /// Counts one type that is entered.
    pub(crate) fn enter(&mut self) -> Result<(), LayoutError> {
        self.depth += 1;
        if self.depth > MAX_TYPE_DEPTH {
            return Err(LayoutError::TooDeep);
        }
        self.left = self.left.checked_sub(1).ok_or(LayoutError::TooLarge)?;
        Ok(())
    }

    /// The counterpart of a successful [`Self::enter`].
    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Whether the walk is inside of a reference's target.
    pub(crate) fn is_inside(&self, target: u32) -> bool {
        self.inside.contains(&target)
    }

    /// What a reference refers to, unless the walk is inside of it already.
    pub(crate) fn follow(&mut self, target: u32) -> Result<&'t AlgebraicType, LayoutError> {
        let ty = self.typespace.types.get(target as usize).ok_or(LayoutError::UnresolvedRef(target))?;
        if self.is_inside(target) {
            return Err(LayoutError::UnresolvedRef(target));
        }
        self.inside.push(target);
        Ok(ty)
    }

    /// The counterpart of a successful [`Self::follow`].
    pub(crate) fn unfollow(&mut self) {
        self.inside.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Element, TypeRef};

    fn reference(target: u32) -> AlgebraicType {
        AlgebraicType::Ref(TypeRef(target))
    }

    fn product(types: impl IntoIterator<Item = AlgebraicType>) -> AlgebraicType {
        let elements = types.into_iter().map(|ty| Element { name: None, ty });
        AlgebraicType::Product(ProductType { elements: elements.collect() })
    }

    #[test]
    fn recursive_types() {
        let typespace = Typespace {
            types: vec![
                // A tree: a bool and its branches.
                product([AlgebraicType::Bool, AlgebraicType::Array(Box::new(reference(0)))]),
                // Two lists that hold each other.
                AlgebraicType::option(reference(2)),
                product([AlgebraicType::U8, reference(1)]),
                // No value of this is finite.
                product([reference(3)]),
            ],
        };
        let validate =
            |target, bytes: &[u8]| Layout::new(&reference(target), &typespace).unwrap().validate(bytes);
        assert_eq!(validate(0, b"\x01\0\0\0\0"), Ok(5));
        assert_eq!(validate(0, b"\x01\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0"), Ok(15));
        assert_eq!(
            validate(0, b"\x01\x01\0\0\0\x02\0\0\0\0"),
            Err(DecodeError::InvalidBool { at: 5, byte: 2 })
        );
        assert!(validate(0, b"\x01\xff\xff\xff\xff").is_err());
        assert_eq!(validate(1, b"\0\x07\0\x08\x01"), Ok(5));
        assert_eq!(validate(2, b"\x07\0\x08\x01"), Ok(4));
        assert!(matches!(validate(1, &[0; 100_000]), Err(DecodeError::TooDeep { .. })));
        assert!(matches!(validate(3, b""), Err(DecodeError::TooDeep { .. })));
    }
}
