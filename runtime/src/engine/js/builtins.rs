//! What modules find beside the language itself: `TextEncoder` and `TextDecoder`, and no `Math.random`.

#![expect(clippy::needless_pass_by_value, reason = "so are callbacks called")]

use v8::{FunctionCallbackArguments, PinScope, ReturnValue, Value};

use super::values::{string, uint8_array};

const SCRIPT: &str = include_str!("builtins.js");
const SCRIPT_NAME: &str = "orrery:builtins";

/// Installs them in the present context. None if there is no room even for that.
pub(super) fn install(scope: &mut PinScope<'_, '_>) -> Option<()> {
    let code = v8::String::new_external_onebyte_static(scope, SCRIPT.as_bytes())?;
    let name = string(scope, SCRIPT_NAME);
    let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, -1, None, false, false, false, None);
    let mut source = v8::script_compiler::Source::new(code, Some(&origin));
    let script = v8::script_compiler::compile(
        scope,
        &mut source,
        v8::script_compiler::CompileOptions::NoCompileOptions,
        v8::script_compiler::NoCacheReason::NoReason,
    )?;
    let install = script.run(scope)?.try_cast::<v8::Function>().ok()?;
    let encode = v8::Function::builder(encode_utf8).build(scope)?;
    let decode = v8::Function::builder(decode_utf8).build(scope)?;
    let this = v8::undefined(scope).into();
    install.call(scope, this, &[encode.into(), decode.into()])?;
    Some(())
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
