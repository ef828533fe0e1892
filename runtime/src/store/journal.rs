//! The journal: what is committed, on its way to the disk.
//!
//! The writer appends one record for each transaction to a buffer. One thread takes the whole buffer, writes it as
//! one value with one durable commit of redb, tells those who waited for it, and takes what has gathered in the
//! meantime: the slower the disk, the larger the groups. The same thread writes checkpoints, a slice with each
//! group, so that neither waits for the other for long.
//!
//! The first failure is the last thing that happens: whatever was not durable by then never is, everybody who waits
//! is told why, and so is every later commit.

use std::{
    any::Any,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use orrery_host_abi::bsatn::{DecodeError, Reader};
use parking_lot::{Condvar, Mutex, MutexGuard};
use redb::Database;

use super::{
    DurabilityError, TxOffset,
    checkpoint::{CheckpointJob, Checkpointer},
    disk::{CHECKSUM_LEN, JOURNAL, seal},
    record::{put_number, read_number},
};

/// Bytes of a group before its records: the checksum, the offset of the last transaction before it, and how many
/// transactions it has.
const GROUP_HEAD_LEN: usize = CHECKSUM_LEN + 8 + 4;

/// The writer's end of the journal. When it is dropped, what was appended is made durable.
#[derive(Debug)]
pub(super) struct Journal {
    shared: Arc<Shared>,
    pending_bytes_max: usize,
    thread: Option<JoinHandle<()>>,
}

/// Tells what is durable. For any thread, cheap to clone.
#[derive(Debug, Clone)]
pub struct Durability(Arc<Shared>);

type Callback = Box<dyn FnOnce(Result<(), DurabilityError>) + Send>;

#[derive(Debug, Default)]
struct Shared {
    /// The offset of the last durable transaction.
    durable: AtomicU64,
    has_failed: AtomicBool,
    is_in_checkpoint: AtomicBool,
    /// How many groups the journal in the file has.
    groups: AtomicUsize,
    queue: Mutex<Queue>,
    /// There is something to do for the thread.
    work: Condvar,
    /// There is room in the queue again.
    room: Condvar,
}

#[derive(Default)]
struct Queue {
    /// The group that gathers, with its head left empty. Empty if there is none.
    group: Vec<u8>,
    group_first: u64,
    group_count: u32,
    /// Those who wait for an offset.
    callbacks: Vec<(u64, Callback)>,
    checkpoint: Option<CheckpointJob>,
    stop: Option<Stop>,
    /// Whether the thread waits for work.
    is_idle: bool,
    failure: Option<DurabilityError>,
    /// Whether the thread has ended in good order.
    is_over: bool,
}

/// How the thread ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// As soon as the last group is durable.
    Soon,
    /// After the checkpoint and what it leaves to clean up.
    WhenDone,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("pending_bytes", &self.group.len())
            .field("callbacks", &self.callbacks.len())
            .field("stop", &self.stop)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// A journal that goes nowhere until it is started.
    pub(super) fn new(pending_bytes_max: usize) -> Self {
        Self { shared: Arc::default(), pending_bytes_max, thread: None }
    }

    /// Starts the thread. Everything up to `durable` is durable already.
    pub(super) fn start(
        &mut self,
        database: Database,
        checkpointer: Checkpointer,
        durable: u64,
    ) -> std::io::Result<()> {
        self.shared.durable.store(durable, Ordering::Release);
        self.shared.groups.store(checkpointer.groups(), Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            Worker { shared, database, checkpointer, last: durable }.run();
        })?;
        self.thread = Some(thread);
        Ok(())
    }

    /// Whether the journal has failed.
    #[inline]
    pub(super) fn check(&self) -> Result<(), DurabilityError> {
        if self.shared.has_failed.load(Ordering::Acquire) {
            return Err(self.shared.queue.lock().reason());
        }
        Ok(())
    }

    /// Appends the record of a transaction, whose offset is one more than that of the last. Waits for room.
    #[inline]
    pub(super) fn append(&self, offset: u64, record: &[u8]) -> Result<(), DurabilityError> {
        let mut queue = self.shared.queue.lock();
        loop {
            if queue.failure.is_some() || queue.stop.is_some() {
                return Err(queue.reason());
            }
            if queue.group.len() < self.pending_bytes_max {
                break;
            }
            self.shared.room.wait(&mut queue);
        }
        if queue.group.is_empty() {
            queue.group_first = offset;
            queue.group_count = 0;
            queue.group.resize(GROUP_HEAD_LEN, 0);
        }
        put_number(&mut queue.group, record.len() as u64);
        queue.group.extend_from_slice(record);
        queue.group_count += 1;
        self.shared.wake(queue);
        Ok(())
    }

    /// How many groups the journal in the file has.
    pub(super) fn groups(&self) -> usize {
        self.shared.groups.load(Ordering::Relaxed)
    }

    pub(super) fn is_in_checkpoint(&self) -> bool {
        self.shared.is_in_checkpoint.load(Ordering::Acquire)
    }

    /// Waits until no checkpoint is being written.
    pub(super) fn wait_for_checkpoint(&self) {
        let mut queue = self.shared.queue.lock();
        while self.is_in_checkpoint() && queue.failure.is_none() {
            self.shared.room.wait(&mut queue);
        }
    }

    /// Has a checkpoint written. Whether it was accepted: not while there is one, and not after a failure.
    pub(super) fn start_checkpoint(&self, job: CheckpointJob) -> bool {
        let mut queue = self.shared.queue.lock();
        if queue.failure.is_some() || queue.stop.is_some() || self.is_in_checkpoint() {
            return false;
        }
        self.shared.is_in_checkpoint.store(true, Ordering::Release);
        queue.checkpoint = Some(job);
        self.shared.wake(queue);
        true
    }

    pub(super) fn durability(&self) -> Durability {
        Durability(Arc::clone(&self.shared))
    }

    /// Finishes what was begun, checkpoint included, and lets go of the file.
    pub(super) fn close(&mut self) -> Result<(), DurabilityError> {
        self.stop(Stop::WhenDone);
        let queue = self.shared.queue.lock();
        queue.failure.clone().map_or(Ok(()), Err)
    }

    fn stop(&mut self, how: Stop) {
        if let Some(thread) = self.thread.take() {
            let mut queue = self.shared.queue.lock();
            queue.stop = Some(how);
            self.shared.wake(queue);
            // The thread catches panics itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop(Stop::Soon);
    }
}

impl Queue {
    fn reason(&self) -> DurabilityError {
        self.failure.clone().unwrap_or_else(|| DurabilityError { reason: "the database was closed".into() })
    }
}

impl Shared {
    fn wake(&self, queue: MutexGuard<'_, Queue>) {
        let is_idle = queue.is_idle;
        drop(queue);
        if is_idle {
            self.work.notify_one();
        }
    }

    /// Ends all waiting for offsets up to `durable`, or for all offsets after a failure.
    fn release(&self, durable: u64) {
        let mut queue = self.queue.lock();
        let outcome = queue.failure.clone().map_or(Ok(()), Err);
        let is_over = outcome.is_err();
        let mut due = Vec::new();
        let mut at = 0;
        while at < queue.callbacks.len() {
            if queue.callbacks[at].0 <= durable {
                due.push((Ok(()), queue.callbacks.swap_remove(at).1));
            } else if is_over {
                due.push((outcome.clone(), queue.callbacks.swap_remove(at).1));
            } else {
                at += 1;
            }
        }
        drop(queue);
        for (outcome, callback) in due {
            run(callback, outcome);
        }
    }

    fn fail(&self, reason: &str) {
        let mut queue = self.queue.lock();
        queue.failure.get_or_insert_with(|| DurabilityError { reason: reason.into() });
        self.has_failed.store(true, Ordering::Release);
        queue.group = Vec::new();
        queue.checkpoint = None;
        drop(queue);
        self.room.notify_all();
        tracing::error!(reason, "the journal cannot be written; the database stops");
    }
}

/// Runs a callback. One that panics is not the journal's problem.
fn run(callback: Callback, outcome: Result<(), DurabilityError>) {
    if catch_unwind(AssertUnwindSafe(|| callback(outcome))).is_err() {
        tracing::error!("a callback of the journal panicked");
    }
}

impl Durability {
    /// The offset of the last transaction that is durable.
    #[inline]
    pub fn durable_offset(&self) -> TxOffset {
        TxOffset(self.0.durable.load(Ordering::Acquire))
    }

    /// Calls `then` once the transaction is durable, or can never be: on the journal's thread, or here and now if
    /// that is known already. It must be quick, since everybody else waits for it.
    pub fn after(&self, offset: TxOffset, then: impl FnOnce(Result<(), DurabilityError>) + Send + 'static) {
        if offset <= self.durable_offset() {
            return then(Ok(()));
        }
        let mut queue = self.0.queue.lock();
        // Again, now that nothing can come in between.
        if offset <= self.durable_offset() {
            drop(queue);
            return then(Ok(()));
        }
        if queue.failure.is_some() || queue.is_over {
            let reason = queue.reason();
            drop(queue);
            return then(Err(reason));
        }
        queue.callbacks.push((offset.0, Box::new(then)));
    }

    /// Waits until the transaction is durable, or can never be.
    pub fn wait(&self, offset: TxOffset) -> Result<(), DurabilityError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.after(offset, move |outcome| {
            // Nobody but this function has the other end.
            let _ = sender.send(outcome);
        });
        receiver.recv().unwrap_or_else(|_| Err(self.0.queue.lock().reason()))
    }

    /// Why nothing is made durable any more, if that is so.
    pub fn failure(&self) -> Option<DurabilityError> {
        self.0.queue.lock().failure.clone()
    }
}

/// The journal's thread.
struct Worker {
    shared: Arc<Shared>,
    database: Database,
    checkpointer: Checkpointer,
    /// The offset of the last transaction that is durable.
    last: u64,
}

/// A group that was taken from the queue.
struct Group {
    first: u64,
    count: u32,
    value: Vec<u8>,
}

impl Worker {
    fn run(mut self) {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.work()));
        let reason = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(panic_text(&*panic)),
        };
        match reason {
            Some(reason) => self.shared.fail(&reason),
            // Whoever waits for something that was never committed waits no longer.
            None => {
                let mut queue = self.shared.queue.lock();
                queue.is_over = true;
                let callbacks = mem::take(&mut queue.callbacks);
                let reason = queue.reason();
                drop(queue);
                callbacks.into_iter().for_each(|(_, callback)| run(callback, Err(reason.clone())));
            }
        }
        self.shared.is_in_checkpoint.store(false, Ordering::Release);
        self.shared.release(self.last);
    }

    fn work(&mut self) -> Result<(), redb::Error> {
        let mut spare = Vec::new();
        loop {
            let mut queue = self.shared.queue.lock();
            while queue.group.is_empty()
                && queue.checkpoint.is_none()
                && queue.stop.is_none()
                && !self.checkpointer.has_work()
            {
                queue.is_idle = true;
                self.shared.work.wait(&mut queue);
                queue.is_idle = false;
            }
            let group = (!queue.group.is_empty()).then(|| Group {
                first: queue.group_first,
                count: queue.group_count,
                value: mem::replace(&mut queue.group, mem::take(&mut spare)),
            });
            if let Some(job) = queue.checkpoint.take() {
                self.checkpointer.start(job);
            }
            let stop = queue.stop;
            drop(queue);
            self.shared.room.notify_all();

            let has_work = self.checkpointer.has_work() && stop != Some(Stop::Soon);
            if group.is_none() && !has_work {
                return Ok(());
            }
            if let Some(mut group) = self.write(group, has_work)? {
                if group.capacity() <= SPARE_BYTES_MAX {
                    group.clear();
                    spare = group;
                }
                self.shared.release(self.last);
            }
        }
    }

    /// Writes a group and a slice of the checkpoint durably. The group's memory, to use it again.
    fn write(&mut self, group: Option<Group>, has_work: bool) -> Result<Option<Vec<u8>>, redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(redb::Durability::Immediate)?;
        let mut last = self.last;
        let mut spare = None;
        if let Some(mut group) = group {
            group.value[CHECKSUM_LEN..][..8].copy_from_slice(&self.last.to_le_bytes());
            group.value[CHECKSUM_LEN + 8..][..4].copy_from_slice(&group.count.to_le_bytes());
            seal(&mut group.value);
            transaction.open_table(JOURNAL)?.insert(group.first, &*group.value)?;
            last = group.first + u64::from(group.count) - 1;
            self.checkpointer.add_group(group.first, last);
            spare = Some(group.value);
        }
        if has_work {
            self.checkpointer.write_slice(&transaction)?;
        }
        transaction.commit()?;
        // Only now: before, nothing of it may be told.
        self.last = last;
        self.shared.durable.store(last, Ordering::Release);
        if has_work && self.checkpointer.slice_is_durable() {
            // With the lock, so that it cannot come between a look at the flag and the wait for it to change.
            let queue = self.shared.queue.lock();
            self.shared.is_in_checkpoint.store(false, Ordering::Release);
            drop(queue);
            self.shared.room.notify_all();
        }
        self.shared.groups.store(self.checkpointer.groups(), Ordering::Relaxed);
        Ok(spare)
    }
}

/// A buffer larger than this is not kept.
const SPARE_BYTES_MAX: usize = 4 << 20;

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic".to_owned())
}

/// The contents of a group, after its checksum.
pub(super) struct GroupReader<'a> {
    /// The offset of the last transaction before the group.
    pub(super) previous: u64,
    /// How many transactions the group has.
    pub(super) count: u32,
    reader: Reader<'a>,
}

impl<'a> GroupReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        Ok(Self { previous: reader.read_u64()?, count: reader.read_u32()?, reader })
    }

    /// The record of the next transaction.
    pub(super) fn next_record(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = read_number(&mut self.reader)?;
        self.reader.read_bytes(usize::try_from(len).unwrap_or(usize::MAX), "a record")
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.reader.rest().is_empty()
    }
}
