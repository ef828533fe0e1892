//! Checkpoints: the rows as pages in the file, so that the journal before them is not needed any more.
//!
//! A checkpoint has a number, its generation. Its pages are those that changed since the checkpoint before, written
//! beside the older ones under their own generation: nobody looks at them until one last transaction makes
//! `checkpoint` in `meta` say that this generation is the current one. Before and after it a crash finds a complete
//! checkpoint with the journal that follows it. Pages and journal groups that are not needed any more are removed
//! afterwards; if a crash prevents that, they are found and removed after the next opening.

use std::{collections::HashMap, collections::VecDeque, vec};

use orrery_host_abi::{SequenceId, TableId, bsatn::Encode};
use redb::WriteTransaction;

use super::{
    Table, TableKind,
    disk::{CHECKSUM_LEN, JOURNAL, META, META_CHECKPOINT, PAGES, seal},
    page::Shape,
    page_table::PageRef,
    sequence::Sequence,
};

/// About how many bytes of pages go into one transaction: some milliseconds for the journal to wait.
const SLICE_BYTES: usize = 512 << 10;
/// How many outdated things are removed in one transaction.
const SLICE_REMOVALS: usize = 512;

/// The state that a checkpoint is to hold.
#[derive(Debug)]
pub(super) struct CheckpointJob {
    generation: u32,
    /// The last transaction in it.
    offset: u64,
    tables: Vec<(triomphe::Arc<Table>, Allocated)>,
}

/// What is used up of each of a table's sequences.
type Allocated = Vec<(SequenceId, i128)>;

impl CheckpointJob {
    pub(super) fn new<'a>(
        generation: u32,
        offset: u64,
        tables: impl Iterator<Item = (triomphe::Arc<Table>, &'a [Sequence])>,
    ) -> Self {
        let tables = tables
            .map(|(table, sequences)| {
                (table, sequences.iter().map(|s| (s.id(), s.state.allocated)).collect())
            })
            .collect();
        Self { generation, offset, tables }
    }

    /// The value of `checkpoint` in `meta`.
    fn describe(&self) -> Vec<u8> {
        let mut out = vec![0; CHECKSUM_LEN];
        self.generation.encode(&mut out);
        self.offset.encode(&mut out);
        (self.tables.len() as u32).encode(&mut out);
        for (table, sequences) in &self.tables {
            table.spec.encode(&mut out);
            table.version.encode(&mut out);
            table.born.encode(&mut out);
            (sequences.len() as u32).encode(&mut out);
            for (sequence, allocated) in sequences {
                sequence.0.encode(&mut out);
                allocated.encode(&mut out);
            }
        }
        seal(&mut out);
        out
    }
}

/// What the journal's thread knows of checkpoints and of what is in the file.
#[derive(Debug, Default)]
pub(super) struct Checkpointer {
    /// The generation of the current checkpoint; 0 if there is none.
    generation: u32,
    /// The generation of each page in the file, by table and number; 0 where there is none.
    pages: HashMap<TableId, Vec<u32>>,
    /// First and last offset of each group in the file, except those that are to be removed.
    groups: VecDeque<(u64, u64)>,
    current: Option<Current>,
    outdated: VecDeque<Outdated>,
}

/// A checkpoint that is being written.
#[derive(Debug)]
struct Current {
    job: CheckpointJob,
    /// Changed pages that are still to be written: places in the job's list of tables, and page numbers.
    todo: vec::IntoIter<(u32, u32)>,
    /// What will not be needed any more when it is done.
    outdated: Vec<Outdated>,
    /// Whether the last transaction makes this the current checkpoint.
    is_last_slice: bool,
}

/// Something in the file that is not needed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outdated {
    Page(u32, u32, u32),
    Group(u64),
}

impl Checkpointer {
    /// After opening a file with that current generation.
    pub(super) fn new(generation: u32) -> Self {
        Self { generation, ..Self::default() }
    }

    /// Notes that a page of the current checkpoint is in the file.
    pub(super) fn add_page(&mut self, table: TableId, page: u32, generation: u32) {
        *place(&mut self.pages, table, page) = generation;
    }

    /// Notes that a group of the journal is in the file.
    pub(super) fn add_group(&mut self, first: u64, last: u64) {
        self.groups.push_back((first, last));
    }

    /// Notes that something in the file is to be removed.
    pub(super) fn add_outdated(&mut self, outdated: Outdated) {
        self.outdated.push_back(outdated);
    }

    /// How many groups the journal has.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Whether [`Self::write_slice`] has something to do.
    pub(super) fn has_work(&self) -> bool {
        self.current.is_some() || !self.outdated.is_empty()
    }

    pub(super) fn start(&mut self, job: CheckpointJob) {
        let mut todo = Vec::new();
        let mut outdated = Vec::new();
        for (at, (table, _)) in (0..).zip(&job.tables) {
            if table.spec.kind != TableKind::Durable {
                continue;
            }
            let known = self.pages.entry(table.spec.id).or_default();
            if table.born > self.generation {
                // Another table with the same id, or the same in a new shape.
                forget(table.spec.id, known, &mut outdated);
            }
            table.heap.pages().changed_after(self.generation, &mut |page, now| {
                if now.is_some() || known.get(page as usize).is_some_and(|&generation| generation != 0) {
                    todo.push((at, page));
                }
            });
        }
        self.pages.retain(|&id, known| {
            let is_there = job.tables.iter().any(|(table, _)| table.spec.id == id && is_durable(table));
            if !is_there {
                forget(id, known, &mut outdated);
            }
            is_there
        });
        self.current = Some(Current { job, todo: todo.into_iter(), outdated, is_last_slice: false });
    }

    /// Writes some of what is to be written and removes some of what is to be removed.
    pub(super) fn write_slice(&mut self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        if let Some(current) = &mut self.current {
            current.write_slice(&mut self.pages, transaction)?;
        }
        if !self.outdated.is_empty() {
            let mut pages = transaction.open_table(PAGES)?;
            let mut journal = transaction.open_table(JOURNAL)?;
            let count = self.outdated.len().min(SLICE_REMOVALS);
            for outdated in self.outdated.drain(..count) {
                match outdated {
                    Outdated::Page(table, page, generation) => drop(pages.remove((table, page, generation))?),
                    Outdated::Group(first) => drop(journal.remove(first)?),
                }
            }
        }
        Ok(())
    }

    /// To be called when the transaction of the last slice is durable. Whether that completed the checkpoint.
    pub(super) fn slice_is_durable(&mut self) -> bool {
        let Some(current) = self.current.take_if(|current| current.is_last_slice) else { return false };
        self.generation = current.job.generation;
        self.outdated.extend(current.outdated);
        while let Some(&(first, last)) = self.groups.front()
            && last <= current.job.offset
        {
            self.groups.pop_front();
            self.outdated.push_back(Outdated::Group(first));
        }
        true
    }
}

impl Current {
    fn write_slice(
        &mut self,
        known: &mut HashMap<TableId, Vec<u32>>,
        transaction: &WriteTransaction,
    ) -> Result<(), redb::Error> {
        let generation = self.job.generation;
        let mut pages = transaction.open_table(PAGES)?;
        let mut written = 0;
        let mut value = Vec::new();
        while written < SLICE_BYTES {
            let Some((at, page)) = self.todo.next() else {
                let mut meta = transaction.open_table(META)?;
                meta.insert(META_CHECKPOINT, &*self.job.describe())?;
                self.is_last_slice = true;
                return Ok(());
            };
            let table = &self.job.tables[at as usize].0;
            let id = table.spec.id;
            let before = place(known, id, page);
            if *before != 0 {
                self.outdated.push(Outdated::Page(id.0, page, *before));
            }
            value.clear();
            if let Some(found) = table.heap.pages().get(page) {
                encode_page(found, table.heap.shape(), &mut value);
                *before = generation;
            } else {
                self.outdated.push(Outdated::Page(id.0, page, generation));
                *before = 0;
            }
            pages.insert((id.0, page, generation), &*value)?;
            written += value.len() + 64;
        }
        Ok(())
    }
}

fn is_durable(table: &Table) -> bool {
    table.spec.kind == TableKind::Durable
}

/// The generation of a page in the file.
fn place(known: &mut HashMap<TableId, Vec<u32>>, table: TableId, page: u32) -> &mut u32 {
    let generations = known.entry(table).or_default();
    let at = page as usize;
    if at >= generations.len() {
        generations.resize(at + 1, 0);
    }
    &mut generations[at]
}

/// All pages of a table are outdated.
fn forget(table: TableId, known: &mut Vec<u32>, outdated: &mut Vec<Outdated>) {
    for (page, generation) in (0..).zip(known.drain(..)) {
        if generation != 0 {
            outdated.push(Outdated::Page(table.0, page, generation));
        }
    }
}

/// The live rows of a page one after the other, after a checksum and their number.
fn encode_page(page: &PageRef, shape: Shape, out: &mut Vec<u8>) {
    out.resize(CHECKSUM_LEN, 0);
    match page {
        PageRef::Small(page) => {
            u32::from(page.live).encode(out);
            let mut slot = 0;
            while let Some((slots, bytes)) = page.run(shape, slot) {
                out.extend_from_slice(bytes);
                slot = slots.end;
            }
        }
        PageRef::Large(large) => {
            u32::from(large.is_live).encode(out);
            out.extend_from_slice(&large.row);
        }
    }
    seal(out);
}
