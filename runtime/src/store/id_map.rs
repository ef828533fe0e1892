//! A map from small ids to things, without hashing: two lists, because ids begin at 1 for what belongs to the
//! system and at 4096 for what users make.

/// Where the ids of users begin.
const USER_FIRST: u32 = 4096;
/// Ids from here on are refused, so that a list cannot become absurdly long.
pub(super) const ID_END: u32 = 1 << 24;

#[derive(Debug, Clone)]
pub(super) struct IdMap<T> {
    system: Vec<Option<T>>,
    user: Vec<Option<T>>,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self { system: Vec::new(), user: Vec::new() }
    }
}

/// Where an id is: in the list for users or in that for the system, and where in it.
#[inline(always)]
pub(super) fn place_of(id: u32) -> (bool, usize) {
    match id.checked_sub(USER_FIRST) {
        Some(at) => (true, at as usize),
        None => (false, id as usize),
    }
}

impl<T> IdMap<T> {
    #[inline(always)]
    pub(super) fn get(&self, id: u32) -> Option<&T> {
        let (is_user, at) = place_of(id);
        let list = if is_user { &self.user } else { &self.system };
        list.get(at)?.as_ref()
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let (is_user, at) = place_of(id);
        let list = if is_user { &mut self.user } else { &mut self.system };
        list.get_mut(at)?.as_mut()
    }

    /// The id must be less than [`ID_END`].
    pub(super) fn insert(&mut self, id: u32, value: T) -> Option<T> {
        debug_assert!(id < ID_END, "id {id} is too large");
        let (is_user, at) = place_of(id);
        let list = if is_user { &mut self.user } else { &mut self.system };
        if at >= list.len() {
            list.resize_with(at + 1, || None);
        }
        list[at].replace(value)
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<T> {
        let (is_user, at) = place_of(id);
        let list = if is_user { &mut self.user } else { &mut self.system };
        list.get_mut(at)?.take()
    }

    /// Everything, by id.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.system.iter().chain(&self.user).flatten()
    }

    /// Everything, by id.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.system.iter_mut().chain(&mut self.user).flatten()
    }
}
