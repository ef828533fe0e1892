//! The data within a call's reach, whoever has it: reading, writing, and what the module sees of errors.

use orrery_host_abi::{Errno, HostError, IndexId, ScheduleAt, TableId, Timestamp, bsatn::Decode};

use super::{Data, State};
use crate::{
    store::{IndexRef, Inserted, KeyError, Table, WriteError, Writer},
    views::Key,
};

/// Schedules must begin within this many milliseconds: what fits into the peer's timer wheel.
const SCHEDULE_DELAY_LIMIT_MS: u64 = (1 << 36) - 1;

impl State {
    /// Does something with a table, which is noted as read.
    #[inline]
    pub(super) fn read_table<T>(
        &mut self,
        table: TableId,
        read: impl FnOnce(&Table) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let found = |found: Option<&Table>| read(found.ok_or(Errno::NoSuchTable)?);
        match &self.data {
            Data::Write(writer) => found(writer.table(table)),
            Data::Read(snapshot, _) => {
                self.reads.table(table);
                found(snapshot.table(table))
            }
            Data::Lent(loan) => loan
                .with(|writer| found(writer.table(table)))
                .unwrap_or_else(|taken_back| Err(self.overdue(taken_back))),
            Data::None => Err(Errno::NotInTransaction.into()),
        }
    }

    /// Does something with an index. All of its table is noted as read, or if `point` gives a key, only the rows with
    /// that key.
    #[inline]
    pub(super) fn read_index<T>(
        &mut self,
        index: IndexId,
        point: impl FnOnce(IndexRef<'_>) -> Option<u64>,
        read: impl FnOnce(IndexRef<'_>) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let found = |table: Option<&Table>| {
            read(table.and_then(|table| table.index(index)).ok_or(Errno::NoSuchIndex)?)
        };
        match &self.data {
            Data::Write(writer) => found(table_of(writer, index)),
            Data::Read(snapshot, _) => {
                let table = snapshot.index_table(index).and_then(|table| snapshot.table(table));
                if let Some(table) = table {
                    match table.index(index).and_then(point) {
                        Some(number) => self.reads.key(Key { table: table.id(), index, number }),
                        None => self.reads.table(table.id()),
                    }
                }
                found(table)
            }
            Data::Lent(loan) => loan
                .with(|writer| found(table_of(writer, index)))
                .unwrap_or_else(|taken_back| Err(self.overdue(taken_back))),
            Data::None => Err(Errno::NotInTransaction.into()),
        }
    }

    /// Does something with the writer, if this call may write.
    #[inline]
    pub(super) fn write<T>(
        &mut self,
        write: impl FnOnce(&mut Writer) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        match &mut self.data {
            Data::Write(writer) => write(writer),
            Data::Lent(loan) => loan.with(write).unwrap_or_else(|taken_back| Err(self.overdue(taken_back))),
            Data::Read(..) => Err(Errno::TransactionIsReadOnly.into()),
            Data::None => Err(Errno::NotInTransaction.into()),
        }
    }

    pub(super) fn require_transaction(&self) -> Result<(), HostError> {
        match self.data {
            Data::None => Err(Errno::NotInTransaction.into()),
            Data::Write(_) | Data::Read(..) | Data::Lent(_) => Ok(()),
        }
    }

    /// Inserts or updates a row. One of a scheduled table is refused if its time is too far away; it stays all the
    /// same, as the module is expected to fail.
    #[inline]
    pub(super) fn put(
        &mut self,
        table: TableId,
        put: impl FnOnce(&mut Writer) -> Result<Inserted, WriteError>,
    ) -> Result<usize, HostError> {
        let Some(column) = self.catalog.as_ref().and_then(|catalog| catalog.schedule_column(table)) else {
            return self.write(|writer| Ok(put(writer).map_err(write_error)?.generated_len));
        };
        let now = self.now.max(self.clock.now());
        self.write(|writer| {
            let inserted = put(writer).map_err(write_error)?;
            if let Some(table) = writer.table(table)
                && let Some(row) = table.get(inserted.ptr)
                && let Ok(at) = ScheduleAt::from_bsatn(table.layout().column(row, column.0.into()))
                && delay_millis(at, now) >= SCHEDULE_DELAY_LIMIT_MS
            {
                return Err(Errno::ScheduleAtDelayTooLong.into());
            }
            Ok(inserted.generated_len)
        })
    }
}

#[inline]
fn table_of(writer: &Writer, index: IndexId) -> Option<&Table> {
    writer.index_table(index).and_then(|table| writer.table(table))
}

/// What the module sees of an error of a write.
pub(super) fn write_error(error: WriteError) -> HostError {
    match error {
        WriteError::NoSuchIndex(_) => Errno::NoSuchIndex.into(),
        WriteError::IndexNotUnique(_) => Errno::IndexNotUnique.into(),
        WriteError::UniqueViolation(_) => Errno::UniqueAlreadyExists.into(),
        WriteError::NoSuchRow(_) => Errno::NoSuchRow.into(),
        WriteError::Key(error) => key_error(&error),
        // What modules built with an SDK never do: the peer ends the call here too.
        WriteError::NoSuchTable(_) | WriteError::InvalidRow { .. } | WriteError::TableFull(_) => {
            HostError::Trap(error.to_string())
        }
    }
}

/// What the module sees of a key or range that makes no sense.
pub(super) fn key_error(error: &KeyError) -> HostError {
    match error {
        KeyError::Invalid { .. } | KeyError::PrefixTooLong { .. } => Errno::BsatnDecodeError.into(),
        KeyError::NoSuchIndex(_) => Errno::NoSuchIndex.into(),
        // The peer traps here rather than answering with errno 10.
        KeyError::NotRanged(_) => HostError::Trap(error.to_string()),
    }
}

/// How long it is until then, or until the next time. Nothing if it is past.
fn delay_millis(at: ScheduleAt, now: Timestamp) -> u64 {
    let micros = match at {
        ScheduleAt::Interval(interval) => interval.0.unsigned_abs(),
        ScheduleAt::Time(time) => u64::try_from(time.saturating_since(now).0).unwrap_or(0),
    };
    micros / 1000
}
