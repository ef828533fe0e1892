//! Names for the answers of views, so that an unchanged answer need not be computed or sent again.
//!
//! An answer is a function of the program, the view, who asks (unless the view is the same for everybody) and
//! the tables that it reads. A table's state is named by its version, which outlives restarts, so the same
//! answer has the same name after one.

use std::{collections::HashMap, sync::Arc};

use orrery_host_abi::{Identity, TableId};
use parking_lot::Mutex;

use crate::{
    running::{Running, View},
    store::{TableVersions, TxOffset},
};

/// How many answers are remembered. Beyond it all are forgotten, which costs one computation each.
const ANSWERS_MAX: usize = 4096;

/// Which answer: of which program's view, for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    generation: u64,
    view: usize,
    asked_by: Option<Identity>,
}

impl Place {
    pub(crate) fn new(running: &Running, view: &View, caller: Identity) -> Self {
        Self { generation: running.generation, view: view.place, asked_by: view.asked_by(caller) }
    }
}

/// The names of the last answers, and what they depend on.
#[derive(Debug, Default)]
pub(crate) struct ViewCache(Mutex<HashMap<Place, Answer>>);

#[derive(Debug)]
struct Answer {
    etag: Arc<str>,
    read: Box<[(TableId, TxOffset)]>,
}

impl ViewCache {
    /// The name of the last answer, if no table that it read has changed since.
    pub(crate) fn current(&self, place: &Place, versions: &TableVersions) -> Option<Arc<str>> {
        let answers = self.0.lock();
        let answer = answers.get(place)?;
        let is_current = answer.read.iter().all(|(table, version)| versions.get(*table) == Some(*version));
        is_current.then(|| Arc::clone(&answer.etag))
    }

    /// Remembers an answer and gives it its name.
    pub(crate) fn remember(&self, place: Place, running: &Running, read: &[(TableId, TxOffset)]) -> Arc<str> {
        let etag: Arc<str> = name(&place, running, read).into();
        let mut answers = self.0.lock();
        if answers.len() >= ANSWERS_MAX {
            answers.clear();
        }
        answers.insert(place, Answer { etag: Arc::clone(&etag), read: read.into() });
        etag
    }
}

fn name(place: &Place, running: &Running, read: &[(TableId, TxOffset)]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&running.program.hash.0);
    hasher.update(&place.view.to_le_bytes());
    if let Some(caller) = place.asked_by {
        hasher.update(&caller.0);
    }
    for (table, version) in read {
        hasher.update(&table.0.to_le_bytes());
        hasher.update(&version.0.to_le_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}
