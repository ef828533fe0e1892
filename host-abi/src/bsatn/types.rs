//! BSATN of types.

use super::{Decode, DecodeError, Encode, Reader, encode_len};
use crate::{AlgebraicType, Element, ProductType, SumType, TypeRef, Typespace, Variant};

/// How many kinds of types there are.
const KINDS: usize = 20;

impl Encode for AlgebraicType {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Ref(_) => 0,
            Self::Sum(_) => 1,
            Self::Product(_) => 2,
            Self::Array(_) => 3,
            Self::String => 4,
            Self::Bool => 5,
            Self::I8 => 6,
            Self::U8 => 7,
            Self::I16 => 8,
            Self::U16 => 9,
            Self::I32 => 10,
            Self::U32 => 11,
            Self::I64 => 12,
            Self::U64 => 13,
            Self::I128 => 14,
            Self::U128 => 15,
            Self::I256 => 16,
            Self::U256 => 17,
            Self::F32 => 18,
            Self::F64 => 19,
        });
        match self {
            Self::Ref(target) => target.encode(out),
            Self::Sum(sum) => sum.encode(out),
            Self::Product(product) => product.encode(out),
            Self::Array(element) => element.encode(out),
            _ => {}
        }
    }
}

impl Decode for AlgebraicType {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.read_tag(KINDS)? {
            0 => Self::Ref(TypeRef::decode(reader)?),
            1 => Self::Sum(reader.nested(SumType::decode)?),
            2 => Self::Product(reader.nested(ProductType::decode)?),
            3 => Self::Array(Box::new(reader.nested(Self::decode)?)),
            4 => Self::String,
            5 => Self::Bool,
            6 => Self::I8,
            7 => Self::U8,
            8 => Self::I16,
            9 => Self::U16,
            10 => Self::I32,
            11 => Self::U32,
            12 => Self::I64,
            13 => Self::U64,
            14 => Self::I128,
            15 => Self::U128,
            16 => Self::I256,
            17 => Self::U256,
            18 => Self::F32,
            _ => Self::F64,
        })
    }
}

/// Declares the BSATN of a product: its elements, one after the other.
macro_rules! product {
    ($($ty:ident { $($element:ident),* })*) => {$(
        impl Encode for $ty {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$element.encode(out);)*
            }
        }

        impl Decode for $ty {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self { $($element: Decode::decode(reader)?),* })
            }
        }
    )*};
}

product! {
    ProductType { elements }
    Element { name, ty }
    Variant { name, ty }
    Typespace { types }
}

impl Encode for SumType {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_len(self.variants.len(), out);
        for variant in &self.variants {
            variant.encode(out);
        }
    }
}

impl Decode for SumType {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.position();
        let variants: Box<[Variant]> = Decode::decode(reader)?;
        if variants.len() > 256 {
            return Err(DecodeError::Invalid { at, message: "a sum type has more than 256 variants" });
        }
        Ok(Self { variants })
    }
}
