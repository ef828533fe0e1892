//! All answers of a database that are kept.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use foldhash::quality::RandomState;
use orrery_host_abi::LayoutError;
use parking_lot::RwLock;

use super::{
    answer::{ViewAnswer, ViewShape},
    dependents::Dependents,
    slot::{Slot, ViewKey},
    watch::ViewEnd,
};
use crate::{database::Stopped, running::Running, shared::Shared};

/// The answers of a database's views, and who watches them.
#[derive(Debug)]
pub(crate) struct Views {
    pub(crate) dependents: Dependents,
    slots: RwLock<Slots>,
    /// How many bytes all answers take that exist, also those that only somebody has who asked for them.
    pub(super) bytes: Arc<AtomicU64>,
    bytes_max: u64,
}

#[derive(Debug, Default)]
struct Slots {
    by_key: HashMap<ViewKey, Arc<Slot>, RandomState>,
    /// The same in the order in which they are looked at when room is needed.
    in_turn: VecDeque<Arc<Slot>>,
}

impl Slots {
    fn get(&mut self, key: &ViewKey, bytes: &Arc<AtomicU64>) -> Arc<Slot> {
        if let Some(slot) = self.by_key.get(key) {
            return Arc::clone(slot);
        }
        let slot = Slot::new(key.clone(), bytes);
        self.by_key.insert(key.clone(), Arc::clone(&slot));
        self.in_turn.push_back(Arc::clone(&slot));
        slot
    }
}

/// A slot that stays where it is for as long as this exists.
#[derive(Debug)]
pub(super) struct Held(Arc<Slot>);

impl Held {
    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.0.holders.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(live) = self.0.live()
        {
            live.set_watched(false);
        }
    }
}

impl Views {
    /// Keeps about so many bytes, for a program of that generation.
    pub(crate) fn new(bytes_max: u64, generation: u64) -> Self {
        Self {
            dependents: Dependents::new(generation),
            slots: RwLock::default(),
            bytes: Arc::default(),
            bytes_max,
        }
    }

    /// The place of an answer, if it was asked for before.
    #[inline]
    pub(super) fn find(&self, key: &ViewKey) -> Option<Arc<Slot>> {
        self.slots.read().by_key.get(key).map(Arc::clone)
    }

    /// The place of an answer.
    pub(super) fn slot(&self, key: &ViewKey) -> Arc<Slot> {
        self.slots.write().get(key, &self.bytes)
    }

    /// The place of an answer, which stays.
    pub(super) fn hold(&self, key: &ViewKey) -> Held {
        let mut slots = self.slots.write();
        let slot = slots.get(key, &self.bytes);
        slot.holders.fetch_add(1, Ordering::AcqRel);
        Held(slot)
    }

    /// Whether it makes sense to keep an answer.
    pub(super) fn has_room_for(&self, answer: &ViewAnswer) -> bool {
        answer.forms.bytes() <= self.bytes_max / 2
    }

    /// Lets go of answers that nobody has asked for in a while, if there are too many.
    pub(super) fn make_room(&self) {
        let is_over = || self.bytes.load(Ordering::Relaxed) > self.bytes_max;
        if !is_over() {
            return;
        }
        let mut slots = self.slots.write();
        // Each may get a second chance, but no third.
        let mut looks = 2 * slots.in_turn.len();
        while looks > 0
            && is_over()
            && let Some(slot) = slots.in_turn.pop_front()
        {
            looks -= 1;
            if slot.may_go() {
                slots.by_key.remove(&slot.key);
                self.dependents.unregister(&slot);
            } else {
                slots.in_turn.push_back(slot);
            }
        }
    }

    /// Another program runs, or the same over other data: what does not fit it goes.
    pub(crate) fn program_changed(&self, shared: &Arc<Shared>, running: &Running) {
        self.dependents.program_changed(running.generation);
        let mut slots = self.slots.write();
        let all = std::mem::take(&mut *slots);
        let mut stay = Vec::new();
        for slot in all.in_turn {
            let holds = slot.holders.load(Ordering::Acquire) > 0;
            let Some(live) = slot.live() else {
                // Somebody may be about to watch it.
                if holds {
                    slots.keep(slot);
                }
                continue;
            };
            match why_not(&slot.key, &live.shown().shape, running) {
                None => {
                    slots.keep(Arc::clone(&slot));
                    stay.push(slot);
                }
                Some(end) => slot.end(&end),
            }
        }
        drop(slots);
        for slot in stay {
            slot.compute(shared);
        }
    }

    /// The database has stopped.
    pub(crate) fn stop(&self, stopped: &Stopped) {
        let slots = std::mem::take(&mut *self.slots.write());
        for slot in slots.in_turn {
            slot.end(&ViewEnd::Stopped(stopped.clone()));
        }
    }

    /// How many bytes the answers take, how many views are live, and how many watch them.
    pub(crate) fn figures(&self) -> (u64, u64, u64) {
        let slots = self.slots.read();
        let live = slots.in_turn.iter().filter(|slot| slot.is_live());
        let (count, watching) = live.fold((0, 0), |(count, watching), slot| {
            (count + 1, watching + slot.holders.load(Ordering::Relaxed) as u64)
        });
        (self.bytes.load(Ordering::Relaxed), count, watching)
    }
}

impl Slots {
    fn keep(&mut self, slot: Arc<Slot>) {
        self.by_key.insert(slot.key.clone(), Arc::clone(&slot));
        self.in_turn.push_back(slot);
    }
}

/// Why a view cannot be watched any more, if it is not the same in that program.
fn why_not(key: &ViewKey, shape: &ViewShape, running: &Running) -> Option<ViewEnd> {
    let (old, new) = (&shape.module, running.module());
    let (Some(old_view), Some(new_view)) = (old.view(&key.view), new.view(&key.view)) else {
        return Some(ViewEnd::Gone(key.view.as_ref().into()));
    };
    let is_same = || -> Result<bool, LayoutError> {
        Ok(old_view.is_anonymous == new_view.is_anonymous
            // Whether those who watch may is not asked again.
            && old_view.is_public == new_view.is_public
            && old_view.return_type.resolve(&old.typespace)?
                == new_view.return_type.resolve(&new.typespace)?
            && old_view.params.resolve(&old.typespace)? == new_view.params.resolve(&new.typespace)?)
    };
    (!is_same().unwrap_or(false)).then(|| ViewEnd::Changed(key.view.as_ref().into()))
}
