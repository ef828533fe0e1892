//! A copy-on-write B+tree from keys to row pointers, the body of every index.
//!
//! An entry is a key with a pointer, and entries are ordered by both, so a key may occur with several pointers:
//! whether an index is unique is for the index to see to. A clone of a tree shares all nodes with it; changing
//! one of the two copies the nodes on the way to the entry, and only while they are shared.
//!
//! Invariants: every leaf is at the same depth; no node is empty (an empty tree has no root); the entries of
//! child `i` of an inner node are not less than separator `i` and less than separator `i + 1`.
//! Nodes that shrink are merged with a neighbour once both fit in one with room to spare. Entries that arrive in
//! order leave full leaves behind.

use std::mem;

use smallvec::SmallVec;
use triomphe::Arc;

use super::{page::RowPtr, tree_key::Key};

/// Entries in a leaf. Large leaves make shallow trees and cheap scans, small ones cheap inserts and copies; from
/// 64 to 128 makes little difference for integers.
const LEAF_LEN: usize = 64;
/// Children of an inner node. Such that for integer keys both kinds of node take the same space.
const INNER_LEN: usize = 38;

#[derive(Debug, Clone)]
pub(super) struct Tree<K> {
    root: Option<Arc<Node<K>>>,
}

#[derive(Debug, Clone)]
enum Node<K> {
    Leaf(Leaf<K>),
    Inner(Inner<K>),
}

#[derive(Debug, Clone)]
struct Leaf<K> {
    len: usize,
    keys: [K; LEAF_LEN],
    ptrs: [RowPtr; LEAF_LEN],
}

/// Separator `i` is `(keys[i], ptrs[i])`. That of the first child is never looked at.
#[derive(Debug, Clone)]
struct Inner<K> {
    len: usize,
    keys: [K; INNER_LEN],
    ptrs: [RowPtr; INNER_LEN],
    children: [Option<Arc<Node<K>>>; INNER_LEN],
}

/// A node that came off another's right side, with its separator.
struct Split<K> {
    key: K,
    ptr: RowPtr,
    right: Arc<Node<K>>,
}

/// One end of a range of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge<T> {
    Unbounded,
    Included(T),
    Excluded(T),
}

impl<K> Default for Tree<K> {
    fn default() -> Self {
        Self { root: None }
    }
}

impl<K: Key> Tree<K> {
    /// The pointer of a key that occurs at most once.
    #[inline]
    pub(super) fn find(&self, key: &K::Ref) -> Option<RowPtr> {
        let mut node = self.root.as_deref()?;
        loop {
            match node {
                Node::Inner(inner) => node = inner.child(K::count_up_to(inner.seps(), key)),
                Node::Leaf(leaf) => {
                    let at = K::count_less(leaf.keys(), key);
                    return (leaf.keys().get(at)?.as_key() == key).then(|| leaf.ptrs[at]);
                }
            }
        }
    }

    /// The entries between two keys, in order.
    pub(super) fn range<'a>(&'a self, from: Edge<&K::Ref>, to: Edge<K>) -> Entries<'a, K> {
        let mut entries = Entries { above: SmallVec::new(), leaf: None, at: 0, end: 0, to };
        if let Some(root) = self.root.as_deref() {
            entries.descend(root, from);
        }
        entries
    }

    /// The entries with that key, in order of their pointers.
    pub(super) fn equal<'a>(&'a self, key: &K::Ref) -> Entries<'a, K> {
        self.range(Edge::Included(key), Edge::Included(K::from_key(key)))
    }

    /// All entries in order.
    pub(super) fn iter(&self) -> Entries<'_, K> {
        self.range(Edge::Unbounded, Edge::Unbounded)
    }

    /// As [`Self::insert`].
    pub(super) fn insert_key(&mut self, key: &K::Ref, ptr: RowPtr) {
        self.insert(K::from_key(key), ptr);
    }

    /// Adds an entry, which must not be there.
    pub(super) fn insert(&mut self, key: K, ptr: RowPtr) {
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Node::Leaf(Leaf::with(key, ptr))));
            return;
        };
        if let Some(split) = Arc::make_mut(root).insert(key, ptr) {
            let mut inner = Inner::empty();
            inner.push(K::default(), RowPtr::FIRST, Arc::clone(root));
            inner.push(split.key, split.ptr, split.right);
            *root = Arc::new(Node::Inner(inner));
        }
    }

    /// Removes an entry, if it is there.
    pub(super) fn remove(&mut self, key: &K::Ref, ptr: RowPtr) -> bool {
        let Some(root) = &mut self.root else { return false };
        if !Arc::make_mut(root).remove(key, ptr) {
            return false;
        }
        loop {
            match self.root.as_deref() {
                Some(Node::Leaf(Leaf { len: 0, .. }) | Node::Inner(Inner { len: 0, .. })) => self.root = None,
                Some(Node::Inner(inner)) if inner.len == 1 => self.root = inner.children[0].clone(),
                _ => return true,
            }
        }
    }

    /// A tree of entries that are in order, each once. Every leaf but the last is full.
    pub(super) fn from_sorted(entries: impl ExactSizeIterator<Item = (K, RowPtr)>) -> Self {
        let mut level: Vec<Split<K>> = Vec::with_capacity(entries.len().div_ceil(LEAF_LEN));
        let mut leaf: Leaf<K> = Leaf::empty();
        let mut sep = None;
        for (key, ptr) in entries {
            if leaf.len == LEAF_LEN {
                let next = separator(leaf.keys[LEAF_LEN - 1].as_key(), &key, ptr);
                let (key, ptr) = sep.replace(next).unwrap_or_default();
                level.push(Split { key, ptr, right: Arc::new(Node::Leaf(mem::take(&mut leaf))) });
            }
            leaf.push(key, ptr);
        }
        if leaf.len > 0 {
            let (key, ptr) = sep.unwrap_or_default();
            level.push(Split { key, ptr, right: Arc::new(Node::Leaf(leaf)) });
        }
        while level.len() > 1 {
            let mut above: Vec<Split<K>> = Vec::with_capacity(level.len().div_ceil(INNER_LEN));
            let mut inner = Inner::empty();
            let mut first = None;
            for Split { key, ptr, right } in level {
                if inner.len == INNER_LEN {
                    let (key, ptr) = first.take().unwrap_or_default();
                    above.push(Split { key, ptr, right: Arc::new(Node::Inner(mem::take(&mut inner))) });
                }
                if inner.len == 0 {
                    first = Some((key.clone(), ptr));
                }
                inner.push(key, ptr, right);
            }
            let (key, ptr) = first.unwrap_or_default();
            above.push(Split { key, ptr, right: Arc::new(Node::Inner(inner)) });
            level = above;
        }
        Self { root: level.pop().map(|top| top.right) }
    }
}

/// The least separator between an entry with the key `before` and the entry that follows it. With the first
/// pointer where the keys differ: so the place of a key can be told from the key alone, as long as it occurs once.
fn separator<K: Key>(before: &K::Ref, key: &K, ptr: RowPtr) -> (K, RowPtr) {
    let ptr = if before < key.as_key() { RowPtr::FIRST } else { ptr };
    (key.clone(), ptr)
}

impl<K: Key> Node<K> {
    fn len(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.len,
            Self::Inner(inner) => inner.len,
        }
    }

    fn insert(&mut self, key: K, ptr: RowPtr) -> Option<Split<K>> {
        match self {
            Self::Leaf(leaf) => leaf.insert(key, ptr),
            Self::Inner(inner) => {
                let at = inner.place(key.as_key(), ptr);
                let split = inner.child_mut(at).insert(key, ptr)?;
                inner.insert(at + 1, split)
            }
        }
    }

    fn remove(&mut self, key: &K::Ref, ptr: RowPtr) -> bool {
        match self {
            Self::Leaf(leaf) => {
                let at = leaf.place(key, ptr);
                let found = leaf.keys().get(at).is_some_and(|k| k.as_key() == key) && leaf.ptrs[at] == ptr;
                if found {
                    leaf.remove(at);
                }
                found
            }
            Self::Inner(inner) => {
                let at = inner.place(key, ptr);
                let child = inner.child_mut(at);
                let found = child.remove(key, ptr);
                if found {
                    let is_small = match child {
                        Self::Leaf(leaf) => leaf.len < LEAF_LEN / 4,
                        Self::Inner(inner) => inner.len < INNER_LEN / 4,
                    };
                    if is_small {
                        inner.relieve(at);
                    }
                }
                found
            }
        }
    }
}

impl<K: Key> Default for Leaf<K> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<K: Key> Leaf<K> {
    fn empty() -> Self {
        Self { len: 0, keys: std::array::from_fn(|_| K::default()), ptrs: [RowPtr::FIRST; LEAF_LEN] }
    }

    fn with(key: K, ptr: RowPtr) -> Self {
        let mut leaf = Self::empty();
        leaf.push(key, ptr);
        leaf
    }

    #[inline(always)]
    fn keys(&self) -> &[K] {
        // The bound is for the compiler.
        &self.keys[..self.len.min(LEAF_LEN)]
    }

    fn push(&mut self, key: K, ptr: RowPtr) {
        self.keys[self.len] = key;
        self.ptrs[self.len] = ptr;
        self.len += 1;
    }

    /// Where the first entry is that is not less than that one.
    fn place(&self, key: &K::Ref, ptr: RowPtr) -> usize {
        let mut at = K::count_less(self.keys(), key);
        if ptr != RowPtr::FIRST {
            let equal = self.keys()[at..].partition_point(|k| k.as_key() == key);
            at += self.ptrs[at..at + equal].partition_point(|&p| p < ptr);
        }
        at
    }

    fn insert(&mut self, key: K, ptr: RowPtr) -> Option<Split<K>> {
        let at = self.place(key.as_key(), ptr);
        if self.len < LEAF_LEN {
            self.insert_at(at, key, ptr);
            return None;
        }
        let right = if at == LEAF_LEN {
            // Keys that come in order: the leaf stays full.
            Self::with(key, ptr)
        } else {
            let mut right = self.split_off(LEAF_LEN / 2);
            match at.checked_sub(self.len) {
                Some(at) if at > 0 => right.insert_at(at, key, ptr),
                _ => self.insert_at(at, key, ptr),
            }
            right
        };
        let (key, ptr) = separator(self.keys[self.len - 1].as_key(), &right.keys[0], right.ptrs[0]);
        Some(Split { key, ptr, right: Arc::new(Node::Leaf(right)) })
    }

    fn insert_at(&mut self, at: usize, key: K, ptr: RowPtr) {
        self.keys[at..=self.len].rotate_right(1);
        self.keys[at] = key;
        self.ptrs.copy_within(at..self.len, at + 1);
        self.ptrs[at] = ptr;
        self.len += 1;
    }

    fn remove(&mut self, at: usize) {
        self.keys[at..self.len].rotate_left(1);
        self.keys[self.len - 1] = K::default();
        self.ptrs.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    fn split_off(&mut self, at: usize) -> Self {
        let mut right = Self::empty();
        right.len = self.len - at;
        right.keys[..right.len].swap_with_slice(&mut self.keys[at..self.len]);
        right.ptrs[..right.len].copy_from_slice(&self.ptrs[at..self.len]);
        self.len = at;
        right
    }

    fn append(&mut self, right: &Self) {
        self.keys[self.len..][..right.len].clone_from_slice(right.keys());
        self.ptrs[self.len..][..right.len].copy_from_slice(&right.ptrs[..right.len]);
        self.len += right.len;
    }
}

impl<K: Key> Default for Inner<K> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<K: Key> Inner<K> {
    fn empty() -> Self {
        Self {
            len: 0,
            keys: std::array::from_fn(|_| K::default()),
            ptrs: [RowPtr::FIRST; INNER_LEN],
            children: [const { None }; INNER_LEN],
        }
    }

    /// The separators of all children but the first.
    #[inline(always)]
    fn seps(&self) -> &[K] {
        &self.keys[1..self.len.clamp(1, INNER_LEN)]
    }

    #[inline(always)]
    fn child(&self, at: usize) -> &Node<K> {
        self.children[at].as_deref().expect("there is a child for each separator")
    }

    fn child_mut(&mut self, at: usize) -> &mut Node<K> {
        Arc::make_mut(self.children[at].as_mut().expect("there is a child for each separator"))
    }

    /// The child in whose bounds that entry is.
    fn place(&self, key: &K::Ref, ptr: RowPtr) -> usize {
        let seps = self.seps();
        let at = K::count_less(seps, key);
        let equal = seps[at..].partition_point(|k| k.as_key() == key);
        at + self.ptrs[1 + at..1 + at + equal].partition_point(|&p| p <= ptr)
    }

    fn push(&mut self, key: K, ptr: RowPtr, child: Arc<Node<K>>) {
        self.keys[self.len] = key;
        self.ptrs[self.len] = ptr;
        self.children[self.len] = Some(child);
        self.len += 1;
    }

    fn insert(&mut self, at: usize, new: Split<K>) -> Option<Split<K>> {
        if self.len < INNER_LEN {
            self.insert_at(at, new);
            return None;
        }
        let mut right = Self::empty();
        if at == INNER_LEN {
            right.push(new.key, new.ptr, new.right);
        } else {
            let half = INNER_LEN / 2;
            right.len = self.len - half;
            right.keys[..right.len].swap_with_slice(&mut self.keys[half..self.len]);
            right.ptrs[..right.len].copy_from_slice(&self.ptrs[half..self.len]);
            right.children[..right.len].swap_with_slice(&mut self.children[half..self.len]);
            self.len = half;
            match at.checked_sub(half) {
                Some(at) if at > 0 => right.insert_at(at, new),
                _ => self.insert_at(at, new),
            }
        }
        let key = mem::take(&mut right.keys[0]);
        Some(Split { key, ptr: right.ptrs[0], right: Arc::new(Node::Inner(right)) })
    }

    fn insert_at(&mut self, at: usize, new: Split<K>) {
        self.keys[at..=self.len].rotate_right(1);
        self.keys[at] = new.key;
        self.ptrs.copy_within(at..self.len, at + 1);
        self.ptrs[at] = new.ptr;
        self.children[at..=self.len].rotate_right(1);
        self.children[at] = Some(new.right);
        self.len += 1;
    }

    fn remove_at(&mut self, at: usize) {
        self.keys[at..self.len].rotate_left(1);
        self.keys[self.len - 1] = K::default();
        self.ptrs.copy_within(at + 1..self.len, at);
        self.children[at..self.len].rotate_left(1);
        self.children[self.len - 1] = None;
        self.len -= 1;
    }

    /// Removes a small child if it is empty, or merges it with a neighbour if both fit in one node and leave a
    /// quarter of it free, so that it is not split again soon.
    fn relieve(&mut self, at: usize) {
        if self.child(at).len() == 0 {
            self.remove_at(at);
            return;
        }
        let fits = |left: usize| {
            left + 1 < self.len && {
                let len = self.child(left).len() + self.child(left + 1).len();
                match self.child(left) {
                    Node::Leaf(_) => len <= LEAF_LEN / 4 * 3,
                    Node::Inner(_) => len <= INNER_LEN / 4 * 3,
                }
            }
        };
        let Some(left) = [at.checked_sub(1), Some(at)].into_iter().flatten().find(|&left| fits(left)) else {
            return;
        };
        let right = self.children[left + 1].take().expect("there is a child for each separator");
        let (right_key, right_ptr) = (mem::take(&mut self.keys[left + 1]), self.ptrs[left + 1]);
        match (self.child_mut(left), &*right) {
            (Node::Leaf(left), Node::Leaf(right)) => left.append(right),
            (Node::Inner(left), Node::Inner(right)) => {
                let mut key = right_key;
                let mut ptr = right_ptr;
                for i in 0..right.len {
                    let child = right.children[i].clone().expect("there is a child for each separator");
                    left.push(key, ptr, child);
                    key = right.keys.get(i + 1).cloned().unwrap_or_default();
                    ptr = right.ptrs.get(i + 1).copied().unwrap_or(RowPtr::FIRST);
                }
            }
            _ => unreachable!("all leaves are at the same depth"),
        }
        self.remove_at(left + 1);
    }
}

/// Entries of a [`Tree`] in order.
#[derive(Debug, Clone)]
pub(super) struct Entries<'a, K> {
    /// The inner nodes above the leaf, each with the child that comes next.
    above: SmallVec<[(&'a Inner<K>, usize); 6]>,
    leaf: Option<&'a Leaf<K>>,
    at: usize,
    end: usize,
    to: Edge<K>,
}

impl<'a, K: Key> Entries<'a, K> {
    fn descend(&mut self, mut node: &'a Node<K>, from: Edge<&K::Ref>) {
        let is_before = |key: &K| match from {
            Edge::Unbounded => false,
            Edge::Included(from) => key.as_key() < from,
            Edge::Excluded(from) => key.as_key() <= from,
        };
        loop {
            match node {
                Node::Inner(inner) => {
                    let at = inner.seps().partition_point(is_before);
                    self.above.push((inner, at + 1));
                    node = inner.child(at);
                }
                Node::Leaf(leaf) => {
                    self.enter(leaf);
                    self.at = leaf.keys().partition_point(is_before).min(self.end);
                    return;
                }
            }
        }
    }

    /// Goes to the start of a leaf, and sees how far into it the range reaches.
    fn enter(&mut self, leaf: &'a Leaf<K>) {
        let is_within = |key: &K| match &self.to {
            Edge::Unbounded => true,
            Edge::Included(to) => key.as_key() <= to.as_key(),
            Edge::Excluded(to) => key.as_key() < to.as_key(),
        };
        let keys = leaf.keys();
        self.at = 0;
        self.end = if keys.last().is_none_or(is_within) {
            keys.len()
        } else {
            // Nothing comes after this leaf.
            self.above.clear();
            keys.partition_point(is_within)
        };
        self.leaf = Some(leaf);
    }

    fn next_leaf(&mut self) -> bool {
        while let Some((inner, next)) = self.above.last_mut() {
            if *next == inner.len {
                self.above.pop();
                continue;
            }
            let mut node = inner.child(*next);
            *next += 1;
            loop {
                match node {
                    Node::Inner(inner) => {
                        self.above.push((inner, 1));
                        node = inner.child(0);
                    }
                    Node::Leaf(leaf) => {
                        self.enter(leaf);
                        return true;
                    }
                }
            }
        }
        false
    }

    /// The next entry.
    #[inline]
    pub(super) fn next_entry(&mut self) -> Option<(&'a K, RowPtr)> {
        while self.at >= self.end {
            if !self.next_leaf() {
                return None;
            }
        }
        let leaf = self.leaf?;
        let at = self.at;
        self.at += 1;
        Some((&leaf.keys[at], leaf.ptrs[at]))
    }
}

impl<'a, K: Key> Iterator for Entries<'a, K> {
    type Item = (&'a K, RowPtr);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry()
    }
}

#[cfg(test)]
mod tests;
