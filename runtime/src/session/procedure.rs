//! What only procedures and HTTP handlers may do: open transactions, sleep, and send requests.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use crossbeam_channel::bounded;
use orrery_host_abi::{
    Errno, Fault, HostError, HttpRequest, TimeDuration, Timestamp,
    bsatn::{Decode, Encode},
};

use super::{CallContext, Data, ImmediateCall, Session, State};
use crate::{
    lending::{Loan, LoanRequest, TakenBack},
    outbound,
    shared::Shared,
    store::TxOffset,
    worker::Job,
};

/// What the session of a procedure knows besides what every session does.
#[derive(Debug)]
pub(super) struct Procedure {
    shared: Arc<Shared>,
    /// The program that it belongs to.
    generation: u64,
    /// When it must be over, however much of the time it has slept.
    ends_at: Instant,
    /// The last transaction whose effects it may have seen.
    seen: TxOffset,
    /// Why the host has ended it.
    fault: Option<Fault>,
}

/// What is left of a procedure's session.
#[derive(Debug)]
pub(crate) struct ProcedureEnd {
    /// The last transaction whose effects it may have seen, its own among them.
    pub(crate) seen: TxOffset,
    /// A transaction was left open, and is undone.
    pub(crate) left_open: bool,
    /// Why the host has ended it.
    pub(crate) fault: Option<Fault>,
}

impl Session {
    /// Begins a call of a procedure or HTTP handler, which has no transaction until it opens one.
    pub(crate) fn begin_procedure(&mut self, shared: &Arc<Shared>, generation: u64, context: CallContext) {
        let limit = shared.host.config().procedure_limit;
        self.0.procedure = Some(Procedure {
            shared: Arc::clone(shared),
            generation,
            ends_at: Instant::now() + limit,
            seen: TxOffset::default(),
            fault: None,
        });
        self.begin(Data::None, context);
    }

    /// Ends it.
    ///
    /// # Panics
    ///
    /// If no such call was begun.
    pub(crate) fn end_procedure(&mut self) -> ProcedureEnd {
        self.end();
        let data = std::mem::replace(&mut self.0.data, Data::None);
        let Procedure { seen, fault, .. } = self.0.procedure.take().expect("a procedure was begun");
        ProcedureEnd { seen, left_open: matches!(data, Data::Lent(_)), fault }
    }
}

impl Procedure {
    /// Has a call made.
    pub(super) fn call_soon(&self, call: ImmediateCall) {
        self.shared.call_soon(vec![call]);
    }

    /// Ends the procedure with a reason that its caller may know.
    fn end(&mut self, reason: String) -> HostError {
        self.fault = Some(Fault::Trapped(reason.clone()));
        HostError::Trap(reason)
    }

    fn stopped(&mut self) -> HostError {
        let stopped = self.shared.stop("its worker has ended");
        self.end(stopped.to_string())
    }

    fn overstayed(&mut self) -> HostError {
        let limit = self.shared.host.config().procedure_limit;
        self.end(format!("the procedure was not over after the {limit:?} that it may take in all"))
    }
}

impl State {
    /// Ends a procedure whose transaction took too long.
    #[cold]
    pub(super) fn overdue(&mut self, _: TakenBack) -> HostError {
        let Some(procedure) = &mut self.procedure else { return Errno::NotInTransaction.into() };
        match procedure.shared.check_running() {
            Ok(()) => {
                let limit = procedure.shared.host.config().transaction_limit;
                procedure.end(format!(
                    "the procedure had a transaction open for longer than the {limit:?} that it may, and it was undone"
                ))
            }
            Err(stopped) => procedure.end(stopped.to_string()),
        }
    }

    pub(super) fn sleep_until(&mut self, wake_at: Timestamp) -> Result<Timestamp, HostError> {
        let Some(procedure) = &mut self.procedure else { return Err(only_in_procedures("sleeping")) };
        if matches!(self.data, Data::Lent(_)) {
            return Err(procedure.end(
                "the procedure wanted to sleep while it had a transaction open, which would stop everybody else"
                    .into(),
            ));
        }
        loop {
            let now = self.clock.now();
            if now >= wake_at {
                return Ok(now);
            }
            let left = procedure.ends_at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(procedure.overstayed());
            }
            if let Err(stopped) = procedure.shared.sleep(self.clock.wait_for(wake_at).min(left)) {
                return Err(procedure.end(stopped.to_string()));
            }
        }
    }

    pub(super) fn start_transaction(&mut self) -> Result<Timestamp, HostError> {
        let (Some(procedure), Data::None) = (&mut self.procedure, &self.data) else {
            return Err(Errno::WouldBlockTransaction.into());
        };
        let (reply, loan) = bounded(1);
        let request = LoanRequest { generation: procedure.generation, reply };
        let job = Job::Lend(request);
        if let Err(error) = procedure.shared.jobs.send_deadline(job, procedure.ends_at) {
            return Err(if error.is_timeout() { procedure.overstayed() } else { procedure.stopped() });
        }
        let loan = match loan.recv_deadline(procedure.ends_at) {
            Ok(Ok(loan)) => loan,
            Ok(Err(no_loan)) => return Err(procedure.end(no_loan.to_string())),
            Err(error) if error.is_timeout() => return Err(procedure.overstayed()),
            Err(_) => return Err(procedure.stopped()),
        };
        procedure.seen = procedure.seen.max(loan.offset());
        self.data = Data::Lent(loan);
        self.now = self.clock.now();
        Ok(self.now)
    }

    pub(super) fn commit_transaction(&mut self) -> Result<(), HostError> {
        match self.take_loan()?.commit() {
            Ok(Ok(offset)) => {
                if let Some(procedure) = &mut self.procedure {
                    procedure.seen = procedure.seen.max(offset);
                }
                Ok(())
            }
            Ok(Err(error)) => Err(match &mut self.procedure {
                Some(procedure) => procedure.end(error.to_string()),
                None => HostError::Trap(error.to_string()),
            }),
            Err(taken_back) => Err(self.overdue(taken_back)),
        }
    }

    pub(super) fn abort_transaction(&mut self) -> Result<(), HostError> {
        self.take_loan()?.with(|_| ()).map_err(|taken_back| self.overdue(taken_back))
    }

    /// The transaction that the module has opened itself, which is not open any more.
    fn take_loan(&mut self) -> Result<Loan, HostError> {
        match std::mem::replace(&mut self.data, Data::None) {
            Data::Lent(loan) => Ok(loan),
            data => {
                self.data = data;
                Err(Errno::TransactionNotAnonymous.into())
            }
        }
    }

    pub(super) fn http_request(&mut self, request: &[u8], body: &[u8]) -> Result<(Bytes, Bytes), HostError> {
        let Some(procedure) = &mut self.procedure else { return Err(only_in_procedures("an HTTP request")) };
        let request = HttpRequest::from_bsatn(request).map_err(|_| Errno::BsatnDecodeError)?;
        let Some(client) = &procedure.shared.host.config().outbound else {
            return Err(HostError::Http("this server lets modules send no HTTP requests".into()));
        };
        if matches!(self.data, Data::Lent(_)) {
            return Err(Errno::WouldBlockTransaction.into());
        }
        let left = procedure.ends_at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(procedure.overstayed());
        }
        // Whoever gets the request may rely on what was committed before it.
        if let Err(error) = procedure.shared.durability.wait(procedure.seen) {
            return Err(procedure.end(procedure.shared.stop(&error.to_string()).to_string()));
        }
        let wanted = request.timeout.map_or(outbound::TIMEOUT, TimeDuration::abs);
        let timeout = wanted.min(outbound::TIMEOUT_MAX).min(left);
        let (head, body) = client.send(&request, body, timeout).map_err(HostError::Http)?;
        Ok((head.to_bsatn().into(), body))
    }
}

/// What waits or reaches outside is for procedures.
fn only_in_procedures(what: &str) -> HostError {
    HostError::Trap(format!("{what} is possible in procedures only"))
}
