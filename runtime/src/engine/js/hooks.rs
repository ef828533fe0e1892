//! The functions of a module that the host calls, and what they must answer.

use orrery_host_abi::{Call, Fault, Function, Outcome};
use v8::{Global, Local, PinScope, Value};

use super::{
    callers::{Callers, connection, identity},
    fault::{Stop, Thrown, attempt},
    source::Source,
    state::{Failure, Registered},
    values::{array_buffer, bytes_of, string, uint8_array},
};

pub(super) const DESCRIBE: &str = "__describe_module__";
pub(super) const REDUCER: &str = "__call_reducer__";
pub(super) const VIEW: &str = "__call_view__";
pub(super) const ANONYMOUS_VIEW: &str = "__call_view_anon__";
pub(super) const PROCEDURE: &str = "__call_procedure__";
const HTTP_HANDLER: &str = "__call_http_handler__";
const ERROR_CONSTRUCTOR: &str = "__get_error_constructor__";
const SENDER_ERROR: &str = "__sender_error_class__";

/// The `ViewResultHeader` that says that rows follow.
const ROW_DATA: u8 = 0;

/// The buffer for the arguments of reducers, in bytes. Longer ones get one of their own.
const ARGUMENT_BYTES: usize = 4096;

/// The hooks of a module.
pub(super) struct Hooks {
    describe: Global<v8::Function>,
    reducer: Option<Global<v8::Function>>,
    view: Option<Global<v8::Function>>,
    anonymous_view: Option<Global<v8::Function>>,
    procedure: Option<Global<v8::Function>>,
    http_handler: Option<Global<v8::Function>>,
    callers: Callers,
    /// What is different between the versions.
    kind: Kind,
}

enum Kind {
    /// Version 1: what a reducer says no with is a value that it returns.
    V1,
    /// Version 2: what a function says no with is an exception of a certain class.
    V2 {
        /// The object that the hooks belong to.
        this: Global<v8::Object>,
        sender_error: Global<v8::Object>,
        arguments: Arguments,
    },
}

/// The buffer that reducers find their arguments in.
struct Arguments {
    buffer: Global<v8::ArrayBuffer>,
    /// A view of its beginning, and of how much of it.
    view: Option<(Global<v8::DataView>, usize)>,
}

/// What became of a call.
pub(super) enum Answer {
    /// It came to an end.
    Ended(Outcome),
    /// The module has thrown something that is no message for the caller.
    Threw(Thrown),
    /// Somebody has ended it.
    Stopped,
}

// ---- finding them ----

/// A hook in the object that a module registers.
pub(super) fn member<'s>(
    scope: &mut PinScope<'s, '_>,
    hooks: Local<'s, Value>,
    name: &str,
) -> Result<Global<v8::Function>, Failure> {
    let Ok(hooks) = hooks.try_cast::<v8::Object>() else {
        return Err(Failure::Type("`register_hooks` takes an object".to_owned()));
    };
    let key = string(scope, name);
    let value = hooks.get(scope, key.into()).ok_or(Failure::Thrown)?;
    match value.try_cast::<v8::Function>() {
        Ok(function) => Ok(Global::new(scope, function)),
        Err(_) => Err(Failure::Type(format!("the hooks have no function `{name}`"))),
    }
}

/// Keeps a hook, if there is none yet.
pub(super) fn register(
    place: &mut Option<Global<v8::Function>>,
    hook: Global<v8::Function>,
    name: &str,
) -> Result<(), Failure> {
    if place.is_some() {
        return Err(Failure::Type(format!("the hook `{name}` was registered already")));
    }
    *place = Some(hook);
    Ok(())
}

impl Hooks {
    /// The hooks of a module that has registered some. None if it has not.
    pub(super) fn registered(hooks: &Registered) -> Option<Self> {
        Some(Self {
            describe: hooks.describe.clone()?,
            reducer: hooks.reducer.clone(),
            view: hooks.view.clone(),
            anonymous_view: hooks.anonymous_view.clone(),
            procedure: hooks.procedure.clone(),
            http_handler: None,
            callers: Callers::default(),
            kind: Kind::V1,
        })
    }

    /// The hooks in the object that a module of version 2 made. The error is for the publisher.
    pub(super) fn of_object<'s, 'i>(
        scope: &mut PinScope<'s, 'i>,
        source: &Source,
        this: Local<'s, v8::Object>,
    ) -> Result<(Self, Global<v8::Function>), Result<String, Stop<'s>>> {
        let mut get = |name: &str| {
            attempt(scope, source, |scope| {
                let key = string(scope, name);
                let value = this.get(scope, key.into())?;
                Some(value.is_function().then(|| Global::new(scope, value.cast::<v8::Function>())))
            })
            .map_err(Err)
        };
        let missing = |name| Ok(format!("the module's hooks have no function `{name}`"));
        let describe = get(DESCRIBE)?.ok_or_else(|| missing(DESCRIBE))?;
        let error_constructor = get(ERROR_CONSTRUCTOR)?.ok_or_else(|| missing(ERROR_CONSTRUCTOR))?;
        let sender_error = get(SENDER_ERROR)?
            .ok_or_else(|| Ok(format!("the module's hooks have no class `{SENDER_ERROR}`")))?;
        let reducer = get(REDUCER)?.ok_or_else(|| missing(REDUCER))?;
        let view = get(VIEW)?.ok_or_else(|| missing(VIEW))?;
        let anonymous_view = get(ANONYMOUS_VIEW)?.ok_or_else(|| missing(ANONYMOUS_VIEW))?;
        let procedure = get(PROCEDURE)?.ok_or_else(|| missing(PROCEDURE))?;
        let http_handler = get(HTTP_HANDLER)?;
        let sender_error: Local<'_, v8::Object> = Local::new(scope, sender_error).into();
        let hooks = Self {
            describe,
            reducer: Some(reducer),
            view: Some(view),
            anonymous_view: Some(anonymous_view),
            procedure: Some(procedure),
            http_handler,
            callers: Callers::default(),
            kind: Kind::V2 {
                this: Global::new(scope, this),
                sender_error: Global::new(scope, sender_error),
                arguments: Arguments::new(scope),
            },
        };
        Ok((hooks, error_constructor))
    }

    /// Has the module describe itself. The error is why it does not, or what is wrong with its answer.
    pub(super) fn describe<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        source: &Source,
    ) -> Result<Vec<u8>, Result<String, Stop<'s>>> {
        let describe = Local::new(scope, &self.describe);
        let this = self.this(scope);
        let answer = attempt(scope, source, |scope| describe.call(scope, this, &[])).map_err(Err)?;
        bytes_of(answer, "the answer")
            .map_err(|_| Ok(not_what_it_should_be(DESCRIBE, "a Uint8Array", answer)))
    }
}

// ---- calling them ----

impl Hooks {
    /// Enters the module.
    pub(super) fn call<'s>(
        &mut self,
        scope: &mut PinScope<'s, '_>,
        context: Local<'s, v8::Context>,
        source: &Source,
        call: &Call,
    ) -> Answer {
        match self.enter(scope, context, source, call) {
            Ok(answer) => match self.outcome(scope, source, call.function, answer) {
                Ok(outcome) => Answer::Ended(outcome),
                Err(stop) => self.stopped(scope, source, call.function, stop),
            },
            Err(Left::Unfit(reason)) => Answer::Ended(Outcome::Broke(Fault::Protocol(reason))),
            Err(Left::Stopped(stop)) => self.stopped(scope, source, call.function, stop),
        }
    }

    #[inline]
    fn enter<'s>(
        &mut self,
        scope: &mut PinScope<'s, '_>,
        context: Local<'s, v8::Context>,
        source: &Source,
        call: &Call,
    ) -> Result<Local<'s, Value>, Left<'s>> {
        let this = self.this(scope);
        let enter = |scope: &mut PinScope<'s, '_>, hook: &v8::Function, arguments: &[Local<'s, Value>]| {
            attempt(scope, source, |scope| hook.call_with_context(scope, context, this, arguments))
                .map_err(Left::Stopped)
        };
        let number = |scope: &PinScope<'s, '_>, id: u32| v8::Integer::new_from_unsigned(scope, id).into();
        let time = |scope: &PinScope<'s, '_>| v8::BigInt::new_from_i64(scope, call.timestamp.0).into();
        match call.function {
            Function::Reducer(id) => {
                let args = self.reducer_arguments(scope, &call.args)?;
                let [caller, connection] = self.callers.bigints(scope, call.caller, call.connection)?;
                let hook = hook(scope, self.reducer.as_ref(), REDUCER)?;
                let arguments = [number(scope, id), caller.into(), connection.into(), time(scope), args];
                enter(scope, hook, &arguments)
            }
            Function::View(id) => {
                let hook = hook(scope, self.view.as_ref(), VIEW)?;
                let args = uint8_array(scope, call.args.to_vec())?.into();
                let caller = identity(scope, call.caller)?.into();
                enter(scope, hook, &[number(scope, id), caller, args])
            }
            Function::AnonymousView(id) => {
                let hook = hook(scope, self.anonymous_view.as_ref(), ANONYMOUS_VIEW)?;
                let args = uint8_array(scope, call.args.to_vec())?.into();
                enter(scope, hook, &[number(scope, id), args])
            }
            Function::Procedure(id) => {
                let hook = hook(scope, self.procedure.as_ref(), PROCEDURE)?;
                let args = uint8_array(scope, call.args.to_vec())?.into();
                let caller = identity(scope, call.caller)?.into();
                let connection = connection(scope, call.connection)?.into();
                let arguments = [number(scope, id), caller, connection, time(scope), args];
                enter(scope, hook, &arguments)
            }
            Function::HttpHandler(id) => {
                let hook = hook(scope, self.http_handler.as_ref(), HTTP_HANDLER)?;
                let request = uint8_array(scope, call.args.to_vec())?.into();
                let body = uint8_array(scope, call.body.to_vec())?.into();
                enter(scope, hook, &[number(scope, id), time(scope), request, body])
            }
        }
    }

    fn this<'s>(&self, scope: &PinScope<'s, '_>) -> Local<'s, Value> {
        match &self.kind {
            Kind::V1 => v8::undefined(scope).into(),
            Kind::V2 { this, .. } => Local::new(scope, this).into(),
        }
    }

    fn reducer_arguments<'s>(
        &mut self,
        scope: &mut PinScope<'s, '_>,
        args: &[u8],
    ) -> Result<Local<'s, Value>, Failure> {
        match &mut self.kind {
            Kind::V1 => Ok(uint8_array(scope, args.to_vec())?.into()),
            Kind::V2 { arguments, .. } => Ok(arguments.view(scope, args).into()),
        }
    }

    /// What an answer means.
    fn outcome<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        source: &Source,
        function: Function,
        answer: Local<'s, Value>,
    ) -> Result<Outcome, Stop<'s>> {
        // What nearly all calls come to.
        if let (Function::Reducer(_), Kind::V2 { .. }) = (function, &self.kind)
            && answer.is_undefined()
        {
            return Ok(Outcome::Done(Vec::new()));
        }
        attempt(scope, source, |scope| {
            let unfit = |text| Some(Outcome::Broke(Fault::Protocol(text)));
            match function {
                Function::Reducer(_) => match self.kind {
                    Kind::V1 => v1_reducer_outcome(scope, answer),
                    Kind::V2 { .. } => unfit(not_what_it_should_be(REDUCER, "undefined", answer)),
                },
                Function::View(_) | Function::AnonymousView(_) => self.view_outcome(scope, function, answer),
                Function::Procedure(_) => match bytes_of(answer, "the answer") {
                    Ok(bytes) => Some(Outcome::Done(bytes)),
                    Err(_) => unfit(not_what_it_should_be(PROCEDURE, "a Uint8Array", answer)),
                },
                Function::HttpHandler(_) => {
                    let Ok(pair) = answer.try_cast::<v8::Array>() else {
                        return unfit(not_what_it_should_be(HTTP_HANDLER, "an array", answer));
                    };
                    let (head, body) = (pair.get_index(scope, 0)?, pair.get_index(scope, 1)?);
                    match (pair.length(), bytes_of(head, "the head"), bytes_of(body, "the body")) {
                        (2, Ok(head), Ok(body)) => Some(Outcome::Responded { head, body }),
                        _ => unfit(format!("`{HTTP_HANDLER}` must return an array of two Uint8Arrays")),
                    }
                }
            }
        })
    }

    fn view_outcome<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        function: Function,
        answer: Local<'s, Value>,
    ) -> Option<Outcome> {
        let name = if matches!(function, Function::View(_)) { VIEW } else { ANONYMOUS_VIEW };
        // The first modules had no headers.
        if let (Kind::V1, Ok(mut rows)) = (&self.kind, bytes_of(answer, "the answer")) {
            rows.insert(0, ROW_DATA);
            return Some(Outcome::Done(rows));
        }
        let data = match answer.try_cast::<v8::Object>() {
            Ok(object) => {
                let key = string(scope, "data");
                bytes_of(object.get(scope, key.into())?, "the data").ok()
            }
            Err(_) => None,
        };
        Some(data.map(Outcome::Done).unwrap_or_else(|| {
            Outcome::Broke(Fault::Protocol(not_what_it_should_be(
                name,
                "an object whose `data` is a Uint8Array",
                answer,
            )))
        }))
    }

    /// What it means that the module has thrown.
    fn stopped<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        source: &Source,
        function: Function,
        stop: Stop<'s>,
    ) -> Answer {
        let (exception, thrown) = match stop {
            Stop::Threw(exception, thrown) => (exception, thrown),
            Stop::Ended => return Answer::Stopped,
        };
        let message = match self.message_for_caller(scope, source, exception) {
            Ok(message) => message,
            Err(Stop::Threw(_, thrown)) => return Answer::Threw(thrown),
            Err(Stop::Ended) => return Answer::Stopped,
        };
        match (message, function) {
            (None, _) => Answer::Threw(thrown),
            (Some(message), Function::Reducer(_)) => Answer::Ended(Outcome::Refused(message)),
            (Some(_), Function::View(_) | Function::AnonymousView(_)) => Answer::Threw(thrown),
            (Some(message), Function::Procedure(_) | Function::HttpHandler(_)) => {
                Answer::Ended(Outcome::Broke(Fault::Trapped(message)))
            }
        }
    }

    /// The message of an exception that is meant for the caller.
    fn message_for_caller<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        source: &Source,
        exception: Local<'s, Value>,
    ) -> Result<Option<String>, Stop<'s>> {
        let Kind::V2 { sender_error, .. } = &self.kind else { return Ok(None) };
        let Ok(object) = exception.try_cast::<v8::Object>() else { return Ok(None) };
        let class = Local::new(scope, sender_error);
        attempt(scope, source, |scope| {
            if !exception.instance_of(scope, class)? {
                return Some(None);
            }
            let key = string(scope, "message");
            let message = object.get(scope, key.into())?.to_string(scope)?;
            Some(Some(message.to_rust_string_lossy(scope)))
        })
    }
}

/// Why the module was not entered, or was left early.
enum Left<'s> {
    /// It has no such hook.
    Unfit(String),
    Stopped(Stop<'s>),
}

impl From<Failure> for Left<'_> {
    fn from(_: Failure) -> Self {
        // Only for want of memory can an argument not be made.
        Self::Stopped(Stop::Ended)
    }
}

fn hook<'a, 's>(
    scope: &mut PinScope<'s, '_>,
    hook: Option<&'a Global<v8::Function>>,
    name: &str,
) -> Result<&'a v8::Function, Left<'s>> {
    match hook {
        Some(hook) => Ok(hook.open(scope)),
        None => {
            Err(Left::Unfit(format!("the module declares such functions but has no hook `{name}` for them")))
        }
    }
}

/// `{ tag: 'ok' }` or `{ tag: 'err', value: string }`.
fn v1_reducer_outcome(scope: &mut PinScope<'_, '_>, answer: Local<'_, Value>) -> Option<Outcome> {
    let unfit = || {
        let expected = "`{ tag: 'ok' }` or `{ tag: 'err', value: string }`";
        Some(Outcome::Broke(Fault::Protocol(not_what_it_should_be(REDUCER, expected, answer))))
    };
    let Ok(object) = answer.try_cast::<v8::Object>() else { return unfit() };
    let key = string(scope, "tag");
    let tag = object.get(scope, key.into())?;
    let Ok(tag) = tag.try_cast::<v8::String>() else { return unfit() };
    match tag.to_rust_string_lossy(scope).as_str() {
        "ok" => Some(Outcome::Done(Vec::new())),
        "err" => {
            let key = string(scope, "value");
            let value = object.get(scope, key.into())?;
            let Ok(value) = value.try_cast::<v8::String>() else { return unfit() };
            Some(Outcome::Refused(value.to_rust_string_lossy(scope)))
        }
        _ => unfit(),
    }
}

fn not_what_it_should_be(hook: &str, expected: &str, found: Local<'_, Value>) -> String {
    let hint =
        if found.is_promise() { "; it returned a promise, and promises are not waited for" } else { "" };
    format!("`{hook}` must return {expected}{hint}")
}

impl Arguments {
    fn new(scope: &PinScope<'_, '_>) -> Self {
        let buffer = array_buffer(scope, vec![0; ARGUMENT_BYTES]);
        Self { buffer: Global::new(scope, buffer), view: None }
    }

    /// A view of the arguments, good for one call.
    #[inline]
    fn view<'s>(&mut self, scope: &mut PinScope<'s, '_>, args: &[u8]) -> Local<'s, v8::DataView> {
        if args.len() > ARGUMENT_BYTES {
            let buffer = array_buffer(scope, args.to_vec());
            return v8::DataView::new(scope, buffer, 0, args.len());
        }
        // A module may have given it away.
        if self.buffer.open(scope).byte_length() != ARGUMENT_BYTES {
            *self = Self::new(scope);
        }
        if let Some(data) = self.buffer.open(scope).data() {
            // SAFETY: The buffer is longer, and the module is not running.
            unsafe {
                data.cast::<u8>().copy_from_nonoverlapping(std::ptr::NonNull::from(args).cast(), args.len());
            }
        }
        match &self.view {
            Some((view, len)) if *len == args.len() => Local::new(scope, view),
            _ => {
                let buffer = Local::new(scope, &self.buffer);
                let view = v8::DataView::new(scope, buffer, 0, args.len());
                self.view = Some((Global::new(scope, view), args.len()));
                view
            }
        }
    }
}
