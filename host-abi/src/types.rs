//! The types of the SATS type system, as data.

use crate::TypeRef;

/// The type of a value. Structural: two types with the same shape and names are the same type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AlgebraicType {
    /// The type at that place of the [`Typespace`].
    Ref(TypeRef),
    /// One of several variants.
    Sum(SumType),
    /// Several elements, all present.
    Product(ProductType),
    /// Any number of elements of one type.
    Array(Box<AlgebraicType>),
    /// UTF-8 text.
    String,
    /// `true` or `false`.
    Bool,
    /// 8-bit signed integer.
    I8,
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit signed integer.
    I16,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit signed integer.
    I32,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit signed integer.
    I64,
    /// 64-bit unsigned integer.
    U64,
    /// 128-bit signed integer.
    I128,
    /// 128-bit unsigned integer.
    U128,
    /// 256-bit signed integer.
    I256,
    /// 256-bit unsigned integer.
    U256,
    /// 32-bit IEEE 754 number.
    F32,
    /// 64-bit IEEE 754 number.
    F64,
}

/// A type with one element of each of its members.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ProductType {
    /// The members, in the order in which they are encoded.
    pub elements: Box<[Element]>,
}

/// A member of a [`ProductType`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Element {
    /// Its name; tuples have none.
    pub name: Option<Box<str>>,
    /// Its type.
    pub ty: AlgebraicType,
}

/// A type whose values are of exactly one of its variants. At most 256 variants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SumType {
    /// The variants; a variant's tag is its place here.
    pub variants: Box<[Variant]>,
}

/// A variant of a [`SumType`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Its name.
    pub name: Option<Box<str>>,
    /// The type of its payload; the unit type if it has none.
    pub ty: AlgebraicType,
}

/// The named types of a module; [`AlgebraicType::Ref`] points into it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Typespace {
    /// The types, by [`TypeRef`].
    pub types: Vec<AlgebraicType>,
}
