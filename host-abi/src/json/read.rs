//! Reading JSON into BSATN, led by the type: SATS-JSON, or plain JSON.

mod plain;

use std::fmt::{self, Write as _};

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use smallvec::SmallVec;

use self::plain::PlainSeed;
pub use self::plain::{plain_from_text, type_name};
use crate::{AlgebraicType, Element, MAX_TYPE_DEPTH, ProductType, SumType, Typespace, hex};

/// Why JSON is not a value of the type expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgsError {
    /// Where in the value, such as `player.positions[2].x`; empty for the value as a whole.
    pub path: String,
    /// What is wrong there, and at which line and column.
    pub reason: String,
}

impl std::error::Error for ArgsError {}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.reason),
            path => write!(f, "`{path}`: {}", self.reason),
        }
    }
}

/// Reads the arguments of a function: an array of all of them in order, or an object with each under the name of
/// its parameter. The result is the BSATN of the product. Nothing but white space may follow.
pub fn args_from_json(
    json: &[u8],
    params: &ProductType,
    typespace: &Typespace,
) -> Result<Vec<u8>, ArgsError> {
    read(json, typespace, |context, deserializer| {
        ProductSeed { context, product: params }.deserialize(deserializer)
    })
}

/// The same from plain JSON, as [`Dialect::Plain`](super::Dialect::Plain) writes it. In an object, what is optional may
/// be left out.
pub fn args_from_plain_json(
    json: &[u8],
    params: &ProductType,
    typespace: &Typespace,
) -> Result<Vec<u8>, ArgsError> {
    read_in(Notation::Plain, json, typespace, |context, deserializer| {
        ProductSeed { context, product: params }.deserialize(deserializer)
    })
}

/// Reads a value of a type. The result is its BSATN. Nothing but white space may follow.
pub fn value_from_json(json: &[u8], ty: &AlgebraicType, typespace: &Typespace) -> Result<Vec<u8>, ArgsError> {
    read(json, typespace, |context, deserializer| ValueSeed { context, ty }.deserialize(deserializer))
}

fn read<'t>(
    json: &[u8],
    typespace: &'t Typespace,
    read: impl FnOnce(
        &mut Context<'t>,
        &mut serde_json::Deserializer<serde_json::de::SliceRead<'_>>,
    ) -> Result<(), serde_json::Error>,
) -> Result<Vec<u8>, ArgsError> {
    read_in(Notation::Sats, json, typespace, read)
}

fn read_in<'t>(
    notation: Notation,
    json: &[u8],
    typespace: &'t Typespace,
    read: impl FnOnce(
        &mut Context<'t>,
        &mut serde_json::Deserializer<serde_json::de::SliceRead<'_>>,
    ) -> Result<(), serde_json::Error>,
) -> Result<Vec<u8>, ArgsError> {
    let mut context =
        Context { notation, typespace, out: Vec::with_capacity(json.len()), path: SmallVec::new() };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    match read(&mut context, &mut deserializer).and_then(|()| deserializer.end()) {
        Ok(()) => Ok(context.out),
        Err(error) => Err(ArgsError { path: context.path(), reason: error.to_string() }),
    }
}

/// What JSON is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    /// SATS-JSON, with or without names.
    Sats,
    /// Plain JSON.
    Plain,
}

/// The tag of an option without value.
const NONE: u8 = 1;

/// What is carried along while reading.
struct Context<'t> {
    notation: Notation,
    typespace: &'t Typespace,
    /// The BSATN so far.
    out: Vec<u8>,
    /// Where in the value. After an error it stays where that occurred.
    path: SmallVec<[Step<'t>; 8]>,
}

#[derive(Clone, Copy)]
enum Step<'t> {
    Name(&'t str),
    Place(usize),
}

impl<'t> Context<'t> {
    /// Runs `read` for a part of the value.
    fn inside<T, E>(&mut self, step: Step<'t>, read: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        self.path.push(step);
        let value = read(self)?;
        self.path.pop();
        Ok(value)
    }

    /// Whether a product may do without an element of that type.
    fn may_be_absent(&self, ty: &AlgebraicType) -> bool {
        self.notation == Notation::Plain
            && follow(ty, self.typespace).is_ok_and(|ty| ty.as_option().is_some())
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            // Writing to memory does not fail.
            let _ = match step {
                Step::Name(name) if path.is_empty() => write!(path, "{name}"),
                Step::Name(name) => write!(path, ".{name}"),
                Step::Place(place) => write!(path, "[{place}]"),
            };
        }
        path
    }

    fn count(&mut self, count: usize, at: usize) -> Option<()> {
        self.out[at..at + 4].copy_from_slice(&u32::try_from(count).ok()?.to_le_bytes());
        Some(())
    }
}

/// Reads a value of any type.
struct ValueSeed<'c, 't> {
    context: &'c mut Context<'t>,
    ty: &'t AlgebraicType,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { context, ty } = self;
        let ty = follow(ty, context.typespace).map_err(D::Error::custom)?;
        if context.notation == Notation::Plain && plain::is_different(ty) {
            return PlainSeed { context, ty }.deserialize(deserializer);
        }
        macro_rules! number {
            ($ty:ty) => {{
                let number = <$ty>::deserialize(deserializer)?;
                context.out.extend_from_slice(&number.to_le_bytes());
            }};
        }
        match ty {
            // Followed above.
            AlgebraicType::Ref(_) => {}
            AlgebraicType::Product(product) => ProductSeed { context, product }.deserialize(deserializer)?,
            AlgebraicType::Sum(sum) => deserializer.deserialize_any(SumVisitor { context, sum })?,
            AlgebraicType::Array(element) if **element == AlgebraicType::U8 => {
                deserializer.deserialize_any(BytesVisitor { context })?;
            }
            AlgebraicType::Array(element) => {
                deserializer.deserialize_seq(ArrayVisitor { context, element })?;
            }
            AlgebraicType::String => deserializer.deserialize_str(StringVisitor { context })?,
            AlgebraicType::Bool => context.out.push(u8::from(bool::deserialize(deserializer)?)),
            AlgebraicType::I8 => number!(i8),
            AlgebraicType::U8 => number!(u8),
            AlgebraicType::I16 => number!(i16),
            AlgebraicType::U16 => number!(u16),
            AlgebraicType::I32 => number!(i32),
            AlgebraicType::U32 => number!(u32),
            AlgebraicType::I64 => number!(i64),
            AlgebraicType::U64 => number!(u64),
            AlgebraicType::I128 => number!(i128),
            AlgebraicType::U128 => number!(u128),
            AlgebraicType::I256 | AlgebraicType::U256 => {
                let is_signed = *ty == AlgebraicType::I256;
                deserializer.deserialize_str(WideVisitor { context, is_signed })?;
            }
            AlgebraicType::F32 => number!(f32),
            AlgebraicType::F64 => number!(f64),
        }
        Ok(())
    }
}

/// The type that a type stands for, if it is a reference.
///
/// References that only lead to references would go on for ever. Any other nesting of types needs nesting of JSON, which
/// the JSON reader bounds.
fn follow<'t>(mut ty: &'t AlgebraicType, typespace: &'t Typespace) -> Result<&'t AlgebraicType, String> {
    let mut hops = 0;
    while let AlgebraicType::Ref(target) = ty {
        hops += 1;
        ty = match typespace.get(*target) {
            Some(ty) if hops <= MAX_TYPE_DEPTH => ty,
            _ => return Err(format!("type reference {target} cannot be resolved")),
        };
    }
    Ok(ty)
}

/// Reads a product from an object or an array.
struct ProductSeed<'c, 't> {
    context: &'c mut Context<'t>,
    product: &'t ProductType,
}

impl<'de> DeserializeSeed<'de> for ProductSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// How an element is called in a path.
fn step_of(place: usize, element: &Element) -> Step<'_> {
    element.name.as_deref().map_or(Step::Place(place), Step::Name)
}

impl<'de> Visitor<'de> for ProductSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements = &self.product.elements;
        match elements.len() {
            0 => f.write_str("an empty array or object"),
            count => write!(f, "an array of {count} or an object with {}", Names(elements)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let elements = &self.product.elements;
        for (place, element) in elements.iter().enumerate() {
            let found = self.context.inside(step_of(place, element), |context| {
                array.next_element_seed(ValueSeed { context, ty: &element.ty })
            })?;
            if found.is_none() {
                return Err(A::Error::invalid_length(place, &self));
            }
        }
        if array.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::invalid_length(elements.len() + 1, &self));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let elements = &self.product.elements;
        let start = self.context.out.len();
        // Where the BSATN of each element is. Usually they come in order, and then they are in place already.
        let mut found: SmallVec<[Option<(usize, usize)>; 16]> = SmallVec::from_elem(None, elements.len());
        let mut next = 0;
        let mut is_in_order = true;
        while let Some(place) = object.next_key_seed(NameSeed { elements, likely: next })? {
            if found[place].is_some() {
                return Err(A::Error::custom(format_args!("duplicate field {}", Name(&elements[place]))));
            }
            is_in_order &= place == next;
            next = place + 1;
            let from = self.context.out.len();
            self.context.inside(step_of(place, &elements[place]), |context| {
                object.next_value_seed(ValueSeed { context, ty: &elements[place].ty })
            })?;
            found[place] = Some((from, self.context.out.len()));
        }
        for (place, found) in found.iter_mut().enumerate().filter(|(_, found)| found.is_none()) {
            if !self.context.may_be_absent(&elements[place].ty) {
                return Err(A::Error::custom(format_args!("missing field {}", Name(&elements[place]))));
            }
            let from = self.context.out.len();
            self.context.out.push(NONE);
            *found = Some((from, from + 1));
            is_in_order &= place == next;
            next = place + 1;
        }
        if !is_in_order {
            let mut sorted = Vec::with_capacity(self.context.out.len() - start);
            for &(from, to) in found.iter().flatten() {
                sorted.extend_from_slice(&self.context.out[from..to]);
            }
            self.context.out[start..].copy_from_slice(&sorted);
        }
        Ok(())
    }
}

/// An element's name in a message.
struct Name<'t>(&'t Element);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.name {
            Some(name) => write!(f, "`{name}`"),
            None => f.write_str("without a name"),
        }
    }
}

/// The names of elements in a message.
struct Names<'t>(&'t [Element]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A row type may have hundreds of columns; a message need not.
        for (place, element) in self.0.iter().take(16).enumerate() {
            write!(f, "{}{}", if place > 0 { ", " } else { "" }, Name(element))?;
        }
        f.write_str(if self.0.len() > 16 { ", ..." } else { "" })
    }
}

/// Reads the name of an element; the result is its place.
struct NameSeed<'t> {
    elements: &'t [Element],
    /// The place to try first.
    likely: usize,
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let is_it = |element: &Element| element.name.as_deref() == Some(name);
        if self.elements.get(self.likely).is_some_and(is_it) {
            return Ok(self.likely);
        }
        self.elements.iter().position(is_it).ok_or_else(|| match self.elements {
            [] => E::custom(format_args!("unknown field `{name}`, there are none")),
            elements => E::custom(format_args!("unknown field `{name}`, expected {}", Names(elements))),
        })
    }
}

/// Reads a sum: `{"variant": payload}`, `[tag, payload]`, or `null` for an option's `none`.
struct SumVisitor<'c, 't> {
    context: &'c mut Context<'t>,
    sum: &'t SumType,
}

impl<'t> SumVisitor<'_, 't> {
    /// The payload's seed, once the tag is known.
    fn payload(&mut self, tag: u8) -> (Step<'t>, &'t AlgebraicType) {
        let variant = &self.sum.variants[usize::from(tag)];
        self.context.out.push(tag);
        (variant.name.as_deref().map_or(Step::Place(tag.into()), Step::Name), &variant.ty)
    }
}

impl<'de> Visitor<'de> for SumVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with one of the variants {}", VariantNames(self.sum))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let Some(tag) = object.next_key_seed(TagSeed { sum: self.sum })? else {
            return Err(A::Error::invalid_length(0, &self));
        };
        let (step, ty) = self.payload(tag);
        self.context.inside(step, |context| object.next_value_seed(ValueSeed { context, ty }))?;
        if object.next_key::<IgnoredAny>()?.is_some() {
            return Err(A::Error::invalid_length(2, &self));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<(), A::Error> {
        let Some(tag) = array.next_element_seed(TagSeed { sum: self.sum })? else {
            return Err(A::Error::invalid_length(0, &"an array of a variant and its payload"));
        };
        let (step, ty) = self.payload(tag);
        let payload =
            self.context.inside(step, |context| array.next_element_seed(ValueSeed { context, ty }))?;
        if payload.is_none() {
            return Err(A::Error::invalid_length(1, &"an array of a variant and its payload"));
        }
        if array.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::invalid_length(3, &"an array of a variant and its payload"));
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.sum.as_option().is_none() {
            return Err(E::invalid_type(serde::de::Unexpected::Unit, &self));
        }
        self.context.out.push(NONE);
        Ok(())
    }
}

/// The names of variants in a message.
struct VariantNames<'t>(&'t SumType);

impl fmt::Display for VariantNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (tag, variant) in self.0.variants.iter().take(16).enumerate() {
            f.write_str(if tag > 0 { ", " } else { "" })?;
            match &variant.name {
                Some(name) => write!(f, "`{name}`")?,
                None => write!(f, "`{tag}`")?,
            }
        }
        f.write_str(if self.0.variants.len() > 16 { ", ..." } else { "" })
    }
}

/// Reads a variant's tag or name; the result is its tag.
struct TagSeed<'t> {
    sum: &'t SumType,
}

impl<'de> DeserializeSeed<'de> for TagSeed<'_> {
    type Value = u8;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u8, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for TagSeed<'_> {
    type Value = u8;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name or number of one of the variants {}", VariantNames(self.sum))
    }

    fn visit_u64<E: Error>(self, tag: u64) -> Result<u8, E> {
        match u8::try_from(tag) {
            Ok(valid) if usize::from(valid) < self.sum.variants.len() => Ok(valid),
            _ => Err(E::custom(format_args!("unknown variant {tag}, expected {}", VariantNames(self.sum)))),
        }
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<u8, E> {
        if let Ok(tag) = name.parse::<u8>() {
            return self.visit_u64(tag.into());
        }
        let place = self.sum.variants.iter().position(|variant| variant.name.as_deref() == Some(name));
        place.and_then(|place| place.try_into().ok()).ok_or_else(|| {
            E::custom(format_args!("unknown variant `{name}`, expected {}", VariantNames(self.sum)))
        })
    }
}

/// Reads an array.
struct ArrayVisitor<'c, 't> {
    context: &'c mut Context<'t>,
    element: &'t AlgebraicType,
}

impl<'de, 't> Visitor<'de> for ArrayVisitor<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let start = self.context.out.len();
        self.context.out.extend_from_slice(&[0; 4]);
        let mut count = 0;
        let ty = self.element;
        let mut next = |context: &mut Context<'t>| array.next_element_seed(ValueSeed { context, ty });
        while self.context.inside(Step::Place(count), &mut next)?.is_some() {
            count += 1;
        }
        self.context.count(count, start).ok_or_else(|| A::Error::custom("the array is too long"))
    }
}

/// Reads bytes: a string of hexadecimal digits, or an array of numbers.
struct BytesVisitor<'c, 't> {
    context: &'c mut Context<'t>,
}

impl<'de> Visitor<'de> for BytesVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes as a string of hexadecimal digits or an array of numbers")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let start = self.context.out.len();
        self.context.out.resize(start + 4 + text.len() / 2, 0);
        hex::decode_to(text.as_bytes(), &mut self.context.out[start + 4..])
            .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))?;
        self.context.count(text.len() / 2, start).ok_or_else(|| E::custom("the string is too long"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let start = self.context.out.len();
        self.context.out.extend_from_slice(&[0; 4]);
        while let Some(byte) = array.next_element()? {
            self.context.out.push(byte);
        }
        let count = self.context.out.len() - start - 4;
        self.context.count(count, start).ok_or_else(|| A::Error::custom("the array is too long"))
    }
}

/// Reads text.
struct StringVisitor<'c, 't> {
    context: &'c mut Context<'t>,
}

impl Visitor<'_> for StringVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let len = u32::try_from(text.len()).map_err(|_| E::custom("the string is too long"))?;
        self.context.out.extend_from_slice(&len.to_le_bytes());
        self.context.out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Reads a 256-bit integer: an optional sign, `0x`, and hexadecimal digits.
struct WideVisitor<'c, 't> {
    context: &'c mut Context<'t>,
    is_signed: bool,
}

impl Visitor<'_> for WideVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_signed { "signed" } else { "unsigned" };
        write!(f, "{sign} 256-bit integer as a string of `0x` and hexadecimal digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let bytes = if self.is_signed {
            ethnum::I256::from_str_hex(text).ok().map(ethnum::I256::to_le_bytes)
        } else {
            ethnum::U256::from_str_hex(text).ok().map(ethnum::U256::to_le_bytes)
        };
        match bytes {
            Some(bytes) => {
                self.context.out.extend_from_slice(&bytes);
                Ok(())
            }
            None => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SpecialProduct, TypeRef, Variant};

    fn element(name: &str, ty: AlgebraicType) -> Element {
        Element { name: Some(name.into()), ty }
    }

    fn product(elements: impl IntoIterator<Item = (&'static str, AlgebraicType)>) -> ProductType {
        ProductType { elements: elements.into_iter().map(|(name, ty)| element(name, ty)).collect() }
    }

    fn value(ty: &AlgebraicType, json: &str) -> Result<Vec<u8>, String> {
        value_from_json(json.as_bytes(), ty, &Typespace::default()).map_err(|error| error.to_string())
    }

    fn accepts(ty: &AlgebraicType, json: &str, bsatn: &[u8]) {
        assert_eq!(value(ty, json).as_deref(), Ok(bsatn), "{json}");
    }

    fn refuses(ty: &AlgebraicType, jsons: &[&str]) {
        for json in jsons {
            assert!(value(ty, json).is_err(), "{json}");
        }
    }

    #[test]
    fn scalars() {
        use AlgebraicType::{Bool, F32, F64, I8, I128, I256, String, U8, U64, U128, U256};
        accepts(&Bool, " true ", &[1]);
        refuses(&Bool, &["1", "0", "\"true\"", "null", "true false", ""]);
        accepts(&I8, "-128", &[0x80]);
        refuses(&I8, &["128", "1.0", "1e0", "\"1\"", "null", "true"]);
        refuses(&U8, &["-1", "256"]);
        accepts(&U64, "18446744073709551615", &[0xff; 8]);
        refuses(&U64, &["18446744073709551616"]);
        accepts(&U128, "340282366920938463463374607431768211455", &[0xff; 16]);
        refuses(&U128, &["340282366920938463463374607431768211456", "-1"]);
        accepts(&I128, "-170141183460469231731687303715884105728", &i128::MIN.to_le_bytes());
        accepts(&U256, "\"0xfF\"", &ethnum::U256::from(255_u8).to_le_bytes());
        accepts(&U256, "\"+0x1\"", &ethnum::U256::ONE.to_le_bytes());
        refuses(&U256, &["1", "\"1\"", "\"ff\"", "\"-0x1\"", "\"0x\"", "\"0x+1\"", "\"0b1\""]);
        let too_long = format!("\"0x1{}\"", "0".repeat(64));
        refuses(&U256, &[&too_long]);
        accepts(&I256, "\"-0x1\"", &[0xff; 32]);
        accepts(&F64, "1", &1.0_f64.to_le_bytes());
        accepts(&F64, "5e-324", &f64::from_bits(1).to_le_bytes());
        accepts(&F32, "0.1", &0.1_f32.to_le_bytes());
        refuses(&F64, &["null", "\"1\"", "NaN", "1e400"]);
        accepts(&String, r#""\u00e9\n""#, b"\x03\0\0\0\xc3\xa9\n");
        refuses(&String, &["1", "null", r#""\ud800""#]);
    }

    #[test]
    fn bytes_and_arrays() {
        let bytes = AlgebraicType::Array(Box::new(AlgebraicType::U8));
        accepts(&bytes, "\"\"", &[0; 4]);
        accepts(&bytes, "\"dEad\"", b"\x02\0\0\0\xde\xad");
        accepts(&bytes, "[222, 173]", b"\x02\0\0\0\xde\xad");
        refuses(&bytes, &["\"0xde\"", "\"d\"", "\"3q0=\"", "[256]", "null", "{}", "\"zz\""]);
        let numbers = AlgebraicType::Array(Box::new(AlgebraicType::U16));
        accepts(&numbers, "[1,2]", b"\x02\0\0\0\x01\0\x02\0");
        refuses(&numbers, &["{}", "\"00\"", "[1,]"]);
        assert!(value(&numbers, "[1, 2, -3]").unwrap_err().starts_with("`[2]`: "));
    }

    #[test]
    fn products() {
        let ty = AlgebraicType::Product(product([("a", AlgebraicType::U8), ("b", AlgebraicType::String)]));
        let bsatn = b"\x07\x01\0\0\0x";
        for json in [r#"{"a":7,"b":"x"}"#, r#"{"b":"x","a":7}"#, r#"[7,"x"]"#] {
            accepts(&ty, json, bsatn);
        }
        refuses(
            &ty,
            &[
                "[7]",
                r#"[7,"x",1]"#,
                r#"{"a":7}"#,
                r#"{"a":7,"b":"x","c":1}"#,
                r#"{"a":7,"a":7,"b":"x"}"#,
                "null",
            ],
        );
        for unit in ["[]", "{}"] {
            accepts(&AlgebraicType::unit(), unit, &[]);
        }
        refuses(&AlgebraicType::unit(), &["null", "[1]", r#"{"a":1}"#]);
        let identity = SpecialProduct::Identity.ty();
        let one = ethnum::U256::ONE.to_le_bytes();
        accepts(&identity, r#"{"__identity__":"0x1"}"#, &one);
        accepts(&identity, r#"["0x1"]"#, &one);
        refuses(&identity, &["\"0x1\""]);
    }

    #[test]
    fn sums() {
        let variant = |name: &str, ty| Variant { name: Some(name.into()), ty };
        let variants = [variant("dot", AlgebraicType::unit()), variant("at", AlgebraicType::U8)];
        let ty = AlgebraicType::Sum(SumType { variants: variants.into() });
        for json in [r#"{"at":5}"#, r#"{"1":5}"#, "[1,5]", r#"["at",5]"#, r#"["1",5]"#] {
            accepts(&ty, json, &[1, 5]);
        }
        accepts(&ty, r#"{"dot":[]}"#, &[0]);
        refuses(
            &ty,
            &[
                "\"dot\"",
                "{}",
                r#"{"at":5,"dot":[]}"#,
                "[1]",
                "[1,5,6]",
                "[2,5]",
                "[-1,5]",
                "[]",
                "null",
                "[256,5]",
            ],
        );
        let option = AlgebraicType::option(AlgebraicType::U8);
        accepts(&option, "null", &[1]);
        accepts(&option, r#"{"some":5}"#, &[0, 5]);
        accepts(&option, r#"{"none":[]}"#, &[1]);
        refuses(&option, &["5", "\"none\""]);
    }

    #[test]
    fn arguments() {
        let params = product([("who", AlgebraicType::U8), ("where", AlgebraicType::Ref(TypeRef(0)))]);
        let typespace = Typespace {
            types: vec![AlgebraicType::Product(product([(
                "x",
                AlgebraicType::Array(Box::new(AlgebraicType::U8)),
            )]))],
        };
        let read = |json: &str| args_from_json(json.as_bytes(), &params, &typespace);
        let bsatn = b"\x01\x02\0\0\0\x03\x04".to_vec();
        assert_eq!(read(r#"[1,{"x":[3,4]}]"#), Ok(bsatn.clone()));
        assert_eq!(read(r#" {"where":["0304"],"who":1} "#), Ok(bsatn));
        let error = read(r#"[1,{"x":true}]"#).unwrap_err();
        assert_eq!(error.path, "where.x");
        assert!(error.reason.contains("bytes") && error.reason.contains("line 1"), "{error}");
        assert!(read(r#"[1,{"x":[]}] []"#).is_err());
        assert!(read("").is_err());
        assert_eq!(args_from_json(b"{}", &ProductType::default(), &typespace), Ok(vec![]));
        assert_eq!(args_from_json(b"[]", &ProductType::default(), &typespace), Ok(vec![]));
        assert!(args_from_json(b"[1]", &ProductType::default(), &typespace).is_err());
    }

    #[test]
    fn hostile_types_and_texts() {
        let typespace = Typespace {
            types: vec![
                AlgebraicType::Ref(TypeRef(0)),
                AlgebraicType::Array(Box::new(AlgebraicType::Ref(TypeRef(1)))),
            ],
        };
        let read =
            |ty, json: &str| value_from_json(json.as_bytes(), &AlgebraicType::Ref(TypeRef(ty)), &typespace);
        assert!(read(0, "1").is_err());
        assert!(read(7, "1").is_err());
        assert_eq!(read(1, "[[]]"), Ok(vec![1, 0, 0, 0, 0, 0, 0, 0]));
        assert!(read(1, &"[".repeat(100_000)).is_err());
    }
}
