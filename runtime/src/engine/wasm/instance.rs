//! A running module: its entry points, and how a call goes in and comes out.

use std::time::Instant;

use orrery_host_abi::{Call, Fault, Function, HostCalls, Instance, Outcome};
use wasmtime::{Store, TypedFunc};

use super::{abi::export, fault::Broken, state::State};
use crate::engine::{SPENT, connection_words, sender_words, ticks};

/// The function succeeded. For a view: with rows only, as modules did it before there were headers.
const OK: i32 = 0;
/// The function of the module refused, with a text in the sink.
const REFUSED: i32 = 1;
/// A view succeeded, with a header before its data.
const OK_WITH_HEADER: i32 = 2;

/// The `ViewResultHeader` that says that rows follow.
const ROW_DATA: u8 = 0;

/// Function, sender in four words, connection in two, time, arguments, result.
type CallParams = (u32, u64, u64, u64, u64, u64, u64, i64, u32, u32);
/// Function, sender in four words, arguments, result.
type ViewParams = (u32, u64, u64, u64, u64, u32, u32);
/// Function, arguments, result.
type AnonymousViewParams = (u32, u32, u32);
/// Function, time, request, its body, response, its body.
type HttpHandlerParams = (u32, i64, u32, u32, u32, u32);

/// The functions of an instance that calls go to, looked up once.
pub(super) struct EntryPoints {
    pub(super) reducer: TypedFunc<CallParams, i32>,
    pub(super) view: Option<TypedFunc<ViewParams, i32>>,
    pub(super) anonymous_view: Option<TypedFunc<AnonymousViewParams, i32>>,
    pub(super) procedure: Option<TypedFunc<CallParams, i32>>,
    pub(super) http_handler: Option<TypedFunc<HttpHandlerParams, i32>>,
}

/// An instance of a [`WasmProgram`](super::WasmProgram). One call at a time, on any thread.
pub struct WasmInstance<H: 'static> {
    store: Store<State<H>>,
    entries: EntryPoints,
    spent: bool,
}

impl<H> std::fmt::Debug for WasmInstance<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmInstance").field("spent", &self.spent).finish_non_exhaustive()
    }
}

impl<H: HostCalls + Send + 'static> WasmInstance<H> {
    pub(super) fn new(store: Store<State<H>>, entries: EntryPoints) -> Self {
        Self { store, entries, spent: false }
    }

    /// Enters the module. The answer is its code and the sink that it may have written to. (A handler writes the
    /// body of its response to the sink after that one.)
    fn enter(&mut self, call: &Call) -> Result<(i32, u32), Failure> {
        let state = self.store.data_mut();
        let args = state.sources.open(call.args.clone()).map_err(|e| Failure::NotCalled(e.to_string()))?;
        let sink = state.sinks.open();
        let [s0, s1, s2, s3] = sender_words(call.caller);
        let [c0, c1] = connection_words(call.connection);
        let time = call.timestamp.0;
        let store = &mut self.store;
        let code = match call.function {
            Function::Reducer(id) => {
                self.entries.reducer.call(store, (id, s0, s1, s2, s3, c0, c1, time, args, sink))
            }
            Function::View(id) => {
                let view = exported(&self.entries.view, export::VIEW)?;
                view.call(store, (id, s0, s1, s2, s3, args, sink))
            }
            Function::AnonymousView(id) => {
                let view = exported(&self.entries.anonymous_view, export::ANONYMOUS_VIEW)?;
                view.call(store, (id, args, sink))
            }
            Function::Procedure(id) => {
                let procedure = exported(&self.entries.procedure, export::PROCEDURE)?;
                procedure.call(store, (id, s0, s1, s2, s3, c0, c1, time, args, sink))
            }
            Function::HttpHandler(id) => {
                let handler = exported(&self.entries.http_handler, export::HTTP_HANDLER)?;
                let state = store.data_mut();
                let body =
                    state.sources.open(call.body.clone()).map_err(|e| Failure::NotCalled(e.to_string()))?;
                let body_sink = state.sinks.open();
                handler.call(store, (id, time, args, body, sink, body_sink))
            }
        };
        Ok((code?, sink))
    }

    /// What the code that a function answered with means.
    fn outcome(&mut self, function: Function, code: i32, sink: u32) -> Outcome {
        let sinks = &mut self.store.data_mut().sinks;
        match (function, code) {
            (Function::Reducer(_), OK) => Outcome::Done(Vec::new()),
            (Function::Reducer(_), REFUSED) => {
                let text = sinks.get(sink).map(|text| String::from_utf8_lossy(text).into_owned());
                Outcome::Refused(text.unwrap_or_default())
            }
            (Function::View(_) | Function::AnonymousView(_), OK_WITH_HEADER) => {
                Outcome::Done(sinks.take(sink))
            }
            (Function::View(_) | Function::AnonymousView(_), OK) => {
                let mut data = sinks.take(sink);
                data.insert(0, ROW_DATA);
                Outcome::Done(data)
            }
            (Function::Procedure(_), OK) => Outcome::Done(sinks.take(sink)),
            (Function::HttpHandler(_), OK) => {
                Outcome::Responded { head: sinks.take(sink), body: sinks.take(sink + 1) }
            }
            (Function::View(_) | Function::AnonymousView(_), REFUSED) => {
                Outcome::Broke(Fault::Protocol("the view failed; the module's log may say why".to_owned()))
            }
            (function, code) => {
                // Only reducers and views may answer with an error and go on.
                self.spent = matches!(function, Function::Procedure(_) | Function::HttpHandler(_));
                Outcome::Broke(Fault::Protocol(format!("the module answered with the unknown code {code}")))
            }
        }
    }
}

impl<H: HostCalls + Send + 'static> Instance<H> for WasmInstance<H> {
    fn call(&mut self, session: H, call: &Call) -> (H, Outcome) {
        if self.spent {
            return (session, Outcome::Broke(Fault::Trapped(SPENT.to_owned())));
        }
        self.store.set_epoch_deadline(ticks(call.time_limit));
        self.store.data_mut().deadline = match call.function {
            Function::Procedure(_) | Function::HttpHandler(_) => Instant::now().checked_add(call.time_limit),
            _ => None,
        };
        self.store.data_mut().begin(session);
        // Should a host call panic, nobody gets to know what the module was doing.
        self.spent = true;
        let entered = self.enter(call);
        self.spent = false;
        let outcome = match entered {
            Ok((code, sink)) => self.outcome(call.function, code, sink),
            Err(Failure::NotCalled(reason)) => Outcome::Broke(Fault::Protocol(reason)),
            Err(Failure::Broke(error)) => {
                self.spent = true;
                let state = self.store.data_mut();
                let broken = Broken::new(&error, state, call.time_limit);
                broken.log(state.session());
                Outcome::Broke(broken.fault)
            }
        };
        (self.store.data_mut().end(), outcome)
    }

    fn is_spent(&self) -> bool {
        self.spent
    }
}

/// Why a call has no code for an answer.
enum Failure {
    /// The module was not entered.
    NotCalled(String),
    /// The module did not come back.
    Broke(wasmtime::Error),
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Broke(error)
    }
}

fn exported<'a, F>(function: &'a Option<F>, name: &str) -> Result<&'a F, Failure> {
    function.as_ref().ok_or_else(|| {
        Failure::NotCalled(format!("the module declares such functions but does not export `{name}`"))
    })
}
