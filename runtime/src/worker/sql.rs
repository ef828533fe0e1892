//! Changes by SQL.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Worker;
use crate::sql::{SqlAnswer, SqlCall, SqlError, SqlLimits, run_in_transaction};

impl Worker {
    /// Runs statements as one transaction, and answers when that is wanted.
    pub(super) fn sql(&mut self, call: &SqlCall, reply: oneshot::Sender<SqlAnswer>) {
        let result = self.run_sql(call);
        if !call.is_confirmed {
            // Fails if the caller has hung up.
            let _ = reply.send(result);
            return;
        }
        self.hold(move |durable| {
            let _ = reply.send(durable.map_err(SqlError::from).and(result));
        });
    }

    fn run_sql(&mut self, call: &SqlCall) -> SqlAnswer {
        self.shared.check_running()?;
        if call.generation != self.running.generation {
            return Ok(None);
        }
        let running = Arc::clone(&self.running);
        let limits = SqlLimits::new(self.shared.host.config());
        let results = run_in_transaction(call, &running, self.writer_mut(), limits);
        let results = results.inspect_err(|_| self.writer_mut().rollback())?;
        self.commit()?;
        Ok(Some(results))
    }
}
