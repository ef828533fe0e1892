//! From page numbers to pages: a copy-on-write radix tree, so that the first change after a snapshot copies a few
//! nodes of 64 entries instead of a list as long as the table.

use triomphe::Arc;

use super::page::{Large, Page};

const FANOUT_BITS: u32 = 6;
const FANOUT: usize = 1 << FANOUT_BITS;

/// What a page number stands for.
#[derive(Debug, Clone)]
pub(super) enum PageRef {
    /// Rows that share a page.
    Small(Arc<Page>),
    /// One row that is too long for that.
    Large(Arc<Large>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct PageTable {
    root: Option<Arc<Node>>,
    /// How many levels of inner nodes are above the leaves.
    height: u32,
    /// All page numbers in use are below this.
    len: u32,
}

#[derive(Debug, Clone)]
struct Node {
    /// The round of checkpoints in which something below was last changed.
    epoch: u32,
    entries: Entries,
}

// Sixty-three of sixty-four nodes are leaves: another allocation for each would cost more than the difference.
#[expect(clippy::large_enum_variant)]
#[derive(Debug, Clone)]
enum Entries {
    Inner([Option<Arc<Node>>; FANOUT]),
    Leaf([Option<PageRef>; FANOUT]),
}

impl Node {
    fn new(height: u32) -> Self {
        let entries = if height == 0 {
            Entries::Leaf([const { None }; FANOUT])
        } else {
            Entries::Inner([const { None }; FANOUT])
        };
        Self { epoch: 0, entries }
    }
}

fn digit(page: u32, height: u32) -> usize {
    (page >> (FANOUT_BITS * height)) as usize % FANOUT
}

impl PageTable {
    /// All page numbers in use are below this.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, page: u32) -> Option<&PageRef> {
        if page >= self.len {
            return None;
        }
        let mut node = self.root.as_deref()?;
        let mut height = self.height;
        loop {
            match &node.entries {
                Entries::Inner(nodes) => {
                    node = nodes[digit(page, height)].as_deref()?;
                    height -= 1;
                }
                Entries::Leaf(pages) => return pages[digit(page, 0)].as_ref(),
            }
        }
    }

    /// The place of a page below [`Self::len`], to change it. The nodes on the way are marked as changed.
    #[inline]
    pub(super) fn get_mut(&mut self, page: u32, epoch: u32) -> Option<&mut Option<PageRef>> {
        if page >= self.len {
            return None;
        }
        let mut height = self.height;
        let mut node = Arc::make_mut(self.root.as_mut()?);
        loop {
            node.epoch = epoch;
            match &mut node.entries {
                Entries::Inner(nodes) => {
                    height -= 1;
                    let next =
                        nodes[digit(page, height + 1)].get_or_insert_with(|| Arc::new(Node::new(height)));
                    node = Arc::make_mut(next);
                }
                Entries::Leaf(pages) => return Some(&mut pages[digit(page, 0)]),
            }
        }
    }

    /// Makes the table long enough for that page number.
    pub(super) fn reach(&mut self, page: u32) {
        self.len = self.len.max(page + 1);
        let root = self.root.get_or_insert_with(|| Arc::new(Node::new(0)));
        while FANOUT_BITS * (self.height + 1) < u32::BITS && page >> (FANOUT_BITS * (self.height + 1)) != 0 {
            self.height += 1;
            let mut above = Node::new(self.height);
            above.epoch = root.epoch;
            if let Entries::Inner(nodes) = &mut above.entries {
                nodes[0] = Some(Arc::clone(root));
            }
            *root = Arc::new(above);
        }
    }

    /// All pages by number.
    pub(super) fn iter(&self) -> Pages<'_> {
        self.iter_from(0)
    }

    /// The pages with that number and above.
    pub(super) fn iter_from(&self, first: u32) -> Pages<'_> {
        let leaf = if first < self.len { self.leaf(first - digit(first, 0) as u32) } else { &[] };
        Pages { table: self, leaf, next: first }
    }

    /// The numbers whose pages may have changed after `epoch`, in order, in groups that lie together, each with
    /// what is there now.
    pub(super) fn changed_after(&self, epoch: u32, visit: &mut impl FnMut(u32, Option<&PageRef>)) {
        if let Some(root) = &self.root {
            visit_changed(root, 0, self.height, epoch, self.len, visit);
        }
    }

    /// The 64 places from `page` on, which is a multiple of 64.
    fn leaf(&self, page: u32) -> &[Option<PageRef>] {
        let mut height = self.height;
        let Some(mut node) = self.root.as_deref() else { return &[] };
        loop {
            match &node.entries {
                Entries::Inner(nodes) => match nodes[digit(page, height)].as_deref() {
                    Some(below) => node = below,
                    None => return &[],
                },
                Entries::Leaf(pages) => return pages,
            }
            height -= 1;
        }
    }
}

fn visit_changed(
    node: &Node,
    first: u32,
    height: u32,
    epoch: u32,
    len: u32,
    visit: &mut impl FnMut(u32, Option<&PageRef>),
) {
    if node.epoch <= epoch {
        return;
    }
    match &node.entries {
        Entries::Inner(nodes) => {
            for (digit, below) in (0..).zip(nodes) {
                if let Some(below) = below {
                    visit_changed(
                        below,
                        first + (digit << (FANOUT_BITS * height)),
                        height - 1,
                        epoch,
                        len,
                        visit,
                    );
                }
            }
        }
        Entries::Leaf(pages) => {
            for (page, place) in (first..len).zip(pages) {
                let is_changed = match place {
                    Some(PageRef::Small(page)) => page.epoch > epoch,
                    Some(PageRef::Large(large)) => large.epoch > epoch,
                    // Gone, but since when is not known.
                    None => true,
                };
                if is_changed {
                    visit(page, place.as_ref());
                }
            }
        }
    }
}

/// The pages of a [`PageTable`] by number.
#[derive(Debug, Clone)]
pub(super) struct Pages<'a> {
    table: &'a PageTable,
    leaf: &'a [Option<PageRef>],
    next: u32,
}

impl<'a> Iterator for Pages<'a> {
    type Item = (u32, &'a PageRef);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.table.len {
            let page = self.next;
            if digit(page, 0) == 0 {
                self.leaf = self.table.leaf(page);
            }
            self.next += 1;
            if let Some(Some(found)) = self.leaf.get(digit(page, 0)) {
                return Some((page, found));
            }
        }
        None
    }
}
