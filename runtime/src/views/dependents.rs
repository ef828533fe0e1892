//! Who depends on what: tells answers of views that they do not hold any more.
//!
//! The worker calls [`Dependents::committed`] with every commit. While nobody depends on anything that is one look at a
//! flag; else it costs some look-ups for each changed row, and something for each answer that ceases to hold, once.
//!
//! An answer is computed over a snapshot while commits go on. Those that came after the snapshot was taken are kept
//! until the computation is over, so that [`Dependents::register`] can tell whether the answer still holds.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::Entry},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use foldhash::quality::RandomState;
use orrery_host_abi::{IndexId, TableId};
use parking_lot::Mutex;

use super::{
    reads::{Key, Reads},
    slot::Slot,
};
use crate::store::{ChangeSet, Snapshot, TableChanges, Writer};

/// How many commits are kept for computations under way, and how many bytes of them. An answer that took longer than
/// that is not known to hold, and is not kept.
const LOG_COMMITS_MAX: usize = 1024;
const LOG_BYTES_MAX: usize = 8 << 20;

/// Where in the order of commits a snapshot was taken, and of which program's life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// How many commits there had been.
    pub(crate) commits: u64,
    /// See [`Running::generation`](crate::running::Running).
    pub(crate) generation: u64,
}

/// All answers that hold, by what they depend on.
#[derive(Debug)]
pub(crate) struct Dependents {
    /// Whether the worker has to look at `state`.
    is_watching: AtomicBool,
    /// How many commits there have been.
    commits: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    /// The number of the last commit that was looked at.
    seen: u64,
    slots: HashMap<u64, Registered, RandomState>,
    tables: HashMap<TableId, TableDependents, RandomState>,
    /// How many computations are under way.
    underway: usize,
    /// The last commits, up to `seen`.
    log: VecDeque<Arc<ChangeSet>>,
    log_bytes: usize,
}

/// A slot, and under what it is entered. It may be missing where it was found by a commit.
#[derive(Debug)]
struct Registered {
    slot: Arc<Slot>,
    reads: Reads,
}

/// Slots, by number, that depend on a table.
#[derive(Debug, Default)]
struct TableDependents {
    whole: Numbers,
    /// There are few indexes; a list is searched faster than a map.
    keys: Vec<(IndexId, HashMap<u64, Numbers, RandomState>)>,
}

/// The numbers of slots. As a rule there is one.
#[derive(Debug, Default)]
enum Numbers {
    #[default]
    None,
    One(u64),
    Many(HashSet<u64, RandomState>),
}

impl Numbers {
    fn insert(&mut self, number: u64) {
        match self {
            Self::None => *self = Self::One(number),
            Self::One(one) => *self = Self::Many([*one, number].into_iter().collect()),
            Self::Many(numbers) => {
                numbers.insert(number);
            }
        }
    }

    /// Whether none is left.
    fn remove(&mut self, number: u64) -> bool {
        match self {
            Self::One(one) if *one == number => *self = Self::None,
            Self::Many(numbers) => {
                numbers.remove(&number);
                return numbers.is_empty();
            }
            Self::None | Self::One(_) => {}
        }
        matches!(self, Self::None)
    }

    fn take(&mut self, mut each: impl FnMut(u64)) {
        match std::mem::take(self) {
            Self::None => {}
            Self::One(number) => each(number),
            Self::Many(numbers) => numbers.into_iter().for_each(each),
        }
    }
}

impl TableDependents {
    fn is_empty(&self) -> bool {
        matches!(self.whole, Numbers::None) && self.keys.is_empty()
    }
}

impl Dependents {
    pub(crate) fn new(generation: u64) -> Self {
        Self {
            is_watching: AtomicBool::default(),
            commits: AtomicU64::default(),
            state: Mutex::new(State { generation, ..State::default() }),
        }
    }

    /// How many commits there have been. What is asked for now must show them all.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    /// Takes note of a commit; only the worker does this, before anybody is told of the commit. Gives the changes back
    /// if they are not needed. `wake` gets the slots that somebody watches and that have to be computed again.
    pub(crate) fn committed(
        &self,
        changes: ChangeSet,
        writer: &Writer,
        mut wake: impl FnMut(Arc<Slot>),
    ) -> Option<ChangeSet> {
        if changes.is_empty() {
            return Some(changes);
        }
        let number = self.commits.fetch_add(1, Ordering::AcqRel) + 1;
        // Whoever begins to depend on something asks the worker for a snapshot afterwards.
        if !self.is_watching.load(Ordering::Acquire) {
            return Some(changes);
        }
        let mut state = self.state.lock();
        state.seen = number;
        let mut live = Vec::new();
        state.invalidate(&changes, writer, &mut live);
        let spare = if state.underway > 0 {
            state.keep(changes);
            None
        } else {
            Some(changes)
        };
        drop(state);
        live.into_iter().for_each(&mut wake);
        spare
    }

    /// Keeps commits from now on until [`Self::computed`] is called as often.
    pub(crate) fn computing(&self) {
        self.state.lock().underway += 1;
        self.is_watching.store(true, Ordering::Release);
    }

    /// The counterpart of [`Self::computing`].
    pub(crate) fn computed(&self) {
        let mut state = self.state.lock();
        state.underway -= 1;
        if state.underway == 0 {
            let log = std::mem::take(&mut state.log);
            state.log_bytes = 0;
            self.watch_if_needed(&state);
            drop(state);
            drop(log);
        }
    }

    /// Enters a slot whose answer was computed over a snapshot of that moment, and says whether it still holds: only
    /// then it is entered. Its old entries go. Between [`Self::computing`] and [`Self::computed`].
    pub(crate) fn register(
        &self,
        slot: &Arc<Slot>,
        reads: Reads,
        snapshot: &Snapshot,
        moment: Moment,
    ) -> bool {
        let mut checked = moment.commits;
        loop {
            let mut state = self.state.lock();
            if state.generation != moment.generation {
                state.remove(slot.number());
                return false;
            }
            if state.seen <= checked {
                // A commit that is about to be looked at will find the new entries.
                state.insert(slot, reads);
                return true;
            }
            let Some(commits) = state.commits_after(checked) else {
                state.remove(slot.number());
                return false;
            };
            checked = state.seen;
            // What may take long must not hold up the worker.
            drop(state);
            if commits.iter().any(|changes| touches(changes, &reads, snapshot)) {
                self.state.lock().remove(slot.number());
                return false;
            }
        }
    }

    /// Takes out a slot: it has no answer any more.
    pub(crate) fn unregister(&self, slot: &Slot) {
        let mut state = self.state.lock();
        state.remove(slot.number());
        self.watch_if_needed(&state);
    }

    /// Another program runs, or the same over other data: no answer holds.
    pub(crate) fn program_changed(&self, generation: u64) {
        let mut state = self.state.lock();
        state.generation = generation;
        for (_, registered) in state.slots.drain() {
            registered.slot.set_current(false);
        }
        state.tables.clear();
        state.log.clear();
        state.log_bytes = 0;
        self.watch_if_needed(&state);
    }

    fn watch_if_needed(&self, state: &State) {
        let is_needed = state.underway > 0 || !state.slots.is_empty();
        self.is_watching.store(is_needed, Ordering::Release);
    }
}

impl State {
    /// Tells all that depend on what has changed. Those that are watched are added to `live`.
    fn invalidate(&mut self, changes: &ChangeSet, writer: &Writer, live: &mut Vec<Arc<Slot>>) {
        let Self { slots, tables, .. } = self;
        let mut stale = |number: u64| {
            if let Some(Registered { slot, .. }) = slots.get(&number)
                && slot.set_current(false)
                && slot.is_live()
            {
                live.push(Arc::clone(slot));
            }
        };
        for changed in changes.tables() {
            let Some(dependents) = tables.get_mut(&changed.table()) else { continue };
            dependents.whole.take(&mut stale);
            if let Some(table) = writer.table(changed.table()) {
                for (index, keys) in &mut dependents.keys {
                    let Some(index) = table.index(*index) else { continue };
                    for row in rows_of(&changed) {
                        if let Some(mut numbers) = keys.remove(&index.key_number(row)) {
                            numbers.take(&mut stale);
                        }
                    }
                }
                dependents.keys.retain(|(_, keys)| !keys.is_empty());
            }
            if dependents.is_empty() {
                tables.remove(&changed.table());
            }
        }
    }

    fn keep(&mut self, changes: ChangeSet) {
        self.log_bytes += changes.memory();
        self.log.push_back(Arc::new(changes));
        while self.log.len() > LOG_COMMITS_MAX || self.log_bytes > LOG_BYTES_MAX {
            let Some(oldest) = self.log.pop_front() else { break };
            self.log_bytes -= oldest.memory();
        }
    }

    /// The commits after that one, if all are kept.
    fn commits_after(&self, number: u64) -> Option<Vec<Arc<ChangeSet>>> {
        let count = usize::try_from(self.seen - number).ok()?;
        let start = self.log.len().checked_sub(count)?;
        Some(self.log.range(start..).cloned().collect())
    }

    fn insert(&mut self, slot: &Arc<Slot>, reads: Reads) {
        let number = slot.number();
        self.remove(number);
        for table in reads.tables() {
            self.tables.entry(*table).or_default().whole.insert(number);
        }
        for same_index in reads.keys().chunk_by(is_same_index) {
            let Key { table, index, .. } = same_index[0];
            let dependents = self.tables.entry(table).or_default();
            let at = dependents.keys.iter().position(|(one, _)| *one == index).unwrap_or_else(|| {
                dependents.keys.push((index, HashMap::default()));
                dependents.keys.len() - 1
            });
            for key in same_index {
                dependents.keys[at].1.entry(key.number).or_default().insert(number);
            }
        }
        slot.set_current(true);
        self.slots.insert(number, Registered { slot: Arc::clone(slot), reads });
    }

    fn remove(&mut self, number: u64) {
        let Some(Registered { slot, reads }) = self.slots.remove(&number) else { return };
        slot.set_current(false);
        for table in reads.tables() {
            if let Some(dependents) = self.tables.get_mut(table) {
                dependents.whole.remove(number);
                if dependents.is_empty() {
                    self.tables.remove(table);
                }
            }
        }
        for same_index in reads.keys().chunk_by(is_same_index) {
            let Key { table, index, .. } = same_index[0];
            let Some(dependents) = self.tables.get_mut(&table) else { continue };
            let Some(at) = dependents.keys.iter().position(|(one, _)| *one == index) else { continue };
            let keys = &mut dependents.keys[at].1;
            for key in same_index {
                if let Entry::Occupied(mut numbers) = keys.entry(key.number)
                    && numbers.get_mut().remove(number)
                {
                    numbers.remove();
                }
            }
            if keys.is_empty() {
                dependents.keys.swap_remove(at);
            }
            if dependents.is_empty() {
                self.tables.remove(&table);
            }
        }
    }
}

fn is_same_index(one: &Key, other: &Key) -> bool {
    (one.table, one.index) == (other.table, other.index)
}

/// The rows as they were and as they are.
fn rows_of<'a>(changes: &TableChanges<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    changes.deletes().iter().chain(changes.inserts().iter())
}

/// Whether what was read may look different after these changes.
fn touches(changes: &ChangeSet, reads: &Reads, snapshot: &Snapshot) -> bool {
    changes.tables().any(|changed| {
        let table = changed.table();
        if reads.tables().contains(&table) {
            return true;
        }
        let from = reads.keys().partition_point(|key| key.table < table);
        let of_table = reads.keys()[from..].split(|key| key.table != table).next().unwrap_or_default();
        of_table.chunk_by(is_same_index).any(|keys| {
            let index = snapshot.table(table).and_then(|table| table.index(keys[0].index));
            let Some(index) = index else { return true };
            rows_of(&changed)
                .any(|row| keys.binary_search_by_key(&index.key_number(row), |key| key.number).is_ok())
        })
    })
}
