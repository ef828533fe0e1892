//! Views, computed over snapshots beside the worker.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use orrery_host_abi::{Call, Fault, Identity, LogLevel, Outcome};

use crate::{
    database::CallError,
    host::HostConfig,
    pace::Pace,
    pool::{Seat, Work},
    query::Limits,
    running::{Running, View, ViewAnswer},
    session::{CallContext, Session},
    store::Snapshot,
    views::Reads,
};

/// A view to compute.
#[derive(Debug, Clone)]
pub(crate) struct ViewCall {
    pub(crate) running: Arc<Running>,
    pub(crate) view: Arc<View>,
    /// BSATN: the product of the view's parameters.
    pub(crate) args: Bytes,
    pub(crate) snapshot: Snapshot,
    /// Who asks; nobody, if the view is the same for everybody.
    pub(crate) asked_by: Option<Identity>,
}

/// What a view gave.
#[derive(Debug)]
pub(crate) struct ViewRows {
    /// BSATN: an array of rows.
    pub(crate) rows: Bytes,
    /// What they depend on.
    pub(crate) reads: Reads,
}

/// Who wants a view computed.
pub(crate) trait Recipient: Send {
    /// Whether it still does.
    fn is_waiting(&self) -> bool;

    /// Gets the rows; None if it did not want them any more. They may not be told before the snapshot is durable.
    fn receive(self: Box<Self>, call: ViewCall, result: Option<Result<ViewRows, CallError>>);
}

/// A view to compute for somebody.
pub(crate) struct ViewJob {
    pub(crate) call: ViewCall,
    pub(crate) recipient: Box<dyn Recipient>,
}

impl fmt::Debug for ViewJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewJob").field("view", &self.call.view.name).finish_non_exhaustive()
    }
}

impl Work for ViewJob {
    fn run(self, seat: &mut Seat) {
        let Self { call, recipient } = self;
        let result = recipient.is_waiting().then(|| call.compute(seat));
        recipient.receive(call, result);
    }
}

impl ViewCall {
    fn compute(&self, seat: &mut Seat) -> Result<ViewRows, CallError> {
        let Self { running, view, args, snapshot, asked_by } = self;
        let call = Call {
            function: view.function,
            caller: asked_by.unwrap_or(Identity::ZERO),
            // A view is told who asks, but not through which connection: others get the same answer.
            connection: None,
            timestamp: seat.shared.now(),
            args: args.clone(),
            body: Bytes::new(),
            time_limit: seat.shared.host.config().time_limit,
        };
        let context = CallContext { function: call.function, now: call.timestamp, token: None };
        let pace = Pace::of_view(&seat.shared.at_work);
        let begin = |session: &mut Session| session.begin_read(snapshot.clone(), pace, context);
        let (outcome, reads) = seat.call(running, &call, begin, Session::end_read)?;
        seat.shared.stats.views_run.fetch_add(1, Ordering::Relaxed);
        let config = seat.shared.host.config();
        self.rows(config, outcome, reads).inspect_err(|error| {
            if let CallError::Broke(fault) = error {
                seat.shared.log.write_host(LogLevel::Error, &fault.to_string());
            }
        })
    }

    /// The rows that come of what the module has answered.
    fn rows(&self, config: &HostConfig, outcome: Outcome, mut reads: Reads) -> Result<ViewRows, CallError> {
        let rows = match outcome {
            Outcome::Done(answer) => match self.view.answer(answer)? {
                ViewAnswer::Rows(rows) => rows,
                ViewAnswer::Query(query) => {
                    self.query_rows(config, &query, &mut reads).map_err(CallError::Broke)?
                }
            },
            Outcome::Responded { .. } => {
                let fault = Fault::Protocol("the view answered as an HTTP handler does".into());
                return Err(CallError::Broke(fault));
            }
            Outcome::Refused(message) => return Err(CallError::Refused(message)),
            Outcome::Broke(fault) => return Err(CallError::Broke(fault)),
        };
        if rows.len() as u64 > config.view_limit {
            return Err(CallError::Broke(Fault::Protocol(format!(
                "the view `{}` gives {} KiB of rows, and may give {} KiB; have it give fewer, or the limit raised",
                self.view.name,
                rows.len() >> 10,
                config.view_limit >> 10
            ))));
        }
        Ok(ViewRows { rows, reads })
    }

    /// The rows of the query that a view has answered with. Its tables are added to what has been read.
    fn query_rows(&self, config: &HostConfig, query: &str, reads: &mut Reads) -> Result<Bytes, Fault> {
        let Self { running, view, snapshot, .. } = self;
        let limits = Limits {
            time: config.time_limit,
            memory: usize::try_from(config.memory_limit).unwrap_or(usize::MAX),
            rows: None,
            is_cancelled: &|| false,
        };
        let def = &running.module().views[view.place];
        let rows = running.queries.view_rows(query, def, snapshot, &limits, |table| reads.table(table));
        let rows = rows.map_err(|error| {
            Fault::Protocol(format!(
                "the view `{}` answers with a query that cannot be run: {error}",
                view.name
            ))
        })?;
        Ok(rows.into())
    }
}
