//! The threads on which views run: each with its own instance, over snapshots, beside the worker.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    thread,
};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use orrery_host_abi::{Call, Fault, LogLevel, Outcome, TableId, Timestamp};
use tokio::sync::oneshot;

use crate::{
    database::{CallError, Caller},
    program::Instance,
    running::{Running, View},
    session::{CallContext, Session, TablesRead},
    shared::Shared,
    store::{Snapshot, Table, TxOffset},
    worker::{Job, STACK_BYTES},
};

/// How much these threads stand back when there are more threads than cores: reducers, of which there can be one
/// at a time, come before views, of which there can be any number. (The unit is that of `nice`: a thread at ten gets a
/// tenth of what another one gets, so views go on however busy the reducers are.)
const STAND_BACK: i32 = 10;

/// A view to compute.
#[derive(Debug)]
pub(crate) struct ViewJob {
    pub(crate) running: Arc<Running>,
    pub(crate) view: Arc<View>,
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

/// Starts the threads. They end when the sender is gone.
pub(crate) fn start(shared: &Arc<Shared>, worker: &Sender<Job>) -> io::Result<Sender<ViewJob>> {
    let config = shared.host.config();
    let (sender, jobs) = crossbeam_channel::bounded(config.queue_capacity);
    for number in 0..config.view_instances.max(1) {
        let (shared, worker, jobs) = (Arc::clone(shared), worker.clone(), jobs.clone());
        thread::Builder::new()
            .name(format!("orrery-view-{number}"))
            .stack_size(STACK_BYTES)
            .spawn(move || Reader { shared, worker, jobs, session: None, running: None }.run())?;
    }
    Ok(sender)
}

/// One of the threads.
struct Reader {
    shared: Arc<Shared>,
    worker: Sender<Job>,
    jobs: Receiver<ViewJob>,
    session: Option<Session>,
    running: Option<(Arc<Running>, Instance)>,
}

impl Reader {
    fn run(mut self) {
        stand_back();
        while let Ok(job) = self.jobs.recv() {
            let ViewJob { running, view, snapshot, caller, reply } = job;
            if reply.is_closed() {
                continue;
            }
            let offset = snapshot.offset();
            let result = self.view(&running, &view, &snapshot, &caller);
            let shared = Arc::clone(&self.shared);
            // What a view shows must not be lost afterwards.
            self.shared.durability.after(offset, move |durable| {
                let durable = durable.map_err(|error| shared.stop(&error.to_string()).into());
                let _ = reply.send(durable.and(result));
            });
        }
    }

    fn view(
        &mut self,
        running: &Arc<Running>,
        view: &View,
        snapshot: &Snapshot,
        caller: &Caller,
    ) -> Result<ViewRows, CallError> {
        self.ensure_instance(running)?;
        let (Some(mut session), Some((_, instance))) = (self.session.take(), &mut self.running) else {
            unreachable!("the instance was just ensured, and between jobs the session is at home");
        };
        let call = Call {
            function: view.function,
            caller: caller.identity,
            connection: Some(caller.connection),
            timestamp: Timestamp::now(),
            args: Bytes::new(),
            body: Bytes::new(),
            time_limit: self.shared.host.config().time_limit,
        };
        let token = Some((caller.connection, Arc::clone(&caller.token_payload)));
        let context = CallContext { function: call.function, now: call.timestamp, token };
        session.begin_read(snapshot.clone(), context);
        let (mut session, outcome) = instance.call(session, &call);
        let is_spent = instance.is_spent();
        let read = session.end_read();
        let immediate_calls = session.take_immediate_calls();
        if !immediate_calls.is_empty() {
            self.shared.asides.immediate_calls(immediate_calls);
            // If the queue is full, the worker is awake.
            let _ = self.worker.try_send(Job::Wake);
        }
        self.session = Some(session);
        if is_spent {
            self.running = None;
        }
        self.shared.stats.views_run.fetch_add(1, Ordering::Relaxed);
        let broke = |fault: Fault| {
            self.shared.log.write_host(LogLevel::Error, &fault.to_string());
            CallError::Broke(fault)
        };
        match outcome {
            Outcome::Done(answer) => {
                let rows = view.rows(answer)?;
                Ok(ViewRows { rows, read: with_versions(read, snapshot) })
            }
            Outcome::Responded { .. } => {
                Err(broke(Fault::Protocol("the view answered as an HTTP handler does".into())))
            }
            Outcome::Refused(message) => Err(CallError::Refused(message)),
            Outcome::Broke(fault) => Err(broke(fault)),
        }
    }

    /// Has an instance of that program at hand.
    fn ensure_instance(&mut self, running: &Arc<Running>) -> Result<(), CallError> {
        if self.running.as_ref().is_some_and(|(present, _)| present.generation == running.generation) {
            return Ok(());
        }
        self.running = None;
        let mut session = self.session.take().unwrap_or_else(|| self.shared.new_session());
        session.set_catalog(Arc::clone(&running.catalog));
        let (session, instance) = running.program.start(session, self.shared.host.config().time_limit);
        self.session = Some(session);
        let instance = instance.map_err(|error| CallError::Broke(Fault::Trapped(error)))?;
        self.running = Some((Arc::clone(running), instance));
        Ok(())
    }
}

/// Lowers the priority of this thread. If the system does not let it, views are only less polite.
fn stand_back() {
    // On Linux this is about the thread; elsewhere it would be about the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(STAND_BACK);
}

fn with_versions(read: TablesRead, snapshot: &Snapshot) -> Vec<(TableId, TxOffset)> {
    let mut read: Vec<_> = read
        .into_iter()
        .map(|table| (table, snapshot.table(table).map_or_else(TxOffset::default, Table::version)))
        .collect();
    read.sort_unstable();
    read
}
