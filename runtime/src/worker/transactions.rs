//! Transactions: of reducers, of procedures that borrow the writer, and of the worker itself.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use orrery_host_abi::{Call, Fault, Function, Identity, LogLevel, Outcome, Timestamp};

use super::Worker;
use crate::{
    database::{CallError, Caller},
    lending::{self, LoanEnd, LoanRequest, NoLoan},
    schema::note_allocated,
    session::CallContext,
    store::{CommitError, WriteError, Writer},
    views::Slot,
};

/// What is not the module's doing is not held to the limit of what it may store.
pub(super) const NO_LIMIT: u64 = u64::MAX;

impl Worker {
    /// Lends the writer to a procedure, and waits until it comes back.
    pub(super) fn lend(&mut self, LoanRequest { generation, reply }: LoanRequest) {
        let refused = match self.shared.check_running() {
            Err(stopped) => Some(NoLoan::Stopped(stopped)),
            Ok(()) => (generation != self.running.generation).then_some(NoLoan::ProgramChanged),
        };
        // In either case the borrower may have given up by now: then the loan comes back at once.
        if let Some(refused) = refused {
            let _ = reply.send(Err(refused));
            return;
        }
        let writer = self.writer.take().expect("the writer is at home between calls");
        let (loan, lent) = lending::lend(writer);
        let _ = reply.send(Ok(loan));
        drop(reply);
        let (writer, end) = lent.wait(self.shared.host.config().transaction_limit);
        self.writer = Some(writer);
        match end {
            LoanEnd::Commit(reply) => {
                let committed = self.commit_within_limit().map(|()| self.writer().offset());
                let _ = reply.send(committed);
            }
            LoanEnd::Dropped | LoanEnd::Overdue => self.writer_mut().rollback(),
        }
    }

    /// One transaction: `prepare`, then a reducer. Commits if both succeed, else nothing has happened.
    pub(super) fn reducer(
        &mut self,
        reducer: u32,
        identity: Identity,
        caller: Option<&Caller>,
        args: Bytes,
        prepare: impl FnOnce(&mut Writer) -> Result<(), WriteError>,
    ) -> Result<(), CallError> {
        let timestamp = self.shared.now();
        self.run_reducer(reducer, identity, caller, timestamp, args, prepare)?;
        self.commit_reducer()
    }

    /// `prepare`, then a reducer. If both succeed, their transaction is left open, else nothing has happened.
    pub(super) fn run_reducer(
        &mut self,
        reducer: u32,
        identity: Identity,
        caller: Option<&Caller>,
        timestamp: Timestamp,
        args: Bytes,
        prepare: impl FnOnce(&mut Writer) -> Result<(), WriteError>,
    ) -> Result<(), CallError> {
        self.shared.check_running()?;
        self.ensure_instance()?;
        prepare(self.writer_mut()).map_err(|error| self.undo(&error))?;
        let call = Call {
            function: Function::Reducer(reducer),
            caller: identity,
            connection: caller.map(|caller| caller.connection),
            timestamp,
            args,
            body: Bytes::new(),
            time_limit: self.shared.host.config().time_limit,
        };
        let context = CallContext {
            function: call.function,
            now: call.timestamp,
            token: caller.map(|caller| (caller.connection, Arc::clone(&caller.token_payload))),
        };
        let (Some(mut session), Some(writer), Some(instance)) =
            (self.session.take(), self.writer.take(), &mut self.instance)
        else {
            unreachable!("between jobs session and writer are at home, and the instance was just ensured");
        };
        session.begin_write(writer, context);
        let (mut session, outcome) = instance.call(session, &call);
        let is_spent = instance.is_spent();
        self.writer = Some(session.end_write());
        self.keep_immediate_calls(session.take_immediate_calls());
        self.session = Some(session);
        if is_spent {
            self.instance = None;
        }
        let error = match outcome {
            Outcome::Done(_) | Outcome::Responded { .. } => return Ok(()),
            Outcome::Refused(message) => CallError::Refused(message),
            Outcome::Broke(fault) => {
                self.log(LogLevel::Error, &fault.to_string());
                CallError::Broke(fault)
            }
        };
        self.writer_mut().rollback();
        self.shared.stats.reducers_failed.fetch_add(1, Ordering::Relaxed);
        Err(error)
    }

    /// Writes into the log that a reducer has said no. (If it broke, that is there already.)
    pub(super) fn log_refusal(&self, reducer: u32, error: &CallError) {
        if let CallError::Refused(message) = error {
            let name = &self.running.module().reducers[reducer as usize].name;
            self.log(LogLevel::Error, &format!("`{name}` refused: {message}"));
        }
    }

    /// Commits what a reducer has done.
    pub(super) fn commit_reducer(&mut self) -> Result<(), CallError> {
        self.commit_within_limit().inspect_err(|_| {
            self.shared.stats.reducers_failed.fetch_add(1, Ordering::Relaxed);
        })?;
        self.shared.stats.reducers_committed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Rolls back a transaction of which a part is not possible.
    pub(super) fn undo(&mut self, error: &WriteError) -> CallError {
        self.writer_mut().rollback();
        CallError::Broke(Fault::Protocol(error.to_string()))
    }

    /// One transaction without the module.
    pub(super) fn rows_only(
        &mut self,
        change: impl FnOnce(&mut Writer) -> Result<(), WriteError>,
    ) -> Result<(), CallError> {
        self.shared.check_running()?;
        change(self.writer_mut()).map_err(|error| self.undo(&error))?;
        self.commit(NO_LIMIT)
    }

    /// Commits what the module has done, unless it would then store more than it may. The limit is about its own rows,
    /// and the rest is there already: as good as all of it is the program.
    pub(super) fn commit_within_limit(&mut self) -> Result<(), CallError> {
        let limit = self.shared.host.config().storage_limit;
        self.commit(limit.saturating_add(self.system_bytes)).inspect_err(|error| {
            if matches!(error, CallError::Full(_)) {
                self.log(LogLevel::Error, &error.to_string());
            }
        })
    }

    /// Commits, unless the rows would then take more than so many bytes.
    pub(super) fn commit(&mut self, row_bytes_max: u64) -> Result<(), CallError> {
        note_allocated(self.writer_mut()).map_err(|error| self.undo(&error))?;
        match self.writer_mut().commit_within(row_bytes_max) {
            Ok(commit) => {
                let catalog = &self.running.catalog;
                if !catalog.scheduled_tables().is_empty()
                    && let (Some(scheduler), Some(writer)) = (&mut self.scheduler, &self.writer)
                {
                    scheduler.apply(catalog, writer, &commit.changes, self.shared.now());
                }
                let shared = &self.shared;
                let wake = |slot: Arc<Slot>| slot.compute(shared);
                let spare = shared.views.dependents.committed(commit.changes, self.writer(), wake);
                if let Some(spare) = spare {
                    // The next commit can use the memory.
                    self.writer_mut().recycle(spare);
                }
                Ok(())
            }
            Err(CommitError::Failed(error)) => Err(self.shared.stop(&error.to_string()).into()),
            Err(CommitError::Full { row_bytes_max }) => Err(CallError::Full(row_bytes_max)),
            Err(error @ CommitError::TooLarge(_)) => {
                Err(CallError::Broke(Fault::Protocol(error.to_string())))
            }
        }
    }

    /// Replaces the instance if the last one broke.
    fn ensure_instance(&mut self) -> Result<(), CallError> {
        if self.instance.is_some() {
            return Ok(());
        }
        let Some(session) = self.session.take() else {
            unreachable!("between jobs the session is at home");
        };
        let (session, instance) = self.running.program.start(session, self.shared.host.config().time_limit);
        self.session = Some(session);
        match instance {
            Ok(instance) => {
                self.instance = Some(instance);
                Ok(())
            }
            Err(error) => {
                self.log(LogLevel::Error, &format!("the module does not start again: {error}"));
                Err(CallError::Broke(Fault::Trapped(error)))
            }
        }
    }
}
