//! What those have in common who watch the same view: its states, and the steps from one to the next.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    answer::{Charge, Forms, ViewAnswer},
    diff::{Rows, difference},
    watch::{StateId, ViewChange, ViewEnd, ViewEvent},
};

/// How many steps are kept, and how many bytes of them, for those who have not taken them yet and for those who come
/// back.
const CHANGES_MAX: usize = 1024;
const CHANGE_BYTES_MAX: usize = 1 << 20;

/// How long a view that nobody watches any more is kept up, for those who come back.
const LINGER: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug)]
pub(super) struct Live {
    life: u64,
    /// The rows of the newest state. Only a computation looks here, and there is one at a time.
    newest: Mutex<Rows>,
    state: Mutex<State>,
    /// Woken when there is something to see.
    news: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    /// The newest state; counts from 0.
    number: u64,
    /// The newest state that is on disk, which is the newest that may be seen, and its rows.
    shown: (u64, Arc<ViewAnswer>),
    /// Later ones, in order.
    ahead: VecDeque<(u64, Arc<ViewAnswer>)>,
    /// The last steps, up to the newest state.
    changes: VecDeque<Arc<ViewChange>>,
    change_bytes: usize,
    end: Option<ViewEnd>,
    /// When the last one left who watched.
    left_at: Option<Instant>,
}

impl Live {
    /// With that answer as the first state, which is on disk.
    pub(super) fn new(answer: Arc<ViewAnswer>, rows: Rows) -> Self {
        let state = State {
            number: 0,
            shown: (0, answer),
            ahead: VecDeque::new(),
            changes: VecDeque::new(),
            change_bytes: 0,
            end: None,
            left_at: None,
        };
        Self {
            // Random, as every such hasher is.
            life: RandomState::new().hash_one(0),
            newest: Mutex::new(rows),
            state: Mutex::new(state),
            news: watch::Sender::new(()),
        }
    }

    /// Adds a state, if it is another one; its number. It is not shown yet.
    pub(super) fn push(&self, answer: &Arc<ViewAnswer>, rows: Rows, total: &Arc<AtomicU64>) -> Option<u64> {
        let mut newest = self.newest.lock();
        let (inserts, deletes) = difference(&newest, &rows)?;
        *newest = rows;
        let bytes = inserts.len() + deletes.len();
        let mut state = self.state.lock();
        state.number += 1;
        let number = state.number;
        state.changes.push_back(Arc::new(ViewChange {
            id: StateId { life: self.life, number },
            offset: answer.offset,
            inserts,
            deletes,
            shape: Arc::clone(&answer.shape),
            forms: Forms::new(Charge::new(total, bytes as u64)),
        }));
        state.change_bytes += bytes;
        while state.changes.len() > CHANGES_MAX || state.change_bytes > CHANGE_BYTES_MAX {
            let Some(oldest) = state.changes.pop_front() else { break };
            state.change_bytes -= oldest.inserts.len() + oldest.deletes.len();
        }
        state.ahead.push_back((number, Arc::clone(answer)));
        Some(number)
    }

    /// How many states are not on disk yet.
    pub(super) fn ahead(&self) -> usize {
        self.state.lock().ahead.len()
    }

    /// A state is on disk, and so are those before it.
    pub(super) fn show(&self, number: u64) {
        let mut state = self.state.lock();
        while state.ahead.front().is_some_and(|(ahead, _)| *ahead <= number)
            && let Some(shown) = state.ahead.pop_front()
        {
            state.shown = shown;
        }
        drop(state);
        self.news.send_replace(());
    }

    /// Ends it: who watches gets what is left, and then the reason.
    pub(super) fn end(&self, end: ViewEnd) {
        self.state.lock().end.get_or_insert(end);
        self.news.send_replace(());
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().end.is_some()
    }

    /// Nobody watches any more, or somebody does.
    pub(super) fn set_watched(&self, is_watched: bool) {
        self.state.lock().left_at = (!is_watched).then(Instant::now);
    }

    /// Whether it has ended, or nobody has watched for so long that nobody will come back.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.end.is_some() || state.left_at.is_some_and(|left_at| left_at.elapsed() >= LINGER)
    }

    /// What the state looks like that is shown now.
    pub(super) fn shown(&self) -> Arc<ViewAnswer> {
        Arc::clone(&self.state.lock().shown.1)
    }

    /// Tells when there is news.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// The number of a state of this life.
    pub(super) fn number_of(&self, id: StateId) -> Option<u64> {
        (id.life == self.life).then_some(id.number)
    }

    /// What comes after a state; if none was seen, all rows. None if there is nothing new. Notes what was seen.
    pub(super) fn after(&self, seen: &mut Option<u64>) -> Option<Result<ViewEvent, ViewEnd>> {
        let state = self.state.lock();
        let (shown, answer) = &state.shown;
        if *seen == Some(*shown) {
            return state.end.clone().map(Err);
        }
        // The step that leads from what was seen to the next state.
        let step = seen.filter(|seen| seen < shown).and_then(|seen| {
            let first = state.changes.front()?.id.number;
            state.changes.get(usize::try_from((seen + 1).checked_sub(first)?).ok()?)
        });
        let event = match step {
            Some(change) => {
                *seen = Some(change.id.number);
                ViewEvent::Change(Arc::clone(change))
            }
            None => {
                *seen = Some(*shown);
                ViewEvent::Snapshot(StateId { life: self.life, number: *shown }, Arc::clone(answer))
            }
        };
        Some(Ok(event))
    }
}
