//! BSATN of decoded values.

use super::{Decode as _, DecodeError, Encode, Reader, encode_len};
use crate::{AlgebraicType, AlgebraicValue, ProductType, SumValue};

impl Encode for AlgebraicValue {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(value) => value.encode(out),
            Self::I8(value) => value.encode(out),
            Self::U8(value) => value.encode(out),
            Self::I16(value) => value.encode(out),
            Self::U16(value) => value.encode(out),
            Self::I32(value) => value.encode(out),
            Self::U32(value) => value.encode(out),
            Self::I64(value) => value.encode(out),
            Self::U64(value) => value.encode(out),
            Self::I128(value) => value.encode(out),
            Self::U128(value) => value.encode(out),
            Self::I256(value) => value.encode(out),
            Self::U256(value) => value.encode(out),
            Self::F32(value) => value.encode(out),
            Self::F64(value) => value.encode(out),
            Self::String(value) => value.encode(out),
            Self::Bytes(value) => {
                encode_len(value.len(), out);
                out.extend_from_slice(value);
            }
            Self::Array(elements) => elements.encode(out),
            Self::Sum(SumValue { tag, value }) => {
                out.push(*tag);
                value.encode(out);
            }
            Self::Product(elements) => {
                for element in elements {
                    element.encode(out);
                }
            }
        }
    }
}

impl AlgebraicValue {
    /// Reads the value of that type which `bytes` begins with. References must have been resolved.
    pub fn from_bsatn(bytes: &[u8], ty: &AlgebraicType) -> Result<Self, DecodeError> {
        Self::decode(&mut Reader::new(bytes), ty)
    }

    /// Reads one value of that type. References must have been resolved.
    pub fn decode(reader: &mut Reader<'_>, ty: &AlgebraicType) -> Result<Self, DecodeError> {
        Ok(match ty {
            AlgebraicType::Ref(target) => return Err(DecodeError::UnresolvedRef(target.0)),
            AlgebraicType::Sum(sum) => {
                let tag = reader.read_tag(sum.variants.len())?;
                let payload = &sum.variants[usize::from(tag)].ty;
                let value = Box::new(reader.nested(|reader| Self::decode(reader, payload))?);
                Self::Sum(SumValue { tag, value })
            }
            AlgebraicType::Product(product) => Self::Product(Self::decode_elements(reader, product)?),
            AlgebraicType::Array(element) if **element == AlgebraicType::U8 => {
                Self::Bytes(reader.read_counted_bytes()?.into())
            }
            AlgebraicType::Array(element) => {
                // The count is not trusted: the loop ends with the bytes, or with what is allowed of units.
                let count = reader.read_u32()?;
                let mut elements = Vec::with_capacity((count as usize).min(64));
                for _ in 0..count {
                    elements.push(reader.nested(|reader| Self::decode(reader, element))?);
                }
                Self::Array(elements)
            }
            AlgebraicType::String => Self::String(<Box<str>>::decode(reader)?),
            AlgebraicType::Bool => Self::Bool(reader.read_bool()?),
            AlgebraicType::I8 => Self::I8(reader.read_i8()?),
            AlgebraicType::U8 => Self::U8(reader.read_u8()?),
            AlgebraicType::I16 => Self::I16(reader.read_i16()?),
            AlgebraicType::U16 => Self::U16(reader.read_u16()?),
            AlgebraicType::I32 => Self::I32(reader.read_i32()?),
            AlgebraicType::U32 => Self::U32(reader.read_u32()?),
            AlgebraicType::I64 => Self::I64(reader.read_i64()?),
            AlgebraicType::U64 => Self::U64(reader.read_u64()?),
            AlgebraicType::I128 => Self::I128(reader.read_i128()?),
            AlgebraicType::U128 => Self::U128(reader.read_u128()?),
            AlgebraicType::I256 => Self::I256(reader.read_i256()?),
            AlgebraicType::U256 => Self::U256(reader.read_u256()?),
            AlgebraicType::F32 => Self::F32(reader.read_f32()?),
            AlgebraicType::F64 => Self::F64(reader.read_f64()?),
        })
    }

    /// Reads the elements of a product. References must have been resolved.
    pub fn decode_elements(reader: &mut Reader<'_>, product: &ProductType) -> Result<Vec<Self>, DecodeError> {
        let start = reader.position();
        let mut elements = Vec::with_capacity(product.elements.len());
        for element in &product.elements {
            elements.push(reader.nested(|reader| Self::decode(reader, &element.ty))?);
        }
        // Not the innermost alone: each of those around it takes memory, too.
        if reader.position() == start {
            reader.read_unit()?;
        }
        Ok(elements)
    }
}
