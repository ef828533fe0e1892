//! Values as they cross the border: numbers, strings, bytes.

use std::slice;

use v8::{Local, PinScope, Value};

use super::state::{End, Failure, State};

/// Names longer than this name nothing. A module must not have the host copy megabytes to find that out.
const NAME_UNITS_MAX: usize = 1 << 16;

// ---- from the module ----

/// A `u32`. Whatever else is a number is out of range.
#[inline]
pub(super) fn u32_of(number: f64, what: &str) -> Result<u32, Failure> {
    let integer = number as u32;
    if f64::from(integer) == number { Ok(integer) } else { Err(not_an_integer(number, "u32", what)) }
}

/// A `u16`.
#[inline]
pub(super) fn u16_of(number: f64, what: &str) -> Result<u16, Failure> {
    let integer = number as u16;
    if f64::from(integer) == number { Ok(integer) } else { Err(not_an_integer(number, "u16", what)) }
}

/// A `u8`.
pub(super) fn u8_of(number: f64, what: &str) -> Result<u8, Failure> {
    let integer = number as u8;
    if f64::from(integer) == number { Ok(integer) } else { Err(not_an_integer(number, "u8", what)) }
}

#[cold]
fn not_an_integer(number: f64, ty: &str, what: &str) -> Failure {
    Failure::Type(format!("{what}: {number} is not a {ty}"))
}

/// A number of any kind.
#[inline]
pub(super) fn number_of(value: Local<'_, Value>, what: &str) -> Result<f64, Failure> {
    match value.try_cast::<v8::Number>() {
        Ok(number) => Ok(number.value()),
        Err(_) => Err(not_a(value, "number", what)),
    }
}

#[cold]
fn not_a(value: Local<'_, Value>, ty: &str, what: &str) -> Failure {
    let found = if value.is_null_or_undefined() {
        "null or undefined"
    } else if value.is_string() {
        "a string"
    } else if value.is_number() {
        "a number"
    } else if value.is_big_int() {
        "a bigint"
    } else if value.is_array_buffer_view() {
        "a view of a buffer"
    } else {
        "something else"
    };
    Failure::Type(format!("{what} must be a {ty}, not {found}"))
}

/// The contents of an `ArrayBuffer`.
///
/// They are the module's memory: they stay where they are while none of the module's code runs, and not longer.
#[inline]
pub(super) fn buffer_of<'a>(value: Local<'_, Value>, what: &str) -> Result<&'a mut [u8], Failure> {
    let Ok(buffer) = value.try_cast::<v8::ArrayBuffer>() else {
        return Err(not_a(value, "ArrayBuffer", what));
    };
    match buffer.data() {
        // SAFETY: The buffer has that many bytes there, all initialised, and no thread but this one has access.
        Some(data) => {
            Ok(unsafe { slice::from_raw_parts_mut(data.as_ptr().cast::<u8>(), buffer.byte_length()) })
        }
        None => Ok(&mut []),
    }
}

/// The first `len` bytes of an `ArrayBuffer`.
#[inline]
pub(super) fn prefix_of<'a>(value: Local<'_, Value>, len: f64, what: &str) -> Result<&'a mut [u8], Failure> {
    let buffer = buffer_of(value, what)?;
    let len = u32_of(len, "the length")? as usize;
    let size = buffer.len();
    buffer.get_mut(..len).ok_or_else(|| too_long(len, size, what))
}

#[cold]
pub(super) fn too_long(len: usize, size: usize, what: &str) -> Failure {
    Failure::Range(format!("{what} has {size} bytes, not {len}"))
}

/// A copy of what a `Uint8Array` holds.
pub(super) fn bytes_of(value: Local<'_, Value>, what: &str) -> Result<Vec<u8>, Failure> {
    let Ok(array) = value.try_cast::<v8::Uint8Array>() else {
        return Err(not_a(value, "Uint8Array", what));
    };
    let mut bytes = vec![0; array.byte_length()];
    let copied = array.copy_contents(&mut bytes);
    bytes.truncate(copied);
    Ok(bytes)
}

/// A string, for a name of something.
pub(super) fn name_of(
    scope: &PinScope<'_, '_>,
    value: Local<'_, Value>,
    what: &str,
) -> Result<String, Failure> {
    let Ok(text) = value.try_cast::<v8::String>() else { return Err(not_a(value, "string", what)) };
    if text.length() > NAME_UNITS_MAX {
        return Err(Failure::Range(format!("{what} is too long for a name")));
    }
    Ok(text.to_rust_string_lossy(scope))
}

/// A string of any length that the module may hold.
pub(super) fn text_of<H>(
    scope: &PinScope<'_, '_>,
    value: Local<'_, Value>,
    state: *mut State<H>,
    what: &str,
) -> Result<String, Failure> {
    let Ok(text) = value.try_cast::<v8::String>() else { return Err(not_a(value, "string", what)) };
    // SAFETY: It is borrowed for this function only, which runs none of the module's code.
    let state = unsafe { &mut *state };
    if !state.limits.check_held(text.utf8_length(scope)) {
        state.end.get_or_insert(End::OutOfMemory);
        return Err(Failure::Ending);
    }
    Ok(text.to_rust_string_lossy(scope))
}

/// A bigint that fits into 128 bits without a sign.
pub(super) fn u128_of(value: Local<'_, Value>, what: &str) -> Result<u128, Failure> {
    let Ok(number) = value.try_cast::<v8::BigInt>() else { return Err(not_a(value, "bigint", what)) };
    let mut words = [0; 2];
    let fits = number.word_count() <= words.len();
    let (is_negative, _) = number.to_words_array(&mut words);
    if !fits || (is_negative && words != [0; 2]) {
        return Err(Failure::Type(format!("{what} is not a u128")));
    }
    Ok(u128::from(words[0]) | u128::from(words[1]) << 64)
}

// ---- to the module ----

/// A string. One that V8 cannot take is empty.
pub(super) fn string<'s>(scope: &PinScope<'s, '_>, text: &str) -> Local<'s, v8::String> {
    v8::String::new(scope, text).unwrap_or_else(|| v8::String::empty(scope))
}

/// A bigint of so many words, the lowest first.
pub(super) fn bigint<'s>(scope: &PinScope<'s, '_>, words: &[u64]) -> Result<Local<'s, v8::BigInt>, Failure> {
    v8::BigInt::new_from_words(scope, false, words).ok_or(Failure::Thrown)
}

/// A `Uint8Array` with a buffer of its own.
pub(super) fn uint8_array<'s>(
    scope: &PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> Result<Local<'s, v8::Uint8Array>, Failure> {
    let len = bytes.len();
    let buffer = array_buffer(scope, bytes);
    v8::Uint8Array::new(scope, buffer, 0, len).ok_or(Failure::Thrown)
}

/// An `ArrayBuffer` that holds these bytes.
pub(super) fn array_buffer<'s>(scope: &PinScope<'s, '_>, bytes: Vec<u8>) -> Local<'s, v8::ArrayBuffer> {
    let store = v8::ArrayBuffer::new_backing_store_from_vec(bytes).make_shared();
    v8::ArrayBuffer::with_backing_store(scope, &store)
}
