//! From values as they are written to BSATN of a column's type.

use orrery_host_abi::{
    AlgebraicType, ConnectionId, Identity, SpecialProduct, Timestamp, Typespace, Uuid,
    bsatn::{Encode, encode_len},
    json,
};

use super::{
    error::QueryError,
    number::{self, NumberError},
    syntax::{Literal, LiteralForm},
};

/// How much of a value an error quotes, in bytes.
const QUOTED_LEN_MAX: usize = 80;

/// The BSATN of a value that is compared with a column of that type (for an option: the type inside).
pub(super) fn compared(literal: &Literal, ty: &AlgebraicType) -> Result<Box<[u8]>, QueryError> {
    let mut out = Vec::new();
    simple(literal, ty, &mut out)?;
    Ok(out.into())
}

/// Appends the BSATN of a value that is stored in a column of that type.
///
/// Beyond what can be compared there are `NULL` for the option without a value, and for types that have no form in
/// SQL, SATS-JSON in quotes.
pub(super) fn stored(literal: &Literal, ty: &AlgebraicType, out: &mut Vec<u8>) -> Result<(), QueryError> {
    if let Some(inner) = ty.as_option() {
        if literal.form == LiteralForm::Null {
            out.push(1);
            return Ok(());
        }
        out.push(0);
        return stored(literal, inner, out);
    }
    let is_simple = match ty {
        AlgebraicType::Sum(sum) => sum.is_plain_enum(),
        AlgebraicType::Product(product) => product.as_special().is_some(),
        AlgebraicType::Array(_) => ty.is_bytes(),
        _ => true,
    };
    if is_simple {
        return simple(literal, ty, out);
    }
    let LiteralForm::Text(text) = &literal.form else {
        return Err(QueryError::at(
            literal.at,
            format!("a value of type {} is written as JSON in quotes", type_name(ty)),
        ));
    };
    let value = json::value_from_json(text.as_bytes(), ty, &Typespace::default()).map_err(|error| {
        QueryError::at(literal.at, format!("this is not JSON of type {}: {error}", type_name(ty)))
    })?;
    out.extend_from_slice(&value);
    Ok(())
}

fn simple(literal: &Literal, ty: &AlgebraicType, out: &mut Vec<u8>) -> Result<(), QueryError> {
    use LiteralForm::{Bool, Hex, Null, Number, Text};
    let wrong = || QueryError::at(literal.at, format!("{} is no {}", quoted(&literal.form), type_name(ty)));
    let number_error = |error| {
        let why = match error {
            NumberError::NoNumber => return wrong(),
            NumberError::Fraction => "it has a fraction",
            NumberError::OutOfRange => "it is out of range",
        };
        QueryError::at(literal.at, format!("{} is no {}: {why}", quoted(&literal.form), type_name(ty)))
    };
    if literal.form == Null {
        let message = "nothing compares with NULL: use IS NULL, which is for optional columns";
        return Err(QueryError::at(literal.at, message));
    }
    match (ty, &literal.form) {
        (AlgebraicType::Bool, Bool(value)) => out.push(u8::from(*value)),
        (AlgebraicType::F32, Number(text) | Text(text)) => {
            text.trim().parse::<f32>().map_err(|_| wrong())?.encode(out);
        }
        (AlgebraicType::F64, Number(text) | Text(text)) => {
            text.trim().parse::<f64>().map_err(|_| wrong())?.encode(out);
        }
        (AlgebraicType::String, Number(text) | Text(text) | Hex(text)) => text.encode(out),
        (AlgebraicType::Array(_), Hex(digits) | Text(digits)) if ty.is_bytes() => {
            let digits = digits.strip_prefix("0x").unwrap_or(digits);
            let bytes = bytes_of_hex(digits).ok_or_else(wrong)?;
            encode_len(bytes.len(), out);
            out.extend_from_slice(&bytes);
        }
        (AlgebraicType::Product(product), form) => match (product.as_special().ok_or_else(wrong)?, form) {
            (SpecialProduct::Identity, Hex(text) | Text(text)) => {
                Identity::from_hex(text).map_err(|_| wrong())?.encode(out);
            }
            (SpecialProduct::ConnectionId, Hex(text) | Text(text)) => {
                ConnectionId::from_hex(text).map_err(|_| wrong())?.encode(out);
            }
            (SpecialProduct::Uuid, Hex(text) | Text(text)) => {
                text.parse::<Uuid>().map_err(|_| wrong())?.encode(out);
            }
            (SpecialProduct::Timestamp, Text(text)) => {
                text.parse::<Timestamp>().map_err(|_| wrong())?.encode(out);
            }
            (SpecialProduct::TimeDuration, Number(text)) => {
                number::encode_integer(text, &AlgebraicType::I64, out).map_err(number_error)?;
            }
            _ => return Err(wrong()),
        },
        (AlgebraicType::Sum(sum), Text(name)) if sum.is_plain_enum() => {
            let is_named = |variant: &orrery_host_abi::Variant| variant.name.as_deref() == Some(name);
            let tag = sum.variants.iter().position(is_named).ok_or_else(|| {
                let names: Vec<_> =
                    sum.variants.iter().filter_map(|variant| variant.name.as_deref()).collect();
                let names = shortened(&names.join(", "));
                QueryError::at(
                    literal.at,
                    format!("there is no variant {}; there are {names}", quoted(&literal.form)),
                )
            })?;
            // There are at most 256 variants.
            out.push(tag as u8);
        }
        (ty, Number(text) | Text(text)) if ty.is_integer() => {
            number::encode_integer(text, ty, out).map_err(number_error)?;
        }
        (ty, Hex(digits)) if ty.is_integer() => {
            number::encode_hex_integer(digits, ty, out).map_err(number_error)?;
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

fn bytes_of_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some((digit(*high)? << 4 | digit(*low)?) as u8),
        _ => None,
    });
    pairs.collect()
}

/// The value as it is written, for errors.
fn quoted(form: &LiteralForm) -> String {
    match form {
        LiteralForm::Bool(value) => value.to_string(),
        LiteralForm::Number(digits) => shortened(digits),
        LiteralForm::Text(text) => format!("'{}'", shortened(text)),
        LiteralForm::Hex(digits) => format!("0x{}", shortened(digits)),
        LiteralForm::Null => "NULL".into(),
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= QUOTED_LEN_MAX {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(QUOTED_LEN_MAX)])
}

/// What a type is called in errors.
pub(super) fn type_name(ty: &AlgebraicType) -> String {
    match ty {
        AlgebraicType::Sum(sum) => {
            if let Some(inner) = sum.as_option() {
                return format!("Option<{}>", type_name(inner));
            }
            if sum.is_schedule_at() {
                return "ScheduleAt".into();
            }
            "enum".into()
        }
        AlgebraicType::Product(product) => match product.as_special() {
            Some(special) => format!("{special:?}"),
            None => "struct".into(),
        },
        AlgebraicType::Array(_) if ty.is_bytes() => "bytes (0x and hexadecimal digits)".into(),
        AlgebraicType::Array(element) => format!("Array<{}>", type_name(element)),
        scalar => format!("{scalar:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::error::At;

    fn literal(form: LiteralForm) -> Literal {
        Literal { form, at: At::default() }
    }

    fn number(text: &str) -> Literal {
        literal(LiteralForm::Number(text.into()))
    }

    fn text(text: &str) -> Literal {
        literal(LiteralForm::Text(text.into()))
    }

    fn hex(digits: &str) -> Literal {
        literal(LiteralForm::Hex(digits.into()))
    }

    #[test]
    fn values_of_special_types() {
        let identity = SpecialProduct::Identity.ty();
        let digits = "c20035600353a2e93544d898c6ed0eac323e200c0468300f22958f8b472a265d";
        let bytes = Identity::from_hex(digits).unwrap().to_le_bytes();
        assert_eq!(*compared(&hex(digits), &identity).unwrap(), bytes);
        assert_eq!(*compared(&text(&format!("0x{digits}")), &identity).unwrap(), bytes);
        assert!(compared(&hex("c2"), &identity).is_err());
        assert!(compared(&number("5"), &identity).is_err());

        let timestamp = SpecialProduct::Timestamp.ty();
        assert_eq!(
            *compared(&text("1970-01-01T00:00:01Z"), &timestamp).unwrap(),
            1_000_000_i64.to_le_bytes()
        );
        assert!(compared(&number("5"), &timestamp).is_err());

        let uuid = SpecialProduct::Uuid.ty();
        let grouped = "0189f7ea-4f1b-7cc0-9e5a-3b1f0c2d4e6f";
        assert_eq!(compared(&text(grouped), &uuid), compared(&hex(&grouped.replace('-', "")), &uuid));
        let duration = SpecialProduct::TimeDuration.ty();
        assert_eq!(*compared(&number("-1"), &duration).unwrap(), [0xff; 8]);
    }

    #[test]
    fn texts_and_bytes() {
        assert_eq!(*compared(&text("hi"), &AlgebraicType::String).unwrap(), *b"\x02\0\0\0hi");
        assert_eq!(*compared(&number("1e3"), &AlgebraicType::String).unwrap(), *b"\x03\0\0\x001e3");
        let bytes = AlgebraicType::Array(Box::new(AlgebraicType::U8));
        assert_eq!(*compared(&hex("0aFf"), &bytes).unwrap(), *b"\x02\0\0\0\x0a\xff");
        assert_eq!(*compared(&hex(""), &bytes).unwrap(), *b"\0\0\0\0");
        assert!(compared(&hex("0aF"), &bytes).is_err());
        assert!(compared(&text("xy"), &bytes).is_err());
    }

    #[test]
    fn floats_overflow_to_infinity() {
        assert_eq!(*compared(&number("1e40"), &AlgebraicType::F32).unwrap(), f32::INFINITY.to_le_bytes());
        assert_eq!(*compared(&number("1e-3"), &AlgebraicType::F64).unwrap(), 1e-3_f64.to_le_bytes());
        assert_eq!(*compared(&number(".5"), &AlgebraicType::F64).unwrap(), 0.5_f64.to_le_bytes());
        assert!(compared(&text("one"), &AlgebraicType::F64).is_err());
    }

    #[test]
    fn what_is_stored_may_be_json() {
        let stored = |literal: &Literal, ty: &AlgebraicType| {
            let mut out = Vec::new();
            stored(literal, ty, &mut out).map(|()| out)
        };
        let option = AlgebraicType::option(AlgebraicType::U8);
        assert_eq!(stored(&literal(LiteralForm::Null), &option), Ok(vec![1]));
        assert_eq!(stored(&number("7"), &option), Ok(vec![0, 7]));
        assert!(stored(&literal(LiteralForm::Null), &AlgebraicType::U8).is_err());
        let list = AlgebraicType::Array(Box::new(AlgebraicType::U16));
        assert_eq!(stored(&text("[1,2]"), &list), Ok(b"\x02\0\0\0\x01\0\x02\0".to_vec()));
        assert!(stored(&text("[1,"), &list).is_err());
        assert!(stored(&number("1"), &list).is_err());
        let schedule = AlgebraicType::schedule_at();
        let json = r#"{"Time":{"__timestamp_micros_since_unix_epoch__":5}}"#;
        assert_eq!(stored(&text(json), &schedule), Ok(b"\x01\x05\0\0\0\0\0\0\0".to_vec()));
    }

    #[test]
    fn errors_name_value_and_type() {
        let error = |literal: &Literal, ty: &AlgebraicType| compared(literal, ty).unwrap_err().to_string();
        assert_eq!(error(&number("300"), &AlgebraicType::U8), "300 is no U8: it is out of range");
        assert_eq!(error(&text("x"), &AlgebraicType::U8), "'x' is no U8");
        let long = error(&text(&"é".repeat(1000)), &AlgebraicType::U8);
        assert!(long.len() < 200 && long.ends_with("...' is no U8"), "{long}");
    }
}
