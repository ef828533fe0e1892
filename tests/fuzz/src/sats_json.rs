//! Values in JSON: what is read is valid, and what is written from it can be read again.

use std::collections::HashSet;

use orrery_host_abi::{
    AlgebraicType, Layout, TypeRef, Typespace,
    bsatn::DecodeError,
    json::{Dialect, JsonWriter, args_from_json, value_from_json},
};

use crate::{bsatn::types, memory};

/// Checks an input: a typespace, then a value of its first type in JSON.
pub fn check(input: &[u8]) {
    memory::bounded(memory::limit_for(input), || {
        let Some((typespace, json)) = types(input) else { return };
        let ty = AlgebraicType::Ref(TypeRef(0));
        // References that lead nowhere, or in circles.
        let Ok(layout) = Layout::new(&ty, &typespace) else { return };
        if let AlgebraicType::Product(params) = &typespace.types[0]
            && let Ok(bytes) = args_from_json(json, params, &typespace)
        {
            assert_eq!(layout.validate(&bytes), Ok(bytes.len()), "arguments are not valid");
        }
        if let Ok(bytes) = value_from_json(json, &ty, &typespace) {
            check_written(&layout, &ty, &typespace, &bytes);
        }
        // What follows may as well be a value.
        if let Ok(len) = layout.validate(json) {
            check_written(&layout, &ty, &typespace, &json[..len]);
        }
    });
}

/// Whether members of a type have the same name, so that JSON cannot tell them apart. One without a name is called as
/// its place, and a number is taken for a place. No module may have such types.
fn has_namesakes(ty: &AlgebraicType) -> bool {
    fn any<'t>(members: impl Iterator<Item = (Option<&'t str>, &'t AlgebraicType)>) -> bool {
        let mut seen = HashSet::new();
        members.enumerate().any(|(place, (name, ty))| {
            let is_number = name.is_some_and(|name| name.parse::<u32>().is_ok());
            let name = name.map_or_else(|| place.to_string(), str::to_owned);
            is_number || !seen.insert(name) || has_namesakes(ty)
        })
    }
    match ty {
        AlgebraicType::Product(it) => any(it.elements.iter().map(|it| (it.name.as_deref(), &it.ty))),
        AlgebraicType::Sum(it) => any(it.variants.iter().map(|it| (it.name.as_deref(), &it.ty))),
        AlgebraicType::Array(element) => has_namesakes(element),
        _ => false,
    }
}

/// Writes a value in all dialects and reads it again from those that can be read.
fn check_written(layout: &Layout, ty: &AlgebraicType, typespace: &Typespace, bytes: &[u8]) {
    assert_eq!(layout.validate(bytes), Ok(bytes.len()), "what was read from JSON is not valid");
    for dialect in [Dialect::Typed, Dialect::Untyped, Dialect::Stored, Dialect::Plain] {
        let Ok(writer) = JsonWriter::new(ty, typespace, dialect) else { return };
        let text = match writer.to_string(bytes) {
            Ok(text) => text,
            Err(DecodeError::TooManyUnits { .. }) => return,
            Err(error) => panic!("a valid value cannot be written: {error}"),
        };
        let parsed = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        // The parser follows no value that is nested deeper than it likes.
        if let Err(error) = parsed {
            assert!(
                error.to_string().contains("recursion limit"),
                "{dialect:?} is not JSON ({error}): {text}"
            );
            continue;
        }
        // Numbers that JSON does not have are written as `null`, which is no number.
        let is_lossy = text.contains("null") || typespace.types.iter().any(has_namesakes);
        if !is_lossy && matches!(dialect, Dialect::Typed | Dialect::Untyped) {
            match value_from_json(text.as_bytes(), ty, typespace) {
                Ok(again) => assert_eq!(again, bytes, "{dialect:?} has changed the value: {text}"),
                Err(error) => panic!("{dialect:?} cannot be read again ({error}): {text}"),
            }
        }
    }
}
