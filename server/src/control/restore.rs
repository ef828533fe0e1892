//! New databases from backups of others.

use std::io::Read;

use orrery_host_abi::{Hash, Identity};
use orrery_runtime::{Database, DatabaseKey, ProgramKind};

use super::{
    Control, ControlError, PublishReport, Target,
    catalog::{Phase, Record},
};

impl Control {
    /// Whether the caller may make a database there from a backup: to be asked before it is received.
    pub(crate) fn check_may_restore(&self, target: &Target, caller: Identity) -> Result<(), ControlError> {
        if let Ok(identity) = self.resolve(target)
            && self.ready(identity).is_some()
        {
            return Err(ControlError::Exists(target.clone()));
        }
        self.check_may_publish(Some(target), caller, false)
    }

    /// Makes a new database, which is the caller's, from a backup. Not to be dropped before its end.
    pub(crate) async fn restore(
        &self,
        target: &Target,
        caller: Identity,
        backup: impl Read + Send + 'static,
    ) -> Result<PublishReport, ControlError> {
        self.check_may_restore(target, caller)?;
        let database = self.identity_for(target, caller)?;
        let slot = self.slot(database);
        let mut state = slot.exclusive.lock().await;
        if self.ready(database).is_some() {
            return Err(ControlError::Exists(target.clone()));
        }
        self.check_vacant_identity(database, caller)?;
        self.check_not_closing()?;
        // What program it will be, the backup will tell.
        let mut record = Record {
            owner: caller,
            kind: ProgramKind::Wasm,
            initial_program: Hash([0; 32]),
            phase: Phase::Creating,
            locked: false,
        };
        self.put_record(database, &record)?;
        let key = DatabaseKey { database, owner: caller };
        match Database::restore(&self.host, &self.database_dir(database), key, backup).await {
            Ok(restored) => {
                (record.kind, record.initial_program) = restored.program();
                record.phase = Phase::Ready;
                self.put_record(database, &record)?;
                self.open.write().insert(database, restored);
                state.failed = None;
                tracing::info!("database {database} was restored by {caller}");
                Ok(PublishReport { database, created: true, changes: Vec::new() })
            }
            Err(error) => {
                if let Err(also) = self.remove(database) {
                    tracing::error!("database {database}: {also}");
                }
                Err(error.into())
            }
        }
    }
}
