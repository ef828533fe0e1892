//! The part of `URL` and `URLSearchParams` that reads and writes texts.

use url::{Url, form_urlencoded, quirks};
use v8::{FunctionCallbackArguments, Local, PinScope, ReturnValue, Value};

use super::super::values::string;

/// What the functions that the script takes are, in their order.
pub(super) fn functions<'s>(scope: &mut PinScope<'s, '_>) -> Option<[Local<'s, v8::Function>; 4]> {
    Some([
        v8::Function::builder(parse).build(scope)?,
        v8::Function::builder(change).build(scope)?,
        v8::Function::builder(parse_query).build(scope)?,
        v8::Function::builder(write_query).build(scope)?,
    ])
}

/// `(url, base?)`: the parts of the URL, or `undefined` if it is not valid.
fn parse<'s>(
    scope: &mut PinScope<'s, '_>,
    arguments: FunctionCallbackArguments<'s>,
    mut answer: ReturnValue<'_, Value>,
) {
    let base = match arguments.get(1) {
        none if none.is_undefined() => None,
        base => match Url::parse(&text(scope, base)) {
            Ok(base) => Some(base),
            Err(_) => return,
        },
    };
    if let Ok(url) = Url::options().base_url(base.as_ref()).parse(&text(scope, arguments.get(0))) {
        answer.set(parts(scope, &url));
    }
}

/// `(href, part, value)`: the parts of the URL with another value in one of them. As the standard has it, values that
/// a part cannot have change nothing; only of the whole URL they give `undefined`.
fn change<'s>(
    scope: &mut PinScope<'s, '_>,
    arguments: FunctionCallbackArguments<'s>,
    mut answer: ReturnValue<'_, Value>,
) {
    let Ok(mut url) = Url::parse(&text(scope, arguments.get(0))) else { return };
    let part = arguments.get(1).uint32_value(scope);
    let value = text(scope, arguments.get(2));
    match part {
        Some(0) if quirks::set_href(&mut url, &value).is_err() => return,
        Some(1) => quirks::set_search(&mut url, &value),
        Some(2) => keep(quirks::set_protocol(&mut url, &value)),
        Some(3) => keep(quirks::set_username(&mut url, &value)),
        Some(4) => keep(quirks::set_password(&mut url, &value)),
        Some(5) => keep(quirks::set_host(&mut url, &value)),
        Some(6) => keep(quirks::set_hostname(&mut url, &value)),
        Some(7) => keep(quirks::set_port(&mut url, &value)),
        Some(8) => quirks::set_pathname(&mut url, &value),
        Some(9) => quirks::set_hash(&mut url, &value),
        _ => {}
    }
    answer.set(parts(scope, &url));
}

/// A value that does not fit has left the part as it was, and that is all.
fn keep(_: Result<(), ()>) {}

/// The parts of a URL, in the order of `PARTS` in the script.
fn parts<'s>(scope: &PinScope<'s, '_>, url: &Url) -> Local<'s, Value> {
    let origin = quirks::origin(url);
    strings(
        scope,
        [
            quirks::href(url),
            quirks::search(url),
            quirks::protocol(url),
            quirks::username(url),
            quirks::password(url),
            quirks::host(url),
            quirks::hostname(url),
            quirks::port(url),
            quirks::pathname(url),
            quirks::hash(url),
            &origin,
        ],
    )
}

/// `(text)`: names and values in turn.
fn parse_query<'s>(
    scope: &mut PinScope<'s, '_>,
    arguments: FunctionCallbackArguments<'s>,
    mut answer: ReturnValue<'_, Value>,
) {
    let query = text(scope, arguments.get(0));
    let texts: Vec<_> =
        form_urlencoded::parse(query.as_bytes()).flat_map(|(name, value)| [name, value]).collect();
    answer.set(strings(scope, texts.iter().map(|text| &**text)));
}

/// `(names and values in turn)`: the text.
fn write_query<'s>(
    scope: &mut PinScope<'s, '_>,
    arguments: FunctionCallbackArguments<'s>,
    mut answer: ReturnValue<'_, Value>,
) {
    let Ok(flat) = arguments.get(0).try_cast::<v8::Array>() else { return };
    let mut query = form_urlencoded::Serializer::new(String::new());
    for pair in 0..flat.length() / 2 {
        let [name, value] = [2 * pair, 2 * pair + 1].map(|place| flat.get_index(scope, place));
        let (Some(name), Some(value)) = (name, value) else { return };
        query.append_pair(&text(scope, name), &text(scope, value));
    }
    let query = string(scope, &query.finish());
    answer.set(query.into());
}

/// The script passes strings only.
fn text(scope: &PinScope<'_, '_>, value: Local<'_, Value>) -> String {
    value.try_cast::<v8::String>().map_or_else(|_| String::new(), |text| text.to_rust_string_lossy(scope))
}

fn strings<'s, 't>(scope: &PinScope<'s, '_>, texts: impl IntoIterator<Item = &'t str>) -> Local<'s, Value> {
    let texts: Vec<Local<'s, Value>> = texts.into_iter().map(|text| string(scope, text).into()).collect();
    v8::Array::new_with_elements(scope, &texts).into()
}
