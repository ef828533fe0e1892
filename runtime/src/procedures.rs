//! Procedures and HTTP handlers, run beside the worker, from which they borrow the writer for each transaction.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use orrery_host_abi::{
    Call, ConnectionId, Fault, Function, HttpResponse, Identity, LogLevel, Outcome, Timestamp, bsatn::Decode,
};

use crate::{
    database::CallError,
    pool::{Seat, Work},
    running::{Procedure, Running},
    session::{CallContext, ProcedureEnd, Session},
    store::TxOffset,
};

/// A procedure or HTTP handler to run.
pub(crate) struct ProcedureJob {
    /// The program that it is looked up in.
    pub(crate) running: Arc<Running>,
    pub(crate) target: Target,
    pub(crate) caller: Identity,
    /// The caller's connection and the payload of its token.
    pub(crate) token: Option<(ConnectionId, Arc<str>)>,
    /// The time for which it is scheduled.
    pub(crate) due: Option<Timestamp>,
    /// It does not begin before this transaction is durable.
    pub(crate) after: TxOffset,
    /// Gets the answer, when everything is durable that it may tell of.
    pub(crate) reply: ProcedureReply,
}

/// Takes the answer of a procedure or HTTP handler.
pub(crate) type ProcedureReply = Box<dyn FnOnce(Result<Answer, ProcedureFailure>) + Send>;

/// What to run.
#[derive(Debug)]
pub(crate) enum Target {
    /// A procedure with its arguments.
    Procedure(Arc<Procedure>, Bytes),
    /// An HTTP handler with a BSATN `HttpRequest` and its body.
    Handler { id: u32, request: Bytes, body: Bytes },
}

/// What it answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A value of the procedure's return type.
    Value(Bytes),
    /// A response and its body.
    Response(HttpResponse, Bytes),
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ProcedureFailure {
    /// It has not begun, and another program runs by now: look it up again.
    ProgramChanged,
    /// For the caller.
    Error(CallError),
}

impl fmt::Debug for ProcedureJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcedureJob").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Work for ProcedureJob {
    fn run(mut self, seat: &mut Seat) {
        let reply = std::mem::replace(&mut self.reply, Box::new(|_| {}));
        if let Err(error) = seat.shared.durability.wait(self.after) {
            let stopped = seat.shared.stop(&error.to_string());
            return reply(Err(ProcedureFailure::Error(stopped.into())));
        }
        if seat.shared.running().generation != self.running.generation {
            return reply(Err(ProcedureFailure::ProgramChanged));
        }
        let (result, seen) = match self.call(seat) {
            Ok((answer, seen)) => (answer.map_err(ProcedureFailure::Error), seen),
            Err(error) => (Err(ProcedureFailure::Error(error)), TxOffset::default()),
        };
        let shared = Arc::clone(&seat.shared);
        // What it tells must not be lost afterwards.
        seat.shared.durability.after(seen, move |durable| {
            let stopped = |error: &dyn fmt::Display| shared.stop(&error.to_string()).into();
            let durable = durable.map_err(|error| ProcedureFailure::Error(stopped(&error)));
            reply(durable.and(result));
        });
    }
}

impl ProcedureJob {
    /// Runs it. Its answer, and the last transaction of which that may tell.
    fn call(self, seat: &mut Seat) -> Result<(Result<Answer, CallError>, TxOffset), CallError> {
        let (function, args, body) = match &self.target {
            Target::Procedure(procedure, args) => {
                (Function::Procedure(procedure.id), args.clone(), Bytes::new())
            }
            Target::Handler { id, request, body } => {
                (Function::HttpHandler(*id), request.clone(), body.clone())
            }
        };
        let now = seat.shared.now();
        let call = Call {
            function,
            caller: self.caller,
            connection: self.token.as_ref().map(|(connection, _)| *connection),
            timestamp: self.due.map_or(now, |due| due.max(now)),
            args,
            body,
            time_limit: seat.shared.host.config().time_limit,
        };
        let context = CallContext { function, now: call.timestamp, token: self.token };
        let (shared, generation) = (Arc::clone(&seat.shared), self.running.generation);
        let begin = |session: &mut Session| session.begin_procedure(&shared, generation, context);
        let called = seat.call(&self.running, &call, begin, Session::end_procedure);
        let (outcome, end) = called.map_err(CallError::of_procedure)?;
        shared.stats.procedures_run.fetch_add(1, Ordering::Relaxed);
        let ProcedureEnd { seen, left_open, fault } = end;
        if left_open {
            shared.log.write_host(
                LogLevel::Error,
                "a transaction was open when the procedure ended, and has been undone",
            );
        }
        let outcome = match (outcome, fault) {
            (Outcome::Broke(_), Some(fault)) => Outcome::Broke(fault),
            (outcome, _) => outcome,
        };
        let answer = self.target.answer(outcome).map_err(|fault| {
            shared.log.write_host(LogLevel::Error, &fault.to_string());
            CallError::ProcedureBroke(fault)
        });
        Ok((answer, seen))
    }
}

impl Target {
    /// What an outcome means for the caller.
    fn answer(&self, outcome: Outcome) -> Result<Answer, Fault> {
        match (self, outcome) {
            (_, Outcome::Broke(fault)) => Err(fault),
            (_, Outcome::Refused(message)) => Err(Fault::Trapped(message)),
            (Self::Procedure(procedure, _), Outcome::Done(value)) => {
                let len = procedure.returns.validate(&value).map_err(|error| {
                    Fault::Protocol(format!("the procedure's result is not of the declared type: {error}"))
                })?;
                Ok(Answer::Value(Bytes::from(value).slice(..len)))
            }
            (Self::Handler { .. }, Outcome::Responded { head, body }) => {
                let head = HttpResponse::from_bsatn(&head).map_err(|error| {
                    Fault::Protocol(format!("the handler's response is not valid: {error}"))
                })?;
                Ok(Answer::Response(head, body.into()))
            }
            (Self::Procedure(..), Outcome::Responded { .. }) => {
                Err(Fault::Protocol("the procedure answered as an HTTP handler does".into()))
            }
            (Self::Handler { .. }, Outcome::Done(_)) => {
                Err(Fault::Protocol("the HTTP handler answered as a procedure does".into()))
            }
        }
    }
}
