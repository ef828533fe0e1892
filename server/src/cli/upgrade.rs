//! Agreeing to a plan before a database is changed: what `publish` and `rollback` have in common.

use std::io::{IsTerminal, Write, stderr, stdin};

use anyhow::{Result, anyhow, bail};
use serde::Deserialize;
use ureq::{Body, http::Response};

use super::{Hint, client::read_json};

/// What the server says about a change before it is made.
#[derive(Debug, Deserialize)]
pub(super) enum Plan {
    /// It can be made.
    AutoMigrate {
        /// For people.
        migrate_plan: String,
        /// Whether clients will be disconnected.
        break_clients: bool,
        /// By which the plan is agreed to.
        token: String,
        /// Whether the module moves from version 1 of SpacetimeDB to 2.
        major_version_upgrade: bool,
    },
    /// It cannot, unless the data is deleted.
    ManualMigrate {
        /// For people.
        reason: String,
        /// As above.
        major_version_upgrade: bool,
    },
}

/// What the user has agreed to beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Agreed {
    /// Clients may be broken.
    pub(super) break_clients: bool,
    /// The module may move to another major version.
    pub(super) migrate: bool,
    /// The data may be deleted.
    pub(super) delete_data: bool,
}

/// A plan that may be carried out, or that may not because of what the data is.
pub(super) enum Decision {
    /// With the query that says so.
    GoAhead(String),
    /// The reasons.
    Impossible(String),
}

/// How a plan is to be written.
pub(super) fn plan_style() -> &'static str {
    if super::style::is_stdout_coloured() { "AnsiColor" } else { "NoColor" }
}

/// Shows a plan and asks whatever has to be asked about it.
pub(super) fn decide(plan: Response<Body>, agreed: Agreed) -> Result<Decision> {
    let plan: Plan = read_json(plan)?;
    let (Plan::AutoMigrate { major_version_upgrade, .. } | Plan::ManualMigrate { major_version_upgrade, .. }) =
        plan;
    if major_version_upgrade && !agreed.migrate {
        confirm(
            "This moves the module from version 1 of SpacetimeDB to version 2, and clients with it.",
            "--yes=migrate",
        )?;
    }
    match plan {
        Plan::ManualMigrate { reason, .. } => Ok(Decision::Impossible(reason)),
        Plan::AutoMigrate { migrate_plan, break_clients, token, .. } => {
            // A plan without a step is nothing to look at.
            if migrate_plan.contains('▸') {
                println!("{}", migrate_plan.trim_end());
            }
            if break_clients && !agreed.break_clients {
                confirm("These changes disconnect all clients and may BREAK them.", "--break-clients")?;
            }
            // Always, as the plan has been seen: so nothing else can be done than what it says.
            Ok(Decision::GoAhead(format!("policy=BreakClients&token={token}")))
        }
    }
}

/// Asks whether to go on; an error if not, or if there is nobody to ask. `flag` would have answered.
pub(super) fn confirm(what: &str, flag: &str) -> Result<()> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Err(anyhow!("nothing was changed: {what}")
            .context(Hint(format!("{flag} says yes to that where nobody can be asked"))));
    }
    eprint!("{what} Go on? [y/N] ");
    stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        bail!("nothing was changed");
    }
    Ok(())
}
