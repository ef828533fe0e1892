//! The JSON dialects of values.
//!
//! - *Typed* SATS-JSON carries names: products are objects, sums `{"variant": payload}`.
//! - *Untyped* SATS-JSON does not: products are arrays, sums `[tag, payload]`.
//! - *Stored* rows, as the oldest WebSocket protocol has them, are in between: products are objects, sums
//!   `[tag, payload]`.
//! - *Plain* JSON is for people and programs that know nothing of SATS: a sum without payload is its name, an
//!   option is its value or `null`, identities are hexadecimal text, times are RFC 3339.
//!
//! [`JsonWriter`] writes any of them straight from BSATN; [`args_from_json`] and [`value_from_json`] read the
//! first two, [`args_from_plain_json`] and [`plain_from_text`] the last.

mod read;
mod typed;
mod write;

pub use read::{
    ArgsError, args_from_json, args_from_plain_json, plain_from_text, type_name, value_from_json,
};
pub(crate) use typed::{Typed, TypedJson, variant};
pub use write::{Dialect, JsonWriter};

/// Appends a JSON string.
pub fn write_str(text: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail, and neither does the serialisation of text.
    let written = serde_json::to_writer(out, text);
    debug_assert!(written.is_ok());
}
