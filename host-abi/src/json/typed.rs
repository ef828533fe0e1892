//! Typed SATS-JSON of Rust values, through serde: how definitions and types appear in JSON.

use bytes::Bytes;
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq, SerializeTuple},
};

use crate::{AlgebraicType, ColId, Element, ProductType, SumType, TypeRef, Typespace, Variant, hex};

/// Something with a typed SATS-JSON form.
///
/// Apart from [`Serialize`], since options and bytes look different there.
pub(crate) trait TypedJson {
    /// Serialises it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// Makes serde use [`TypedJson`].
pub(crate) struct Typed<'v, T: ?Sized>(pub(crate) &'v T);

impl<T: TypedJson + ?Sized> Serialize for Typed<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Serialises a variant with a payload.
pub(crate) fn variant<S: Serializer, T: TypedJson + ?Sized>(
    serializer: S,
    name: &'static str,
    payload: &T,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, &Typed(payload))?;
    map.end()
}

macro_rules! as_serde {
    ($($ty:ty)*) => {$(
        impl TypedJson for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Serialize::serialize(self, serializer)
            }
        }
    )*};
}

as_serde! { bool u16 u32 i128 str Box<str> }

impl TypedJson for () {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_tuple(0)?.end()
    }
}

impl TypedJson for ColId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0)
    }
}

impl TypedJson for TypeRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl TypedJson for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self))
    }
}

impl<T: TypedJson> TypedJson for Option<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => variant(serializer, "some", value),
            None => variant(serializer, "none", &()),
        }
    }
}

impl<T: TypedJson> TypedJson for [T] {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.len()))?;
        for element in self {
            array.serialize_element(&Typed(element))?;
        }
        array.end()
    }
}

impl<T: TypedJson> TypedJson for Vec<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TypedJson::serialize(self.as_slice(), serializer)
    }
}

impl<T: TypedJson> TypedJson for Box<[T]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TypedJson::serialize(&**self, serializer)
    }
}

/// Declares the typed JSON of products, with the names of their elements in the contract.
macro_rules! product {
    ($($ty:ident { $($field:ident as $name:literal),* })*) => {$(
        impl TypedJson for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $(map.serialize_entry($name, &Typed(&self.$field))?;)*
                map.end()
            }
        }

        /// As typed SATS-JSON.
        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                TypedJson::serialize(self, serializer)
            }
        }
    )*};
}

product! {
    ProductType { elements as "elements" }
    Element { name as "name", ty as "algebraic_type" }
    SumType { variants as "variants" }
    Variant { name as "name", ty as "algebraic_type" }
    Typespace { types as "types" }
}

impl TypedJson for AlgebraicType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = match self {
            Self::Ref(target) => return variant(serializer, "Ref", target),
            Self::Sum(sum) => return variant(serializer, "Sum", sum),
            Self::Product(product) => return variant(serializer, "Product", product),
            Self::Array(element) => return variant(serializer, "Array", &**element),
            Self::String => "String",
            Self::Bool => "Bool",
            Self::I8 => "I8",
            Self::U8 => "U8",
            Self::I16 => "I16",
            Self::U16 => "U16",
            Self::I32 => "I32",
            Self::U32 => "U32",
            Self::I64 => "I64",
            Self::U64 => "U64",
            Self::I128 => "I128",
            Self::U128 => "U128",
            Self::I256 => "I256",
            Self::U256 => "U256",
            Self::F32 => "F32",
            Self::F64 => "F64",
        };
        variant(serializer, name, &())
    }
}

/// As typed SATS-JSON.
impl Serialize for AlgebraicType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TypedJson::serialize(self, serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        let ty = AlgebraicType::Product(ProductType {
            elements: [
                Element { name: Some("id".into()), ty: AlgebraicType::U64 },
                Element { name: None, ty: AlgebraicType::Array(Box::new(AlgebraicType::Ref(TypeRef(5)))) },
            ]
            .into(),
        });
        assert_eq!(
            serde_json::to_string(&ty).unwrap(),
            r#"{"Product":{"elements":[{"name":{"some":"id"},"algebraic_type":{"U64":[]}},{"name":{"none":[]},"algebraic_type":{"Array":{"Ref":5}}}]}}"#
        );
    }
}
