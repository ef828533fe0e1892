//! Pages: some 4 KiB of rows each, and what is too large for one.
//!
//! Rows of equal, small length lie in slots of that length, with a bit for each slot that tells whether it holds a
//! row. Other rows lie in a heap that grows from the start of the page, and a directory of slots grows from its
//! end towards it. A row keeps its slot for life, and so its [`RowPtr`], though it may move inside the page.
//!
//! During a transaction a slot that was used at its start is not used for anything else: a row deleted from it
//! stays there, no longer live, until the transaction is over. So each slot remembers whether it was *touched* in
//! the current transaction. Which one that is, is a number in the page: when the next transaction comes to the
//! page and finds another number, it first clears the marks ([`Page::settle`]). Ending a transaction thus costs
//! nothing here.

use std::ops::Range;

/// A row's place in its table: the number of its page and, in the low bits, its slot. It stays the same for as
/// long as the row is there, unless an update makes the row too long for its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowPtr(pub(super) u32);

impl RowPtr {
    pub(super) const FIRST: Self = Self(0);
}

impl Default for RowPtr {
    fn default() -> Self {
        Self::FIRST
    }
}

/// Bytes for rows and slots in a page. With this, a page with its reference count and what the allocator adds
/// takes 4096 bytes in memory, and its rows with their key and checksum fit a page of redb.
pub(super) const PAGE_BYTES: usize = 4048;
/// A longer row gets a page of its own.
pub(super) const INLINE_ROW_MAX: usize = PAGE_BYTES / 2;
/// Bytes of the directory for one slot.
const SLOT_BYTES: usize = 4;
/// No row may be longer than this, in bytes.
pub(super) const ROW_BYTES_MAX: usize = 512 << 20;

/// When a change happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    /// The transaction: grows by one with each, from 1 when the store is opened.
    pub(super) tx: u64,
    /// The round of checkpoints: pages changed in this round are not in the checkpoints before it.
    pub(super) epoch: u32,
}

/// How the rows of a table lie in its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    kind: ShapeKind,
    /// How many bits of a pointer are the slot.
    slot_bits: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShapeKind {
    Fixed { row_len: usize, slots: usize, words: usize },
    Varying { slots_max: usize },
}

impl Shape {
    pub(super) fn new(fixed_len: Option<usize>, min_len: usize) -> Self {
        let (kind, slots) = match fixed_len {
            Some(row_len) if row_len <= INLINE_ROW_MAX / 4 => {
                // Two bits for each slot, in whole words.
                let fits = |slots: usize| slots * row_len.max(1) + slots.div_ceil(64) * 16 <= PAGE_BYTES;
                let mut slots = PAGE_BYTES / row_len.max(1);
                while !fits(slots) {
                    slots -= 1;
                }
                (ShapeKind::Fixed { row_len, slots, words: slots.div_ceil(64) }, slots)
            }
            _ => {
                let slots_max = PAGE_BYTES / (min_len.clamp(4, INLINE_ROW_MAX) + SLOT_BYTES);
                (ShapeKind::Varying { slots_max }, slots_max)
            }
        };
        Self { kind, slot_bits: slots.next_power_of_two().trailing_zeros() }
    }

    pub(super) fn ptr(self, page: u32, slot: usize) -> RowPtr {
        RowPtr(page << self.slot_bits | slot as u32)
    }

    #[inline(always)]
    pub(super) fn page(self, ptr: RowPtr) -> u32 {
        ptr.0 >> self.slot_bits
    }

    #[inline(always)]
    pub(super) fn slot(self, ptr: RowPtr) -> usize {
        (ptr.0 & ((1 << self.slot_bits) - 1)) as usize
    }

    /// How many pages can be addressed.
    pub(super) fn pages_max(self) -> u32 {
        u32::MAX >> self.slot_bits
    }

    /// The length of every row, where each slot has that length.
    pub(super) fn slot_len(self) -> Option<usize> {
        match self.kind {
            ShapeKind::Fixed { row_len, .. } => Some(row_len),
            ShapeKind::Varying { .. } => None,
        }
    }
}

/// A page of rows.
#[derive(Debug, Clone)]
pub(super) struct Page {
    /// The transaction that the marks of touched slots are about.
    tx: u64,
    /// The round of checkpoints in which the page was last changed.
    pub(super) epoch: u32,
    /// How many rows are live.
    pub(super) live: u16,
    /// Fixed rows: words before this one have no free slot. Others: where the heap ends.
    top: u16,
    /// Other than fixed rows: how many slots the directory has.
    slots: u16,
    /// Other than fixed rows: how many bytes of the heap belong to a slot.
    used: u16,
    /// Other than fixed rows: how many slots of the directory are free (those deleted in this transaction are not).
    free_slots: u16,
    /// Other than fixed rows: how many bytes of the heap belong to slots that were deleted in the last transaction
    /// that was here.
    dead: u16,
    data: [u8; PAGE_BYTES],
}

/// A slot in the directory of a page.
#[derive(Debug, Clone, Copy)]
struct Slot {
    offset: usize,
    len: usize,
    is_live: bool,
    is_touched: bool,
}

impl Slot {
    const FREE: Self = Self { offset: 0, len: 0, is_live: false, is_touched: false };

    fn decode(word: u32) -> Self {
        Self {
            offset: (word & 0xfff) as usize,
            len: (word >> 12 & 0xfff) as usize,
            is_live: word & 1 << 24 != 0,
            is_touched: word & 1 << 25 != 0,
        }
    }

    fn encode(self) -> u32 {
        self.offset as u32
            | (self.len as u32) << 12
            | u32::from(self.is_live) << 24
            | u32::from(self.is_touched) << 25
    }

    fn is_free(self) -> bool {
        !self.is_live && !self.is_touched
    }
}

impl Page {
    pub(super) fn new() -> Self {
        Self {
            tx: 0,
            epoch: 0,
            live: 0,
            top: 0,
            slots: 0,
            used: 0,
            free_slots: 0,
            dead: 0,
            data: [0; PAGE_BYTES],
        }
    }

    /// The bytes of a slot, whether it is live or was deleted in this transaction.
    #[inline(always)]
    pub(super) fn row(&self, shape: Shape, slot: usize) -> &[u8] {
        match shape.kind {
            ShapeKind::Fixed { row_len, words, .. } => {
                &self.data[rows_at(words) + slot * row_len..][..row_len]
            }
            ShapeKind::Varying { .. } => {
                let slot = self.slot(slot);
                &self.data[slot.offset..][..slot.len]
            }
        }
    }

    pub(super) fn is_live(&self, shape: Shape, slot: usize) -> bool {
        match shape.kind {
            ShapeKind::Fixed { slots, words, .. } => slot < slots && self.bit(words, slot),
            ShapeKind::Varying { .. } => slot < usize::from(self.slots) && self.slot(slot).is_live,
        }
    }

    /// Notes that the current transaction changes the page, and forgets what the one before had touched.
    pub(super) fn settle(&mut self, shape: Shape, stamp: Stamp) {
        self.epoch = stamp.epoch;
        if self.tx == stamp.tx {
            return;
        }
        self.tx = stamp.tx;
        match shape.kind {
            ShapeKind::Fixed { words, .. } => self.data[touched_bits(words)].fill(0),
            ShapeKind::Varying { .. } => {
                for index in 0..usize::from(self.slots) {
                    let mut slot = self.slot(index);
                    if slot.is_touched {
                        slot.is_touched = false;
                        if !slot.is_live {
                            self.used -= slot.len as u16;
                            self.free_slots += 1;
                            slot = Slot::FREE;
                        }
                        self.set_slot(index, slot);
                    }
                }
                self.dead = 0;
            }
        }
    }

    /// Marks a slot as touched. Whether it was not so before.
    pub(super) fn touch(&mut self, shape: Shape, slot: usize) -> bool {
        match shape.kind {
            ShapeKind::Fixed { words, .. } => {
                let byte = &mut self.data[touched_bits(words).start + slot / 8];
                let was = *byte;
                *byte |= 1 << (slot % 8);
                was != *byte
            }
            ShapeKind::Varying { .. } => {
                let was = self.slot(slot);
                self.set_slot(slot, Slot { is_touched: true, ..was });
                !was.is_touched
            }
        }
    }

    /// Puts a row into a free slot, which becomes live and touched, if there is room. The page must be settled.
    pub(super) fn insert(&mut self, shape: Shape, row: &[u8]) -> Option<usize> {
        let slot = match shape.kind {
            ShapeKind::Fixed { row_len, slots, words } => {
                let slot = self.free_slot(slots, words)?;
                self.data[rows_at(words) + slot * row_len..][..row_len].copy_from_slice(row);
                self.set_bit(words, slot, true);
                self.data[touched_bits(words).start + slot / 8] |= 1 << (slot % 8);
                // Not beyond words with slots that are only touched: those are free in the next transaction.
                while usize::from(self.top) < words
                    && self.word(live_bits(words).start, usize::from(self.top)) == u64::MAX
                {
                    self.top += 1;
                }
                slot
            }
            ShapeKind::Varying { slots_max } => {
                let is_new = self.free_slots == 0;
                if is_new && usize::from(self.slots) == slots_max {
                    return None;
                }
                if row.len() + if is_new { SLOT_BYTES } else { 0 } > self.room() {
                    return None;
                }
                let index = if is_new {
                    // The directory grows into what must not be heap.
                    if usize::from(self.top) + SLOT_BYTES > self.directory_start() {
                        self.compact();
                    }
                    self.slots += 1;
                    usize::from(self.slots) - 1
                } else {
                    self.free_slots -= 1;
                    (0..usize::from(self.slots)).find(|&index| self.slot(index).is_free())?
                };
                self.set_slot(index, Slot { is_touched: true, ..Slot::FREE });
                self.place(index, row);
                index
            }
        };
        self.live += 1;
        Some(slot)
    }

    /// Whether [`Self::replace`] would find room for a row of that length once the page is settled.
    #[inline]
    pub(super) fn can_replace(&self, shape: Shape, slot: usize, len: usize, stamp: Stamp) -> bool {
        match shape.kind {
            ShapeKind::Fixed { .. } => true,
            ShapeKind::Varying { .. } => {
                let dead = if self.tx == stamp.tx { 0 } else { usize::from(self.dead) };
                len <= INLINE_ROW_MAX && len <= self.room() + dead + self.slot(slot).len
            }
        }
    }

    /// Replaces a live row by one that fits.
    pub(super) fn replace(&mut self, shape: Shape, slot: usize, row: &[u8]) {
        match shape.kind {
            ShapeKind::Fixed { row_len, words, .. } => {
                self.data[rows_at(words) + slot * row_len..][..row_len].copy_from_slice(row);
            }
            ShapeKind::Varying { .. } => self.place(slot, row),
        }
    }

    /// Makes a live row dead. Its bytes and its slot stay for the rest of the transaction.
    pub(super) fn kill(&mut self, shape: Shape, slot: usize) {
        self.live -= 1;
        match shape.kind {
            ShapeKind::Fixed { words, .. } => {
                self.set_bit(words, slot, false);
                self.top = self.top.min((slot / 64) as u16);
            }
            ShapeKind::Varying { .. } => {
                let was = self.slot(slot);
                self.dead += was.len as u16;
                self.set_slot(slot, Slot { is_live: false, is_touched: true, ..was });
            }
        }
    }

    /// Makes a row live again that was killed in this transaction.
    pub(super) fn revive(&mut self, shape: Shape, slot: usize) {
        self.live += 1;
        match shape.kind {
            ShapeKind::Fixed { words, .. } => self.set_bit(words, slot, true),
            ShapeKind::Varying { .. } => {
                let was = self.slot(slot);
                self.dead -= was.len as u16;
                self.set_slot(slot, Slot { is_live: true, ..was });
            }
        }
    }

    /// Rollback: gives up a dead slot that this transaction had filled.
    pub(super) fn free(&mut self, shape: Shape, slot: usize) {
        match shape.kind {
            ShapeKind::Fixed { words, .. } => {
                self.data[touched_bits(words).start + slot / 8] &= !(1 << (slot % 8));
            }
            ShapeKind::Varying { .. } => {
                let was = self.slot(slot);
                self.used -= was.len as u16;
                self.dead -= was.len as u16;
                self.free_slots += 1;
                self.set_slot(slot, Slot::FREE);
            }
        }
    }

    /// Rollback: lets go of the bytes of a dead row, to make room for the others before it is restored itself.
    pub(super) fn blank(&mut self, shape: Shape, slot: usize) {
        if let ShapeKind::Varying { .. } = shape.kind {
            let was = self.slot(slot);
            self.used -= was.len as u16;
            self.dead -= was.len as u16;
            self.set_slot(slot, Slot { is_touched: true, ..Slot::FREE });
        }
    }

    /// Rollback: makes a blanked row live with the bytes it had at the start of the transaction.
    pub(super) fn restore(&mut self, shape: Shape, slot: usize, row: &[u8]) {
        self.live += 1;
        match shape.kind {
            ShapeKind::Fixed { row_len, words, .. } => {
                self.data[rows_at(words) + slot * row_len..][..row_len].copy_from_slice(row);
                self.set_bit(words, slot, true);
            }
            ShapeKind::Varying { .. } => self.place(slot, row),
        }
    }

    /// The first run of live rows from `slot` on that lie side by side: its slots and its bytes.
    pub(super) fn run(&self, shape: Shape, slot: usize) -> Option<(Range<usize>, &[u8])> {
        match shape.kind {
            ShapeKind::Fixed { row_len, slots, words } => {
                let start = self.next_bit(words, slot, true);
                if start >= slots {
                    return None;
                }
                let end = self.next_bit(words, start, false).min(slots);
                let rows = &self.data[rows_at(words)..];
                Some((start..end, &rows[start * row_len..end * row_len]))
            }
            ShapeKind::Varying { .. } => {
                let slots = usize::from(self.slots);
                let start = (slot..slots).find(|&index| self.slot(index).is_live)?;
                let first = self.slot(start);
                let (mut end, mut bytes_end) = (start + 1, first.offset + first.len);
                while end < slots {
                    let next = self.slot(end);
                    if !next.is_live || next.offset != bytes_end {
                        break;
                    }
                    bytes_end += next.len;
                    end += 1;
                }
                Some((start..end, &self.data[first.offset..bytes_end]))
            }
        }
    }

    /// Whether the page, once this transaction is over, has so much room that it is worth a try to insert more.
    pub(super) fn has_room(&self, shape: Shape) -> bool {
        match shape.kind {
            ShapeKind::Fixed { slots, .. } => usize::from(self.live) < slots,
            ShapeKind::Varying { .. } => self.room() + usize::from(self.dead) >= PAGE_BYTES / 8,
        }
    }

    /// Whether [`Self::insert`] would find room for a row of that length once the page is settled.
    pub(super) fn can_take(&self, shape: Shape, len: usize, stamp: Stamp) -> bool {
        let is_settled = self.tx == stamp.tx;
        match shape.kind {
            ShapeKind::Fixed { slots, words, .. } => {
                usize::from(self.live) < slots && (!is_settled || self.free_slot(slots, words).is_some())
            }
            ShapeKind::Varying { .. } => {
                let dead = if is_settled { 0 } else { usize::from(self.dead) };
                len + SLOT_BYTES <= self.room() + dead
            }
        }
    }
}

/// Fixed rows.
impl Page {
    fn free_slot(&self, slots: usize, words: usize) -> Option<usize> {
        (usize::from(self.top)..words).find_map(|index| {
            let live = self.word(live_bits(words).start, index);
            let touched = self.word(touched_bits(words).start, index);
            let slot = index * 64 + (live | touched).trailing_ones() as usize;
            (slot < (index + 1) * 64 && slot < slots).then_some(slot)
        })
    }

    fn word(&self, bits: usize, index: usize) -> u64 {
        let bytes = &self.data[bits + index * 8..][..8];
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    }

    fn bit(&self, words: usize, slot: usize) -> bool {
        self.data[live_bits(words).start + slot / 8] >> (slot % 8) & 1 != 0
    }

    fn set_bit(&mut self, words: usize, slot: usize, value: bool) {
        let byte = &mut self.data[live_bits(words).start + slot / 8];
        if value {
            *byte |= 1 << (slot % 8);
        } else {
            *byte &= !(1 << (slot % 8));
        }
    }

    /// The first slot from `slot` on whose bit is `value`; beyond the slots if there is none.
    fn next_bit(&self, words: usize, slot: usize, value: bool) -> usize {
        let mut index = slot / 64;
        let mut mask = u64::MAX << (slot % 64);
        while index < words {
            let word = self.word(live_bits(words).start, index);
            let found = if value { word } else { !word } & mask;
            if found != 0 {
                return index * 64 + found.trailing_zeros() as usize;
            }
            index += 1;
            mask = u64::MAX;
        }
        words * 64
    }
}

/// The bits are at the start of the page, beside its head: what a change of one row touches lies together.
fn live_bits(words: usize) -> Range<usize> {
    0..words * 8
}

fn touched_bits(words: usize) -> Range<usize> {
    words * 8..words * 16
}

fn rows_at(words: usize) -> usize {
    words * 16
}

/// Rows that differ in length.
impl Page {
    #[inline(always)]
    fn slot(&self, index: usize) -> Slot {
        let bytes = &self.data[PAGE_BYTES - SLOT_BYTES * (index + 1)..][..SLOT_BYTES];
        Slot::decode(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
    }

    fn set_slot(&mut self, index: usize, slot: Slot) {
        self.data[PAGE_BYTES - SLOT_BYTES * (index + 1)..][..SLOT_BYTES]
            .copy_from_slice(&slot.encode().to_le_bytes());
    }

    fn directory_start(&self) -> usize {
        PAGE_BYTES - SLOT_BYTES * usize::from(self.slots)
    }

    /// How many bytes belong to no slot, in one piece or not.
    fn room(&self) -> usize {
        self.directory_start() - usize::from(self.used)
    }

    /// Gives a slot these bytes, for which there must be room, and makes it live.
    fn place(&mut self, index: usize, row: &[u8]) {
        let mut slot = self.slot(index);
        self.used -= slot.len as u16;
        if row.len() > slot.len {
            // Dead for the moment, so that compacting drops its old bytes.
            self.set_slot(index, Slot { offset: 0, len: 0, ..slot });
            if usize::from(self.top) + row.len() > self.directory_start() {
                self.compact();
            }
            slot.offset = usize::from(self.top);
            self.top += row.len() as u16;
        }
        self.data[slot.offset..][..row.len()].copy_from_slice(row);
        self.used += row.len() as u16;
        self.set_slot(index, Slot { len: row.len(), is_live: true, ..slot });
    }

    /// Brings all room into one piece, and drops free slots from the end of the directory.
    fn compact(&mut self) {
        while let Some(last) = self.slots.checked_sub(1)
            && self.slot(usize::from(last)).is_free()
        {
            self.slots = last;
            self.free_slots -= 1;
        }
        let old = self.data;
        let mut top = 0;
        for index in 0..usize::from(self.slots) {
            let slot = self.slot(index);
            self.data[top..][..slot.len].copy_from_slice(&old[slot.offset..][..slot.len]);
            self.set_slot(index, Slot { offset: top, ..slot });
            top += slot.len;
        }
        self.top = top as u16;
    }
}

/// A row that is too long to share a page.
#[derive(Debug, Clone)]
pub(super) struct Large {
    pub(super) epoch: u32,
    tx: u64,
    pub(super) is_live: bool,
    is_touched: bool,
    pub(super) row: Box<[u8]>,
}

impl Large {
    pub(super) fn new(row: &[u8], stamp: Stamp) -> Self {
        Self { epoch: stamp.epoch, tx: stamp.tx, is_live: true, is_touched: true, row: row.into() }
    }

    /// As [`Page::settle`].
    pub(super) fn settle(&mut self, stamp: Stamp) {
        self.epoch = stamp.epoch;
        if self.tx != stamp.tx {
            self.tx = stamp.tx;
            self.is_touched = false;
        }
    }

    /// As [`Page::touch`].
    pub(super) fn touch(&mut self) -> bool {
        !std::mem::replace(&mut self.is_touched, true)
    }
}
