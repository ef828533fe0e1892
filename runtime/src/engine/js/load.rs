//! From a program's text to hooks that can be called.

use orrery_host_abi::{Fault, HostCalls};
use v8::{Global, Local, PinScope, script_compiler};

use super::{
    fault::{Broken, Stop, Thrown, attempt},
    hooks::Hooks,
    imports::{Version, module_hooks},
    program::JsProgram,
    promises,
    source::{SCRIPT_NAME, Source},
    stack::Frame,
    state::{Failure, State},
    vm::Vm,
};
use crate::engine::LoadError;

/// The step in which the module's own text runs.
const EVALUATION: &str = "top level";
/// The function that gives the hooks.
const MODULE_HOOKS: &str = "moduleHooks";

/// Why a module was not loaded.
pub(super) enum Refused {
    /// This is wrong with it.
    Because(LoadError),
    /// It broke in that step.
    Broke(&'static str, Broken),
    /// Somebody has ended that step.
    Stopped(&'static str),
}

impl From<LoadError> for Refused {
    fn from(error: LoadError) -> Self {
        Self::Because(error)
    }
}

/// Loads a program in a new context.
pub(super) fn load<H: HostCalls + 'static>(
    scope: &mut PinScope<'_, '_>,
    program: &JsProgram,
    state: *mut State<H>,
) -> Result<Hooks, Refused> {
    let source = program.source();
    Vm::<H>::install_builtins(scope, state).ok_or(Refused::Stopped("start"))?;
    let module = compile(scope, program)?;
    let script = module.get_unbound_module_script(scope);
    // SAFETY: None of the module's code has been run.
    unsafe { &mut *state }.script = Some(Global::new(scope, script));
    resolve::<H>(scope, source, module, state)?;
    let evaluated = evaluate(scope, source, module);
    if evaluated.is_err() {
        // That its promise has failed is no news then.
        // SAFETY: None of the module's code runs now.
        unsafe { &mut *state }.failed.clear();
    }
    evaluated?;
    promises::report(scope, state);
    // SAFETY: None of the module's code runs now.
    if let Some(hooks) = Hooks::registered(unsafe { &(*state).registered }) {
        return Ok(hooks);
    }
    let hooks = make_hooks(scope, source, module)?;
    let (hooks, error_constructor) = Hooks::of_object(scope, source, hooks).map_err(|error| match error {
        Ok(text) => Refused::Because(LoadError::Abi(text)),
        Err(stop) => stopped(MODULE_HOOKS, stop),
    })?;
    // SAFETY: As above.
    unsafe { &mut *state }.error_constructor = Some(error_constructor);
    Ok(hooks)
}

fn compile<'s>(scope: &mut PinScope<'s, '_>, program: &JsProgram) -> Result<Local<'s, v8::Module>, Refused> {
    let source = program.source();
    let compiled = attempt(scope, source, |scope| {
        // SAFETY: Whoever has an isolate of a program keeps the program.
        let code = unsafe { source.code(scope) }?;
        let name = super::values::string(scope, SCRIPT_NAME).into();
        let origin = v8::ScriptOrigin::new(scope, name, 0, 0, false, -1, None, false, false, true, None);
        let code_cache = program.code();
        let (mut text, options) = match &code_cache {
            Some(code_cache) => (
                script_compiler::Source::new_with_cached_data(
                    code,
                    Some(&origin),
                    v8::CachedData::new(code_cache),
                ),
                script_compiler::CompileOptions::ConsumeCodeCache,
            ),
            None => (
                script_compiler::Source::new(code, Some(&origin)),
                script_compiler::CompileOptions::NoCompileOptions,
            ),
        };
        let module = script_compiler::compile_module2(
            scope,
            &mut text,
            options,
            script_compiler::NoCacheReason::NoReason,
        );
        if text.get_cached_data().is_some_and(v8::CachedData::rejected) {
            program.drop_code();
        }
        module
    });
    compiled.map_err(|stop| match stop {
        Stop::Threw(_, thrown) => Refused::Because(LoadError::Invalid(thrown.with_place())),
        Stop::Ended => Refused::Stopped("compilation"),
    })
}

/// Gives the module what it imports.
fn resolve<H: HostCalls + 'static>(
    scope: &mut PinScope<'_, '_>,
    source: &Source,
    module: Local<'_, v8::Module>,
    state: *mut State<H>,
) -> Result<(), Refused> {
    let requests = module.get_module_requests();
    for place in 0..requests.length() {
        let Some(request) = requests.get(scope, place) else { continue };
        let Ok(request) = request.try_cast::<v8::ModuleRequest>() else { continue };
        let specifier = request.get_specifier();
        let text = specifier.to_rust_string_lossy(scope);
        let version = Version::of_specifier(&text).map_err(|error| {
            let at = module.source_offset_to_location(request.get_source_offset());
            let (line, column) = (at.get_line_number() + 1, at.get_column_number() + 1);
            let script = Some(SCRIPT_NAME.to_owned());
            let frame = Frame::new(source, None, script, line as usize, column as usize);
            let thrown = Thrown { text: error, frames: vec![frame] };
            LoadError::Abi(thrown.with_place())
        })?;
        let made = attempt(scope, source, |scope| version.module::<H>(scope, specifier).ok());
        let imported = made.map_err(|stop| stopped("imports", stop))?;
        // SAFETY: None of the module's code runs now.
        unsafe { &mut *state }.imports.push((text, Global::new(scope, imported)));
    }
    let linked = attempt(scope, source, |scope| module.instantiate_module(scope, find_import::<H>));
    linked.map(drop).map_err(|stop| match stop {
        Stop::Threw(_, thrown) => Refused::Because(LoadError::Abi(thrown.with_place())),
        Stop::Ended => Refused::Stopped("imports"),
    })
}

/// Finds one of the modules that [`resolve`] has made.
fn find_import<'s, H: HostCalls + 'static>(
    context: Local<'s, v8::Context>,
    specifier: Local<'s, v8::String>,
    _: Local<'s, v8::FixedArray>,
    _: Local<'s, v8::Module>,
) -> Option<Local<'s, v8::Module>> {
    v8::callback_scope!(unsafe scope, context);
    // SAFETY: Only isolates with that state are given this function, and none of the module's code runs now.
    let state = unsafe { &*super::state::of_isolate::<H>(scope) };
    let specifier = specifier.to_rust_string_lossy(scope);
    let (_, module) = state.imports.iter().find(|(name, _)| *name == specifier)?;
    Some(Local::new(scope, module))
}

fn evaluate(
    scope: &mut PinScope<'_, '_>,
    source: &Source,
    module: Local<'_, v8::Module>,
) -> Result<(), Refused> {
    let evaluated = attempt(scope, source, |scope| module.evaluate(scope));
    let promise = evaluated.map_err(|stop| stopped(EVALUATION, stop))?;
    let Ok(promise) = promise.try_cast::<v8::Promise>() else { return Ok(()) };
    match promise.state() {
        v8::PromiseState::Fulfilled => Ok(()),
        v8::PromiseState::Pending => Err(LoadError::Start {
            function: EVALUATION.to_owned(),
            fault: Fault::Protocol(
                "it waits for a promise (`await`) that nothing will ever settle: there are no timers and no \
                 input here"
                    .to_owned(),
            ),
        }
        .into()),
        v8::PromiseState::Rejected => {
            promise.mark_as_handled();
            let reason = promise.result(scope);
            let thrown = attempt::<()>(scope, source, |scope| {
                scope.throw_exception(reason);
                None
            });
            Err(thrown.map_or_else(|stop| stopped(EVALUATION, stop), |()| Refused::Stopped(EVALUATION)))
        }
    }
}

/// Has a module of version 2 make its hooks.
fn make_hooks<'s>(
    scope: &mut PinScope<'s, '_>,
    source: &Source,
    module: Local<'s, v8::Module>,
) -> Result<Local<'s, v8::Object>, Refused> {
    let abi = |text: &str| Refused::Because(LoadError::Abi(text.to_owned()));
    let namespace = module.get_module_namespace();
    let Ok(namespace) = namespace.try_cast::<v8::Object>() else {
        return Err(Refused::Stopped(MODULE_HOOKS));
    };
    let symbol = module_hooks(scope);
    let found = attempt(scope, source, |scope| {
        let key = super::values::string(scope, "default");
        let default = namespace.get(scope, key.into())?;
        let Ok(default) = default.try_cast::<v8::Object>() else { return Some(None) };
        let make = default.get(scope, symbol.into())?;
        Some(Some((default, make)))
    });
    let Some((default, make)) = found.map_err(|stop| stopped(MODULE_HOOKS, stop))? else {
        return Err(abi(
            "the module has no default export that is an object: it must export its schema (`export default \
             spacetimedb`)",
        ));
    };
    let Ok(make) = make.try_cast::<v8::Function>() else {
        return Err(abi(
            "the module's default export is not a schema: it has no function under the symbol `moduleHooks` of \
             `spacetime:sys@2.0`",
        ));
    };
    let made = attempt(scope, source, |scope| make.call(scope, default.into(), &[namespace.into()]));
    let hooks = made.map_err(|stop| stopped(MODULE_HOOKS, stop))?;
    hooks
        .try_cast()
        .map_err(|_| abi("what the module's default export makes of `moduleHooks` is not an object"))
}

/// A step was not taken to its end.
pub(super) fn stopped(step: &'static str, stop: Stop<'_>) -> Refused {
    match stop {
        Stop::Threw(_, thrown) => Refused::Broke(step, Broken::threw(thrown)),
        Stop::Ended => Refused::Stopped(step),
    }
}

/// What a version's module could not be made for is thrown or the end of the call.
impl From<Failure> for Refused {
    fn from(_: Failure) -> Self {
        Self::Stopped("imports")
    }
}
