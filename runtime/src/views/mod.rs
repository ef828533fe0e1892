//! Views as clients see them: asked for once, or watched.
//!
//! - `answer`: what is given out; `slot`: one answer, computed once for all who ask; `cache`: all slots of a database;
//! - `reads`, `dependents`: what answers depend on, so that a commit ends those that do not hold any more;
//! - `live`, `diff`, `watch`: states of a view that is watched, and the steps between them.

mod answer;
mod cache;
mod dependents;
mod diff;
mod live;
mod reads;
mod slot;
mod watch;

use std::sync::{Arc, atomic::Ordering};

pub use answer::{Forms, ViewAnswer, ViewShape};
pub(crate) use cache::Views;
pub(crate) use dependents::Moment;
pub(crate) use diff::Rows;
pub(crate) use reads::{Key, Reads};
pub use watch::{InvalidStateId, StateId, ViewChange, ViewEnd, ViewEvent, ViewWatch};

use crate::{
    database::{Args, CallError, Caller, Database},
    running::View,
};
pub(crate) use slot::Slot;
use slot::{Unanswered, ViewKey};

/// The answer to a request for a view.
#[derive(Debug, Clone)]
pub enum ViewReply {
    /// The rows are those that the caller has already, by one of the `ETag`s that it named.
    NotModified(Arc<ViewAnswer>),
    /// The rows.
    Rows(Arc<ViewAnswer>),
}

impl Database {
    /// One view call, over what is durable; connects as [`Self::call_once`] does. `args` are those of the view's
    /// parameters; `if_none_match` are the `ETag`s (without quotes) that the caller has.
    ///
    /// An answer that was given before is given again for as long as it holds.
    pub async fn view_once(
        &self,
        caller: &Caller,
        view: &str,
        args: &Args,
        if_none_match: &[&str],
    ) -> Result<ViewReply, CallError> {
        let shared = self.shared();
        shared.check_running()?;
        let running = shared.running();
        let _connection = self.connect_if_asked(running.module(), caller).await?;
        let answer = loop {
            let (view, key) = self.look_up(caller, view, args)?;
            let durable = shared.durability.durable_offset();
            if let Some(answer) = shared.views.find(&key).and_then(|slot| slot.answer(&view, durable)) {
                shared.stats.views_unchanged.fetch_add(1, Ordering::Relaxed);
                break answer;
            }
            match shared.views.slot(&key).wait_for_answer(shared, &view).await {
                Ok(answer) => break answer,
                Err(Unanswered::ProgramChanged) => {}
                Err(Unanswered::Error(error)) => return Err(error),
            }
        };
        Ok(if if_none_match.contains(&&*answer.etag) {
            ViewReply::NotModified(answer)
        } else {
            ViewReply::Rows(answer)
        })
    }

    /// Watches a view: all its rows, and then what changes in them. Connects as [`Self::call_once`] does, until the
    /// watch is dropped.
    pub async fn watch_view(&self, caller: &Caller, view: &str, args: &Args) -> Result<ViewWatch, CallError> {
        self.watch(caller, view, args, None).await
    }

    /// The same for a caller that has seen the state `since`: begins with what has changed after it, if that is still
    /// known, else with all rows.
    pub async fn watch_view_from(
        &self,
        caller: &Caller,
        view: &str,
        args: &Args,
        since: StateId,
    ) -> Result<ViewWatch, CallError> {
        self.watch(caller, view, args, Some(since)).await
    }

    async fn watch(
        &self,
        caller: &Caller,
        view: &str,
        args: &Args,
        since: Option<StateId>,
    ) -> Result<ViewWatch, CallError> {
        let shared = self.shared();
        shared.check_running()?;
        let running = shared.running();
        let connection = self.connect_if_asked(running.module(), caller).await?;
        loop {
            let (view, key) = self.look_up(caller, view, args)?;
            let held = shared.views.hold(&key);
            // Whoever has changed something and then begins to watch must see it.
            match held.slot().wait_for_answer(shared, &view).await {
                Ok(answer) => {
                    let live = held.slot().make_live(shared, &view, &answer)?;
                    return Ok(ViewWatch::new(self, connection, held, live, since));
                }
                Err(Unanswered::ProgramChanged) => {}
                Err(Unanswered::Error(error)) => return Err(error),
            }
        }
    }

    /// The view of that name in the program that runs, and what its answer for these arguments is known by.
    fn look_up(&self, caller: &Caller, view: &str, args: &Args) -> Result<(Arc<View>, ViewKey), CallError> {
        let is_owner = caller.identity == self.key().owner;
        let (view, args) = self.shared().running().prepare_view(view, args, is_owner)?;
        let key = ViewKey { view: Arc::clone(&view.name), args, asked_by: view.asked_by(caller.identity) };
        Ok((view, key))
    }
}
