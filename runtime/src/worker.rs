//! The thread that owns a database's write side: the writer and the instance that reducers run in.
//!
//! It takes jobs from a queue, runs each to its end, and never waits for disk or network. Answers are held
//! back until what they tell is on disk, and go out in batches: one wake-up of the journal for many of them. Between
//! batches it runs what the module wants to happen without being asked: calls that it made itself, and what is due.

mod connections;
mod schedule;
mod transactions;

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use orrery_host_abi::LogLevel;
use tokio::sync::oneshot;

use crate::{
    backup::Backup,
    database::{CallError, Caller, ClientPolicy, DatabaseKey, PublishError, Published, Stopped},
    lending::LoanRequest,
    procedures::{ProcedureFailure, ProcedureJob, Target},
    program::{Instance, LoadedProgram},
    running::{Prepared, Running},
    scheduler::Scheduler,
    schema::{self, Catalog, SchemaError, Stored},
    session::{ImmediateCall, Session},
    shared::{Shared, SnapshotTaken},
    sql::{SqlCall, SqlError, SqlLimits, SqlReply, SqlResult, run_in_transaction},
    store::{Table, TxOffset, Writer},
    views::Moment,
};

/// The stack of a thread on which modules run: room for what a module may use of it, and for the host calls that
/// it makes from there.
pub(crate) const STACK_BYTES: usize = 8 * 1024 * 1024;
/// How many jobs are run before answers go out, at most.
const BATCH_JOBS: usize = 128;
/// How many calls that the module asked for itself may wait.
const IMMEDIATE_CALLS_MAX: usize = 4096;

/// The answer to a reducer call.
pub(crate) type CallReply = oneshot::Sender<Result<(), CallFailure>>;

/// Why a reducer call did not commit.
#[derive(Debug)]
pub(crate) enum CallFailure {
    /// Another program runs by now: look the function up again.
    ProgramChanged,
    /// For the caller.
    Error(CallError),
}

impl From<CallError> for CallFailure {
    fn from(error: CallError) -> Self {
        Self::Error(error)
    }
}

/// A reducer call that has been looked up and checked.
#[derive(Debug)]
pub(crate) struct ReducerCall {
    /// The program that it was looked up in.
    pub(crate) generation: u64,
    pub(crate) reducer: u32,
    pub(crate) args: Bytes,
    pub(crate) caller: Caller,
}

/// The work of a database.
#[derive(Debug)]
pub(crate) enum Job {
    /// A reducer call on a connection that is open.
    Call(ReducerCall, CallReply),
    /// A reducer call that is its own connection.
    CallOnce(ReducerCall, CallReply),
    /// Statements of SQL that change data.
    Sql(Box<SqlCall>, SqlReply),
    /// A client connects.
    Connect(Caller, oneshot::Sender<Result<(), CallError>>),
    /// A procedure opens a transaction.
    Lend(LoanRequest),
    /// A new program that keeps the data.
    Publish(Box<LoadedProgram>, ClientPolicy, oneshot::Sender<Result<Published, PublishError>>),
    /// A new program (or the present one) with no data.
    Reset(Option<Box<LoadedProgram>>, oneshot::Sender<Result<(), PublishError>>),
    /// A copy of everything.
    Backup(oneshot::Sender<Result<Backup, Stopped>>),
    /// Something waits outside the queue: a request for a snapshot, or a client that has gone.
    Wake,
    /// The end.
    Close(oneshot::Sender<Result<(), Stopped>>),
}

/// An answer that waits for the disk.
type Held = Box<dyn FnOnce(Result<(), Stopped>) + Send>;

/// The state of the thread.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    /// Nothing is sent; others see it go.
    _alive: Sender<Infallible>,
    jobs: Receiver<Job>,
    running: Arc<Running>,
    /// Always there between jobs.
    writer: Option<Writer>,
    /// Always there between jobs.
    session: Option<Session>,
    /// None after it broke, until the next call needs one.
    instance: Option<Instance>,
    /// Answers to reducer calls, which are the many.
    replies: Vec<(CallReply, Result<(), CallFailure>)>,
    /// Other answers.
    held: Vec<Held>,
    /// Calls that the module asked for itself.
    immediate_calls: VecDeque<ImmediateCall>,
    /// How much the rows of system tables took when the program was published or started.
    system_bytes: u64,
    /// None while programs change places: what is written then says nothing about when to run what.
    scheduler: Option<Scheduler>,
    /// Nobody holds the database any more.
    is_abandoned: bool,
}

/// What a new worker begins with. The writer's data fits the program.
pub(crate) struct Start {
    pub(crate) shared: Arc<Shared>,
    pub(crate) alive: Sender<Infallible>,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) writer: Writer,
    pub(crate) session: Session,
    pub(crate) running: Arc<Running>,
}

impl Worker {
    /// Prepares the thread that it is called on: starts the instance.
    pub(crate) fn new(start: Start) -> Result<Self, String> {
        let Start { shared, alive, jobs, writer, mut session, running } = start;
        session.set_catalog(Arc::clone(&running.catalog));
        let (session, instance) = running.program.start(session, shared.host.config().time_limit);
        Ok(Self {
            instance: Some(instance?),
            shared,
            _alive: alive,
            jobs,
            running,
            system_bytes: system_bytes(&writer),
            writer: Some(writer),
            session: Some(session),
            replies: Vec::with_capacity(BATCH_JOBS),
            held: Vec::new(),
            immediate_calls: VecDeque::new(),
            scheduler: None,
            is_abandoned: false,
        })
    }

    /// Runs `init`, in the transaction that has made the tables, and commits.
    pub(crate) fn initialise(&mut self) -> Result<(), PublishError> {
        let Some(init) = self.running.module().init else {
            return self.commit(transactions::NO_LIMIT).map_err(init_error);
        };
        let caller = self.shared.key.owner;
        self.reducer(init, caller, None, Bytes::new(), |_| Ok(())).map_err(init_error)
    }

    /// Waits until all that was committed is on disk.
    pub(crate) fn wait_durable(&self) -> Result<(), Stopped> {
        let durable = self.shared.durability.wait(self.writer().offset());
        durable.map_err(|error| self.shared.stop(&error.to_string()))
    }

    /// What others share with this worker.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Takes jobs until the end.
    pub(crate) fn run(mut self) {
        self.reschedule();
        self.count_rows();
        loop {
            let mut next = self.next_job();
            if next.is_none() && self.is_abandoned {
                if let Err(error) = self.close() {
                    tracing::error!(database = %self.shared.key.database, %error, "not closed cleanly");
                }
                return;
            }
            let mut jobs_left = BATCH_JOBS;
            while let Some(job) = next.take() {
                if let Job::Close(reply) = job {
                    self.release_answers();
                    let _ = reply.send(self.close());
                    return;
                }
                self.handle(job);
                self.look_aside();
                jobs_left -= 1;
                if jobs_left > 0 {
                    next = self.jobs.try_recv().ok();
                }
            }
            self.release_answers();
            if self.run_immediate_calls() | self.run_due() {
                self.count_rows();
            }
        }
    }

    /// Waits for a job, but no longer than until there is other work.
    fn next_job(&self) -> Option<Job> {
        if self.is_abandoned || !self.immediate_calls.is_empty() {
            return self.jobs.try_recv().ok();
        }
        if let Ok(job) = self.jobs.try_recv() {
            return Some(job);
        }
        self.shared.at_work.set(false);
        // The worker itself keeps the queue open.
        let job = match self.scheduler.as_ref().and_then(Scheduler::next_wake) {
            None => self.jobs.recv().ok(),
            Some(wake) => self.jobs.recv_timeout(self.shared.host.config().clock.wait_for(wake)).ok(),
        };
        self.shared.at_work.set(true);
        job
    }

    fn handle(&mut self, job: Job) {
        match job {
            Job::Call(call, reply) => {
                let result = self.call(call);
                self.replies.push((reply, result));
            }
            Job::CallOnce(call, reply) => {
                let result = self.call_once(call);
                self.replies.push((reply, result));
            }
            Job::Sql(call, reply) => {
                let result = self.sql(&call).transpose();
                if call.is_confirmed {
                    self.hold(move |durable| {
                        let durable = durable.map_err(|stopped| SqlError::Call(stopped.into()));
                        let _ = reply.send(durable.map_or_else(|stopped| Some(Err(stopped)), |()| result));
                    });
                } else {
                    let _ = reply.send(result);
                }
            }
            Job::Connect(caller, reply) => {
                let result = self.connect(&caller);
                self.hold(move |durable| {
                    let _ = reply.send(durable.map_err(CallError::from).and(result));
                });
            }
            Job::Lend(request) => self.lend(request),
            Job::Publish(program, policy, reply) => {
                let result = self.publish(*program, policy);
                self.hold(move |durable| {
                    let _ = reply.send(durable.map_err(PublishError::from).and(result));
                });
            }
            Job::Reset(program, reply) => {
                let result = self.reset(program.map(|program| *program));
                self.hold(move |durable| {
                    let _ = reply.send(durable.map_err(PublishError::from).and(result));
                });
            }
            Job::Backup(reply) => {
                let backup = Backup::take(self.writer(), self.shared.key, &self.running.program);
                // What it holds must not be lost while the copy has it.
                self.hold(move |durable| {
                    let _ = reply.send(durable.map(|()| backup));
                });
            }
            // Close is handled by the loop.
            Job::Wake | Job::Close(_) => {}
        }
    }

    /// Serves those who want a snapshot, and ends the connections of those who have gone.
    fn look_aside(&mut self) {
        let Some(requests) = self.shared.asides.take() else { return };
        if !requests.snapshots.is_empty() {
            let taken = SnapshotTaken {
                snapshot: self.writer().snapshot(),
                running: Arc::clone(&self.running),
                moment: Moment {
                    commits: self.shared.views.dependents.commits(),
                    generation: self.running.generation,
                },
            };
            for reply in requests.snapshots {
                reply(taken.clone());
            }
        }
        for (identity, connection) in requests.gone {
            self.disconnect(identity, connection);
        }
        self.keep_immediate_calls(requests.immediate_calls);
        for due in requests.ran {
            self.ran(due);
        }
        self.is_abandoned |= requests.is_abandoned;
    }

    /// Sends out the answers as soon as what they tell is on disk.
    fn release_answers(&mut self) {
        self.count_rows();
        if self.replies.is_empty() && self.held.is_empty() {
            return;
        }
        let replies = std::mem::replace(&mut self.replies, Vec::with_capacity(BATCH_JOBS));
        let held = std::mem::take(&mut self.held);
        let shared = Arc::clone(&self.shared);
        let offset = self.writer().offset();
        self.shared.durability.after(offset, move |durable| {
            let durable = durable.map_err(|error| shared.stop(&error.to_string()));
            for (reply, result) in replies {
                let result = match &durable {
                    Ok(()) => result,
                    Err(stopped) => Err(CallError::Stopped(stopped.clone()).into()),
                };
                // Fails if the caller has hung up.
                let _ = reply.send(result);
            }
            for answer in held {
                answer(durable.clone());
            }
        });
    }

    fn hold(&mut self, answer: impl FnOnce(Result<(), Stopped>) + Send + 'static) {
        self.held.push(Box::new(answer));
    }

    fn close(&mut self) -> Result<(), Stopped> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let closed = writer.close();
        self.shared.stop("it was closed");
        closed.map_err(|error| Stopped(error.to_string().into()))
    }

    // ---- calls ----

    fn call(&mut self, call: ReducerCall) -> Result<(), CallFailure> {
        self.check_program(&call)?;
        let ReducerCall { reducer, args, caller, .. } = call;
        let result = self.reducer(reducer, caller.identity, Some(&caller), args, |_| Ok(()));
        Ok(result.inspect_err(|error| self.log_refusal(reducer, error))?)
    }

    fn call_once(&mut self, call: ReducerCall) -> Result<(), CallFailure> {
        self.check_program(&call)?;
        let module = self.running.module();
        if module.client_connected.is_none() && module.client_disconnected.is_none() {
            return self.call(call);
        }
        let client = (call.caller.identity, call.caller.connection);
        self.connect(&call.caller)?;
        let result = self.call(call);
        self.disconnect(client.0, client.1);
        result
    }

    fn check_program(&self, call: &ReducerCall) -> Result<(), CallFailure> {
        if call.generation != self.running.generation {
            return Err(CallFailure::ProgramChanged);
        }
        Ok(())
    }

    /// Runs statements as one transaction; none if their names were looked up in another program.
    fn sql(&mut self, call: &SqlCall) -> Result<Option<Vec<SqlResult>>, SqlError> {
        self.shared.check_running()?;
        if call.generation != self.running.generation {
            return Ok(None);
        }
        let running = Arc::clone(&self.running);
        let limits = SqlLimits::new(self.shared.host.config());
        match run_in_transaction(call, &running, self.writer_mut(), limits) {
            Ok(results) => {
                self.commit_within_limit()?;
                Ok(Some(results))
            }
            Err(error) => {
                self.writer_mut().rollback();
                Err(error)
            }
        }
    }

    /// Runs the calls that the module asked for itself: reducers here, each in a transaction of its own, procedures
    /// beside the worker. Whether there were any.
    fn run_immediate_calls(&mut self) -> bool {
        // Those that they ask for in turn wait for the next round, so that other jobs get their turn.
        let count = self.immediate_calls.len();
        for _ in 0..count {
            let Some(ImmediateCall { name, args }) = self.immediate_calls.pop_front() else { break };
            let database = self.shared.key.database;
            let result = match self.running.prepare_internal(&name, &args) {
                Ok(Prepared::Reducer(reducer, args)) => {
                    self.reducer(reducer, database, None, args, |_| Ok(())).map_err(|error| error.to_string())
                }
                Ok(Prepared::Procedure(procedure, args)) => {
                    let call = ImmediateCall { name: name.clone(), args: args.clone() };
                    let shared = Arc::clone(&self.shared);
                    let job = ProcedureJob {
                        running: Arc::clone(&self.running),
                        target: Target::Procedure(procedure, args),
                        caller: database,
                        token: None,
                        due: None,
                        after: TxOffset::default(),
                        reply: Box::new(move |result| {
                            // Other failures are in the log.
                            if let Err(ProcedureFailure::ProgramChanged) = result {
                                shared.call_soon(vec![call]);
                            }
                        }),
                    };
                    self.shared.run_procedure(job).map_err(|error| error.to_string())
                }
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                let message = format!("the call of `{name}` that the module asked for failed: {error}");
                self.log(LogLevel::Error, &message);
            }
        }
        count > 0
    }

    fn keep_immediate_calls(&mut self, calls: Vec<ImmediateCall>) {
        for call in calls {
            if self.immediate_calls.len() == IMMEDIATE_CALLS_MAX {
                self.log(
                    LogLevel::Error,
                    "too many calls that the module asked for are waiting; some are dropped",
                );
                return;
            }
            self.immediate_calls.push_back(call);
        }
    }

    // ---- programs ----

    fn publish(&mut self, program: LoadedProgram, policy: ClientPolicy) -> Result<Published, PublishError> {
        self.shared.check_running()?;
        if program.hash == self.running.program.hash
            && program.source.kind == self.running.program.source.kind
        {
            return Ok(Published::Unchanged);
        }
        let (old, new) = (Arc::clone(self.running.module()), Arc::clone(&program.module));
        let plan = schema::plan(Some(&old), &new, &Stored::now(self.writer()));
        let plan = plan.map_err(PublishError::Incompatible)?;
        let changes = schema::changes(&old, &new, &plan);
        if plan.breaks_clients && policy == ClientPolicy::Keep {
            return Err(PublishError::BreaksClients(changes));
        }
        let prepared = self.prepare_swap(program, |writer, key, program| {
            schema::apply(writer, Some(&old), &program.module, &plan)?;
            schema::write_program(writer, key, program)
        })?;
        self.scheduler = None;
        let committed = self.commit(transactions::NO_LIMIT).map_err(|error| match error {
            CallError::Stopped(stopped) => PublishError::Stopped(stopped),
            other => PublishError::Incompatible(vec![other.to_string()]),
        });
        if committed.is_ok() {
            self.swap(prepared);
            self.shared.views.program_changed(&self.shared, &self.running);
        }
        self.reschedule();
        committed?;
        for change in &changes {
            self.log(LogLevel::Info, &change.to_string());
        }
        if plan.breaks_clients {
            self.log(LogLevel::Info, "Disconnecting all users");
            self.disconnect_all();
        }
        Ok(Published::Updated { changes, breaks_clients: plan.breaks_clients })
    }

    fn reset(&mut self, program: Option<LoadedProgram>) -> Result<(), PublishError> {
        self.shared.check_running()?;
        let program = program.unwrap_or_else(|| self.running.program.clone());
        let prepared = self.prepare_swap(program, |writer, key, program| {
            let tables: Vec<_> = writer.tables().map(Table::id).collect();
            for table in tables.into_iter().filter(|table| *table != schema::HISTORY) {
                writer.drop_table(table)?;
            }
            schema::initialise(writer, key, program)
        })?;
        self.scheduler = None;
        let before = self.swap(prepared);
        // What was asked for before is of a life that is over.
        let asked_for = std::mem::take(&mut self.immediate_calls);
        let initialised = self.initialise();
        if initialised.is_err() {
            // `init` has rolled back all of it, so the old program fits the data again.
            self.swap(before);
            self.immediate_calls = asked_for;
        } else {
            self.shared.views.program_changed(&self.shared, &self.running);
        }
        self.reschedule();
        initialised
    }

    /// Starts a program and, if it starts, brings the data to it in a transaction that is left open. On failure
    /// nothing has happened.
    fn prepare_swap(
        &mut self,
        program: LoadedProgram,
        change: impl FnOnce(&mut Writer, DatabaseKey, &LoadedProgram) -> Result<(), SchemaError>,
    ) -> Result<Program, PublishError> {
        let mut session = self.shared.new_session();
        let key = self.shared.key;
        let generation = self.shared.next_generation();
        let writer = self.writer_mut();
        let running = change(writer, key, &program)
            .map_err(|error| PublishError::Incompatible(vec![error.to_string()]))
            .and_then(|()| {
                let catalog = Catalog::new(&program.module, writer);
                let catalog = Arc::new(catalog.map_err(PublishError::InvalidProgram)?);
                Running::new(generation, program, catalog).map_err(PublishError::InvalidProgram)
            })
            .inspect_err(|_| self.writer_mut().rollback())?;
        session.set_catalog(Arc::clone(&running.catalog));
        let (session, instance) = running.program.start(session, self.shared.host.config().time_limit);
        match instance {
            Ok(instance) => Ok(Program { running: Arc::new(running), session, instance: Some(instance) }),
            Err(error) => {
                self.writer_mut().rollback();
                Err(PublishError::InvalidProgram(error))
            }
        }
    }

    /// Puts a program in the place of the present one, which it gives back.
    fn swap(&mut self, program: Program) -> Program {
        let Program { running, session, instance } = program;
        self.shared.set_running(&running);
        self.system_bytes = system_bytes(self.writer());
        let before = Program {
            running: std::mem::replace(&mut self.running, running),
            session: self.session.replace(session).unwrap_or_else(|| self.shared.new_session()),
            instance: self.instance.take(),
        };
        self.instance = instance;
        before
    }

    // ---- helpers ----

    fn writer(&self) -> &Writer {
        self.writer.as_ref().expect("the writer is at home between calls")
    }

    fn writer_mut(&mut self) -> &mut Writer {
        self.writer.as_mut().expect("the writer is at home between calls")
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.shared.log.write_host(level, message);
    }

    fn count_rows(&self) {
        let tables = self.writer.iter().flat_map(Writer::tables);
        let tables = tables.filter(|table| table.spec().id.0 >= schema::FIRST_USER_ID);
        self.shared.stats.rows.store(tables.map(Table::row_count).sum(), Ordering::Relaxed);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.stop("its worker has ended");
        self.shared.asides.close();
    }
}

/// How much the rows take that are not the module's.
fn system_bytes(writer: &Writer) -> u64 {
    writer.tables().filter(|table| table.id().0 < schema::FIRST_USER_ID).map(Table::row_bytes).sum()
}

/// A running program with all that belongs to it on the worker's thread.
struct Program {
    running: Arc<Running>,
    session: Session,
    instance: Option<Instance>,
}

/// What the publisher sees of a failed `init`.
fn init_error(error: CallError) -> PublishError {
    match error {
        CallError::Stopped(stopped) => PublishError::Stopped(stopped),
        other => PublishError::InitFailed(other.to_string()),
    }
}
