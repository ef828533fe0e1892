//! From a call in JavaScript to a function in Rust, and back.

use std::{
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
};

use v8::{
    FunctionCallback, FunctionCallbackArguments, FunctionCallbackInfo, Local, PinScope, Value,
    fast_api::CFunction,
};

use crate::engine::js::{
    state::{End, Failure, State},
    values::number_of,
};

/// A function that modules may import.
pub(super) struct Import {
    pub(super) name: &'static str,
    /// What V8 calls in general.
    pub(super) callback: FunctionCallback,
    /// What V8 calls from code that it has compiled, if it knows the types of all arguments.
    pub(super) fast: &'static [CFunction],
    /// How many arguments it takes.
    pub(super) arguments: i32,
}

impl Import {
    /// The function, for one isolate.
    pub(super) fn function<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        name: Local<'s, v8::String>,
    ) -> Result<Local<'s, v8::Function>, Failure> {
        let template = v8::FunctionTemplate::builder_raw(self.callback)
            .length(self.arguments)
            .constructor_behavior(v8::ConstructorBehavior::Throw);
        let template =
            if self.fast.is_empty() { template.build(scope) } else { template.build_fast(scope, self.fast) };
        let function = template.get_function(scope).ok_or(Failure::Thrown)?;
        function.set_name(name);
        Ok(function)
    }
}

/// Runs the body of a host call. Nothing may unwind into V8, so a panic goes on when V8 has returned.
///
/// `state` must be that of the isolate that calls.
#[inline]
pub(super) fn guarded<H, T>(
    state: *mut State<H>,
    body: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    // SAFETY: It is there for as long as the isolate. Nobody writes to this part of it.
    let leave = unsafe { (*state).watch.leave() };
    match leave.not_during(|| catch_unwind(AssertUnwindSafe(body))) {
        Ok(result) => result,
        Err(panic) => {
            // SAFETY: The body, which has borrowed it, is gone.
            unsafe { &mut *state }.end.get_or_insert(End::Panicked(panic));
            Err(Failure::Ending)
        }
    }
}

/// The state of the isolate that calls.
///
/// # Safety
///
/// It must be a `State<H>`.
#[inline]
pub(super) unsafe fn state_of_call<H>(info: &FunctionCallbackInfo) -> *mut State<H> {
    let isolate = info.get_parts().isolate;
    // SAFETY: V8 passes an isolate that is alive, and its caller vouches for the state.
    unsafe { crate::engine::js::state::of_isolate(v8::Isolate::ref_from_raw_isolate_ptr_unchecked(&isolate)) }
}

/// How an argument is found among those that V8 passes.
pub(super) trait Argument<'s>: Sized {
    /// The argument in that place.
    fn get(arguments: &FunctionCallbackArguments<'s>, place: i32) -> Result<Self, Failure>;
}

impl<'s> Argument<'s> for f64 {
    #[inline]
    fn get(arguments: &FunctionCallbackArguments<'s>, place: i32) -> Result<Self, Failure> {
        number_of(
            arguments.get(place),
            ["the first argument", "the second argument"].get(place as usize).unwrap_or(&"an argument"),
        )
    }
}

impl<'s> Argument<'s> for Local<'s, Value> {
    #[inline]
    fn get(arguments: &FunctionCallbackArguments<'s>, place: i32) -> Result<Self, Failure> {
        Ok(arguments.get(place))
    }
}

/// What a function answers that V8 may call directly.
pub(super) trait Answer: Default {
    /// Hands it to JavaScript.
    fn set(self, to: v8::ReturnValue<'_>);
}

impl Answer for () {
    #[inline]
    fn set(self, _: v8::ReturnValue<'_>) {}
}

impl Answer for u32 {
    #[inline]
    fn set(self, mut to: v8::ReturnValue<'_>) {
        to.set_uint32(self);
    }
}

impl Answer for i32 {
    #[inline]
    fn set(self, mut to: v8::ReturnValue<'_>) {
        to.set_int32(self);
    }
}

/// The address of a function for [`CFunction::new`].
pub(super) type Address = *const c_void;

/// An import whose body takes the state, numbers and values, and answers with a number or nothing:
/// `direct!(dialect, name(number, value, ...) -> answer)`.
macro_rules! direct {
    ($name:ident ( $($argument:ident : $kind:ident),* ) -> $answer:ident) => {{
        unsafe extern "C" fn callback<H: HostCalls + 'static>(info: *const v8::FunctionCallbackInfo) {
            // SAFETY: V8 passes what the call is made of.
            let info = unsafe { &*info };
            // SAFETY: Functions of `State<H>` are given to such isolates only.
            let state = unsafe { $crate::engine::js::imports::border::state_of_call::<H>(info) };
            let arguments = v8::FunctionCallbackArguments::from_function_callback_info(info);
            let answer = $crate::engine::js::imports::border::guarded(state, || {
                direct!(@get arguments, 0i32, $($argument : $kind),*);
                // SAFETY: The body is the only one to use it, and runs none of the module's code.
                $name::<H>(unsafe { &mut *state } $(, $argument)*)
            });
            match answer {
                Ok(answer) => $crate::engine::js::imports::border::Answer::set(answer, info.get_parts().return_value),
                Err(failure) => {
                    v8::callback_scope!(unsafe scope, info);
                    $crate::engine::js::throw::throw(scope, state, $crate::engine::js::throw::Dialect::V2, failure);
                }
            }
        }
        extern "C" fn fast<H: HostCalls + 'static>(
            _this: v8::Local<'_, v8::Object>,
            $($argument: direct!(@type $kind),)*
            options: &v8::fast_api::FastApiCallbackOptions<'_>,
        ) -> direct!(@return $answer) {
            // SAFETY: As above.
            let state = unsafe { $crate::engine::js::state::of_isolate::<H>(options.isolate_unchecked()) };
            // SAFETY: As above.
            let answer = $crate::engine::js::imports::border::guarded(state, || $name::<H>(unsafe { &mut *state } $(, $argument)*));
            match answer {
                Ok(answer) => answer,
                Err(failure) => {
                    v8::callback_scope!(unsafe scope, options);
                    $crate::engine::js::throw::throw(scope, state, $crate::engine::js::throw::Dialect::V2, failure);
                    Default::default()
                }
            }
        }
        struct Fast<H>(std::marker::PhantomData<H>);
        impl<H: HostCalls + 'static> Fast<H> {
            const OVERLOADS: &'static [v8::fast_api::CFunction] = &[v8::fast_api::CFunction::new(
                fast::<H> as $crate::engine::js::imports::border::Address,
                &v8::fast_api::CFunctionInfo::new(
                    direct!(@info $answer),
                    &[
                        v8::fast_api::Type::V8Value.as_info(),
                        $(direct!(@info $kind),)*
                        v8::fast_api::Type::CallbackOptions.as_info(),
                    ],
                    v8::fast_api::Int64Representation::Number,
                ),
            )];
        }
        $crate::engine::js::imports::border::Import {
            name: stringify!($name),
            callback: callback::<H>,
            fast: Fast::<H>::OVERLOADS,
            arguments: [$(stringify!($argument)),*].len() as i32,
        }
    }};
    (@get $arguments:ident, $place:expr,) => {};
    (@get $arguments:ident, $place:expr, $argument:ident : $kind:ident $(, $rest:ident : $rest_kind:ident)*) => {
        let $argument: direct!(@type $kind) =
            $crate::engine::js::imports::border::Argument::get(&$arguments, $place)?;
        direct!(@get $arguments, $place + 1, $($rest : $rest_kind),*);
    };
    (@type number) => { f64 };
    (@type value) => { v8::Local<'_, v8::Value> };
    (@return nothing) => { () };
    (@return u32) => { u32 };
    (@return i32) => { i32 };
    (@info number) => { v8::fast_api::Type::Float64.as_info() };
    (@info value) => { v8::fast_api::Type::V8Value.as_info() };
    (@info nothing) => { v8::fast_api::Type::Void.as_info() };
    (@info u32) => { v8::fast_api::Type::Uint32.as_info() };
    (@info i32) => { v8::fast_api::Type::Int32.as_info() };
}

/// An import whose body makes values: it takes a scope, the arguments and the state:
/// `general!(dialect, name, number of arguments)`.
macro_rules! general {
    ($dialect:ident, $name:ident, $arguments:literal) => {{
        unsafe extern "C" fn callback<H: HostCalls + 'static>(info: *const v8::FunctionCallbackInfo) {
            // SAFETY: V8 passes what the call is made of.
            let info = unsafe { &*info };
            // SAFETY: Functions of `State<H>` are given to such isolates only.
            let state = unsafe { $crate::engine::js::imports::border::state_of_call::<H>(info) };
            let arguments = v8::FunctionCallbackArguments::from_function_callback_info(info);
            v8::callback_scope!(unsafe scope, info);
            let answer = $crate::engine::js::imports::border::guarded(state, || $name::<H>(scope, &arguments, state));
            match answer {
                Ok(value) => info.get_parts().return_value.set(value),
                Err(failure) => {
                    $crate::engine::js::throw::throw(scope, state, $crate::engine::js::throw::Dialect::$dialect, failure);
                }
            }
        }
        $crate::engine::js::imports::border::Import {
            name: stringify!($name),
            callback: callback::<H>,
            fast: &[],
            arguments: $arguments,
        }
    }};
}

pub(super) use {direct, general};
