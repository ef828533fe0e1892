//! Where plain JSON is not SATS-JSON, and how values are written where there is only text, as in a URL.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::{
    ArgsError, Context, NONE, Notation, SumVisitor, TagSeed, ValueSeed, VariantNames, follow, read_in,
};
use crate::{
    AlgebraicType, ConnectionId, Identity, MAX_TYPE_DEPTH, SpecialProduct, SumType, Timestamp, Typespace,
    Uuid, json::write_str,
};

/// The tag of an option with a value.
const SOME: u8 = 0;

/// Whether values of that type, which is no reference, look different in plain JSON.
pub(super) fn is_different(ty: &AlgebraicType) -> bool {
    match ty {
        AlgebraicType::Product(product) => product.as_special().is_some(),
        AlgebraicType::Sum(_) => true,
        ty => ty.is_bytes() || is_wide(ty),
    }
}

/// Whether it is an integer that programs cannot be trusted to read from a JSON number.
fn is_wide(ty: &AlgebraicType) -> bool {
    use AlgebraicType::{I128, I256, U128, U256};
    matches!(ty, I128 | U128 | I256 | U256)
}

/// Reads a value that looks different in plain JSON.
pub(super) struct PlainSeed<'c, 't> {
    pub(super) context: &'c mut Context<'t>,
    /// No reference.
    pub(super) ty: &'t AlgebraicType,
}

impl<'de> DeserializeSeed<'de> for PlainSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { context, ty } = self;
        match ty {
            AlgebraicType::Sum(sum) => match sum.as_option() {
                Some(some) => deserializer.deserialize_option(OptionVisitor { context, some }),
                None => deserializer.deserialize_any(PlainSumVisitor { context, sum }),
            },
            ty => deserializer.deserialize_any(TextVisitor { context, ty }),
        }
    }
}

/// The type inside of options, and how many these are. Only a type that refers to itself can be in more of them than
/// types may be deep, and such a one has no value but `null`.
fn innermost<'t>(
    ty: &'t AlgebraicType,
    typespace: &'t Typespace,
) -> Result<(usize, &'t AlgebraicType), String> {
    let mut inner = follow(ty, typespace)?;
    for options in 0..MAX_TYPE_DEPTH {
        match inner.as_option() {
            Some(some) => inner = follow(some, typespace)?,
            None => return Ok((options, inner)),
        }
    }
    Err("an option of options without end".into())
}

/// Reads a value or `null`.
struct OptionVisitor<'c, 't> {
    context: &'c mut Context<'t>,
    some: &'t AlgebraicType,
}

impl<'de> Visitor<'de> for OptionVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} or null", type_name(self.some, self.context.typespace))
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.context.out.push(NONE);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Nested options take no nesting of JSON, which would bound them.
        innermost(self.some, self.context.typespace).map_err(D::Error::custom)?;
        self.context.out.push(SOME);
        ValueSeed { context: self.context, ty: self.some }.deserialize(deserializer)
    }
}

/// Reads the name of a variant without payload, or `{"variant": payload}`.
struct PlainSumVisitor<'c, 't> {
    context: &'c mut Context<'t>,
    sum: &'t SumType,
}

impl<'de> Visitor<'de> for PlainSumVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of the variants {}", VariantNames(self.sum))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        let tag = TagSeed { sum: self.sum }.visit_str(name)?;
        if !self.sum.variants[usize::from(tag)].ty.is_unit() {
            return Err(E::custom(format_args!(
                "the variant `{name}` needs a value, as in {{\"{name}\": ...}}"
            )));
        }
        self.context.out.push(tag);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        SumVisitor { context: self.context, sum: self.sum }.visit_map(object)
    }
}

/// Reads what is written as text in plain JSON, or as a number of microseconds.
struct TextVisitor<'c, 't> {
    context: &'c mut Context<'t>,
    ty: &'t AlgebraicType,
}

impl Visitor<'_> for TextVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(expectation(self.ty))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        write_text(text, self.ty, &mut self.context.out)
            .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        let is_time =
            matches!(self.ty.as_special(), Some(SpecialProduct::TimeDuration | SpecialProduct::Timestamp));
        if is_time {
            self.context.out.extend_from_slice(&number.to_le_bytes());
            return Ok(());
        }
        // A number that happens to be short is no less a number.
        if is_wide(self.ty) {
            return self.visit_str(&number.to_string());
        }
        Err(E::invalid_type(serde::de::Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) if is_wide(self.ty) => self.visit_str(&number.to_string()),
            Err(_) => Err(E::invalid_type(serde::de::Unexpected::Unsigned(number), &self)),
        }
    }
}

/// What the text of a value must be, in words.
fn expectation(ty: &AlgebraicType) -> &'static str {
    use AlgebraicType as T;
    match ty {
        T::Bool => "`true` or `false`",
        T::I8 => "a whole number from -128 to 127",
        T::U8 => "a whole number from 0 to 255",
        T::I16 => "a whole number from -32768 to 32767",
        T::U16 => "a whole number from 0 to 65535",
        T::I32 => "a whole number from -2147483648 to 2147483647",
        T::U32 => "a whole number from 0 to 4294967295",
        T::I64 => "a whole number of 64 bits",
        T::U64 => "a whole number of 64 bits that is not negative",
        T::I128 => "a whole number of 128 bits",
        T::U128 => "a whole number of 128 bits that is not negative",
        T::I256 => "a whole number of 256 bits",
        T::U256 => "a whole number of 256 bits that is not negative",
        T::F32 | T::F64 => "a number",
        T::String => "a text",
        T::Array(_) if ty.is_bytes() => "bytes in base64",
        T::Array(_) => "a JSON array",
        T::Product(product) => match product.as_special() {
            Some(SpecialProduct::Identity) => "64 hexadecimal digits",
            Some(SpecialProduct::ConnectionId) => "32 hexadecimal digits",
            Some(SpecialProduct::Timestamp) => "a time like 2024-05-01T12:00:00Z",
            Some(SpecialProduct::TimeDuration) => "a number of microseconds",
            Some(SpecialProduct::Uuid) => "a UUID",
            None => "a JSON object",
        },
        T::Sum(_) => "the name of a variant, or a JSON object with its value",
        T::Ref(_) => "a value",
    }
}

/// Appends the BSATN of a value whose plain JSON is a text. None if the text is not of that type.
fn write_text(text: &str, ty: &AlgebraicType, out: &mut Vec<u8>) -> Option<()> {
    match ty {
        AlgebraicType::I128 => out.extend_from_slice(&text.parse::<i128>().ok()?.to_le_bytes()),
        AlgebraicType::U128 => out.extend_from_slice(&text.parse::<u128>().ok()?.to_le_bytes()),
        AlgebraicType::I256 => out.extend_from_slice(&text.parse::<ethnum::I256>().ok()?.to_le_bytes()),
        AlgebraicType::U256 => out.extend_from_slice(&text.parse::<ethnum::U256>().ok()?.to_le_bytes()),
        AlgebraicType::Product(product) => match product.as_special()? {
            SpecialProduct::Identity => {
                out.extend_from_slice(&Identity::from_hex(text).ok()?.to_le_bytes());
            }
            SpecialProduct::ConnectionId => {
                out.extend_from_slice(&ConnectionId::from_hex(text).ok()?.to_le_bytes());
            }
            SpecialProduct::Timestamp => {
                out.extend_from_slice(&text.parse::<Timestamp>().ok()?.0.to_le_bytes());
            }
            SpecialProduct::Uuid => out.extend_from_slice(&text.parse::<Uuid>().ok()?.0.to_le_bytes()),
            SpecialProduct::TimeDuration => return None,
        },
        ty if ty.is_bytes() => {
            let bytes = BASE64.decode(text).ok()?;
            out.extend_from_slice(&u32::try_from(bytes.len()).ok()?.to_le_bytes());
            out.extend_from_slice(&bytes);
        }
        _ => return None,
    }
    Some(())
}

/// Reads a value where there is only text, as in a URL: its plain JSON, but texts and whatever plain JSON writes as text
/// without quotes. `null` is an option without value, also where a text is optional. The result is its BSATN.
///
/// The reason in an error says what is expected and what came.
pub fn plain_from_text(text: &str, ty: &AlgebraicType, typespace: &Typespace) -> Result<Vec<u8>, ArgsError> {
    let inner = innermost(ty, typespace).map_err(|reason| ArgsError { path: String::new(), reason });
    let (options, resolved) = inner?;
    if options > 0 && text == "null" {
        return Ok(vec![NONE]);
    }
    let json = as_json(text, resolved);
    let read = read_in(Notation::Plain, json.as_bytes(), typespace, |context, deserializer| {
        ValueSeed { context, ty: resolved }.deserialize(deserializer)
    });
    read.map(|value| [vec![SOME; options], value].concat()).map_err(|error| {
        let is_scalar =
            resolved.as_scalar().is_some() || resolved.as_special().is_some() || resolved.is_bytes();
        let (name, came) = (type_name(ty, typespace), Shortened(text));
        let reason = if is_scalar {
            format!("expected {name}, {}, but got {came}", expectation(resolved))
        } else {
            format!("expected {name}, {}, but got {came}: {error}", expectation(resolved))
        };
        ArgsError { path: String::new(), reason }
    })
}

/// The plain JSON that a text stands for, as far as the type tells.
fn as_json(text: &str, ty: &AlgebraicType) -> String {
    let is_quoted = match ty {
        AlgebraicType::String => true,
        AlgebraicType::Product(product) => match product.as_special() {
            Some(SpecialProduct::TimeDuration) | None => false,
            // Either a point in time, or microseconds.
            Some(SpecialProduct::Timestamp) => text.parse::<i64>().is_err(),
            Some(_) => true,
        },
        AlgebraicType::Sum(_) => !text.starts_with(['{', '"']),
        ty => ty.is_bytes() || is_wide(ty),
    };
    if !is_quoted {
        return text.to_owned();
    }
    let mut json = Vec::with_capacity(text.len() + 2);
    write_str(text, &mut json);
    // JSON is UTF-8.
    String::from_utf8(json).unwrap_or_default()
}

/// What came, in a message.
struct Shortened<'t>(&'t str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LEN_MAX: usize = 100;
        match self.0.char_indices().nth(LEN_MAX) {
            _ if self.0.is_empty() => f.write_str("nothing"),
            None => write!(f, "`{}`", self.0.escape_debug()),
            Some((end, _)) => write!(f, "`{}...`", self.0[..end].escape_debug()),
        }
    }
}

/// At most so many members or variants are named in a message.
const NAMES_MAX: usize = 16;

/// The name of a type in messages: as Rust would write it, without the names that a module gives to types.
pub fn type_name(ty: &AlgebraicType, typespace: &Typespace) -> String {
    let mut name = String::new();
    write_type_name(ty, typespace, 0, &mut name);
    name
}

fn write_type_name(ty: &AlgebraicType, typespace: &Typespace, depth: usize, out: &mut String) {
    const DEPTH_MAX: usize = 8;
    let Ok(ty) = follow(ty, typespace) else { return out.push('?') };
    if depth > DEPTH_MAX.min(MAX_TYPE_DEPTH) {
        return out.push_str("...");
    }
    let mut inside = |before: &str, parts: &[&AlgebraicType]| {
        out.push_str(before);
        for (place, part) in parts.iter().enumerate() {
            out.push_str(if place == 0 { "<" } else { ", " });
            write_type_name(part, typespace, depth + 1, out);
        }
        out.push('>');
    };
    match ty {
        AlgebraicType::Array(_) if ty.is_bytes() => out.push_str("bytes"),
        AlgebraicType::Array(element) => inside("Vec", &[element]),
        AlgebraicType::Product(product) => match product.as_special() {
            Some(special) => out.push_str(&format!("{special:?}")),
            None => {
                let names =
                    product.elements.iter().take(NAMES_MAX).map(|it| it.name.as_deref().unwrap_or("_"));
                out.push_str(&format!("{{{}}}", names.collect::<Vec<_>>().join(", ")));
            }
        },
        AlgebraicType::Sum(sum) => match (sum.as_option(), sum.as_result()) {
            (Some(some), _) => inside("Option", &[some]),
            (None, Some((ok, err))) => inside("Result", &[ok, err]),
            (None, None) => {
                let names = sum.variants.iter().take(NAMES_MAX).map(|it| it.name.as_deref().unwrap_or("_"));
                out.push_str(&names.collect::<Vec<_>>().join(" | "));
            }
        },
        AlgebraicType::String => out.push_str("String"),
        AlgebraicType::Ref(_) => out.push('?'),
        number => out.push_str(&format!("{number:?}").to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Element, ProductType, Variant, json::args_from_plain_json, json::value_from_json};

    fn product(elements: impl IntoIterator<Item = (&'static str, AlgebraicType)>) -> ProductType {
        let element = |(name, ty): (&str, _)| Element { name: Some(name.into()), ty };
        ProductType { elements: elements.into_iter().map(element).collect() }
    }

    fn color() -> AlgebraicType {
        let variant = |name: &str, ty| Variant { name: Some(name.into()), ty };
        let variants = [variant("red", AlgebraicType::unit()), variant("gray", AlgebraicType::U8)];
        AlgebraicType::Sum(SumType { variants: variants.into() })
    }

    fn text(ty: &AlgebraicType, text: &str) -> Result<Vec<u8>, String> {
        plain_from_text(text, ty, &Typespace::default()).map_err(|error| error.to_string())
    }

    /// The text must mean the same as that SATS-JSON.
    fn same(ty: &AlgebraicType, plain: &str, sats: &str) {
        let expected = value_from_json(sats.as_bytes(), ty, &Typespace::default()).unwrap();
        assert_eq!(text(ty, plain), Ok(expected), "{plain}");
    }

    #[test]
    fn texts_of_each_type() {
        use AlgebraicType::{Bool, F64, I8, I256, String, U32, U64, U128, U256};
        same(&U32, "18", "18");
        same(&U64, "18446744073709551615", "18446744073709551615");
        same(&I8, "-1", "-1");
        same(&Bool, "true", "true");
        same(&F64, "-1.5e3", "-1500");
        same(&String, "Ada", r#""Ada""#);
        same(&String, "18", r#""18""#);
        same(&String, "", r#""""#);
        same(&String, "null", r#""null""#);
        same(&String, "a\"\\\n\u{1}é", "\"a\\\"\\\\\\n\\u0001é\"");
        same(&U128, "340282366920938463463374607431768211455", "340282366920938463463374607431768211455");
        same(&U256, "31", "\"0x1f\"");
        same(&I256, "-31", "\"-0x1f\"");
        same(&AlgebraicType::Array(Box::new(AlgebraicType::U8)), "3q0=", "\"dead\"");
        same(&AlgebraicType::Array(Box::new(U32)), "[1, 2]", "[1,2]");
        let point = AlgebraicType::Product(product([("x", U32), ("note", AlgebraicType::option(String))]));
        same(&point, r#"{"x":1,"note":"null"}"#, r#"{"x":1,"note":{"some":"null"}}"#);
        same(&point, r#"{"x":1}"#, r#"{"x":1,"note":{"none":[]}}"#);
        same(&point, r#"[1,null]"#, r#"{"x":1,"note":{"none":[]}}"#);
        same(&SpecialProduct::Timestamp.ty(), "1970-01-01T00:00:01Z", "[1000000]");
        same(&SpecialProduct::Timestamp.ty(), "-7", "[-7]");
        same(&SpecialProduct::TimeDuration.ty(), "7", "[7]");
        same(&SpecialProduct::ConnectionId.ty(), "000000000000000000000000000000ff", "[255]");
        same(&SpecialProduct::Uuid.ty(), "00000000-0000-0000-0000-0000000000ff", "[255]");
        same(&SpecialProduct::Identity.ty(), &format!("{:064x}", 255), "[\"0xff\"]");
        same(&SpecialProduct::Identity.ty(), &format!("0x{:064X}", 255), "[\"0xff\"]");
        same(&color(), "red", r#"{"red":[]}"#);
        same(&color(), r#"{"gray":7}"#, r#"{"gray":7}"#);
        same(&AlgebraicType::option(U32), "7", r#"{"some":7}"#);
        same(&AlgebraicType::option(U32), "null", r#"{"none":[]}"#);
        same(&AlgebraicType::option(String), "Ada", r#"{"some":"Ada"}"#);
        same(&AlgebraicType::option(color()), "red", r#"{"some":{"red":[]}}"#);
        same(&AlgebraicType::schedule_at(), r#"{"Interval":5}"#, r#"{"Interval":[5]}"#);
    }

    #[test]
    fn errors_say_what_is_expected_and_what_came() {
        let check = |ty: &AlgebraicType, came: &str, expected: &str| {
            assert_eq!(text(ty, came).unwrap_err(), expected);
        };
        check(&AlgebraicType::U32, "-1", "expected u32, a whole number from 0 to 4294967295, but got `-1`");
        check(&AlgebraicType::U8, "", "expected u8, a whole number from 0 to 255, but got nothing");
        check(&AlgebraicType::Bool, "1", "expected bool, `true` or `false`, but got `1`");
        let identity = SpecialProduct::Identity.ty();
        check(&identity, "c2", "expected Identity, 64 hexadecimal digits, but got `c2`");
        let option = AlgebraicType::option(AlgebraicType::I8);
        check(&option, "200", "expected Option<i8>, a whole number from -128 to 127, but got `200`");
        let error = text(&color(), "blue").unwrap_err();
        assert!(error.starts_with("expected red | gray, the name of a variant"), "{error}");
        assert!(error.contains("unknown variant `blue`, expected `red`, `gray`"), "{error}");
        let error = text(&color(), "gray").unwrap_err();
        assert!(error.contains("needs a value"), "{error}");
        let list = AlgebraicType::Array(Box::new(AlgebraicType::U8));
        let list = AlgebraicType::Array(Box::new(list));
        let error = text(&list, &"x".repeat(1000)).unwrap_err();
        assert!(error.starts_with("expected Vec<bytes>, a JSON array, but got `xxx"), "{error}");
        assert!(error.len() < 300, "{error}");
    }

    #[test]
    fn an_option_of_itself_is_no_way_to_overflow_the_stack() {
        let itself = AlgebraicType::Ref(crate::TypeRef(0));
        let typespace = Typespace { types: vec![AlgebraicType::option(itself.clone())] };
        assert!(plain_from_text("1", &itself, &typespace).is_err());
        let params = product([("a", itself)]);
        assert!(args_from_plain_json(b"[1]", &params, &typespace).is_err());
        assert_eq!(args_from_plain_json(b"[null]", &params, &typespace), Ok(vec![NONE]));
    }

    #[test]
    fn arguments_in_plain_json() {
        let params = product([
            ("who", SpecialProduct::Identity.ty()),
            ("nick", AlgebraicType::option(AlgebraicType::String)),
            ("color", color()),
        ]);
        let read = |json: &str| {
            let read = args_from_plain_json(json.as_bytes(), &params, &Typespace::default());
            read.map_err(|error| error.to_string())
        };
        let who = format!("{:064x}", 1);
        let expected = read(&format!(r#"["{who}",null,"red"]"#)).unwrap();
        assert_eq!(expected.len(), 32 + 1 + 1);
        assert_eq!(read(&format!(r#"{{"color":"red","who":"{who}"}}"#)).as_ref(), Ok(&expected));
        assert_eq!(read(&format!(r#"{{"who":"{who}","color":"red"}}"#)).as_ref(), Ok(&expected));
        assert_eq!(read(&format!(r#"{{"who":"{who}","nick":null,"color":"red"}}"#)), Ok(expected));
        let error = read(r#"{"color":"red"}"#).unwrap_err();
        assert!(error.contains("missing field `who`"), "{error}");
        let error = read(r#"[7,null,"red"]"#).unwrap_err();
        assert!(error.starts_with("`who`: ") && error.contains("64 hexadecimal digits"), "{error}");
    }
}
