//! A session that records what it is asked and answers with recognisable numbers.

use std::{thread, time::Duration};

use bytes::Bytes;
use orrery_host_abi::{
    Advance, ConnectionId, Errno, HostCalls, HostError, Identity, IndexId, IterId, LogLevel, LogRecord,
    TableId, Timestamp,
};

pub(crate) const TABLE: u32 = 0x1122_3344;
pub(crate) const INDEX: u32 = 0x5566_7788;
pub(crate) const ITER: u32 = 0x99aa_bbcc;
pub(crate) const DELETED: u32 = 0x0d0e_0f10;
pub(crate) const COUNT: u64 = 0x0102_0304_0506_0708;
pub(crate) const TIMER: u32 = 0xfeed_beef;
pub(crate) const TIME: i64 = -2;
/// What an insert or update generates.
pub(crate) const GENERATED: [u8; 3] = [0xaa, 0xab, 0xac];

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) level: LogLevel,
    pub(crate) target: Option<String>,
    pub(crate) filename: Option<String>,
    pub(crate) line: Option<u32>,
    pub(crate) message: String,
    pub(crate) backtrace: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Mock {
    /// What was asked, in order, without the log.
    pub(crate) calls: Vec<String>,
    pub(crate) log: Vec<Line>,
    /// What every call that can fail answers, if there is something.
    pub(crate) fail: Option<HostError>,
    /// What the iterator yields at once, and whether more follows.
    pub(crate) rows: (Vec<u8>, bool),
    pub(crate) jwt: Option<Bytes>,
    pub(crate) response: (Bytes, Bytes),
    /// How long what may wait does wait.
    pub(crate) waits: Duration,
    /// It panics when it is asked for its identity.
    pub(crate) panics: bool,
    /// How long it thinks about its identity.
    pub(crate) takes: Duration,
    /// What it does when it is asked for its identity.
    pub(crate) does: Option<fn()>,
}

impl Mock {
    fn answer<T>(&mut self, call: String, value: T) -> Result<T, HostError> {
        self.calls.push(call);
        match &self.fail {
            Some(error) => Err(error.clone()),
            None => Ok(value),
        }
    }

    fn wait_and_answer<T>(&mut self, call: String, value: T) -> Result<T, HostError> {
        thread::sleep(self.waits);
        self.answer(call, value)
    }
}

impl HostCalls for Mock {
    fn table_id_from_name(&mut self, name: &str) -> Result<TableId, HostError> {
        self.answer(format!("table {name:?}"), TableId(TABLE))
    }

    fn index_id_from_name(&mut self, name: &str) -> Result<IndexId, HostError> {
        self.answer(format!("index {name:?}"), IndexId(INDEX))
    }

    fn datastore_table_row_count(&mut self, table: TableId) -> Result<u64, HostError> {
        self.answer(format!("count {table}"), COUNT)
    }

    fn datastore_table_scan_bsatn(&mut self, table: TableId) -> Result<IterId, HostError> {
        self.answer(format!("scan {table}"), IterId(ITER))
    }

    fn datastore_index_scan_range_bsatn(
        &mut self,
        index: IndexId,
        prefix: &[u8],
        prefix_elems: u16,
        start: &[u8],
        end: &[u8],
    ) -> Result<IterId, HostError> {
        self.answer(format!("range {index} {prefix:?} {prefix_elems} {start:?} {end:?}"), IterId(ITER))
    }

    fn datastore_delete_by_index_scan_range_bsatn(
        &mut self,
        index: IndexId,
        prefix: &[u8],
        prefix_elems: u16,
        start: &[u8],
        end: &[u8],
    ) -> Result<u32, HostError> {
        self.answer(format!("delete range {index} {prefix:?} {prefix_elems} {start:?} {end:?}"), DELETED)
    }

    fn datastore_index_scan_point_bsatn(
        &mut self,
        index: IndexId,
        point: &[u8],
    ) -> Result<IterId, HostError> {
        self.answer(format!("point {index} {point:?}"), IterId(ITER))
    }

    fn datastore_delete_by_index_scan_point_bsatn(
        &mut self,
        index: IndexId,
        point: &[u8],
    ) -> Result<u32, HostError> {
        self.answer(format!("delete point {index} {point:?}"), DELETED)
    }

    fn datastore_delete_all_by_eq_bsatn(
        &mut self,
        table: TableId,
        relation: &[u8],
    ) -> Result<u32, HostError> {
        self.answer(format!("delete all {table} {relation:?}"), DELETED)
    }

    fn datastore_clear(&mut self, table: TableId) -> Result<u64, HostError> {
        self.answer(format!("clear {table}"), COUNT)
    }

    fn row_iter_bsatn_advance(&mut self, iter: IterId, buffer: &mut [u8]) -> Result<Advance, HostError> {
        if iter.0 != ITER {
            return Err(Errno::NoSuchIter.into());
        }
        let (rows, more) = self.rows.clone();
        self.answer(format!("advance {}", buffer.len()), ())?;
        let Some(room) = buffer.get_mut(..rows.len()) else {
            return Err(HostError::BufferTooSmall(rows.len()));
        };
        room.copy_from_slice(&rows);
        Ok(Advance { written: rows.len(), exhausted: !more })
    }

    fn row_iter_bsatn_close(&mut self, iter: IterId) -> Result<(), HostError> {
        self.answer(format!("close {iter}"), ())
    }

    fn datastore_insert_bsatn(&mut self, table: TableId, row: &mut [u8]) -> Result<usize, HostError> {
        self.answer(format!("insert {table} {row:?}"), ())?;
        Ok(generate(row))
    }

    fn datastore_update_bsatn(
        &mut self,
        table: TableId,
        index: IndexId,
        row: &mut [u8],
    ) -> Result<usize, HostError> {
        self.answer(format!("update {table} {index} {row:?}"), ())?;
        Ok(generate(row))
    }

    fn console_log(&mut self, record: LogRecord<'_>) {
        self.log.push(Line {
            level: record.level,
            target: record.target.map(str::to_owned),
            filename: record.filename.map(str::to_owned),
            line: record.line,
            message: record.message.to_owned(),
            backtrace: record.backtrace.iter().map(ToString::to_string).collect(),
        });
    }

    fn console_timer_start(&mut self, name: &str) -> u32 {
        self.calls.push(format!("timer {name:?}"));
        TIMER
    }

    fn console_timer_end(&mut self, timer: u32) -> Result<(), HostError> {
        self.answer(format!("timer end {timer}"), ())
    }

    fn identity(&mut self) -> Identity {
        if let Some(work) = self.does {
            work();
        }
        if self.panics {
            panic!("the mock was told to panic");
        }
        thread::sleep(self.takes);
        self.calls.push("identity".to_owned());
        Identity(std::array::from_fn(|n| 0x80 + n as u8))
    }

    fn get_jwt(&mut self, connection: ConnectionId) -> Result<Option<Bytes>, HostError> {
        let jwt = self.jwt.clone();
        self.answer(format!("jwt {:x}", connection.0), jwt)
    }

    fn volatile_nonatomic_schedule_immediate(&mut self, name: &str, args: &[u8]) {
        self.calls.push(format!("schedule {name:?} {args:?}"));
    }

    fn procedure_sleep_until(&mut self, wake_at: Timestamp) -> Result<Timestamp, HostError> {
        self.wait_and_answer(format!("sleep {}", wake_at.0), Timestamp(TIME))
    }

    fn procedure_start_mut_tx(&mut self) -> Result<Timestamp, HostError> {
        self.wait_and_answer("start".to_owned(), Timestamp(TIME))
    }

    fn procedure_commit_mut_tx(&mut self) -> Result<(), HostError> {
        self.wait_and_answer("commit".to_owned(), ())
    }

    fn procedure_abort_mut_tx(&mut self) -> Result<(), HostError> {
        self.answer("abort".to_owned(), ())
    }

    fn procedure_http_request(&mut self, request: &[u8], body: &[u8]) -> Result<(Bytes, Bytes), HostError> {
        let response = self.response.clone();
        self.wait_and_answer(format!("http {request:?} {body:?}"), response)
    }
}

fn generate(row: &mut [u8]) -> usize {
    let Some(start) = row.get_mut(..GENERATED.len()) else { return 0 };
    start.copy_from_slice(&GENERATED);
    GENERATED.len()
}
