//! The end of a transaction.

use std::mem;

use orrery_host_abi::TableId;

use super::{
    ChangeSet, CommitError, DurabilityError, TableKind, TxOffset, Writer, checkpoint::CheckpointJob, record,
    schema::SchemaUndo, writer::Inner,
};
use triomphe::Arc;

/// A transaction may not take more bytes in the journal: a value of redb holds less than 3 GiB, and a group several
/// transactions.
const RECORD_BYTES_MAX: usize = 1 << 30;

/// A checkpoint starts when the journal has so many groups, however short they are: to remove one costs as much as
/// to write it.
const GROUPS_MAX: usize = 1 << 14;

/// A committed transaction.
#[derive(Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its offset; or if it changed nothing durable, the offset of the last one that did.
    pub offset: TxOffset,
    /// What it changed.
    pub changes: ChangeSet,
    /// Whether it has to be made durable, so that it got an offset of its own.
    pub durable_change: bool,
}

impl Writer {
    /// Ends the transaction and keeps its changes. It is handed to the journal, and durable some time later; see
    /// [`Self::durability`]. On an error it was rolled back.
    ///
    /// Waits only if the disk is so far behind that [`StoreOptions::pending_bytes_max`](super::StoreOptions) are
    /// waiting for it.
    pub fn commit(&mut self) -> Result<Commit, CommitError> {
        self.commit_within(u64::MAX)
    }

    /// The same, unless all rows would then take more than so many bytes, and more than before: see
    /// [`Self::row_bytes`]. What frees bytes is always committed.
    pub fn commit_within(&mut self, row_bytes_max: u64) -> Result<Commit, CommitError> {
        let result = self.0.commit(row_bytes_max);
        if result.is_err() {
            self.rollback();
        } else if self.0.journal_bytes >= self.0.options.checkpoint_journal_bytes
            || self.0.journal.groups() >= GROUPS_MAX
        {
            self.checkpoint();
        }
        result
    }

    /// Gives the memory of a change set that is not needed any more to the next commit.
    pub fn recycle(&mut self, changes: ChangeSet) {
        if (self.0.spare_changes.memory()..=SPARE_BYTES_MAX).contains(&changes.memory()) {
            self.0.spare_changes = changes;
        }
    }

    /// Ends the transaction and takes back its changes, but not the values taken from sequences.
    pub fn rollback(&mut self) {
        let inner = &mut *self.0;
        for table in mem::take(&mut inner.touched) {
            if let Some(writer) = inner.tables.get_mut(table.0) {
                writer.rollback(inner.stamp);
            }
        }
        if !inner.schema_undo.is_empty() {
            inner.undo_schema();
        }
        inner.stamp.tx += 1;
    }

    /// Asks for a checkpoint, which is written in the background: after it the journal begins anew, so opening is
    /// quick. Does nothing while one is being written.
    ///
    /// # Panics
    ///
    /// If the open transaction has changed anything ([`Self::has_changes`]).
    pub fn checkpoint(&mut self) {
        assert!(!self.has_changes(), "a checkpoint holds committed state, and a transaction is under way");
        let inner = &mut *self.0;
        if inner.journal.is_in_checkpoint() {
            return;
        }
        let job = CheckpointJob::new(
            inner.stamp.epoch,
            inner.offset,
            inner.tables.values().map(|writer| (Arc::clone(&writer.table), writer.sequences.as_slice())),
        );
        if inner.journal.start_checkpoint(job) {
            inner.stamp.epoch += 1;
            inner.journal_bytes = 0;
            inner.checkpoint_offset = inner.offset;
        }
    }

    /// Rolls back what is open, waits for the disk, writes a checkpoint if there is anything new, and lets go of the
    /// file.
    pub fn close(mut self) -> Result<(), DurabilityError> {
        self.rollback();
        self.0.journal.wait_for_checkpoint();
        if self.0.offset > self.0.checkpoint_offset {
            self.checkpoint();
        }
        self.0.journal.close()
    }
}

/// A change set with more memory than this is not kept for the next commit.
const SPARE_BYTES_MAX: usize = 1 << 20;

impl Inner {
    fn commit(&mut self, row_bytes_max: u64) -> Result<Commit, CommitError> {
        self.journal.check()?;
        let mut changes = mem::take(&mut self.spare_changes);
        changes.clear();
        if self.touched.is_empty() && self.schema_undo.is_empty() {
            return Ok(Commit { offset: TxOffset(self.offset), changes, durable_change: false });
        }
        self.record.clear();
        self.record.append(&mut self.schema_record);
        let mut has_events = false;
        for &table in &self.touched {
            let Some(writer) = self.tables.get_mut(table.0) else { continue };
            // A table that was dropped and made anew under the same id may be on the list twice.
            if !mem::take(&mut writer.tx.is_listed) {
                continue;
            }
            let Some(net) = writer.net_changes(&mut changes, &mut self.scratch) else { continue };
            match (writer.table.spec.kind, changes.last()) {
                (TableKind::Durable, Some(last)) => {
                    record::put_rows(&mut self.record, &writer.table, last, &net, !writer.tx.is_altered);
                }
                (TableKind::Event, _) => has_events = true,
                _ => {}
            }
        }
        let row_bytes = self.row_bytes_after(&changes);
        if row_bytes > self.row_bytes && row_bytes > row_bytes_max {
            return Err(CommitError::Full { row_bytes_max });
        }
        // Values that only rolled back transactions have had are no reason to write anything.
        let events_only = self.record.is_empty() && self.schema_undo.is_empty();
        if !events_only || has_events {
            self.put_sequences(events_only);
        }
        let durable_change = !self.record.is_empty();
        if durable_change {
            if self.record.len() > RECORD_BYTES_MAX {
                return Err(CommitError::TooLarge(self.record.len()));
            }
            self.journal.append(self.offset + 1, &self.record)?;
            self.offset += 1;
            self.journal_bytes += self.record.len() as u64;
        }
        self.row_bytes = row_bytes;
        self.finish(&changes, durable_change, events_only);
        Ok(Commit { offset: TxOffset(self.offset), changes, durable_change })
    }

    /// How many bytes the rows will take when these changes are committed.
    fn row_bytes_after(&self, changes: &ChangeSet) -> u64 {
        if !self.schema_undo.is_empty() {
            // Tables that came, went or grew are not among the changes.
            return self.count_row_bytes();
        }
        let stay = changes.tables().filter(|changes| changes.kind() != TableKind::Event);
        stay.fold(self.row_bytes, |bytes, changes| {
            let (inserted, deleted) = (changes.inserts().bytes().len(), changes.deletes().bytes().len());
            (bytes + inserted as u64).saturating_sub(deleted as u64)
        })
    }

    /// Appends how far sequences are used up that the journal believes to be less so: all, or those of event tables.
    fn put_sequences(&mut self, events_only: bool) {
        for &id in &self.ahead {
            let Some(table) = self.sequence_tables.get(id.0) else { continue };
            let Some(writer) = self.tables.get(table.0) else { continue };
            if let Some(sequence) = writer.sequences.iter().find(|s| s.id() == id)
                && sequence.is_ahead()
                && (!events_only || writer.table.spec.kind == TableKind::Event)
            {
                record::put_sequence(&mut self.record, id, sequence.state.allocated);
            }
        }
    }

    /// Gives a table that this transaction has changed its new version.
    fn set_version(&mut self, table: TableId) {
        let Some(writer) = self.tables.get_mut(table.0) else { return };
        let version = match writer.table.spec.kind {
            TableKind::Durable => self.offset,
            TableKind::Ephemeral => {
                self.passing_version += 1;
                self.passing_version
            }
            // It is empty at every commit.
            TableKind::Event => 0,
        };
        Arc::make_mut(&mut writer.table).version = version;
    }

    fn finish_schema(&mut self) {
        for undo in mem::take(&mut self.schema_undo) {
            match undo {
                SchemaUndo::CreatedTable(table) => self.set_version(table),
                SchemaUndo::AlteredTable { old } => self.set_version(old.spec.id),
                SchemaUndo::DroppedTable(writer) => self.set_version(writer.table.spec.id),
                _ => {}
            }
        }
        for writer in self.tables.values_mut() {
            writer.tx.is_altered = false;
        }
    }

    /// After nothing can go wrong any more.
    fn finish(&mut self, changes: &ChangeSet, durable_change: bool, events_only: bool) {
        for changes in changes.tables() {
            self.set_version(changes.table());
        }
        let stamp = self.stamp;
        for table in self.touched.drain(..) {
            if let Some(writer) = self.tables.get_mut(table.0) {
                writer.finish(stamp);
            }
        }
        if !self.schema_undo.is_empty() {
            self.finish_schema();
        }
        if durable_change {
            for id in mem::take(&mut self.ahead) {
                let Some(table) = self.sequence_tables.get(id.0) else { continue };
                let Some(writer) = self.tables.get_mut(table.0) else { continue };
                if events_only && writer.table.spec.kind != TableKind::Event {
                    self.ahead.push(id);
                } else if let Some(sequence) = writer.sequences.iter_mut().find(|s| s.id() == id) {
                    sequence.journaled = sequence.state.allocated;
                }
            }
        }
        self.stamp.tx += 1;
        if self.record.capacity() > SPARE_BYTES_MAX {
            self.record = Vec::new();
        }
    }
}
