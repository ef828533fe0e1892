//! Running what is due in scheduled tables.
//!
//! A reducer runs here, and the row of a one-shot goes in the same transaction: either both have happened or neither.
//! If the reducer fails, the row goes all the same, as it does on the peer. A procedure runs beside the worker, after the
//! row of a one-shot has gone for good: what it does to the world must not be done twice.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use orrery_host_abi::{LogLevel, ScheduleAt, bsatn::Decode};

use super::{BATCH_JOBS, Worker};
use crate::{
    database::CallError,
    pool::NotTaken,
    procedures::{ProcedureFailure, ProcedureJob, Target},
    running::{Prepared, Procedure},
    scheduler::{Due, Scheduler},
    schema::ScheduledTable,
    session::ImmediateCall,
    shared::Shared,
    store::{WriteError, Writer},
};

/// When there is no room for a procedure that is due, it is tried again after this time, or when a scheduled one is
/// over.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// A row that is due, as it is.
struct DueRow<'a> {
    due: Due,
    scheduled: &'a ScheduledTable,
    row: Bytes,
    /// The bytes of its time.
    at: Bytes,
}

impl Worker {
    /// Finds out what is to run when, from the tables.
    pub(super) fn reschedule(&mut self) {
        let now = self.shared.now();
        self.scheduler = Some(Scheduler::new(&self.running.catalog, self.writer(), now));
    }

    /// Runs what is due, but not so much that jobs wait for long. Whether there was anything.
    pub(super) fn run_due(&mut self) -> bool {
        let Some(scheduler) = &mut self.scheduler else { return false };
        if scheduler.next_wake().is_none() {
            return false;
        }
        let now = self.shared.now();
        for count in 0..BATCH_JOBS {
            let Some(due) = self.scheduler.as_mut().and_then(|scheduler| scheduler.take_due(now)) else {
                return count > 0;
            };
            self.run_row(due);
            self.look_aside();
        }
        true
    }

    fn run_row(&mut self, due: Due) {
        let running = Arc::clone(&self.running);
        let Some(row) = running.catalog.scheduled_table(due.key.table).and_then(|scheduled| {
            let table = self.writer().table(scheduled.table)?;
            let row = table.point(scheduled.id_index, &due.key.id.to_le_bytes()).ok()?.next()?;
            let row = Bytes::copy_from_slice(row);
            let at = row.slice_ref(table.layout().column(&row, scheduled.at_column.0.into()));
            Some(DueRow { due, scheduled, row, at })
        }) else {
            // Nothing takes a row away without the scheduler's knowing.
            return self.ran(due);
        };
        match running.prepare_internal(&row.scheduled.function, &row.row) {
            Ok(Prepared::Reducer(reducer, args)) => self.run_scheduled_reducer(&row, reducer, args),
            Ok(Prepared::Procedure(procedure, args)) => self.run_scheduled_procedure(&row, procedure, args),
            Err(error) => {
                self.log(LogLevel::Error, &format!("a scheduled call is not possible: {error}"));
                self.forget(&row);
                self.ran(due);
            }
        }
    }

    fn run_scheduled_reducer(&mut self, row: &DueRow<'_>, reducer: u32, args: Bytes) {
        let timestamp = self.shared.now().max(row.due.intended);
        let database = self.shared.key.database;
        let result = self.run_reducer(reducer, database, None, timestamp, args, |_| Ok(())).and_then(|()| {
            row.remove(self.writer_mut()).map_err(|error| self.undo(&error))?;
            self.commit_reducer()
        });
        match result {
            Ok(()) => {}
            Err(CallError::Stopped(_)) => return,
            Err(error) => {
                let function = &row.scheduled.function;
                self.log(LogLevel::Error, &format!("the scheduled call of `{function}` failed: {error}"));
                self.forget(row);
            }
        }
        self.shared.stats.scheduled_run.fetch_add(1, Ordering::Relaxed);
        self.ran(row.due);
    }

    fn run_scheduled_procedure(&mut self, row: &DueRow<'_>, procedure: Arc<Procedure>, args: Bytes) {
        let place = match self.shared.place_for_procedure() {
            Ok(place) => place,
            Err(NotTaken::Full) => {
                let until = self.shared.now().saturating_add(TRY_AGAIN.into());
                if let Some(scheduler) = &mut self.scheduler {
                    scheduler.no_room(row.due, until);
                }
                return;
            }
            // The database is about to stop.
            Err(NotTaken::Closed | NotTaken::NoThread(_)) => return,
        };
        if !self.forget(row) {
            return self.ran(row.due);
        }
        self.shared.stats.scheduled_run.fetch_add(1, Ordering::Relaxed);
        let again = row
            .is_one_shot()
            .then(|| ImmediateCall { name: row.scheduled.function.clone(), args: args.clone() });
        let ran = Ran { shared: Arc::clone(&self.shared), due: row.due };
        let job = ProcedureJob {
            running: Arc::clone(&self.running),
            target: Target::Procedure(procedure, args),
            caller: self.shared.key.database,
            token: None,
            due: Some(row.due.intended),
            after: self.writer().offset(),
            reply: Box::new(move |result| {
                // Its row is gone, so nobody else will run it. (Other failures are in the log.)
                if let (Err(ProcedureFailure::ProgramChanged), Some(call)) = (result, again) {
                    ran.shared.call_soon(vec![call]);
                }
            }),
        };
        if let Err(error) = place.submit(&self.shared, job) {
            let function = &row.scheduled.function;
            self.log(LogLevel::Error, &format!("the scheduled call of `{function}` failed: {error}"));
        }
    }

    /// Removes the row of a one-shot, in a transaction of its own. Whether that was possible.
    fn forget(&mut self, row: &DueRow<'_>) -> bool {
        if !row.is_one_shot() {
            return true;
        }
        let removed = self.rows_only(|writer| row.remove(writer));
        if let Err(error) = &removed {
            let database = self.shared.key.database;
            tracing::error!(%database, %error, "the row of a scheduled call could not be removed");
        }
        removed.is_ok()
    }

    /// Tells the scheduler that a row has run.
    pub(super) fn ran(&mut self, due: Due) {
        let now = self.shared.now();
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.done(due, now);
            scheduler.room();
        }
    }
}

impl DueRow<'_> {
    fn is_one_shot(&self) -> bool {
        matches!(ScheduleAt::from_bsatn(&self.at), Ok(ScheduleAt::Time(_)))
    }

    /// Removes the row of a one-shot, unless it is there with another time by now: then it is to run again.
    fn remove(&self, writer: &mut Writer) -> Result<(), WriteError> {
        let Self { due, scheduled, at, .. } = self;
        let id = due.key.id.to_le_bytes();
        let has_same_time = |writer: &Writer| {
            let table = writer.table(scheduled.table)?;
            let row = table.point(scheduled.id_index, &id).ok()?.next()?;
            Some(table.layout().column(row, scheduled.at_column.0.into()) == at)
        };
        if self.is_one_shot() && has_same_time(writer) == Some(true) {
            writer.delete_point(scheduled.id_index, &id)?;
        }
        Ok(())
    }
}

/// Tells the worker when it goes that a scheduled procedure is over, however it ended.
struct Ran {
    shared: Arc<Shared>,
    due: Due,
}

impl Drop for Ran {
    fn drop(&mut self) {
        self.shared.ran(self.due);
    }
}
