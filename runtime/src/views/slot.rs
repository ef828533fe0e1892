//! The place of one answer: that of a view for certain arguments, and for a certain caller if it matters who asks.
//!
//! However many ask at the same time, the answer is computed once. It is kept while what the view has read stays as it
//! is; if somebody watches the view, it is computed again as soon as that changes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use bytes::Bytes;
use orrery_host_abi::Identity;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{
    answer::{Charge, Forms, ViewAnswer, ViewShape},
    dependents::Moment,
    live::Live,
    reads::Reads,
    watch::ViewEnd,
};
use crate::{
    database::{Args, CallError},
    readers::{Recipient, ViewCall, ViewJob, ViewRows},
    running::{Running, View},
    shared::{Shared, SnapshotTaken},
    store::{Snapshot, TxOffset},
};

/// How much memory a slot counts for beside its answer, about.
const SLOT_BYTES: u64 = 512;
/// How many states of a watched view may have been computed that are not on disk yet.
const AHEAD_MAX: usize = 4;

/// What an answer is an answer to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ViewKey {
    pub(super) view: Arc<str>,
    /// BSATN: the product of the parameters.
    pub(super) args: Bytes,
    /// Who asks, if that matters.
    pub(super) asked_by: Option<Identity>,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(super) enum Unanswered {
    /// Another program runs by now: look the view up again.
    ProgramChanged,
    /// For the caller.
    Error(CallError),
}

impl<E: Into<CallError>> From<E> for Unanswered {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// The result of a request.
pub(super) type Answered = Result<Arc<ViewAnswer>, Unanswered>;

/// Those who get the same answer.
type Replies = Vec<(oneshot::Sender<Answered>, Answered)>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(super) key: ViewKey,
    /// Its own, for as long as the process lives.
    number: u64,
    /// Whether it was asked for since it was last looked at for being in the way.
    was_used: AtomicBool,
    /// Whether the answer holds. Set only under the lock of the dependents, and to true only while `state` is locked,
    /// too.
    is_current: AtomicBool,
    /// Whether a computation is under way. With this flag goes the duty to look afterwards for who still waits.
    is_computing: AtomicBool,
    is_live: AtomicBool,
    /// How many hold on to it beyond one request.
    pub(super) holders: AtomicUsize,
    state: Mutex<State>,
    _charge: Charge,
}

#[derive(Debug, Default)]
struct State {
    /// The last answer.
    answer: Option<Arc<ViewAnswer>>,
    waiting: Vec<Waiter>,
    /// There from when somebody begins to watch until a while after nobody does.
    live: Option<Arc<Live>>,
}

/// Somebody who waits for an answer.
#[derive(Debug)]
struct Waiter {
    /// How many commits the answer must show at least.
    commits: u64,
    /// That of the view that was asked for, in the program that the arguments were read for.
    shape: Arc<ViewShape>,
    reply: oneshot::Sender<Answered>,
}

impl Slot {
    pub(super) fn new(key: ViewKey, total: &Arc<AtomicU64>) -> Arc<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let charge = Charge::new(total, SLOT_BYTES + key.args.len() as u64);
        Arc::new(Self {
            key,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            was_used: AtomicBool::default(),
            is_current: AtomicBool::default(),
            is_computing: AtomicBool::default(),
            is_live: AtomicBool::default(),
            holders: AtomicUsize::default(),
            state: Mutex::default(),
            _charge: charge,
        })
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Says whether the answer holds; what it was before.
    pub(super) fn set_current(&self, is_current: bool) -> bool {
        self.is_current.swap(is_current, Ordering::SeqCst)
    }

    fn is_current(&self) -> bool {
        self.is_current.load(Ordering::SeqCst)
    }

    pub(super) fn is_live(&self) -> bool {
        self.is_live.load(Ordering::SeqCst)
    }

    /// Whether it may go to make room. Gives one that was used of late another chance, and lets go of a view that
    /// nobody has watched for a while.
    pub(super) fn may_go(&self) -> bool {
        if self.holders.load(Ordering::Acquire) > 0 || (self.is_live() && self.live().is_some()) {
            return false;
        }
        !(self.is_current() && self.was_used.swap(false, Ordering::Relaxed))
    }

    /// The answer of that view, if it holds and what it shows is on disk.
    #[inline]
    pub(super) fn answer(&self, view: &View, durable: TxOffset) -> Option<Arc<ViewAnswer>> {
        let state = self.state.lock();
        let answer = state.answer.as_ref().filter(|answer| {
            self.is_current() && Arc::ptr_eq(&answer.shape, &view.shape) && answer.offset <= durable
        })?;
        self.was_used.store(true, Ordering::Relaxed);
        Some(Arc::clone(answer))
    }

    /// An answer of that view that shows at least what is committed now; it is computed if need be.
    pub(super) async fn wait_for_answer(self: &Arc<Self>, shared: &Arc<Shared>, view: &View) -> Answered {
        let (reply, answered) = oneshot::channel();
        {
            let mut state = self.state.lock();
            match state.answer.as_ref().filter(|answer| Arc::ptr_eq(&answer.shape, &view.shape)) {
                Some(answer) if self.is_current() => {
                    let answer = Arc::clone(answer);
                    drop(state);
                    let replies = vec![(reply, Ok(Arc::clone(&answer)))];
                    Due { replies, ..Due::default() }.when_durable(shared, answer.offset);
                }
                _ => {
                    let commits = shared.views.dependents.commits();
                    state.waiting.push(Waiter { commits, shape: Arc::clone(&view.shape), reply });
                    drop(state);
                    self.compute(shared);
                }
            }
        }
        answered.await.unwrap_or_else(|_| Err(shared.lost().into()))
    }

    /// Begins to compute the answer, unless that is under way.
    pub(crate) fn compute(self: &Arc<Self>, shared: &Arc<Shared>) {
        if self.is_computing.swap(true, Ordering::SeqCst) {
            return;
        }
        shared.views.dependents.computing();
        let computation = Computation { shared: Arc::clone(shared), slot: Arc::clone(self), is_over: false };
        if let Err(stopped) = shared.check_running() {
            return computation.fail(&stopped.into());
        }
        shared.asides.want_snapshot(Box::new(move |taken| computation.submit(taken)));
        shared.wake();
    }

    /// Whether somebody waits for the answer, or watches.
    fn is_wanted(&self) -> bool {
        let mut state = self.state.lock();
        state.waiting.retain(|waiter| !waiter.reply.is_closed());
        let is_wanted = !state.waiting.is_empty();
        drop(state);
        is_wanted || self.live().is_some()
    }

    // ---- watching ----

    /// What those have in common who watch. None if nobody does and nobody has for a while.
    pub(super) fn live(&self) -> Option<Arc<Live>> {
        let mut state = self.state.lock();
        let live = state.live.as_ref()?;
        if self.holders.load(Ordering::Acquire) == 0 && live.is_over() {
            state.live = None;
            self.is_live.store(false, Ordering::SeqCst);
            return None;
        }
        Some(Arc::clone(live))
    }

    /// Makes a view live, if it is not: then `answer` is its first state.
    pub(super) fn make_live(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        view: &View,
        answer: &Arc<ViewAnswer>,
    ) -> Result<Arc<Live>, CallError> {
        let rows = view.split(&answer.rows)?;
        let mut state = self.state.lock();
        if let Some(live) = state.live.as_ref().filter(|live| !live.has_ended()) {
            live.set_watched(true);
            return Ok(Arc::clone(live));
        }
        let live = Arc::new(Live::new(Arc::clone(answer), rows));
        state.live = Some(Arc::clone(&live));
        self.is_live.store(true, Ordering::SeqCst);
        let is_newest =
            self.is_current() && state.answer.as_ref().is_some_and(|one| Arc::ptr_eq(one, answer));
        drop(state);
        if !is_newest {
            self.compute(shared);
        }
        Ok(live)
    }

    /// Ends all watching.
    pub(super) fn end(&self, end: &ViewEnd) {
        let mut state = self.state.lock();
        self.is_live.store(false, Ordering::SeqCst);
        let live = state.live.take();
        drop(state);
        if let Some(live) = live {
            live.end(end.clone());
        }
    }
}

/// An answer that is being computed. If it is dropped, those who wait for it are told that it is lost.
struct Computation {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    is_over: bool,
}

impl Computation {
    /// Has the view computed over that snapshot.
    fn submit(self, taken: SnapshotTaken) {
        let SnapshotTaken { snapshot, running, moment } = taken;
        let key = &self.slot.key;
        // The program may be another one than when the arguments were read.
        let prepared = running.prepare_view(&key.view, &Args::Bsatn(key.args.clone()), true).ok();
        let prepared = prepared.filter(|(view, _)| view.shape.per_caller == key.asked_by.is_some());
        let Some((view, args)) = prepared else {
            return self.settle(Outcome::Unanswered(Unanswered::ProgramChanged));
        };
        // Before it is too late to say why it is not taken.
        let shared = &self.shared;
        let place = if self.slot.is_live() { shared.place_for_live_view() } else { shared.place_for_view() };
        let place = match place {
            Ok(place) => place,
            Err(error) => return self.settle(Outcome::Unanswered(CallError::from(error).into())),
        };
        let call = ViewCall { running, view, args, snapshot, asked_by: key.asked_by };
        let shared = Arc::clone(&self.shared);
        let recipient = Box::new(OverSnapshot { computation: self, moment });
        // If it is not taken after all, it is dropped.
        let _ = place.submit(&shared, ViewJob { call, recipient });
    }

    /// The view has given rows.
    fn answer(self, call: &ViewCall, moment: Moment, ViewRows { rows, mut reads }: ViewRows) {
        let ViewCall { running, view, snapshot, .. } = call;
        reads.tidy();
        let total = &self.shared.views.bytes;
        let answer = Arc::new(ViewAnswer {
            etag: name(running, view, &rows).into(),
            shape: Arc::clone(&view.shape),
            offset: snapshot.offset(),
            forms: Forms::new(Charge::new(total, rows.len() as u64 + reads.bytes())),
            rows,
        });
        let live = self.slot.live();
        let mut shown = None;
        if let Some(live) = &live {
            match view.split(&answer.rows) {
                Ok(rows) => shown = live.push(&answer, rows, total).map(|number| (Arc::clone(live), number)),
                Err(error) => self.slot.end(&ViewEnd::Failed(error)),
            }
        }
        self.settle(Outcome::Answered { answer, reads, snapshot, moment, live, shown });
    }

    /// Nothing came of it, for a reason that has nothing to do with the view.
    fn fail(self, error: &CallError) {
        self.settle(Outcome::Unanswered(Unanswered::Error(error.clone())));
    }

    /// Gives those who wait what they wait for, and begins anew if that does not satisfy all.
    fn settle(mut self, outcome: Outcome<'_>) {
        self.is_over = true;
        let (shared, slot) = (&self.shared, &self.slot);
        let mut replies = Replies::new();
        let mut offset = TxOffset::default();
        let mut step = None;
        let mut is_missed = false;
        {
            let mut state = slot.state.lock();
            match outcome {
                Outcome::Answered { answer, reads, snapshot, moment, live, shown } => {
                    let is_kept = state.live.is_some() || shared.views.has_room_for(&answer);
                    let is_current =
                        is_kept && shared.views.dependents.register(slot, reads, snapshot, moment);
                    if !is_kept {
                        shared.views.dependents.unregister(slot);
                    }
                    state.answer = is_current.then(|| Arc::clone(&answer));
                    replies = state.take_waiting(|waiter| {
                        if !Arc::ptr_eq(&waiter.shape, &answer.shape) {
                            return Some(Err(Unanswered::ProgramChanged));
                        }
                        let is_enough = is_current || waiter.commits <= moment.commits;
                        is_enough.then(|| Ok(Arc::clone(&answer)))
                    });
                    // Somebody may have begun to watch meanwhile, and has not been shown this.
                    is_missed = match (&state.live, &live) {
                        (Some(one), Some(other)) => !Arc::ptr_eq(one, other),
                        (one, _) => one.is_some(),
                    };
                    offset = answer.offset;
                    step = shown;
                }
                Outcome::Failed(error, moment) => {
                    shared.views.dependents.unregister(slot);
                    state.answer = None;
                    replies = state.take_waiting(|waiter| {
                        (waiter.commits <= moment.commits).then(|| Err(error.clone().into()))
                    });
                    drop(state);
                    slot.end(&ViewEnd::Failed(error));
                }
                Outcome::Unanswered(reason) => {
                    replies = state.take_waiting(|_| Some(Err(reason.clone())));
                    drop(state);
                    match reason {
                        // Who watches is told by whoever has changed the program.
                        Unanswered::ProgramChanged => {}
                        Unanswered::Error(CallError::Stopped(stopped)) => slot.end(&stopped.into()),
                        Unanswered::Error(error) => slot.end(&ViewEnd::Failed(error)),
                    }
                }
                Outcome::Unwanted => {}
            }
        }
        shared.views.dependents.computed();
        shared.views.make_room();
        // A disk that is slow must not make states pile up.
        let is_ahead = step.as_ref().is_some_and(|(live, _)| live.ahead() > AHEAD_MAX);
        let next = Next { shared: Arc::clone(shared), slot: Arc::clone(slot), is_missed };
        if is_ahead {
            Due { step, replies, next: Some(next) }.when_durable(shared, offset);
        } else {
            Due { step, replies, next: None }.when_durable(shared, offset);
            next.begin();
        }
    }
}

/// A computation whose view is being run.
struct OverSnapshot {
    computation: Computation,
    moment: Moment,
}

impl Recipient for OverSnapshot {
    fn is_waiting(&self) -> bool {
        self.computation.slot.is_wanted()
    }

    fn receive(self: Box<Self>, call: ViewCall, result: Option<Result<ViewRows, CallError>>) {
        let Self { computation, moment } = *self;
        match result {
            Some(Ok(rows)) => computation.answer(&call, moment, rows),
            Some(Err(error)) => computation.settle(Outcome::Failed(error, moment)),
            None => computation.settle(Outcome::Unwanted),
        }
    }
}

impl Drop for Computation {
    fn drop(&mut self) {
        if !self.is_over {
            let (shared, slot) = (Arc::clone(&self.shared), Arc::clone(&self.slot));
            let error = shared.lost();
            Self { shared, slot, is_over: false }.fail(&error);
        }
    }
}

/// What came of a computation.
enum Outcome<'a> {
    Answered {
        answer: Arc<ViewAnswer>,
        reads: Reads,
        snapshot: &'a Snapshot,
        moment: Moment,
        /// Those to whom it was given who watch.
        live: Option<Arc<Live>>,
        /// The state that they are to see once it is on disk, if it is a new one.
        shown: Option<(Arc<Live>, u64)>,
    },
    /// The view failed.
    Failed(CallError, Moment),
    /// It did not begin.
    Unanswered(Unanswered),
    /// It did not begin, because nobody waited any more.
    Unwanted,
}

impl State {
    /// Those who wait and for whom there is an answer.
    fn take_waiting(&mut self, mut answer: impl FnMut(&Waiter) -> Option<Answered>) -> Replies {
        let mut replies = Replies::new();
        let mut left = Vec::new();
        for waiter in self.waiting.drain(..) {
            match answer(&waiter) {
                Some(answered) => replies.push((waiter.reply, answered)),
                None => left.push(waiter),
            }
        }
        self.waiting = left;
        replies
    }
}

/// What follows a computation.
struct Next {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    /// Whether there is reason for another one that only the last one knows.
    is_missed: bool,
}

impl Next {
    fn begin(self) {
        let Self { shared, slot, is_missed } = self;
        slot.is_computing.store(false, Ordering::SeqCst);
        // Whoever came in between has seen that one was under way, and relies on this.
        let is_stale = slot.is_live() && !slot.is_current();
        if is_missed || is_stale || !slot.state.lock().waiting.is_empty() {
            slot.compute(&shared);
        }
    }
}

/// What happens once something is on disk, in this order.
#[derive(Default)]
struct Due {
    /// A state to show.
    step: Option<(Arc<Live>, u64)>,
    replies: Replies,
    next: Option<Next>,
}

impl Due {
    fn when_durable(self, shared: &Arc<Shared>, offset: TxOffset) {
        let Self { step, replies, next } = self;
        if replies.is_empty() && step.is_none() && next.is_none() {
            return;
        }
        let shared = Arc::clone(shared);
        shared.durability.clone().after(offset, move |durable| {
            let stopped = durable.err().map(|error| shared.stop(&error.to_string()));
            if stopped.is_none()
                && let Some((live, number)) = step
            {
                live.show(number);
            }
            for (reply, answered) in replies {
                let answered = stopped.clone().map_or(answered, |stopped| Err(stopped.into()));
                // Fails if the caller has hung up.
                let _ = reply.send(answered);
            }
            if let Some(next) = next {
                next.begin();
            }
        });
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
