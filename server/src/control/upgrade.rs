//! Upgrades of databases: what they would do, whether they may, and going back.

use orrery_host_abi::{Hash, Identity};
use orrery_runtime::{ClientPolicy, Database, Program, ProgramRecord, UpgradePlan};

use super::{Action, Control, ControlError, PublishReport, Target, check_owner};

/// Whether clients may be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// They must go on as they are.
    Compatible,
    /// They may be disconnected: whoever publishes has seen the plan, and names it by its token.
    BreakClients(Hash),
}

/// A plan, and the token by which it can be agreed to.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// What would be done.
    pub(crate) plan: UpgradePlan,
    /// Stands for this plan and no other.
    pub(crate) token: Hash,
}

impl Control {
    /// What publishing a program to a database that exists would do.
    pub(crate) async fn plan(
        &self,
        target: &Target,
        caller: Identity,
        program: Program,
    ) -> Result<Planned, ControlError> {
        self.info_for_owner(target, caller, Action::Publish)?;
        planned(&self.find(target).await?, program).await
    }

    /// The programs that a database has run, the newest first: the one that runs.
    pub(crate) async fn programs(
        &self,
        target: &Target,
        caller: Identity,
    ) -> Result<Vec<ProgramRecord>, ControlError> {
        self.info_for_owner(target, caller, Action::ReadHistory)?;
        Ok(self.find(target).await?.programs().await?)
    }

    /// What going back to an earlier program would do: the last one before the present, unless another is named.
    pub(crate) async fn plan_rollback(
        &self,
        target: &Target,
        caller: Identity,
        to: Option<Hash>,
    ) -> Result<Planned, ControlError> {
        self.info_for_owner(target, caller, Action::Publish)?;
        let database = self.find(target).await?;
        let program = earlier_program(&database, to).await?;
        planned(&database, program).await
    }

    /// Goes back to an earlier program, as if it were published. Not to be dropped before its end.
    pub(crate) async fn rollback(
        &self,
        target: &Target,
        caller: Identity,
        to: Option<Hash>,
        policy: Policy,
    ) -> Result<PublishReport, ControlError> {
        let identity = self.resolve(target)?;
        let slot = self.slot(identity);
        let mut state = slot.exclusive.lock().await;
        let record = self.ready(identity).ok_or(ControlError::NoSuchDatabase)?;
        check_owner(identity, record.owner, caller, Action::Publish)?;
        let database = self.open_in_slot(identity, &mut state).await?;
        let program = earlier_program(&database, to).await?;
        let report = self.update(&database, &record, program, policy).await?;
        tracing::info!("database {identity} went back to an earlier program");
        Ok(report)
    }
}

/// Whether publishing under that policy may disconnect clients. A token is good for one change only: from the program
/// that runs to the one that was sent.
pub(super) fn client_policy(
    database: &Database,
    new: Hash,
    policy: Policy,
) -> Result<ClientPolicy, ControlError> {
    let (_, old) = database.program();
    match policy {
        Policy::Compatible => Ok(ClientPolicy::Keep),
        Policy::BreakClients(token) if token == plan_token(database.key().database, old, new) => {
            Ok(ClientPolicy::Break)
        }
        // It runs already, so nothing will be done at all.
        Policy::BreakClients(_) if old == new => Ok(ClientPolicy::Keep),
        Policy::BreakClients(_) => Err(ControlError::WrongPlan),
    }
}

async fn planned(database: &Database, program: Program) -> Result<Planned, ControlError> {
    let plan = database.plan(program).await?;
    let token = plan_token(database.key().database, plan.from, plan.to);
    Ok(Planned { plan, token })
}

async fn earlier_program(database: &Database, to: Option<Hash>) -> Result<Program, ControlError> {
    let programs = database.programs().await?;
    let hash = match to {
        Some(hash) => hash,
        None => programs.get(1).ok_or(ControlError::NoEarlierProgram)?.hash,
    };
    database.earlier_program(hash).await?.ok_or(ControlError::NoSuchProgram(hash))
}

fn plan_token(database: Identity, old: Hash, new: Hash) -> Hash {
    Hash::of([database.to_hex(), old.to_hex(), new.to_hex()].concat().as_bytes())
}
