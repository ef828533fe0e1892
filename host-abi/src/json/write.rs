//! Writing values as JSON, straight from their BSATN.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::write_str;
use crate::{
    AlgebraicType, Identity, LayoutError, ProductType, SpecialProduct, SumType, Timestamp, Typespace, Uuid,
    bsatn::{DecodeError, Reader},
    hex,
    layout::{Guard, MAX_VALUE_DEPTH},
};

/// How values appear in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Products are objects, sums `{"variant": payload}`. 256-bit integers are hexadecimal strings, all others
    /// numbers; bytes are hexadecimal digits.
    Typed,
    /// Products are arrays, sums `[tag, payload]`; otherwise like [`Dialect::Typed`].
    Untyped,
    /// Products are objects, sums `[tag, payload]`; otherwise like [`Dialect::Typed`].
    Stored,
    /// Integers up to 64 bits are numbers, longer ones decimal strings; bytes are base64. An option is its value
    /// or `null`, a sum without payload its name, another sum `{"variant": payload}`. Identities and connection
    /// ids are hexadecimal digits, a timestamp is RFC 3339 in UTC, a duration a number of microseconds, a UUID
    /// its usual text.
    Plain,
}

/// A type compiled for writing its values as JSON in one dialect.
///
/// Whatever does not depend on the value, such as the names of columns, is made ready in advance, so that writing
/// a row is little more than copying.
#[derive(Debug, Clone)]
pub struct JsonWriter {
    root: Shape,
    /// The types that refer to themselves.
    recursive: Box<[Shape]>,
}

impl JsonWriter {
    /// A writer for values of that type, which may be recursive. References are resolved in `typespace`.
    pub fn new(ty: &AlgebraicType, typespace: &Typespace, dialect: Dialect) -> Result<Self, LayoutError> {
        Self::compile(typespace, dialect, |compiler| compiler.ty(ty))
    }

    /// A writer for products of that type, such as rows. References are resolved in `typespace`.
    pub fn of_product(
        ty: &ProductType,
        typespace: &Typespace,
        dialect: Dialect,
    ) -> Result<Self, LayoutError> {
        Self::compile(typespace, dialect, |compiler| compiler.product(ty))
    }

    fn compile<'t>(
        typespace: &'t Typespace,
        dialect: Dialect,
        compile: impl FnOnce(&mut Compiler<'t>) -> Result<Shape, LayoutError>,
    ) -> Result<Self, LayoutError> {
        let mut compiler = Compiler { guard: Guard::new(typespace), dialect, recursive: Vec::new() };
        let root = compile(&mut compiler)?;
        // Compiling a recursive type may lead to more of them.
        let mut recursive = Vec::new();
        while let Some(&target) = compiler.recursive.get(recursive.len()) {
            let ty = compiler.guard.follow(target)?;
            recursive.push(compiler.ty(ty)?);
            compiler.guard.unfollow();
        }
        Ok(Self { root, recursive: recursive.into() })
    }

    /// Appends the JSON of the value that `bsatn` begins with; how many bytes that value takes.
    ///
    /// After an error, what has been appended is incomplete.
    pub fn write(&self, bsatn: &[u8], out: &mut Vec<u8>) -> Result<usize, DecodeError> {
        let mut reader = Reader::new(bsatn);
        self.write_from(&mut reader, out)?;
        Ok(reader.position())
    }

    /// Appends the JSON of the next value of `reader`, for rows that follow each other.
    pub fn write_from(&self, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.root.write(&self.recursive, 0, reader, out)
    }

    /// The JSON of the value that `bsatn` begins with.
    pub fn to_string(&self, bsatn: &[u8]) -> Result<String, DecodeError> {
        let mut out = Vec::with_capacity(bsatn.len() * 2);
        self.write(bsatn, &mut out)?;
        // Only JSON has been written, which is UTF-8: text was checked while it was read.
        Ok(String::from_utf8(out).unwrap_or_default())
    }
}

/// What is written for values of a type.
#[derive(Debug, Clone)]
enum Shape {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    I128,
    U128,
    /// As decimal digits in quotes.
    QuotedI128,
    QuotedU128,
    QuotedI256,
    QuotedU256,
    /// As `0x` and hexadecimal digits, in quotes.
    HexI256,
    HexU256,
    F32,
    F64,
    String,
    HexBytes,
    Base64Bytes,
    Identity,
    ConnectionId,
    Timestamp,
    Uuid,
    /// Always the same text, for the unit type.
    Unit(&'static str),
    Array(Box<Shape>),
    /// Each element with what stands before it, and what stands at the end.
    Product(Box<[(Box<[u8]>, Shape)]>, &'static str),
    /// Each variant with what stands before and after its payload.
    Sum(Box<[VariantShape]>),
    /// The type at that place of [`JsonWriter::recursive`].
    Recursive(usize),
}

#[derive(Debug, Clone)]
struct VariantShape {
    before: Box<[u8]>,
    /// None if nothing of the payload is shown, which then is the unit.
    payload: Option<Shape>,
    after: &'static str,
}

/// Turns types into shapes.
struct Compiler<'t> {
    guard: Guard<'t>,
    dialect: Dialect,
    /// The references that were found inside of what they refer to.
    recursive: Vec<u32>,
}

impl Compiler<'_> {
    fn ty(&mut self, ty: &AlgebraicType) -> Result<Shape, LayoutError> {
        self.guard.enter()?;
        let is_plain = self.dialect == Dialect::Plain;
        let shape = match ty {
            AlgebraicType::Product(product) => self.product(product)?,
            AlgebraicType::Sum(sum) => self.sum(sum)?,
            AlgebraicType::Array(element) => match self.ty(element)? {
                Shape::U8 if is_plain => Shape::Base64Bytes,
                Shape::U8 => Shape::HexBytes,
                element => Shape::Array(Box::new(element)),
            },
            AlgebraicType::Ref(target) if self.guard.is_inside(target.0) => {
                let known = self.recursive.iter().position(|&known| known == target.0);
                Shape::Recursive(known.unwrap_or_else(|| {
                    self.recursive.push(target.0);
                    self.recursive.len() - 1
                }))
            }
            AlgebraicType::Ref(target) => {
                let ty = self.guard.follow(target.0)?;
                // What has a name and no members is a struct that happens to be empty, not the unit.
                let shape = if is_plain && ty.is_unit() { Shape::Unit("{}") } else { self.ty(ty)? };
                self.guard.unfollow();
                shape
            }
            AlgebraicType::String => Shape::String,
            AlgebraicType::Bool => Shape::Bool,
            AlgebraicType::I8 => Shape::I8,
            AlgebraicType::U8 => Shape::U8,
            AlgebraicType::I16 => Shape::I16,
            AlgebraicType::U16 => Shape::U16,
            AlgebraicType::I32 => Shape::I32,
            AlgebraicType::U32 => Shape::U32,
            AlgebraicType::I64 => Shape::I64,
            AlgebraicType::U64 => Shape::U64,
            AlgebraicType::I128 if is_plain => Shape::QuotedI128,
            AlgebraicType::I128 => Shape::I128,
            AlgebraicType::U128 if is_plain => Shape::QuotedU128,
            AlgebraicType::U128 => Shape::U128,
            AlgebraicType::I256 if is_plain => Shape::QuotedI256,
            AlgebraicType::I256 => Shape::HexI256,
            AlgebraicType::U256 if is_plain => Shape::QuotedU256,
            AlgebraicType::U256 => Shape::HexU256,
            AlgebraicType::F32 => Shape::F32,
            AlgebraicType::F64 => Shape::F64,
        };
        self.guard.leave();
        Ok(shape)
    }

    fn product(&mut self, product: &ProductType) -> Result<Shape, LayoutError> {
        if self.dialect == Dialect::Plain
            && let Some(special) = product.as_special()
        {
            return Ok(match special {
                SpecialProduct::Identity => Shape::Identity,
                SpecialProduct::ConnectionId => Shape::ConnectionId,
                SpecialProduct::Timestamp => Shape::Timestamp,
                SpecialProduct::TimeDuration => Shape::I64,
                SpecialProduct::Uuid => Shape::Uuid,
            });
        }
        if product.elements.is_empty() {
            return Ok(Shape::Unit(if self.dialect == Dialect::Stored { "{}" } else { "[]" }));
        }
        let names: Option<Vec<&str>> = match self.dialect {
            Dialect::Untyped => None,
            _ => product.elements.iter().map(|element| element.name.as_deref()).collect(),
        };
        let (open, close) = if names.is_some() { (b'{', "}") } else { (b'[', "]") };
        let elements = product.elements.iter().enumerate().map(|(place, element)| {
            let mut before = vec![if place == 0 { open } else { b',' }];
            if let Some(names) = &names {
                write_str(names[place], &mut before);
                before.push(b':');
            }
            Ok((before.into(), self.ty(&element.ty)?))
        });
        Ok(Shape::Product(elements.collect::<Result<_, LayoutError>>()?, close))
    }

    fn sum(&mut self, sum: &SumType) -> Result<Shape, LayoutError> {
        let is_plain = self.dialect == Dialect::Plain;
        let is_option = is_plain && sum.as_option().is_some();
        let variants = sum.variants.iter().enumerate().map(|(tag, variant)| {
            // A variant without payload is its name, and an option without value null.
            let is_bare = is_plain && variant.ty.is_unit() && !(is_option && tag == 0);
            let payload = if is_bare { None } else { Some(self.ty(&variant.ty)?) };
            let mut before = Vec::new();
            let mut after = "";
            let tag = tag.to_string();
            let name = match self.dialect {
                Dialect::Plain => Some(variant.name.as_deref().unwrap_or(&tag)),
                Dialect::Typed => variant.name.as_deref(),
                Dialect::Untyped | Dialect::Stored => None,
            };
            match name {
                _ if is_option && is_bare => before.extend_from_slice(b"null"),
                _ if is_option => {}
                Some(name) if is_bare => write_str(name, &mut before),
                Some(name) => {
                    before.push(b'{');
                    write_str(name, &mut before);
                    before.push(b':');
                    after = "}";
                }
                None => {
                    before.push(b'[');
                    before.extend_from_slice(tag.as_bytes());
                    before.push(b',');
                    after = "]";
                }
            }
            Ok(VariantShape { before: before.into(), payload, after })
        });
        Ok(Shape::Sum(variants.collect::<Result<_, LayoutError>>()?))
    }
}

impl Shape {
    /// Appends the JSON of the next value. `depth` counts the shapes around this one.
    fn write(
        &self,
        recursive: &[Self],
        depth: usize,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        if depth > MAX_VALUE_DEPTH {
            return Err(DecodeError::TooDeep { at: reader.position() });
        }
        match self {
            Self::Array(element) => {
                out.push(b'[');
                // The count is not trusted: the loop ends with the bytes, or with what is allowed of units.
                for place in 0..reader.read_u32()? {
                    if place > 0 {
                        out.push(b',');
                    }
                    element.write(recursive, depth + 1, reader, out)?;
                }
                out.push(b']');
            }
            Self::Product(elements, close) => {
                for (before, element) in elements {
                    out.extend_from_slice(before);
                    element.write(recursive, depth + 1, reader, out)?;
                }
                out.extend_from_slice(close.as_bytes());
            }
            Self::Sum(variants) => {
                let variant = &variants[usize::from(reader.read_tag(variants.len())?)];
                out.extend_from_slice(&variant.before);
                if let Some(payload) = &variant.payload {
                    payload.write(recursive, depth + 1, reader, out)?;
                }
                out.extend_from_slice(variant.after.as_bytes());
            }
            Self::Recursive(place) => recursive[*place].write(recursive, depth + 1, reader, out)?,
            scalar => scalar.write_scalar(reader, out)?,
        }
        Ok(())
    }

    /// Appends the JSON of the next value, whose type has no others in it.
    ///
    /// Apart from [`Self::write`], so that the recursion there takes little of the stack.
    #[inline(never)]
    fn write_scalar(&self, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        match self {
            Self::Bool => out.extend_from_slice(if reader.read_bool()? { b"true" } else { b"false" }),
            Self::I8 => write_integer(reader.read_i8()?, out),
            Self::U8 => write_integer(reader.read_u8()?, out),
            Self::I16 => write_integer(reader.read_i16()?, out),
            Self::U16 => write_integer(reader.read_u16()?, out),
            Self::I32 => write_integer(reader.read_i32()?, out),
            Self::U32 => write_integer(reader.read_u32()?, out),
            Self::I64 => write_integer(reader.read_i64()?, out),
            Self::U64 => write_integer(reader.read_u64()?, out),
            Self::I128 => write_integer(reader.read_i128()?, out),
            Self::U128 => write_integer(reader.read_u128()?, out),
            Self::QuotedI128 => quoted(out, reader.read_i128()?, write_integer),
            Self::QuotedU128 => quoted(out, reader.read_u128()?, write_integer),
            Self::QuotedI256 => write_display(format_args!("\"{}\"", reader.read_i256()?), out),
            Self::QuotedU256 => write_display(format_args!("\"{}\"", reader.read_u256()?), out),
            Self::HexI256 => {
                let number = reader.read_i256()?;
                let sign = if number.is_negative() { "-" } else { "" };
                write_display(format_args!("\"{sign}{:#x}\"", number.unsigned_abs()), out);
            }
            Self::HexU256 => write_display(format_args!("\"{:#x}\"", reader.read_u256()?), out),
            Self::F32 => match reader.read_f32()? {
                finite if finite.is_finite() => {
                    out.extend_from_slice(zmij::Buffer::new().format_finite(finite).as_bytes());
                }
                _ => out.extend_from_slice(b"null"),
            },
            Self::F64 => match reader.read_f64()? {
                finite if finite.is_finite() => {
                    out.extend_from_slice(zmij::Buffer::new().format_finite(finite).as_bytes());
                }
                _ => out.extend_from_slice(b"null"),
            },
            Self::String => write_str(reader.read_str()?, out),
            Self::HexBytes => quoted(out, reader.read_counted_bytes()?, hex::encode_to),
            Self::Base64Bytes => quoted(out, reader.read_counted_bytes()?, write_base64),
            Self::Identity => {
                let identity = Identity(reader.read_array("an identity")?);
                quoted(out, identity.to_be_bytes().as_slice(), hex::encode_to);
            }
            Self::ConnectionId => quoted(out, reader.read_u128()?.to_be_bytes().as_slice(), hex::encode_to),
            Self::Timestamp => write_display(format_args!("\"{}\"", Timestamp(reader.read_i64()?)), out),
            Self::Uuid => write_display(format_args!("\"{}\"", Uuid(reader.read_u128()?)), out),
            Self::Unit(text) => {
                reader.read_unit()?;
                out.extend_from_slice(text.as_bytes());
            }
            Self::Array(_) | Self::Product(..) | Self::Sum(_) | Self::Recursive(_) => {}
        }
        Ok(())
    }
}

fn write_integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // The space is exactly what is needed.
    let written = BASE64.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(written, Ok(out.len() - start));
}

fn quoted<T>(out: &mut Vec<u8>, value: T, write: impl FnOnce(T, &mut Vec<u8>)) {
    out.push(b'"');
    write(value, out);
    out.push(b'"');
}

fn write_display(value: std::fmt::Arguments<'_>, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let written = std::io::Write::write_fmt(out, value);
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AlgebraicValue, Element, SumValue, TypeRef, Variant, bsatn::Encode};
    use ethnum::{I256, U256};

    /// The forms in the order typed, untyped, stored, plain.
    fn forms(ty: &AlgebraicType, value: &AlgebraicValue) -> [String; 4] {
        [Dialect::Typed, Dialect::Untyped, Dialect::Stored, Dialect::Plain].map(|dialect| {
            let writer = JsonWriter::new(ty, &Typespace::default(), dialect).unwrap();
            writer.to_string(&value.to_bsatn()).unwrap()
        })
    }

    fn same(ty: &AlgebraicType, value: &AlgebraicValue, json: &str) {
        assert_eq!(forms(ty, value), [json; 4]);
    }

    /// A type and value for which only plain JSON differs.
    fn sats(ty: &AlgebraicType, value: &AlgebraicValue, json: &str, plain: &str) {
        assert_eq!(forms(ty, value), [json, json, json, plain]);
    }

    fn product(elements: &[(&str, AlgebraicType)]) -> AlgebraicType {
        AlgebraicType::Product(ProductType {
            elements: elements
                .iter()
                .map(|(name, ty)| Element {
                    name: (!name.is_empty()).then(|| (*name).into()),
                    ty: ty.clone(),
                })
                .collect(),
        })
    }

    fn sum(variants: &[(&str, AlgebraicType)]) -> AlgebraicType {
        AlgebraicType::Sum(SumType {
            variants: variants
                .iter()
                .map(|(name, ty)| Variant { name: Some((*name).into()), ty: ty.clone() })
                .collect(),
        })
    }

    fn variant(tag: u8, value: AlgebraicValue) -> AlgebraicValue {
        AlgebraicValue::Sum(SumValue { tag, value: Box::new(value) })
    }

    #[test]
    fn an_empty_struct_is_no_unit_in_plain_json() {
        let typespace = Typespace { types: vec![AlgebraicType::unit()] };
        let named = || AlgebraicType::Ref(TypeRef(0));
        let ty = AlgebraicType::Product(ProductType {
            elements: [("a", named()), ("b", AlgebraicType::unit())]
                .map(|(name, ty)| Element { name: Some(name.into()), ty })
                .into(),
        });
        let write = |ty: &AlgebraicType, dialect, value: &[u8]| {
            JsonWriter::new(ty, &typespace, dialect).unwrap().to_string(value).unwrap()
        };
        assert_eq!(write(&ty, Dialect::Plain, &[]), r#"{"a":{},"b":[]}"#);
        assert_eq!(write(&ty, Dialect::Typed, &[]), r#"{"a":[],"b":[]}"#);
        let array = AlgebraicType::Array(Box::new(named()));
        assert_eq!(write(&array, Dialect::Plain, &[2, 0, 0, 0]), "[{},{}]");
        let variant = |name: &str, ty| Variant { name: Some(name.into()), ty };
        let sum = SumType { variants: [variant("x", AlgebraicType::unit()), variant("y", named())].into() };
        let sum = AlgebraicType::Sum(sum);
        assert_eq!(write(&sum, Dialect::Plain, &[0]), r#""x""#);
        assert_eq!(write(&sum, Dialect::Plain, &[1]), r#"{"y":{}}"#);
    }

    #[test]
    fn scalars() {
        same(&AlgebraicType::Bool, &AlgebraicValue::Bool(true), "true");
        same(&AlgebraicType::I8, &AlgebraicValue::I8(-128), "-128");
        same(&AlgebraicType::U64, &AlgebraicValue::U64(u64::MAX), "18446744073709551615");
        same(&AlgebraicType::String, &AlgebraicValue::String("a\"\n\u{1}é".into()), r#""a\"\n\u0001é""#);
        sats(
            &AlgebraicType::I128,
            &AlgebraicValue::I128(i128::MIN),
            "-170141183460469231731687303715884105728",
            "\"-170141183460469231731687303715884105728\"",
        );
        sats(&AlgebraicType::U256, &AlgebraicValue::U256(U256::from(0x1f_u8)), "\"0x1f\"", "\"31\"");
        sats(&AlgebraicType::U256, &AlgebraicValue::U256(U256::ZERO), "\"0x0\"", "\"0\"");
        sats(&AlgebraicType::I256, &AlgebraicValue::I256(I256::from(-31_i8)), "\"-0x1f\"", "\"-31\"");
        let least = format!("-0x8{}", "0".repeat(63));
        assert_eq!(forms(&AlgebraicType::I256, &AlgebraicValue::I256(I256::MIN))[0], format!("\"{least}\""));
        sats(
            &AlgebraicType::Array(Box::new(AlgebraicType::U8)),
            &AlgebraicValue::Bytes([0xde, 0xad, 0x0b, 0xef].into()),
            "\"dead0bef\"",
            "\"3q0L7w==\"",
        );
    }

    #[test]
    fn floats() {
        for (value, json) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (1e16, "1e+16"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
            (f64::NEG_INFINITY, "null"),
        ] {
            let written = &forms(&AlgebraicType::F64, &AlgebraicValue::F64(value))[0];
            assert_eq!(written.replace("e+", "e"), json.replace("e+", "e"));
            assert_eq!(*written, serde_json::to_string(&value).unwrap());
        }
        same(&AlgebraicType::F32, &AlgebraicValue::F32(0.1), "0.1");
        same(&AlgebraicType::F32, &AlgebraicValue::F32(f32::NAN), "null");
    }

    #[test]
    fn products_and_sums() {
        let point = product(&[("x", AlgebraicType::I32), ("y \"", AlgebraicType::I32)]);
        let value = AlgebraicValue::Product(vec![AlgebraicValue::I32(1), AlgebraicValue::I32(-2)]);
        let object = r#"{"x":1,"y \"":-2}"#;
        assert_eq!(forms(&point, &value), [object, "[1,-2]", object, object]);
        same(&product(&[("", AlgebraicType::I32), ("", AlgebraicType::I32)]), &value, "[1,-2]");
        assert_eq!(forms(&AlgebraicType::unit(), &AlgebraicValue::unit()), ["[]", "[]", "{}", "[]"]);

        let shape = sum(&[("dot", AlgebraicType::unit()), ("at", point)]);
        assert_eq!(
            forms(&shape, &variant(0, AlgebraicValue::unit())),
            [r#"{"dot":[]}"#, "[0,[]]", "[0,{}]", "\"dot\""]
        );
        assert_eq!(
            forms(&shape, &variant(1, value)),
            [
                r#"{"at":{"x":1,"y \"":-2}}"#,
                "[1,[1,-2]]",
                r#"[1,{"x":1,"y \"":-2}]"#,
                r#"{"at":{"x":1,"y \"":-2}}"#
            ]
        );
        let list = AlgebraicType::Array(Box::new(AlgebraicType::option(AlgebraicType::U16)));
        let value = AlgebraicValue::Array(vec![
            AlgebraicValue::option(Some(AlgebraicValue::U16(5))),
            AlgebraicValue::option(None),
        ]);
        assert_eq!(
            forms(&list, &value),
            [r#"[{"some":5},{"none":[]}]"#, "[[0,5],[1,[]]]", "[[0,5],[1,{}]]", "[5,null]"]
        );
        let units = AlgebraicType::option(AlgebraicType::unit());
        assert_eq!(forms(&units, &AlgebraicValue::option(Some(AlgebraicValue::unit())))[3], "[]");
        assert_eq!(forms(&units, &AlgebraicValue::option(None))[3], "null");
        let result = sum(&[("ok", AlgebraicType::U8), ("err", AlgebraicType::String)]);
        let value = variant(1, AlgebraicValue::String("no".into()));
        assert_eq!(
            forms(&result, &value),
            [r#"{"err":"no"}"#, r#"[1,"no"]"#, r#"[1,"no"]"#, r#"{"err":"no"}"#]
        );
    }

    #[test]
    fn special_types() {
        let one = |value| AlgebraicValue::Product(vec![value]);
        let identity = SpecialProduct::Identity.ty();
        assert_eq!(
            forms(&identity, &one(AlgebraicValue::U256(U256::from(0xab_u8)))),
            [
                r#"{"__identity__":"0xab"}"#.to_owned(),
                r#"["0xab"]"#.to_owned(),
                r#"{"__identity__":"0xab"}"#.to_owned(),
                format!("\"{}ab\"", "0".repeat(62)),
            ]
        );
        assert_eq!(
            forms(&SpecialProduct::ConnectionId.ty(), &one(AlgebraicValue::U128(255)))[..2],
            [r#"{"__connection_id__":255}"#, "[255]"]
        );
        let plain = |special: SpecialProduct, value| forms(&special.ty(), &one(value))[3].clone();
        assert_eq!(
            plain(SpecialProduct::ConnectionId, AlgebraicValue::U128(255)),
            "\"000000000000000000000000000000ff\""
        );
        assert_eq!(
            plain(SpecialProduct::Timestamp, AlgebraicValue::I64(-1)),
            "\"1969-12-31T23:59:59.999999Z\""
        );
        assert_eq!(plain(SpecialProduct::TimeDuration, AlgebraicValue::I64(-1)), "-1");
        assert_eq!(
            plain(SpecialProduct::Uuid, AlgebraicValue::U128(1)),
            "\"00000000-0000-0000-0000-000000000001\""
        );
        assert_eq!(
            forms(&AlgebraicType::schedule_at(), &variant(1, one(AlgebraicValue::I64(0)))),
            [
                r#"{"Time":{"__timestamp_micros_since_unix_epoch__":0}}"#,
                "[1,[0]]",
                r#"[1,{"__timestamp_micros_since_unix_epoch__":0}]"#,
                r#"{"Time":"1970-01-01T00:00:00.000000Z"}"#
            ]
        );
    }

    #[test]
    fn recursive_types() {
        let list = AlgebraicType::option(product_with_tail());
        let typespace = Typespace { types: vec![list] };
        let writer = JsonWriter::new(&AlgebraicType::Ref(TypeRef(0)), &typespace, Dialect::Plain).unwrap();
        assert_eq!(
            writer.to_string(&[0, 1, 0, 2, 1]).unwrap(),
            r#"{"head":1,"tail":{"head":2,"tail":null}}"#
        );
        assert!(matches!(writer.to_string(&[0; 10_000]), Err(DecodeError::TooDeep { .. })));
    }

    fn product_with_tail() -> AlgebraicType {
        product(&[("head", AlgebraicType::U8), ("tail", AlgebraicType::Ref(TypeRef(0)))])
    }

    #[test]
    fn hostile_bytes_are_errors() {
        let units = AlgebraicType::Array(Box::new(AlgebraicType::unit()));
        let writer = JsonWriter::new(&units, &Typespace::default(), Dialect::Plain).unwrap();
        assert!(writer.to_string(&[0xff; 4]).is_err());
        assert_eq!(writer.to_string(&[2, 0, 0, 0]).unwrap(), "[[],[]]");
        let nothing = sum(&[]);
        let writer = JsonWriter::new(&nothing, &Typespace::default(), Dialect::Typed).unwrap();
        assert!(writer.to_string(&[0]).is_err());
    }
}
