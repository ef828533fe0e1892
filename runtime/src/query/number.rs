//! Decimal numbers of any size, as people write them: `-12`, `1e3`, `.5`.

use orrery_host_abi::AlgebraicType;

use ethnum::{I256, U256};

/// More digits than any integer type has.
const DIGITS_MAX: usize = 80;

/// An integer that fits one of the types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Integer {
    is_negative: bool,
    magnitude: U256,
}

/// Why a number is not a value of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberError {
    /// It is not a number.
    NoNumber,
    /// It has a fraction.
    Fraction,
    /// It is too large or too small.
    OutOfRange,
}

/// Appends the BSATN of a number of that integer type.
pub(super) fn encode_integer(text: &str, ty: &AlgebraicType, out: &mut Vec<u8>) -> Result<(), NumberError> {
    encode(parse(text)?, ty, out)
}

/// Appends the BSATN of the number with these hexadecimal digits.
pub(super) fn encode_hex_integer(
    digits: &str,
    ty: &AlgebraicType,
    out: &mut Vec<u8>,
) -> Result<(), NumberError> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(NumberError::NoNumber);
    }
    let magnitude = U256::from_str_radix(digits, 16).map_err(|_| NumberError::OutOfRange)?;
    encode(Integer { is_negative: false, magnitude }, ty, out)
}

fn encode(number: Integer, ty: &AlgebraicType, out: &mut Vec<u8>) -> Result<(), NumberError> {
    use AlgebraicType as Type;
    let (width, is_signed) = match ty {
        Type::U8 => (1, false),
        Type::U16 => (2, false),
        Type::U32 => (4, false),
        Type::U64 => (8, false),
        Type::U128 => (16, false),
        Type::U256 => (32, false),
        Type::I8 => (1, true),
        Type::I16 => (2, true),
        Type::I32 => (4, true),
        Type::I64 => (8, true),
        Type::I128 => (16, true),
        Type::I256 => (32, true),
        _ => return Err(NumberError::NoNumber),
    };
    let Integer { is_negative, magnitude } = number;
    // The greatest magnitude on this side of zero.
    let bits = 8 * width - u32::from(is_signed);
    let greatest = if bits == 256 { U256::MAX } else { (U256::ONE << bits) - U256::ONE };
    let greatest = match (is_negative, is_signed) {
        (false, _) => greatest,
        (true, true) => greatest + U256::ONE,
        (true, false) => U256::ZERO,
    };
    if magnitude > greatest {
        return Err(NumberError::OutOfRange);
    }
    let value = magnitude.as_i256();
    let value = if is_negative { value.wrapping_neg() } else { value };
    out.extend_from_slice(&value.to_le_bytes()[..width as usize]);
    Ok(())
}

fn parse(text: &str) -> Result<Integer, NumberError> {
    let (is_negative, rest) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&rest[..at], exponent(&rest[at + 1..])?),
        None => (rest, 0),
    };
    let point = mantissa.iter().position(|&byte| byte == b'.');
    let fraction = point.map_or(0, |at| mantissa.len() - at - 1);
    let mut digits: Vec<u8> = mantissa.iter().copied().filter(|&byte| byte != b'.').collect();
    if digits.is_empty() || mantissa.len() - digits.len() > 1 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::NoNumber);
    }
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    digits.drain(..zeros);
    if digits.is_empty() {
        return Ok(Integer { is_negative: false, magnitude: U256::ZERO });
    }
    // No text has so many digits that this matters.
    let shift = exponent.saturating_sub(i64::try_from(fraction).unwrap_or(i64::MAX));
    if shift < 0 {
        let dropped = usize::try_from(shift.unsigned_abs()).unwrap_or(usize::MAX);
        let kept = digits.len().saturating_sub(dropped);
        if digits.split_off(kept).iter().any(|&digit| digit != b'0') || kept == 0 {
            return Err(NumberError::Fraction);
        }
    } else {
        let len = i64::try_from(digits.len()).unwrap_or(i64::MAX).saturating_add(shift);
        match usize::try_from(len) {
            Ok(len @ ..=DIGITS_MAX) => digits.resize(len, b'0'),
            _ => return Err(NumberError::OutOfRange),
        }
    }
    // Only ASCII digits are left.
    let digits = std::str::from_utf8(&digits).unwrap_or_default();
    let magnitude = U256::from_str_radix(digits, 10).map_err(|_| NumberError::OutOfRange)?;
    Ok(Integer { is_negative, magnitude })
}

/// The number after the `e`; one that is too large is as large as possible.
fn exponent(text: &[u8]) -> Result<i64, NumberError> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::NoNumber);
    }
    let number = digits
        .iter()
        .fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Ok(sign * number)
}

/// A sum as a float.
pub(super) fn to_f64(value: I256) -> f64 {
    value.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use NumberError::{Fraction, NoNumber, OutOfRange};

    fn encoded(text: &str, ty: &AlgebraicType) -> Result<Vec<u8>, NumberError> {
        let mut out = Vec::new();
        encode_integer(text, ty, &mut out).map(|()| out)
    }

    #[test]
    fn integers_in_many_forms() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("+7", 7),
            ("007", 7),
            ("1e3", 1000),
            ("1E+3", 1000),
            ("1.5e1", 15),
            ("1500e-2", 15),
            (".5e1", 5),
            ("5.", 5),
            ("5.000", 5),
            ("0e99999999999999999999", 0),
            ("0.000e-99999999999999999999", 0),
            ("-2147483648", i32::MIN),
            ("2147483647", i32::MAX),
        ] {
            assert_eq!(encoded(text, &AlgebraicType::I32), Ok(value.to_le_bytes().to_vec()), "{text}");
        }
    }

    #[test]
    fn what_is_no_integer_of_the_type() {
        for (text, error) in [
            ("", NoNumber),
            ("-", NoNumber),
            (".", NoNumber),
            ("1.2.3", NoNumber),
            ("1e", NoNumber),
            ("1e+-2", NoNumber),
            ("0x10", NoNumber),
            ("1 ", NoNumber),
            ("\u{661}", NoNumber),
            ("1.5", Fraction),
            ("1e-1", Fraction),
            ("1e-99999999999999999999", Fraction),
            ("2147483648", OutOfRange),
            ("-2147483649", OutOfRange),
            ("1e99999999999999999999", OutOfRange),
        ] {
            assert_eq!(encoded(text, &AlgebraicType::I32), Err(error), "{text}");
        }
        assert_eq!(encoded("-1", &AlgebraicType::U8), Err(OutOfRange));
        assert_eq!(encoded("256", &AlgebraicType::U8), Err(OutOfRange));
        assert_eq!(encoded("-129", &AlgebraicType::I8), Err(OutOfRange));
        assert_eq!(encoded("1", &AlgebraicType::String), Err(NoNumber));
    }

    #[test]
    fn the_ends_of_the_widest_types() {
        let max = U256::MAX.to_string();
        assert_eq!(encoded(&max, &AlgebraicType::U256), Ok(vec![0xff; 32]));
        assert_eq!(encoded(&format!("{max}0"), &AlgebraicType::U256), Err(OutOfRange));
        assert_eq!(encoded("1e77", &AlgebraicType::U256).map(|bytes| bytes.len()), Ok(32));
        assert_eq!(encoded("2e77", &AlgebraicType::U256), Err(OutOfRange));
        let min = I256::MIN.to_string();
        assert_eq!(encoded(&min, &AlgebraicType::I256), Ok(I256::MIN.to_le_bytes().to_vec()));
        assert_eq!(encoded(&min[1..], &AlgebraicType::I256), Err(OutOfRange));
        assert_eq!(encoded("-1", &AlgebraicType::I128), Ok(vec![0xff; 16]));
        let mut out = Vec::new();
        assert_eq!(encode_hex_integer("fF", &AlgebraicType::U16, &mut out), Ok(()));
        assert_eq!(out, [0xff, 0]);
        assert_eq!(encode_hex_integer(&"f".repeat(65), &AlgebraicType::U256, &mut out), Err(OutOfRange));
        assert_eq!(encode_hex_integer("-1", &AlgebraicType::U256, &mut out), Err(NoNumber));
    }
}
