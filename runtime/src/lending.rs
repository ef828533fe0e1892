//! Lending the writer to a procedure for the length of one transaction.
//!
//! The writer lies in a slot that lender and borrower share. The borrower reaches for it anew with each change that it
//! makes, so the lender can take it back between any two of them, whatever the borrower is doing meanwhile.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    database::{CallError, Stopped},
    store::{TxOffset, Writer},
};

/// Where the writer is while it is lent.
type Slot = Mutex<Option<Writer>>;

/// The answer to a commit: its offset, or what prevented it.
pub(crate) type CommitReply = Sender<Result<TxOffset, CallError>>;

/// A wish for the writer.
#[derive(Debug)]
pub(crate) struct LoanRequest {
    /// The program that wants it.
    pub(crate) generation: u64,
    /// Where to send it.
    pub(crate) reply: Sender<Result<Loan, NoLoan>>,
}

/// Why there is no loan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoLoan {
    #[error(
        "another program was published while the procedure was running, and it may not touch the data any more"
    )]
    ProgramChanged,
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// The writer, lent. Dropped, it goes back, and what was changed is undone.
#[derive(Debug)]
pub(crate) struct Loan {
    slot: Arc<Slot>,
    give_back: Sender<CommitReply>,
    /// The last transaction before this one.
    offset: TxOffset,
}

/// The lender has taken the writer back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TakenBack;

impl Loan {
    /// The last transaction before this one.
    pub(crate) fn offset(&self) -> TxOffset {
        self.offset
    }

    /// Does something with the writer.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Writer) -> T) -> Result<T, TakenBack> {
        // Poisoned: this thread has panicked in the middle of a change. It is not asked to go on.
        let mut writer = self.slot.lock().map_err(|_| TakenBack)?;
        writer.as_mut().map(act).ok_or(TakenBack)
    }

    /// Gives the writer back, and has the lender commit what was changed.
    pub(crate) fn commit(self) -> Result<Result<TxOffset, CallError>, TakenBack> {
        let (reply, answer) = bounded(1);
        self.give_back.send(reply).map_err(|_| TakenBack)?;
        answer.recv().map_err(|_| TakenBack)
    }
}

/// The lender's side of a loan.
#[derive(Debug)]
pub(crate) struct Lent {
    slot: Arc<Slot>,
    given_back: Receiver<CommitReply>,
}

/// How a loan ended.
#[derive(Debug)]
pub(crate) enum LoanEnd {
    /// With the wish to commit.
    Commit(CommitReply),
    /// Without.
    Dropped,
    /// It was not given back in time.
    Overdue,
}

/// Lends the writer.
pub(crate) fn lend(writer: Writer) -> (Loan, Lent) {
    let offset = writer.offset();
    let slot = Arc::new(Mutex::new(Some(writer)));
    let (give_back, given_back) = bounded(1);
    (Loan { slot: Arc::clone(&slot), give_back, offset }, Lent { slot, given_back })
}

impl Lent {
    /// Waits until the loan is given back, at most for `limit`. The writer's transaction is still open.
    ///
    /// # Panics
    ///
    /// If the borrower has panicked in the middle of a change: nobody knows what state the data is in.
    pub(crate) fn wait(self, limit: Duration) -> (Writer, LoanEnd) {
        let end = match self.given_back.recv_timeout(limit) {
            Ok(reply) => LoanEnd::Commit(reply),
            Err(error) if error.is_disconnected() => LoanEnd::Dropped,
            Err(_) => LoanEnd::Overdue,
        };
        let mut slot = match self.slot.lock() {
            Ok(slot) => slot,
            Err(poisoned) => {
                // What was committed is to be made durable all the same, which is what dropping it does.
                drop(PoisonError::into_inner(poisoned).take());
                panic!("a procedure's thread has panicked while it was changing data");
            }
        };
        let writer = slot.take().expect("only the lender takes the writer out");
        (writer, end)
    }
}
