//! Views, computed over snapshots beside the worker.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use orrery_host_abi::{Call, Fault, LogLevel, Outcome, TableId};
use tokio::sync::oneshot;

use crate::{
    database::{CallError, Caller},
    host::HostConfig,
    pace::Pace,
    pool::{Seat, Work},
    query::Limits,
    running::{Running, View, ViewAnswer},
    session::{CallContext, Session, TablesRead},
    store::{Snapshot, Table, TxOffset},
};

/// A view to compute.
#[derive(Debug)]
pub(crate) struct ViewJob {
    pub(crate) running: Arc<Running>,
    pub(crate) view: Arc<View>,
    /// BSATN: the product of the view's parameters.
    pub(crate) args: Bytes,
    pub(crate) snapshot: Snapshot,
    pub(crate) caller: Caller,
    pub(crate) reply: oneshot::Sender<Result<ViewRows, CallError>>,
}

/// What a view gave.
#[derive(Debug)]
pub(crate) struct ViewRows {
    /// BSATN: an array of rows.
    pub(crate) rows: Bytes,
    /// The tables that it has read, with their versions.
    pub(crate) read: Vec<(TableId, TxOffset)>,
}

impl Work for ViewJob {
    fn run(self, seat: &mut Seat) {
        if self.reply.is_closed() {
            return;
        }
        let result = self.compute(seat);
        let Self { snapshot, reply, .. } = self;
        let shared = Arc::clone(&seat.shared);
        // What a view shows must not be lost afterwards.
        seat.shared.durability.after(snapshot.offset(), move |durable| {
            let durable = durable.map_err(|error| shared.stop(&error.to_string()).into());
            let _ = reply.send(durable.and(result));
        });
    }
}

impl ViewJob {
    fn compute(&self, seat: &mut Seat) -> Result<ViewRows, CallError> {
        let Self { running, view, snapshot, caller, .. } = self;
        let call = Call {
            function: view.function,
            caller: caller.identity,
            connection: Some(caller.connection),
            timestamp: seat.shared.now(),
            args: self.args.clone(),
            body: Bytes::new(),
            time_limit: seat.shared.host.config().time_limit,
        };
        let token = Some((caller.connection, Arc::clone(&caller.token_payload)));
        let context = CallContext { function: call.function, now: call.timestamp, token };
        let pace = Pace::new(&seat.shared.at_work);
        let begin = |session: &mut Session| session.begin_read(snapshot.clone(), pace, context);
        let (outcome, read) = seat.call(running, &call, begin, Session::end_read)?;
        seat.shared.stats.views_run.fetch_add(1, Ordering::Relaxed);
        let broke = |fault: Fault| {
            seat.shared.log.write_host(LogLevel::Error, &fault.to_string());
            CallError::Broke(fault)
        };
        match outcome {
            Outcome::Done(answer) => {
                let (rows, read) = match view.answer(answer)? {
                    ViewAnswer::Rows(rows) => (rows, read),
                    ViewAnswer::Query(query) => {
                        self.query_rows(seat.shared.host.config(), &query, read).map_err(broke)?
                    }
                };
                Ok(ViewRows { rows, read: with_versions(read, snapshot) })
            }
            Outcome::Responded { .. } => {
                Err(broke(Fault::Protocol("the view answered as an HTTP handler does".into())))
            }
            Outcome::Refused(message) => Err(CallError::Refused(message)),
            Outcome::Broke(fault) => Err(broke(fault)),
        }
    }

    /// The rows of the query that a view has answered with, and all tables that have been read.
    fn query_rows(
        &self,
        config: &HostConfig,
        query: &str,
        mut read: TablesRead,
    ) -> Result<(Bytes, TablesRead), Fault> {
        let Self { running, view, snapshot, .. } = self;
        let limits = Limits {
            time: config.time_limit,
            memory: usize::try_from(config.memory_limit).unwrap_or(usize::MAX),
            rows: None,
            is_cancelled: &|| false,
        };
        let view = &running.module().views[view.place];
        let rows = running.queries.view_rows(query, view, snapshot, &limits, |table| {
            if !read.contains(&table) {
                read.push(table);
            }
        });
        let rows = rows.map_err(|error| {
            Fault::Protocol(format!(
                "the view `{}` answers with a query that cannot be run: {error}",
                view.name
            ))
        })?;
        Ok((rows.into(), read))
    }
}

fn with_versions(read: TablesRead, snapshot: &Snapshot) -> Vec<(TableId, TxOffset)> {
    let mut read: Vec<_> = read
        .into_iter()
        .map(|table| (table, snapshot.table(table).map_or_else(TxOffset::default, Table::version)))
        .collect();
    read.sort_unstable();
    read
}
