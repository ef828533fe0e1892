//! The rows of a table: pages, and where in them there is room.

use std::collections::VecDeque;

use triomphe::Arc;

use super::{
    page::{INLINE_ROW_MAX, Large, Page, ROW_BYTES_MAX, RowPtr, Shape, Stamp},
    page_table::{PageRef, PageTable, Pages},
};

/// How many pages with room an insert tries before it takes a new one.
const TRIES_MAX: usize = 4;

/// The rows of a table. A clone shares all pages with it.
#[derive(Debug, Clone)]
pub(super) struct Heap {
    shape: Shape,
    pages: PageTable,
    row_count: u64,
}

/// Where a heap has room: what only its writer needs to know.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// The page that new rows go to.
    open: Option<u32>,
    /// Pages with room. The next to be tried is the last; those that had no room for a row go to the front.
    listed: VecDeque<u32>,
    /// A bit for each page number that is listed.
    is_listed: Vec<u64>,
    /// Page numbers that are not in use.
    numbers: Vec<u32>,
}

impl Room {
    fn list(&mut self, number: u32) {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        if word >= self.is_listed.len() {
            self.is_listed.resize(word + 1, 0);
        }
        if self.is_listed[word] & bit == 0 {
            self.is_listed[word] |= bit;
            self.listed.push_front(number);
        }
    }

    fn unlist(&mut self) -> Option<u32> {
        let number = self.listed.pop_back()?;
        self.is_listed[number as usize / 64] &= !(1 << (number % 64));
        Some(number)
    }
}

/// The heap cannot take the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeapFull;

impl Heap {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, pages: PageTable::default(), row_count: 0 }
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    pub(super) fn row_count(&self) -> u64 {
        self.row_count
    }

    pub(super) fn pages(&self) -> &PageTable {
        &self.pages
    }

    /// The bytes at a pointer that came from an index or the undo list: live, or dead since this transaction.
    #[inline]
    pub(super) fn row(&self, ptr: RowPtr) -> &[u8] {
        match self.pages.get(self.shape.page(ptr)) {
            Some(PageRef::Small(page)) => page.row(self.shape, self.shape.slot(ptr)),
            Some(PageRef::Large(large)) => &large.row,
            None => &[],
        }
    }

    pub(super) fn is_live(&self, ptr: RowPtr) -> bool {
        let slot = self.shape.slot(ptr);
        match self.pages.get(self.shape.page(ptr)) {
            Some(PageRef::Small(page)) => page.is_live(self.shape, slot),
            Some(PageRef::Large(large)) => slot == 0 && large.is_live,
            None => false,
        }
    }

    /// Puts a row where there is room. It is live and touched.
    pub(super) fn insert(&mut self, room: &mut Room, row: &[u8], stamp: Stamp) -> Result<RowPtr, HeapFull> {
        if row.len() > INLINE_ROW_MAX {
            if row.len() > ROW_BYTES_MAX {
                return Err(HeapFull);
            }
            let number = self.new_page(room, PageRef::Large(Arc::new(Large::new(row, stamp))), stamp)?;
            self.row_count += 1;
            return Ok(self.shape.ptr(number, 0));
        }
        for _ in 0..TRIES_MAX {
            let (number, is_open) = match room.open {
                Some(number) => (number, true),
                None => match room.unlist() {
                    Some(number) => (number, false),
                    None => break,
                },
            };
            // Look first: to change a page may mean to copy it.
            let can_take = match self.pages.get(number) {
                Some(PageRef::Small(page)) => is_open || page.can_take(self.shape, row.len(), stamp),
                _ => continue,
            };
            if can_take && let Some(Some(PageRef::Small(page))) = self.pages.get_mut(number, stamp.epoch) {
                let page = Arc::make_mut(page);
                page.settle(self.shape, stamp);
                if let Some(slot) = page.insert(self.shape, row) {
                    room.open = Some(number);
                    self.row_count += 1;
                    return Ok(self.shape.ptr(number, slot));
                }
            }
            room.open = None;
            // Full for this row perhaps, but not for shorter ones.
            self.list(room, number);
        }
        let mut page = Page::new();
        page.settle(self.shape, stamp);
        let slot = page.insert(self.shape, row).ok_or(HeapFull)?;
        let number = self.new_page(room, PageRef::Small(Arc::new(page)), stamp)?;
        if let Some(before) = room.open.replace(number) {
            self.list(room, before);
        }
        self.row_count += 1;
        Ok(self.shape.ptr(number, slot))
    }

    fn new_page(&mut self, room: &mut Room, page: PageRef, stamp: Stamp) -> Result<u32, HeapFull> {
        let number = match room.numbers.pop() {
            Some(number) => number,
            None if self.pages.len() < self.shape.pages_max() => self.pages.len(),
            None => return Err(HeapFull),
        };
        self.put_page(number, page, stamp.epoch);
        Ok(number)
    }

    /// Puts a page at a number that is not in use.
    pub(super) fn put_page(&mut self, number: u32, page: PageRef, epoch: u32) {
        self.pages.reach(number);
        if let Some(place) = self.pages.get_mut(number, epoch) {
            *place = Some(page);
        }
    }

    /// Whether a live row can be replaced where it is by one of that length.
    #[inline]
    pub(super) fn can_replace(&self, ptr: RowPtr, len: usize, stamp: Stamp) -> bool {
        let slot = self.shape.slot(ptr);
        match self.pages.get(self.shape.page(ptr)) {
            Some(PageRef::Small(page)) => page.can_replace(self.shape, slot, len, stamp),
            Some(PageRef::Large(_)) => (1..=ROW_BYTES_MAX).contains(&len),
            None => false,
        }
    }

    /// Replaces a live row where that is possible. When the row is touched for the first time in this transaction,
    /// `save` gets its old bytes.
    #[inline]
    pub(super) fn replace(&mut self, ptr: RowPtr, row: &[u8], stamp: Stamp, save: impl FnOnce(&[u8])) {
        let (shape, slot) = (self.shape, self.shape.slot(ptr));
        match self.pages.get_mut(shape.page(ptr), stamp.epoch) {
            Some(Some(PageRef::Small(page))) => {
                let page = Arc::make_mut(page);
                page.settle(shape, stamp);
                if page.touch(shape, slot) {
                    save(page.row(shape, slot));
                }
                page.replace(shape, slot, row);
            }
            Some(Some(PageRef::Large(large))) => {
                let large = Arc::make_mut(large);
                large.settle(stamp);
                if large.touch() {
                    save(&large.row);
                }
                large.row = row.into();
            }
            _ => debug_assert!(false, "a row was looked at where there is no page"),
        }
    }

    /// Makes a live row dead; its bytes stay until the end of the transaction. Whether it is touched for the first
    /// time in this transaction.
    pub(super) fn kill(&mut self, ptr: RowPtr, stamp: Stamp) -> bool {
        let (shape, slot) = (self.shape, self.shape.slot(ptr));
        self.row_count -= 1;
        match self.pages.get_mut(shape.page(ptr), stamp.epoch) {
            Some(Some(PageRef::Small(page))) => {
                let page = Arc::make_mut(page);
                page.settle(shape, stamp);
                let is_first = page.touch(shape, slot);
                page.kill(shape, slot);
                is_first
            }
            Some(Some(PageRef::Large(large))) => {
                let large = Arc::make_mut(large);
                large.settle(stamp);
                large.is_live = false;
                large.touch()
            }
            _ => false,
        }
    }

    /// Rollback: makes a row live again that was killed in this transaction.
    pub(super) fn revive(&mut self, ptr: RowPtr, stamp: Stamp) {
        self.row_count += 1;
        let (shape, slot) = (self.shape, self.shape.slot(ptr));
        self.change(ptr, stamp, |page| page.revive(shape, slot), |large| large.is_live = true);
    }

    /// Rollback: gives up a dead slot that this transaction had filled.
    pub(super) fn free(&mut self, ptr: RowPtr, stamp: Stamp) {
        let (shape, slot) = (self.shape, self.shape.slot(ptr));
        self.change(ptr, stamp, |page| page.free(shape, slot), |_| {});
    }

    /// Rollback: lets go of the bytes of a dead row before [`Self::restore`].
    pub(super) fn blank(&mut self, ptr: RowPtr, stamp: Stamp) {
        let (shape, slot) = (self.shape, self.shape.slot(ptr));
        self.change(ptr, stamp, |page| page.blank(shape, slot), |large| large.row = Box::default());
    }

    /// Rollback: makes a blanked row live with the bytes it had at the start of the transaction.
    pub(super) fn restore(&mut self, ptr: RowPtr, row: &[u8], stamp: Stamp) {
        self.row_count += 1;
        let (shape, slot) = (self.shape, self.shape.slot(ptr));
        self.change(
            ptr,
            stamp,
            |page| page.restore(shape, slot, row),
            |large| {
                large.row = row.into();
                large.is_live = true;
            },
        );
    }

    fn change(
        &mut self,
        ptr: RowPtr,
        stamp: Stamp,
        small: impl FnOnce(&mut Page),
        large: impl FnOnce(&mut Large),
    ) {
        match self.pages.get_mut(self.shape.page(ptr), stamp.epoch) {
            Some(Some(PageRef::Small(page))) => {
                let page = Arc::make_mut(page);
                page.epoch = stamp.epoch;
                small(page);
            }
            Some(Some(PageRef::Large(page))) => {
                let page = Arc::make_mut(page);
                page.epoch = stamp.epoch;
                large(page);
            }
            _ => {}
        }
    }

    /// At the end of a transaction, for a slot that is free from now on: gives up the page if it is empty, and
    /// otherwise notes that it has room.
    pub(super) fn reclaim(&mut self, room: &mut Room, ptr: RowPtr, stamp: Stamp) {
        let number = self.shape.page(ptr);
        let is_empty = match self.pages.get(number) {
            Some(PageRef::Small(page)) => page.live == 0 && room.open != Some(number),
            Some(PageRef::Large(large)) => !large.is_live,
            None => return,
        };
        if !is_empty {
            self.list(room, number);
        } else if let Some(place) = self.pages.get_mut(number, stamp.epoch) {
            *place = None;
            room.numbers.push(number);
        }
    }

    /// Puts a page on the list if it has room and is neither there nor open.
    fn list(&self, room: &mut Room, number: u32) {
        if let Some(PageRef::Small(page)) = self.pages.get(number)
            && room.open != Some(number)
            && page.has_room(self.shape)
        {
            room.list(number);
        }
    }

    /// Takes over how many rows there are and where there is room from the pages, after they were put there.
    pub(super) fn take_stock(&mut self, room: &mut Room) {
        *room = Room::default();
        self.row_count = 0;
        for number in 0..self.pages.len() {
            match self.pages.get(number) {
                Some(PageRef::Small(page)) => {
                    self.row_count += u64::from(page.live);
                    self.list(room, number);
                }
                Some(PageRef::Large(_)) => self.row_count += 1,
                None => room.numbers.push(number),
            }
        }
        // Low numbers are used first.
        room.numbers.reverse();
    }

    /// Appends the rows of the pages from `first` on to `out`, by whole pages, until it holds more than `len`
    /// bytes; the first page that was left out, if any is left.
    pub(super) fn copy_rows(&self, first: u32, len: usize, out: &mut Vec<u8>) -> Option<u32> {
        for (number, page) in self.pages.iter_from(first) {
            if out.len() > len {
                return Some(number);
            }
            match page {
                PageRef::Small(page) => {
                    let mut slot = 0;
                    while let Some((slots, bytes)) = page.run(self.shape, slot) {
                        out.extend_from_slice(bytes);
                        slot = slots.end;
                    }
                }
                PageRef::Large(large) if large.is_live => out.extend_from_slice(&large.row),
                PageRef::Large(_) => {}
            }
        }
        None
    }

    pub(super) fn chunks(&self) -> Chunks<'_> {
        Chunks { shape: self.shape, pages: self.pages.iter(), page: None }
    }
}

/// Rows that lie side by side.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Their bytes, one row after the other.
    pub bytes: &'a [u8],
    /// How many rows they are.
    pub rows: usize,
}

/// The rows of a table, in no order, as many at a time as lie side by side.
#[derive(Debug, Clone)]
pub struct Chunks<'a> {
    shape: Shape,
    pages: Pages<'a>,
    page: Option<(u32, &'a Page, usize)>,
}

impl<'a> Chunks<'a> {
    /// The next run of rows: the pointer of the first, how many there are, their bytes.
    #[inline]
    pub(super) fn next_run(&mut self) -> Option<(RowPtr, usize, &'a [u8])> {
        loop {
            if let Some((number, page, slot)) = &mut self.page {
                if let Some((slots, bytes)) = page.run(self.shape, *slot) {
                    *slot = slots.end;
                    return Some((self.shape.ptr(*number, slots.start), slots.len(), bytes));
                }
                self.page = None;
            }
            match self.pages.next()? {
                (number, PageRef::Small(page)) => self.page = Some((number, page, 0)),
                (number, PageRef::Large(large)) if large.is_live => {
                    return Some((self.shape.ptr(number, 0), 1, &large.row));
                }
                _ => {}
            }
        }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    #[inline]
    fn next(&mut self) -> Option<Chunk<'a>> {
        self.next_run().map(|(_, rows, bytes)| Chunk { bytes, rows })
    }
}

/// The rows of a table, in no order.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    chunks: Chunks<'a>,
    /// What is left of the current run: its next row, how many there are, and their bytes where all rows have the
    /// same length.
    next: RowPtr,
    rows: usize,
    bytes: &'a [u8],
    left: u64,
}

impl Heap {
    pub(super) fn rows(&self) -> Rows<'_> {
        Rows { chunks: self.chunks(), next: RowPtr::FIRST, rows: 0, bytes: &[], left: self.row_count }
    }
}

impl<'a> Rows<'a> {
    /// The next row and its place.
    #[inline]
    pub(super) fn next_entry(&mut self) -> Option<(RowPtr, &'a [u8])> {
        if self.rows == 0 {
            (self.next, self.rows, self.bytes) = self.chunks.next_run()?;
        }
        let (ptr, shape) = (self.next, self.chunks.shape);
        let row = match (shape.slot_len(), &self.chunks.page) {
            (Some(row_len), _) => {
                let (row, rest) = self.bytes.split_at(row_len);
                self.bytes = rest;
                row
            }
            (None, Some((_, page, _))) => page.row(shape, shape.slot(ptr)),
            (None, None) => self.bytes,
        };
        self.rows -= 1;
        self.next.0 = self.next.0.wrapping_add(1);
        self.left = self.left.saturating_sub(1);
        Some((ptr, row))
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.next_entry().map(|(_, row)| row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Rows<'_> {}
