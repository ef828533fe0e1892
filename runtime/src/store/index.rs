//! Indexes: from keys cut from rows to where the rows are.
//!
//! All kinds are trees. A btree or direct index keeps its keys in order. A hash index over integers, or anything
//! else of at most 32 bytes, does as well; over longer keys it keeps a 64-bit hash instead of the key, with the row
//! itself to tell keys with equal hashes apart. The hash has a random seed, so nobody outside can choose keys that
//! collide. Of 100 000 integer keys the tree finds one in 60 ns on the development machine, of which half is not
//! the tree; a standard hash map takes 15 ns, but is not copy-on-write, and what a paged array for direct indexes
//! could gain is less than that.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use orrery_host_abi::{ColId, LayoutError, RowLayout, bsatn::DecodeError};
use triomphe::Arc;

use super::{
    IndexKind, IndexSpec,
    error::{Duplicate, KeyError},
    heap::{Heap, Rows},
    key::{EncodedKey, KeyBytes, KeyForm, KeyPlan, KeyRange, RangeArgs},
    page::RowPtr,
    tree::{Edge, Entries, Tree},
    tree_key::{BytesKey, Key},
};

/// An index of a table. A clone shares its nodes.
#[derive(Debug, Clone)]
pub(super) struct Index {
    plan: Arc<Plan>,
    body: Body,
}

#[derive(Debug)]
struct Plan {
    spec: IndexSpec,
    key: KeyPlan,
    hasher: RandomState,
}

#[derive(Debug, Clone)]
enum Body {
    U64(Tree<u64>),
    U128(Tree<u128>),
    Words(Tree<[u64; 4]>),
    Bytes(Tree<BytesKey>),
    /// Hashes of encoded keys.
    Hashed(Tree<u64>),
}

/// Does the same with the tree and the key of whatever kind the index is. `$hashed` is for hash indexes.
macro_rules! with_key {
    ($body:expr, $key:expr, |$tree:ident, $k:ident| $any:expr, |$hash_tree:ident, $bytes:ident| $hashed:expr) => {
        match ($body, $key) {
            (Body::U64($tree), EncodedKey::U64($k)) => $any,
            (Body::U128($tree), EncodedKey::U128($k)) => $any,
            (Body::Words($tree), EncodedKey::Words($k)) => $any,
            (Body::Bytes($tree), EncodedKey::Bytes($k)) => $any,
            (Body::Hashed($hash_tree), EncodedKey::Bytes($bytes)) => $hashed,
            _ => unreachable!("keys have the form of their index"),
        }
    };
}

impl Index {
    /// An empty index, over rows of that layout in which all its columns exist.
    pub(super) fn new(spec: IndexSpec, layout: &RowLayout) -> Result<Self, LayoutError> {
        let key = KeyPlan::new(spec.id, &spec.columns, layout)?;
        let plan = Plan { spec, key, hasher: RandomState::default() };
        let body = plan.empty_body();
        Ok(Self { plan: Arc::new(plan), body })
    }

    pub(super) fn spec(&self) -> &IndexSpec {
        &self.plan.spec
    }

    pub(super) fn is_unique(&self) -> bool {
        self.plan.spec.unique
    }

    pub(super) fn clear(&mut self) {
        self.body = self.plan.empty_body();
    }

    /// Whether two rows have the same bytes in the columns of the key, so that they have the same key.
    #[inline]
    pub(super) fn is_same_key(&self, layout: &RowLayout, a: &[u8], b: &[u8]) -> bool {
        self.plan.key.is_same(layout, a, b)
    }

    /// A row with the same key as this one.
    #[inline]
    pub(super) fn find_like(&self, layout: &RowLayout, heap: &Heap, row: &[u8]) -> Option<RowPtr> {
        if let (Body::U64(tree), Some(key)) = (&self.body, self.plan.key.integer_of_row(layout, row)) {
            return tree.find(&key);
        }
        self.find(layout, heap, &self.plan.key.of_row(layout, row))
    }

    /// A row with that key.
    fn find(&self, layout: &RowLayout, heap: &Heap, key: &EncodedKey) -> Option<RowPtr> {
        with_key!(&self.body, key, |tree, k| tree.find(k), |tree, bytes| {
            tree.equal(&self.plan.hash(bytes))
                .map(|(_, ptr)| ptr)
                .find(|&ptr| self.plan.has_key(layout, heap.row(ptr), bytes))
        })
    }

    /// A row with the key that `bytes` begin with, and how long that key is.
    pub(super) fn find_first(
        &self,
        layout: &RowLayout,
        heap: &Heap,
        bytes: &[u8],
    ) -> Result<(usize, Option<RowPtr>), DecodeError> {
        let (len, key) = self.plan.key.decode(bytes)?;
        Ok((len, self.find(layout, heap, &key)))
    }

    /// Exactly this row.
    pub(super) fn find_exactly(&self, layout: &RowLayout, heap: &Heap, row: &[u8]) -> Option<RowPtr> {
        let source = match self.plan.key.of_row(layout, row) {
            EncodedKey::U64(key) => match &self.body {
                Body::U64(tree) => Source::U64(tree.equal(&key)),
                _ => return None,
            },
            key => self.point_of(key),
        };
        Matches { source, layout, heap }.ptrs().find(|&ptr| heap.row(ptr) == row)
    }

    /// Whether no key occurs twice, if the index is to be unique.
    pub(super) fn is_unique_indeed(&self, layout: &RowLayout, heap: &Heap) -> bool {
        fn all_differ<K: Key>(tree: &Tree<K>) -> bool {
            tree.iter().zip(tree.iter().skip(1)).all(|((a, _), (b, _))| a.as_key() != b.as_key())
        }
        !self.is_unique()
            || match &self.body {
                Body::U64(tree) => all_differ(tree),
                Body::U128(tree) => all_differ(tree),
                Body::Words(tree) => all_differ(tree),
                Body::Bytes(tree) => all_differ(tree),
                // Equal hashes are rare enough to look closer only then.
                Body::Hashed(tree) => all_differ(tree) || self.duplicates(layout, heap, 1).is_empty(),
            }
    }

    /// Adds a row.
    #[inline]
    pub(super) fn insert(&mut self, layout: &RowLayout, row: &[u8], ptr: RowPtr) {
        if let (Body::U64(tree), Some(key)) = (&mut self.body, self.plan.key.integer_of_row(layout, row)) {
            return tree.insert(key, ptr);
        }
        let key = self.plan.key.of_row(layout, row);
        with_key!(&mut self.body, &key, |tree, k| tree.insert_key(k, ptr), |tree, bytes| {
            tree.insert(self.plan.hash(bytes), ptr);
        });
    }

    /// Removes a row that was added.
    #[inline]
    pub(super) fn remove(&mut self, layout: &RowLayout, row: &[u8], ptr: RowPtr) {
        if let (Body::U64(tree), Some(key)) = (&mut self.body, self.plan.key.integer_of_row(layout, row)) {
            tree.remove(&key, ptr);
            return;
        }
        let key = self.plan.key.of_row(layout, row);
        with_key!(&mut self.body, &key, |tree, k| tree.remove(k, ptr), |tree, bytes| {
            tree.remove(&self.plan.hash(bytes), ptr)
        });
    }

    /// Replaces everything in the index by these rows, faster than one at a time.
    pub(super) fn rebuild(&mut self, layout: &RowLayout, rows: Rows<'_>) {
        let plan = &*self.plan;
        match &mut self.body {
            Body::U64(tree) => {
                *tree = sorted(rows, |row| match plan.key.of_row(layout, row) {
                    EncodedKey::U64(key) => key,
                    _ => 0,
                });
            }
            Body::U128(tree) => {
                *tree = sorted(rows, |row| match plan.key.of_row(layout, row) {
                    EncodedKey::U128(key) => key,
                    _ => 0,
                });
            }
            Body::Words(tree) => {
                *tree = sorted(rows, |row| match plan.key.of_row(layout, row) {
                    EncodedKey::Words(key) => key,
                    _ => [0; 4],
                });
            }
            Body::Bytes(tree) => {
                *tree = sorted(rows, |row| match plan.key.of_row(layout, row) {
                    EncodedKey::Bytes(key) => Key::from_key(&*key),
                    _ => Default::default(),
                });
            }
            Body::Hashed(tree) => {
                *tree = sorted(rows, |row| match plan.key.of_row(layout, row) {
                    EncodedKey::Bytes(key) => plan.hash(&key),
                    _ => 0,
                });
            }
        }
    }

    /// Keys that occur more than once, at most `max` of them.
    pub(super) fn duplicates(&self, layout: &RowLayout, heap: &Heap, max: usize) -> Vec<Duplicate> {
        let mut found: Vec<(EncodedKey, Duplicate)> = Vec::new();
        let mut before: Option<EncodedKey> = None;
        let mut visit = |ptr: RowPtr| {
            let row = heap.row(ptr);
            let key = self.plan.key.of_row(layout, row);
            if before.as_ref() == Some(&key) {
                if let Some((last, duplicate)) = found.last_mut()
                    && *last == key
                {
                    duplicate.rows += 1;
                } else if found.len() < max {
                    let mut bytes = Vec::new();
                    layout.project(row, &self.plan.spec.columns, &mut bytes);
                    found.push((key.clone(), Duplicate { key: bytes.into(), rows: 2 }));
                }
            }
            before = Some(key);
        };
        // Rows with equal keys come one after the other, unless hashes collide: then a group may be found in parts,
        // which is good enough to refuse the index.
        match &self.body {
            Body::U64(tree) | Body::Hashed(tree) => tree.iter().for_each(|(_, ptr)| visit(ptr)),
            Body::U128(tree) => tree.iter().for_each(|(_, ptr)| visit(ptr)),
            Body::Words(tree) => tree.iter().for_each(|(_, ptr)| visit(ptr)),
            Body::Bytes(tree) => tree.iter().for_each(|(_, ptr)| visit(ptr)),
        }
        found.into_iter().map(|(_, duplicate)| duplicate).collect()
    }

    #[inline]
    fn point_of<'a>(&'a self, key: EncodedKey) -> Source<'a> {
        match (&self.body, key) {
            (Body::U64(tree), EncodedKey::U64(key)) if self.is_unique() => Source::One(tree.find(&key)),
            (Body::U64(tree), EncodedKey::U64(key)) => Source::U64(tree.equal(&key)),
            (Body::U128(tree), EncodedKey::U128(key)) => Source::U128(tree.equal(&key)),
            (Body::Words(tree), EncodedKey::Words(key)) => Source::Words(tree.equal(&key)),
            (Body::Bytes(tree), EncodedKey::Bytes(key)) => Source::Bytes(tree.equal(&key)),
            (Body::Hashed(tree), EncodedKey::Bytes(key)) => {
                Source::Hashed { entries: tree.equal(&self.plan.hash(&key)), plan: &self.plan, key }
            }
            _ => unreachable!("keys have the form of their index"),
        }
    }

    fn range_of<'a>(&'a self, range: &KeyRange) -> Source<'a> {
        macro_rules! source {
            ($tree:expr, $form:ident, $take:expr) => {{
                let from = match &range.from {
                    Edge::Included(EncodedKey::$form(key)) => Edge::Included(key),
                    Edge::Excluded(EncodedKey::$form(key)) => Edge::Excluded(key),
                    _ => Edge::Unbounded,
                };
                let to = match &range.to {
                    Edge::Included(EncodedKey::$form(key)) => Edge::Included($take(key)),
                    Edge::Excluded(EncodedKey::$form(key)) => Edge::Excluded($take(key)),
                    _ => Edge::Unbounded,
                };
                Source::$form($tree.range(from, to))
            }};
        }
        match &self.body {
            Body::U64(tree) | Body::Hashed(tree) => source!(tree, U64, |key: &u64| *key),
            Body::U128(tree) => source!(tree, U128, |key: &u128| *key),
            Body::Words(tree) => source!(tree, Words, |key: &[u64; 4]| *key),
            Body::Bytes(tree) => {
                let from = match &range.from {
                    Edge::Included(EncodedKey::Bytes(key)) => Edge::Included(&**key),
                    Edge::Excluded(EncodedKey::Bytes(key)) => Edge::Excluded(&**key),
                    _ => Edge::Unbounded,
                };
                let to = match &range.to {
                    Edge::Included(EncodedKey::Bytes(key)) => Edge::Included(Key::from_key(&**key)),
                    Edge::Excluded(EncodedKey::Bytes(key)) => Edge::Excluded(Key::from_key(&**key)),
                    _ => Edge::Unbounded,
                };
                Source::Bytes(tree.range(from, to))
            }
        }
    }
}

impl Plan {
    fn empty_body(&self) -> Body {
        match (self.key.form(), self.spec.kind) {
            (KeyForm::U64, _) => Body::U64(Tree::default()),
            (KeyForm::U128, _) => Body::U128(Tree::default()),
            (KeyForm::Words, _) => Body::Words(Tree::default()),
            (KeyForm::Bytes, IndexKind::Hash) => Body::Hashed(Tree::default()),
            (KeyForm::Bytes, _) => Body::Bytes(Tree::default()),
        }
    }

    /// Whether that is the key of a row.
    fn has_key(&self, layout: &RowLayout, row: &[u8], key: &KeyBytes) -> bool {
        matches!(self.key.of_row(layout, row), EncodedKey::Bytes(bytes) if bytes == *key)
    }

    fn hash(&self, key: &KeyBytes) -> u64 {
        self.hasher.hash_one(&key[..])
    }

    fn number(&self, key: &EncodedKey) -> u64 {
        match key {
            EncodedKey::U64(key) => *key,
            EncodedKey::U128(key) => self.hasher.hash_one(key),
            EncodedKey::Words(key) => self.hasher.hash_one(key),
            EncodedKey::Bytes(key) => self.hash(key),
        }
    }
}

/// A tree of the rows, by their keys.
fn sorted<K: Key + Ord>(rows: Rows<'_>, key: impl Fn(&[u8]) -> K) -> Tree<K> {
    let mut entries: Vec<(K, RowPtr)> = Vec::with_capacity(rows.len());
    let mut rows = rows;
    while let Some((ptr, row)) = rows.next_entry() {
        entries.push((key(row), ptr));
    }
    entries.sort_unstable();
    Tree::from_sorted(entries.into_iter())
}

/// Finds rows by all of their bytes: what a table without a unique index needs to be a set.
#[derive(Debug, Clone)]
pub(super) struct RowSet {
    hashes: Tree<u64>,
    hasher: RandomState,
}

impl RowSet {
    pub(super) fn of(rows: Rows<'_>) -> Self {
        let hasher = RandomState::default();
        Self { hashes: sorted(rows, |row| hasher.hash_one(row)), hasher }
    }

    pub(super) fn clear(&mut self) {
        self.hashes = Tree::default();
    }

    pub(super) fn find(&self, heap: &Heap, row: &[u8]) -> Option<RowPtr> {
        self.hashes.equal(&self.hasher.hash_one(row)).map(|(_, ptr)| ptr).find(|&ptr| heap.row(ptr) == row)
    }

    pub(super) fn insert(&mut self, row: &[u8], ptr: RowPtr) {
        self.hashes.insert(self.hasher.hash_one(row), ptr);
    }

    pub(super) fn remove(&mut self, row: &[u8], ptr: RowPtr) {
        self.hashes.remove(&self.hasher.hash_one(row), ptr);
    }
}

/// An index of a table, to read from.
#[derive(Debug, Clone, Copy)]
pub struct IndexRef<'a> {
    pub(super) index: &'a Index,
    pub(super) layout: &'a RowLayout,
    pub(super) heap: &'a Heap,
}

impl<'a> IndexRef<'a> {
    /// What it is made of.
    pub fn spec(&self) -> &'a IndexSpec {
        &self.index.plan.spec
    }

    /// The columns of its key.
    pub fn columns(&self) -> &'a [ColId] {
        &self.index.plan.spec.columns
    }

    /// The rows with that key: the BSATN of the key's columns one after the other. Bytes that follow are ignored.
    #[inline]
    pub fn point(&self, key: &[u8]) -> Result<Matches<'a>, KeyError> {
        let source = self.index.point_of(self.index.plan.key.of_point(key)?);
        Ok(Matches { source, layout: self.layout, heap: self.heap })
    }

    /// One of the rows with that key; the only one, if the index is unique.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Result<Option<&'a [u8]>, KeyError> {
        let key = self.index.plan.key.of_point(key)?;
        Ok(self.index.find(self.layout, self.heap, &key).map(|ptr| self.heap.row(ptr)))
    }

    /// The rows in that range, in key order.
    pub fn range(&self, args: &RangeArgs<'_>) -> Result<Matches<'a>, KeyError> {
        if self.index.plan.spec.kind == IndexKind::Hash {
            return Err(KeyError::NotRanged(self.index.plan.spec.id));
        }
        let source = self.index.range_of(&self.index.plan.key.of_range(args)?);
        Ok(Matches { source, layout: self.layout, heap: self.heap })
    }

    /// The key, as for [`Self::point`], if no other can lie in that range. The arguments need not be valid.
    pub fn point_of_range(&self, args: &RangeArgs<'_>) -> Option<Vec<u8>> {
        self.index.plan.key.point_of_range(args).map(|key| key.to_vec())
    }

    /// A number for the key of a row of the table, there or not: rows with the same key have the same, rows with
    /// others hardly ever. It differs from one process to the next.
    #[inline]
    pub fn key_number(&self, row: &[u8]) -> u64 {
        let plan = &self.index.plan;
        plan.number(&plan.key.of_row(self.layout, row))
    }

    /// The same for a key, as for [`Self::point`].
    pub fn number_of_point(&self, key: &[u8]) -> Result<u64, KeyError> {
        let plan = &self.index.plan;
        Ok(plan.number(&plan.key.of_point(key)?))
    }

    /// All rows; in key order, unless it is a hash index.
    pub fn rows(&self) -> Matches<'a> {
        let source = self.index.range_of(&KeyRange { from: Edge::Unbounded, to: Edge::Unbounded });
        Matches { source, layout: self.layout, heap: self.heap }
    }
}

/// Rows found by an index: in key order, unless it is a hash index.
#[derive(Debug, Clone)]
pub struct Matches<'a> {
    source: Source<'a>,
    layout: &'a RowLayout,
    heap: &'a Heap,
}

#[derive(Debug, Clone)]
enum Source<'a> {
    One(Option<RowPtr>),
    U64(Entries<'a, u64>),
    U128(Entries<'a, u128>),
    Words(Entries<'a, [u64; 4]>),
    Bytes(Entries<'a, BytesKey>),
    Hashed { entries: Entries<'a, u64>, plan: &'a Plan, key: KeyBytes },
}

impl<'a> Matches<'a> {
    /// Where the next row is.
    #[inline]
    pub fn next_ptr(&mut self) -> Option<RowPtr> {
        match &mut self.source {
            Source::One(ptr) => ptr.take(),
            Source::U64(entries) => entries.next_entry().map(|(_, ptr)| ptr),
            Source::U128(entries) => entries.next_entry().map(|(_, ptr)| ptr),
            Source::Words(entries) => entries.next_entry().map(|(_, ptr)| ptr),
            Source::Bytes(entries) => entries.next_entry().map(|(_, ptr)| ptr),
            Source::Hashed { entries, plan, key } => loop {
                let (_, ptr) = entries.next_entry()?;
                if plan.has_key(self.layout, self.heap.row(ptr), key) {
                    return Some(ptr);
                }
            },
        }
    }

    /// Where the rows are, instead of the rows.
    pub fn ptrs(mut self) -> impl Iterator<Item = RowPtr> + use<'a> {
        std::iter::from_fn(move || self.next_ptr())
    }
}

impl<'a> Iterator for Matches<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.next_ptr().map(|ptr| self.heap.row(ptr))
    }
}
