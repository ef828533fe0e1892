//! The part of `TextEncoder` and `TextDecoder` that reads and writes bytes.

use v8::{FunctionCallbackArguments, Local, PinScope, ReturnValue, Value};

use super::super::values::{string, uint8_array};

/// What the functions that the script takes are, in their order.
pub(super) fn functions<'s>(scope: &mut PinScope<'s, '_>) -> Option<[Local<'s, v8::Function>; 2]> {
    Some([v8::Function::builder(encode_utf8).build(scope)?, v8::Function::builder(decode_utf8).build(scope)?])
}

fn encode_utf8<'s>(
    scope: &mut PinScope<'s, '_>,
    arguments: FunctionCallbackArguments<'s>,
    mut answer: ReturnValue<'_, Value>,
) {
    let Ok(text) = arguments.get(0).try_cast::<v8::String>() else { return };
    if let Ok(array) = uint8_array(scope, text.to_rust_string_lossy(scope).into_bytes()) {
        answer.set(array.into());
    }
}

fn decode_utf8<'s>(
    scope: &mut PinScope<'s, '_>,
    arguments: FunctionCallbackArguments<'s>,
    mut answer: ReturnValue<'_, Value>,
) {
    let Ok(view) = arguments.get(0).try_cast::<v8::ArrayBufferView>() else {
        let text = string(scope, "the input must be a buffer or a view of one");
        let error = v8::Exception::type_error(scope, text);
        scope.throw_exception(error);
        return;
    };
    let mut on_heap = [0; v8::TYPED_ARRAY_MAX_SIZE_IN_HEAP];
    let bytes = view.get_contents(&mut on_heap);
    let is_fatal = arguments.get(1).is_true();
    if is_fatal && let Err(error) = std::str::from_utf8(bytes) {
        let text = string(scope, &format!("the input is not UTF-8: {error}"));
        let error = v8::Exception::type_error(scope, text);
        scope.throw_exception(error);
        return;
    }
    match v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal) {
        Some(text) => answer.set(text.into()),
        None => {
            let text = string(scope, "the text is too long for a string");
            let error = v8::Exception::range_error(scope, text);
            scope.throw_exception(error);
        }
    }
}
