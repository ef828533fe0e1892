//! Hexadecimal digits.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The digits of some bytes, in lower case.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len() * 2);
    encode_to(bytes, &mut text);
    // Digits are ASCII.
    String::from_utf8(text).unwrap_or_default()
}

/// Appends the digits of some bytes, in lower case.
pub(crate) fn encode_to(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
    }
}

/// Decodes digits of either case, which must fill `bytes` exactly.
pub(crate) fn decode_to(digits: &[u8], bytes: &mut [u8]) -> Option<()> {
    if digits.len() != bytes.len() * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(())
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
