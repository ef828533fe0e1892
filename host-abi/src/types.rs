//! The types of the SATS type system, as data.

use crate::{
    TypeRef,
    layout::{Guard, LayoutError},
};

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

impl AlgebraicType {
    /// The unit type: the product without elements.
    pub fn unit() -> Self {
        Self::Product(ProductType::default())
    }

    /// The type with every reference replaced by what it refers to.
    pub fn resolve(&self, typespace: &Typespace) -> Result<Self, LayoutError> {
        self.resolve_with(&mut Guard::new(typespace))
    }

    pub(crate) fn resolve_with(&self, guard: &mut Guard<'_>) -> Result<Self, LayoutError> {
        guard.enter()?;
        let resolved = match self {
            Self::Ref(target) => {
                let resolved = guard.follow(target.0)?.resolve_with(guard)?;
                guard.unfollow();
                resolved
            }
            Self::Product(product) => Self::Product(product.resolve_with(guard)?),
            Self::Sum(sum) => {
                let variants = sum.variants.iter().map(|variant| {
                    Ok(Variant { name: variant.name.clone(), ty: variant.ty.resolve_with(guard)? })
                });
                Self::Sum(SumType { variants: variants.collect::<Result<_, LayoutError>>()? })
            }
            Self::Array(element) => Self::Array(Box::new(element.resolve_with(guard)?)),
            scalar => scalar.clone(),
        };
        guard.leave();
        Ok(resolved)
    }

    /// How many bytes a value takes, for bools, integers and floats.
    pub const fn scalar_width(&self) -> Option<usize> {
        match self {
            Self::Bool | Self::I8 | Self::U8 => Some(1),
            Self::I16 | Self::U16 => Some(2),
            Self::I32 | Self::U32 | Self::F32 => Some(4),
            Self::I64 | Self::U64 | Self::F64 => Some(8),
            Self::I128 | Self::U128 => Some(16),
            Self::I256 | Self::U256 => Some(32),
            Self::Ref(_) | Self::Sum(_) | Self::Product(_) | Self::Array(_) | Self::String => None,
        }
    }

    /// Whether it is one of the integer types.
    pub const fn is_integer(&self) -> bool {
        self.scalar_width().is_some() && !matches!(self, Self::Bool | Self::F32 | Self::F64)
    }

    /// The bool, integer or float that a value is encoded as: the type itself, or what is left of products with
    /// one element (`Identity`, `Timestamp`, ...). References must have been resolved.
    pub fn as_scalar(&self) -> Option<&Self> {
        let mut ty = self;
        while let Self::Product(product) = ty {
            let [element] = &*product.elements else { return None };
            ty = &element.ty;
        }
        ty.scalar_width().map(|_| ty)
    }
}

impl ProductType {
    /// The type with every reference replaced by what it refers to.
    pub fn resolve(&self, typespace: &Typespace) -> Result<Self, LayoutError> {
        self.resolve_with(&mut Guard::new(typespace))
    }

    pub(crate) fn resolve_with(&self, guard: &mut Guard<'_>) -> Result<Self, LayoutError> {
        let elements = self
            .elements
            .iter()
            .map(|element| Ok(Element { name: element.name.clone(), ty: element.ty.resolve_with(guard)? }));
        Ok(Self { elements: elements.collect::<Result<_, LayoutError>>()? })
    }
}

impl Typespace {
    /// The type that a reference points at.
    pub fn get(&self, target: TypeRef) -> Option<&AlgebraicType> {
        self.types.get(target.0 as usize)
    }
}
