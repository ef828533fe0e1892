//! Random types and values, and the way to the original's.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses its part")]

use orrery_host_abi::{
    AlgebraicType, AlgebraicValue, Element, ProductType, SpecialProduct, SumType, SumValue, Variant,
    bsatn::Encode,
};
use proptest::{collection::vec, prelude::*};
use spacetimedb_sats as sats;

/// The original's form of a type.
pub fn theirs(ty: &AlgebraicType) -> sats::AlgebraicType {
    sats::bsatn::from_slice(&ty.to_bsatn()).expect("the original reads our types")
}

fn scalar() -> impl Strategy<Value = AlgebraicType> {
    use AlgebraicType::*;
    prop::sample::select(vec![
        Bool, I8, U8, I16, U16, I32, U32, I64, U64, I128, U128, I256, U256, F32, F64, String,
    ])
}

fn special() -> impl Strategy<Value = AlgebraicType> {
    use SpecialProduct::*;
    prop_oneof![
        prop::sample::select(vec![Identity, ConnectionId, Timestamp, TimeDuration, Uuid])
            .prop_map(SpecialProduct::ty),
        Just(AlgebraicType::schedule_at()),
        Just(AlgebraicType::unit()),
    ]
}

/// A name for a member; the place makes it the only one of its kind.
fn name(place: usize, salt: u8) -> Box<str> {
    match salt % 5 {
        0 => format!("field{place}"),
        1 => format!("someField_{place}"),
        2 => format!("Größe\"{place}"),
        3 => format!("{place}"),
        _ => format!("__x{place}__"),
    }
    .into()
}

/// Any type without references; all members have names.
pub fn any_type() -> impl Strategy<Value = AlgebraicType> {
    let leaf = prop_oneof![4 => scalar(), 1 => special()];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ty| AlgebraicType::Array(Box::new(ty))),
            inner.clone().prop_map(AlgebraicType::option),
            vec((inner.clone(), any::<u8>()), 0..6).prop_map(|members| {
                let elements = members
                    .into_iter()
                    .enumerate()
                    .map(|(place, (ty, salt))| Element { name: Some(name(place, salt)), ty });
                AlgebraicType::Product(ProductType { elements: elements.collect() })
            }),
            vec((inner, any::<u8>()), 1..6).prop_map(|members| {
                let variants = members
                    .into_iter()
                    .enumerate()
                    .map(|(place, (ty, salt))| Variant { name: Some(name(place, salt)), ty });
                AlgebraicType::Sum(SumType { variants: variants.collect() })
            }),
        ]
    })
}

/// A row type.
pub fn any_row_type() -> impl Strategy<Value = ProductType> {
    vec(any_type(), 0..8).prop_map(|types| ProductType {
        elements: types
            .into_iter()
            .enumerate()
            .map(|(place, ty)| Element { name: Some(name(place, 0)), ty })
            .collect(),
    })
}

/// A value of a type.
pub fn value_of(ty: &AlgebraicType) -> BoxedStrategy<AlgebraicValue> {
    use AlgebraicValue as V;
    match ty {
        AlgebraicType::Bool => any::<bool>().prop_map(V::Bool).boxed(),
        AlgebraicType::I8 => any::<i8>().prop_map(V::I8).boxed(),
        AlgebraicType::U8 => any::<u8>().prop_map(V::U8).boxed(),
        AlgebraicType::I16 => any::<i16>().prop_map(V::I16).boxed(),
        AlgebraicType::U16 => any::<u16>().prop_map(V::U16).boxed(),
        AlgebraicType::I32 => any::<i32>().prop_map(V::I32).boxed(),
        AlgebraicType::U32 => any::<u32>().prop_map(V::U32).boxed(),
        AlgebraicType::I64 => any::<i64>().prop_map(V::I64).boxed(),
        AlgebraicType::U64 => any::<u64>().prop_map(V::U64).boxed(),
        AlgebraicType::I128 => any::<i128>().prop_map(V::I128).boxed(),
        AlgebraicType::U128 => any::<u128>().prop_map(V::U128).boxed(),
        AlgebraicType::I256 => {
            any::<(i128, i128)>().prop_map(|(a, b)| V::I256(ethnum::I256::from_words(a, b))).boxed()
        }
        AlgebraicType::U256 => {
            any::<(u128, u128)>().prop_map(|(a, b)| V::U256(ethnum::U256::from_words(a, b))).boxed()
        }
        AlgebraicType::F32 => {
            prop_oneof![any::<u32>().prop_map(f32::from_bits), any::<f32>(), Just(-0.0), Just(f32::NAN)]
                .prop_map(V::F32)
                .boxed()
        }
        AlgebraicType::F64 => {
            prop_oneof![any::<u64>().prop_map(f64::from_bits), any::<f64>(), Just(-0.0), Just(f64::NAN)]
                .prop_map(V::F64)
                .boxed()
        }
        AlgebraicType::String => any::<String>().prop_map(|text| V::String(text.into())).boxed(),
        AlgebraicType::Array(element) if **element == AlgebraicType::U8 => {
            vec(any::<u8>(), 0..8).prop_map(|bytes| V::Bytes(bytes.into())).boxed()
        }
        AlgebraicType::Array(element) => vec(value_of(element), 0..5).prop_map(V::Array).boxed(),
        AlgebraicType::Product(product) => elements_of(product).prop_map(V::Product).boxed(),
        AlgebraicType::Sum(sum) => {
            let variants: Vec<_> = sum
                .variants
                .iter()
                .enumerate()
                .map(|(tag, variant)| {
                    value_of(&variant.ty)
                        .prop_map(move |value| V::Sum(SumValue { tag: tag as u8, value: Box::new(value) }))
                        .boxed()
                })
                .collect();
            prop::strategy::Union::new(variants).boxed()
        }
        AlgebraicType::Ref(_) => unreachable!("types are generated without references"),
    }
}

/// The elements of a product.
pub fn elements_of(product: &ProductType) -> BoxedStrategy<Vec<AlgebraicValue>> {
    let elements: Vec<_> = product.elements.iter().map(|element| value_of(&element.ty)).collect();
    elements.boxed()
}

/// A type and a value of it.
pub fn any_typed_value() -> impl Strategy<Value = (AlgebraicType, AlgebraicValue)> {
    any_type().prop_flat_map(|ty| (Just(ty.clone()), value_of(&ty)))
}

/// A type and two values of it.
pub fn any_typed_pair() -> impl Strategy<Value = (AlgebraicType, AlgebraicValue, AlgebraicValue)> {
    any_type().prop_flat_map(|ty| (Just(ty.clone()), value_of(&ty), value_of(&ty)))
}

/// A row type and a row.
pub fn any_row() -> impl Strategy<Value = (ProductType, Vec<AlgebraicValue>)> {
    any_row_type().prop_flat_map(|ty| (Just(ty.clone()), elements_of(&ty)))
}

/// A way to damage bytes.
#[derive(Debug, Clone)]
pub enum Damage {
    Nothing,
    Truncate(prop::sample::Index),
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    /// Four bytes that make a huge count.
    Huge(prop::sample::Index),
}

pub fn any_damage() -> impl Strategy<Value = Vec<Damage>> {
    let index = any::<prop::sample::Index>;
    vec(
        prop_oneof![
            Just(Damage::Nothing),
            index().prop_map(Damage::Truncate),
            (index(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
            (index(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
            (index(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
            index().prop_map(Damage::Remove),
            index().prop_map(Damage::Huge),
        ],
        1..4,
    )
}

pub fn damage(bytes: &mut Vec<u8>, damages: &[Damage]) {
    for damage in damages {
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        match damage {
            Damage::Nothing => {}
            Damage::Truncate(at) => bytes.truncate(at.index(len)),
            Damage::Set(at, byte) => bytes[at.index(len)] = *byte,
            Damage::Flip(at, bit) => bytes[at.index(len)] ^= 1 << bit,
            Damage::Insert(at, byte) => bytes.insert(at.index(len), *byte),
            Damage::Remove(at) => drop(bytes.remove(at.index(len))),
            Damage::Huge(at) => {
                let at = at.index(len);
                let end = len.min(at + 4);
                bytes[at..end].fill(0xff);
            }
        }
    }
}
