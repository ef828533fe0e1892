//! `GET /v1/database/:db/logs`: what the module has logged, and what it logs from now on.

use std::{collections::VecDeque, io, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use bytes::Bytes;
use futures::stream;
use serde::Deserialize;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use super::{App, Refusal, caller::Caller};
use crate::control::{Action, Target};

/// How many old lines someone who follows may ask for.
const FOLLOW_LINES_MAX: usize = 2500;

#[derive(Deserialize)]
pub(super) struct Parameters {
    num_lines: Option<u32>,
    #[serde(default)]
    follow: bool,
}

/// Answers with lines of JSON. For the owner only: logs may hold anything.
pub(super) async fn logs(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    query: Result<Query<Parameters>, QueryRejection>,
    caller: Caller,
) -> Result<impl IntoResponse, Refusal> {
    app.control.info_for_owner(&target, caller.identity, Action::ReadLogs)?;
    let Query(Parameters { num_lines, follow }) =
        query.map_err(|error| Refusal::bad_request(error.body_text()))?;
    let log = app.control.find(&target).await?.log().clone();

    let lines = num_lines.map(|lines| lines as usize);
    let lines = if follow { Some(lines.unwrap_or(0).min(FOLLOW_LINES_MAX)) } else { lines };
    // Following begins before the file is read, so that no line is lost in between.
    let live = follow.then(|| log.follow());
    let tail = tokio::task::spawn_blocking(move || log.tail(lines))
        .await
        .map_err(Refusal::internal)?
        .map_err(|error| {
            tracing::warn!("the log of {target} cannot be read: {error}");
            Refusal::text(StatusCode::SERVICE_UNAVAILABLE, "The log cannot be read at the moment.")
        })?;

    let body = match live {
        None => Body::from(tail),
        Some(mut live) => {
            let mut early = Vec::new();
            // A follower that lags has lost lines: those in the file make up for it.
            while let Ok(line) = live.try_recv() {
                early.push(line);
            }
            let new = early.split_off(count_in_tail(&tail, &early));
            let ready = std::iter::once(tail).chain(new).filter(|lines| !lines.is_empty()).collect();
            Body::from_stream(stream::unfold(
                Follower { ready, live, shutdown: app.shutdown.clone() },
                Follower::next,
            ))
        }
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, body))
}

/// Somebody who reads the log as it is written.
struct Follower {
    /// What is there already.
    ready: VecDeque<Bytes>,
    live: broadcast::Receiver<Bytes>,
    shutdown: watch::Receiver<bool>,
}

impl Follower {
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        if let Some(lines) = self.ready.pop_front() {
            return Some((Ok(lines), self));
        }
        loop {
            let received = tokio::select! {
                received = self.live.recv() => received,
                _ = self.shutdown.wait_for(|down| *down) => return None,
            };
            match received {
                Ok(line) => return Some((Ok(line), self)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// How many of the lines that came while the tail was read are part of it already.
fn count_in_tail(tail: &[u8], early: &[Bytes]) -> usize {
    let shared = |count: &usize| {
        let lines = early[..*count].concat();
        // The tail may be the shorter one, if only few lines were asked for.
        !tail.is_empty() && (tail.ends_with(&lines) || lines.ends_with(tail))
    };
    (1..=early.len()).rev().find(shared).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tail: &str, early: &[&'static str], expected: usize) {
        let early: Vec<_> = early.iter().map(|line| Bytes::from_static(line.as_bytes())).collect();
        assert_eq!(count_in_tail(tail.as_bytes(), &early), expected);
    }

    #[test]
    fn no_line_is_sent_twice_and_none_is_lost() {
        check("a\nb\n", &[], 0);
        check("a\nb\n", &["c\n"], 0);
        check("a\nb\n", &["b\n"], 1);
        check("a\nb\n", &["b\n", "c\n"], 1);
        check("a\nb\n", &["a\n", "b\n", "c\n"], 2);
        check("b\n", &["a\n", "b\n", "c\n"], 2);
        check("", &["a\n"], 0);
    }

    #[tokio::test]
    async fn a_follower_ends_with_the_server() {
        let (sender, live) = broadcast::channel(2);
        let (stop, shutdown) = watch::channel(false);
        let follower = Follower { ready: VecDeque::from([Bytes::from_static(b"old")]), live, shutdown };
        let (line, follower) = follower.next().await.unwrap();
        assert_eq!(line.unwrap(), "old");
        for line in ["lost", "one", "two"] {
            sender.send(Bytes::from_static(line.as_bytes())).unwrap();
        }
        let (line, follower) = follower.next().await.unwrap();
        assert_eq!(line.unwrap(), "one");
        let (_, follower) = follower.next().await.unwrap();
        stop.send(true).unwrap();
        assert!(follower.next().await.is_none());
    }
}
