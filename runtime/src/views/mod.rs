//! Views as clients see them: asked for once, or watched.

mod answer;
mod diff;
mod watch;

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;

pub use answer::{Forms, ViewAnswer, ViewShape};
pub(crate) use diff::Rows;
pub use watch::{InvalidStateId, StateId, ViewChange, ViewEnd, ViewEvent, ViewWatch};

use crate::{
    database::{Args, CallError, Caller, Database},
    readers::ViewRows,
    running::{Running, View},
};

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
    pub async fn view_once(
        &self,
        caller: &Caller,
        view: &str,
        args: &Args,
        if_none_match: &[&str],
    ) -> Result<ViewReply, CallError> {
        self.shared().check_running()?;
        let running = self.shared().running();
        let _connection = self.connect_if_asked(running.module(), caller).await?;
        let (answer, _) = self.answer(caller, view, args).await?;
        if if_none_match.contains(&&*answer.etag) {
            self.shared().stats.views_unchanged.fetch_add(1, Ordering::Relaxed);
            return Ok(ViewReply::NotModified(answer));
        }
        Ok(ViewReply::Rows(answer))
    }

    /// Watches a view: all its rows, and then what changes in them. Connects as [`Self::call_once`] does, until the
    /// watch is dropped.
    pub async fn watch_view(&self, caller: &Caller, view: &str, args: &Args) -> Result<ViewWatch, CallError> {
        ViewWatch::new(self, caller, view, args.clone()).await
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
        let _ = since;
        self.watch_view(caller, view, args).await
    }

    async fn answer(
        &self,
        caller: &Caller,
        view: &str,
        args: &Args,
    ) -> Result<(Arc<ViewAnswer>, Arc<View>), CallError> {
        let (snapshot, running) = self.snapshot().await?;
        let (view, args) = running.prepare_view(view, args)?;
        let ViewRows { rows, .. } = self.view_rows(&running, &view, args, &snapshot, caller).await?;
        let answer = ViewAnswer {
            etag: name(&running, &view, &rows).into(),
            rows,
            shape: Arc::clone(&view.shape),
            offset: snapshot.offset(),
            forms: Forms::default(),
        };
        Ok((Arc::new(answer), view))
    }
}

/// The name of rows: the same rows have the same, as long as the program is the same, which may show them differently.
fn name(running: &Running, view: &View, rows: &Bytes) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&running.program.hash.0);
    hasher.update(&view.place.to_le_bytes());
    hasher.update(rows);
    hasher.finalize().to_hex()[..32].to_owned()
}
