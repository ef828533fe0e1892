//! What a host call that fails looks like in JavaScript.

use orrery_host_abi::{Errno, HostError};
use v8::{Local, PinScope, Value};

use super::{
    state::{End, Failure, State},
    values::string,
};

/// The version of the contract that a host call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Errors are plain objects with a code.
    V1,
    /// Errors are of classes that the module names.
    V2,
}

/// Throws, or ends the call into the module.
#[cold]
pub(super) fn throw<H>(
    scope: &mut PinScope<'_, '_>,
    state: *mut State<H>,
    dialect: Dialect,
    failure: Failure,
) {
    match failure {
        Failure::Host(HostError::Trap(text)) => end(scope, state, Some(End::Trapped(text))),
        Failure::Host(HostError::BufferTooSmall(needed)) => {
            let needed = v8::Number::new(scope, needed as f64);
            throw_sealed(scope, &[("__buffer_too_small__", needed.into())]);
        }
        Failure::Host(HostError::Errno(errno)) => {
            throw_errno(scope, state, dialect, errno, &errno.to_string());
        }
        Failure::Host(HostError::Http(text)) => throw_errno(scope, state, dialect, Errno::HttpError, &text),
        Failure::Type(text) => {
            let text = string(scope, &text);
            let error = v8::Exception::type_error(scope, text);
            scope.throw_exception(error);
        }
        Failure::Range(text) => {
            let text = string(scope, &text);
            let error = v8::Exception::range_error(scope, text);
            scope.throw_exception(error);
        }
        Failure::Ending => end(scope, state, None),
        Failure::Thrown => {}
    }
}

/// Ends the call into the module: it cannot catch this.
fn end<H>(scope: &mut PinScope<'_, '_>, state: *mut State<H>, why: Option<End>) {
    // SAFETY: None of the module's code runs while this is borrowed.
    let state = unsafe { &mut *state };
    if let Some(why) = why {
        state.end.get_or_insert(why);
    }
    scope.terminate_execution();
    // Not before it enters a function does V8 look whether it is to stop, and then this host call has long returned.
    if let Some(nothing) = &state.nothing {
        let nothing = Local::new(scope, nothing);
        let this = v8::undefined(scope).into();
        let _ = nothing.call(scope, this, &[]);
    }
}

fn throw_errno<H>(
    scope: &mut PinScope<'_, '_>,
    state: *mut State<H>,
    dialect: Dialect,
    errno: Errno,
    text: &str,
) {
    match dialect {
        Dialect::V1 => {
            let code = v8::Integer::new_from_unsigned(scope, errno.code().into()).into();
            if errno == Errno::HttpError {
                let text = string(scope, text).into();
                throw_sealed(scope, &[("__code_error__", code), ("__error_message__", text)]);
            } else {
                throw_sealed(scope, &[("__code_error__", code)]);
            }
        }
        Dialect::V2 => {
            // SAFETY: It is borrowed for this statement only.
            let constructor = unsafe { &*state }.error_constructor.clone();
            if let Some(error) = make_error(scope, constructor, errno, text) {
                scope.throw_exception(error);
            }
        }
    }
}

/// An error of the class that the module has for it. None if the module has thrown something else.
fn make_error<'s>(
    scope: &mut PinScope<'s, '_>,
    constructor: Option<v8::Global<v8::Function>>,
    errno: Errno,
    text: &str,
) -> Option<Local<'s, Value>> {
    let text = string(scope, text);
    let Some(constructor) = constructor else { return Some(v8::Exception::error(scope, text)) };
    let constructor = Local::new(scope, constructor);
    let this = v8::undefined(scope).into();
    let code = v8::Integer::new_from_unsigned(scope, errno.code().into()).into();
    let class = constructor.call(scope, this, &[code])?;
    let Ok(class) = class.try_cast::<v8::Function>() else {
        let text = string(scope, "`__get_error_constructor__` did not return a class");
        return Some(v8::Exception::type_error(scope, text));
    };
    Some(class.new_instance(scope, &[text.into()])?.into())
}

/// Throws a plain object that nobody adds to.
fn throw_sealed(scope: &mut PinScope<'_, '_>, fields: &[(&str, Local<'_, Value>)]) {
    let object = v8::Object::new(scope);
    for (name, value) in fields {
        let name = string(scope, name);
        object.create_data_property(scope, name.into(), *value);
    }
    object.set_integrity_level(scope, v8::IntegrityLevel::Sealed);
    scope.throw_exception(object.into());
}
