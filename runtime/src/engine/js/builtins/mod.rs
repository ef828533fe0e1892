//! What modules find beside the language itself: texts as bytes, URLs, and no `Math.random`.

#![expect(clippy::needless_pass_by_value, reason = "so are callbacks called")]

mod text;
mod url;

use v8::{Local, PinScope};

use super::values::string;

/// Installs them in the present context. None if there is no room even for that.
pub(super) fn install(scope: &mut PinScope<'_, '_>) -> Option<()> {
    let functions = text::functions(scope)?;
    run(scope, "orrery:text", include_str!("text.js"), &functions)?;
    let functions = url::functions(scope)?;
    run(scope, "orrery:url", include_str!("url.js"), &functions)
}

/// Runs a script that is a function, with what it takes from the host.
fn run(
    scope: &mut PinScope<'_, '_>,
    name: &str,
    script: &'static str,
    functions: &[Local<'_, v8::Function>],
) -> Option<()> {
    let code = v8::String::new_external_onebyte_static(scope, script.as_bytes())?;
    let name = string(scope, name);
    let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, -1, None, false, false, false, None);
    let mut source = v8::script_compiler::Source::new(code, Some(&origin));
    let script = v8::script_compiler::compile(
        scope,
        &mut source,
        v8::script_compiler::CompileOptions::NoCompileOptions,
        v8::script_compiler::NoCacheReason::NoReason,
    )?;
    let install = script.run(scope)?.try_cast::<v8::Function>().ok()?;
    let functions: Vec<_> = functions.iter().map(|function| Local::from(*function)).collect();
    let this = v8::undefined(scope).into();
    install.call(scope, this, &functions)?;
    Some(())
}
