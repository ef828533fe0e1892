//! What runs when: the rows of scheduled tables, in the order in which they are due.
//!
//! The tables are the truth; this is an index of them by time, made anew when a program starts to run and brought up to
//! date by every commit. It calls nothing: the worker asks what is due.

use std::collections::{BTreeSet, HashMap};

use orrery_host_abi::{ScheduleAt, TableId, TimeDuration, Timestamp, bsatn::Decode};

use crate::{
    schema::{Catalog, ScheduledTable},
    store::{ChangeSet, RowList, TableKind, Writer},
};

/// A row of a scheduled table, by its primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScheduleKey {
    pub(crate) table: TableId,
    pub(crate) id: u64,
}

/// A row that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) key: ScheduleKey,
    /// When it was to run, which may be a while ago.
    pub(crate) intended: Timestamp,
}

/// The rows of all scheduled tables of a database.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    entries: HashMap<ScheduleKey, Entry>,
    /// The rows that wait for a reducer, by time, then by table and key.
    reducers: BTreeSet<(Timestamp, ScheduleKey)>,
    /// The rows that wait for a procedure.
    procedures: BTreeSet<(Timestamp, ScheduleKey)>,
    /// Until then there is no room for procedures.
    no_procedures_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// What the row says.
    at: ScheduleAt,
    is_procedure: bool,
    /// When it is to run next, or if it is running: when it was to.
    intended: Timestamp,
    is_running: bool,
}

impl Entry {
    fn new(at: ScheduleAt, is_procedure: bool, now: Timestamp) -> Self {
        let intended = match at {
            ScheduleAt::Time(time) => time,
            ScheduleAt::Interval(interval) => now.saturating_add(length(interval)),
        };
        Self { at, is_procedure, intended, is_running: false }
    }
}

impl Scheduler {
    /// Finds all rows of the catalog's scheduled tables. One-shots that are past are due at once, and intervals begin
    /// anew.
    pub(crate) fn new(catalog: &Catalog, writer: &Writer, now: Timestamp) -> Self {
        let mut scheduler = Self::default();
        for scheduled in catalog.scheduled_tables() {
            let Some(table) = writer.table(scheduled.table) else { continue };
            for (key, at) in table.rows().filter_map(|row| scheduled.read(writer, row)) {
                scheduler.insert(key, Entry::new(at, scheduled.is_procedure, now));
            }
        }
        scheduler
    }

    /// Takes note of what a transaction has changed.
    pub(crate) fn apply(&mut self, catalog: &Catalog, writer: &Writer, changes: &ChangeSet, now: Timestamp) {
        for scheduled in catalog.scheduled_tables() {
            let Some(changes) = changes.table(scheduled.table) else { continue };
            // A row that is gone at the end of its transaction is never due.
            if changes.kind() != TableKind::Event {
                self.apply_rows(scheduled, writer, changes.deletes(), changes.inserts(), now);
            }
        }
    }

    fn apply_rows(
        &mut self,
        scheduled: &ScheduledTable,
        writer: &Writer,
        deletes: RowList<'_>,
        inserts: RowList<'_>,
        now: Timestamp,
    ) {
        let deleted = deletes.iter().filter_map(|row| scheduled.read(writer, row));
        let gone: HashMap<_, _> = deleted.filter_map(|(key, _)| Some((key, self.remove(key)?))).collect();
        for (key, at) in inserts.iter().filter_map(|row| scheduled.read(writer, row)) {
            // An update of something else than the time leaves the time as it is.
            let entry = gone.get(&key).filter(|entry| entry.at == at).copied();
            self.insert(key, entry.unwrap_or_else(|| Entry::new(at, scheduled.is_procedure, now)));
        }
    }

    /// When something is due next for which there may be room.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        let reducer = self.reducers.first().map(|(time, _)| *time);
        let procedure = self.procedures.first().map(|(time, _)| (*time).max(self.procedures_from()));
        reducer.into_iter().chain(procedure).min()
    }

    /// The next row that is due, which is running from now on.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Due> {
        let reducer = self.reducers.first();
        let procedure = self.procedures.first().filter(|_| self.procedures_from() <= now);
        let &(intended, key) = reducer.into_iter().chain(procedure).min().filter(|(time, _)| *time <= now)?;
        self.reducers.remove(&(intended, key));
        self.procedures.remove(&(intended, key));
        self.entries.get_mut(&key)?.is_running = true;
        Some(Due { key, intended })
    }

    /// Notes that a row has run. If it is one with an interval, and still there, it runs again at the next multiple of
    /// its interval that is not past.
    pub(crate) fn done(&mut self, due: Due, now: Timestamp) {
        let Some(&entry) = self.running(due) else { return };
        let ScheduleAt::Interval(interval) = entry.at else {
            self.entries.remove(&due.key);
            return;
        };
        let intended = next_tick(due.intended, interval, now);
        self.insert(due.key, Entry { intended, is_running: false, ..entry });
    }

    /// Notes that there is no room for the procedure of a row, and how long not to try again.
    pub(crate) fn no_room(&mut self, due: Due, until: Timestamp) {
        if let Some(&entry) = self.running(due) {
            self.insert(due.key, Entry { is_running: false, ..entry });
        }
        self.no_procedures_until = Some(until);
    }

    /// Notes that there may be room for procedures again.
    pub(crate) fn room(&mut self) {
        self.no_procedures_until = None;
    }

    fn procedures_from(&self) -> Timestamp {
        self.no_procedures_until.unwrap_or(Timestamp(i64::MIN))
    }

    /// The entry, unless it was replaced while it was running.
    fn running(&self, due: Due) -> Option<&Entry> {
        self.entries.get(&due.key).filter(|entry| entry.is_running && entry.intended == due.intended)
    }

    fn insert(&mut self, key: ScheduleKey, entry: Entry) {
        self.remove(key);
        self.entries.insert(key, entry);
        if !entry.is_running {
            self.waiting(&entry).insert((entry.intended, key));
        }
    }

    fn remove(&mut self, key: ScheduleKey) -> Option<Entry> {
        let entry = self.entries.remove(&key)?;
        self.waiting(&entry).remove(&(entry.intended, key));
        Some(entry)
    }

    /// Where a row waits.
    fn waiting(&mut self, entry: &Entry) -> &mut BTreeSet<(Timestamp, ScheduleKey)> {
        if entry.is_procedure { &mut self.procedures } else { &mut self.reducers }
    }
}

impl ScheduledTable {
    /// The key of a row, and its time.
    fn read(&self, writer: &Writer, row: &[u8]) -> Option<(ScheduleKey, ScheduleAt)> {
        let layout = writer.table(self.table)?.layout();
        let id = layout.column(row, self.id_column.0.into()).try_into().ok()?;
        let at = ScheduleAt::from_bsatn(layout.column(row, self.at_column.0.into())).ok()?;
        Some((ScheduleKey { table: self.table, id: u64::from_le_bytes(id) }, at))
    }
}

/// An interval without its sign.
fn length(interval: TimeDuration) -> TimeDuration {
    TimeDuration(interval.0.saturating_abs())
}

/// The first time after `now` that is a multiple of `interval` after `last`.
fn next_tick(last: Timestamp, interval: TimeDuration, now: Timestamp) -> Timestamp {
    let length = i128::from(length(interval).0);
    let elapsed = (i128::from(now.0) - i128::from(last.0)).max(0);
    // An interval of nothing is always over.
    let Some(ticks) = elapsed.checked_div(length) else { return last.max(now) };
    let next = i128::from(last.0) + length * (ticks + 1);
    Timestamp(i64::try_from(next).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: ScheduleKey = ScheduleKey { table: TableId(4096), id: 1 };

    fn key(id: u64) -> ScheduleKey {
        ScheduleKey { id, ..KEY }
    }

    fn interval(micros: i64) -> ScheduleAt {
        ScheduleAt::Interval(TimeDuration(micros))
    }

    fn time(micros: i64) -> ScheduleAt {
        ScheduleAt::Time(Timestamp(micros))
    }

    fn scheduler(entries: &[(u64, ScheduleAt)], now: i64) -> Scheduler {
        let mut scheduler = Scheduler::default();
        for (id, at) in entries {
            scheduler.insert(key(*id), Entry::new(*at, false, Timestamp(now)));
        }
        scheduler
    }

    fn take_all(scheduler: &mut Scheduler, now: i64) -> Vec<(u64, i64)> {
        let mut taken = Vec::new();
        while let Some(due) = scheduler.take_due(Timestamp(now)) {
            taken.push((due.key.id, due.intended.0));
        }
        taken
    }

    #[test]
    fn ticks_are_multiples_after_now() {
        let next = |last, interval, now| next_tick(Timestamp(last), TimeDuration(interval), Timestamp(now)).0;
        assert_eq!(next(100, 10, 100), 110);
        assert_eq!(next(100, 10, 109), 110);
        assert_eq!(next(100, 10, 110), 120);
        assert_eq!(next(100, 10, 155), 160);
        assert_eq!(next(100, -10, 155), 160);
        assert_eq!(next(100, 10, 50), 110, "the clock was set back");
        assert_eq!(next(100, 0, 155), 155);
        assert_eq!(next(100, 0, 50), 100);
        assert_eq!(next(100, i64::MAX, 155), i64::MAX);
        assert_eq!(next(i64::MIN, i64::MIN, i64::MAX), i64::MAX);
        assert_eq!(next(i64::MIN, 1, i64::MAX - 1), i64::MAX);
    }

    #[test]
    fn rows_come_by_time_and_then_by_key() {
        let mut scheduler =
            scheduler(&[(1, time(30)), (2, time(20)), (4, time(-5)), (3, time(20)), (5, interval(15))], 10);
        assert_eq!(scheduler.next_wake(), Some(Timestamp(-5)));
        assert_eq!(take_all(&mut scheduler, 19), [(4, -5)]);
        assert_eq!(take_all(&mut scheduler, 29), [(2, 20), (3, 20), (5, 25)]);
        assert_eq!(scheduler.next_wake(), Some(Timestamp(30)));
        assert_eq!(take_all(&mut scheduler, i64::MAX), [(1, 30)]);
        assert_eq!(scheduler.next_wake(), None);
    }

    #[test]
    fn an_interval_goes_on_without_drift() {
        let mut scheduler = scheduler(&[(1, interval(10))], 0);
        for (now, intended) in [(10, 10), (23, 20), (30, 30), (75, 40), (81, 80)] {
            let due = scheduler.take_due(Timestamp(now)).unwrap();
            assert_eq!(due.intended.0, intended);
            assert_eq!(scheduler.take_due(Timestamp(now)), None, "it does not run twice at a time");
            scheduler.done(due, Timestamp(now));
        }
        assert_eq!(scheduler.next_wake(), Some(Timestamp(90)));
    }

    #[test]
    fn a_row_that_was_replaced_while_it_ran_runs_as_it_is_now() {
        let mut scheduler = scheduler(&[(1, interval(10)), (2, time(10))], 0);
        let (one, two) =
            (scheduler.take_due(Timestamp(10)).unwrap(), scheduler.take_due(Timestamp(10)).unwrap());
        scheduler.insert(key(1), Entry::new(interval(7), false, Timestamp(10)));
        scheduler.remove(key(2));
        scheduler.done(one, Timestamp(12));
        scheduler.done(two, Timestamp(12));
        scheduler.no_room(two, Timestamp(13));
        assert_eq!(take_all(&mut scheduler, 1000), [(1, 17)]);
    }

    #[test]
    fn where_there_is_no_room_for_procedures_reducers_go_on() {
        let mut scheduler = scheduler(&[(1, time(20)), (2, time(40))], 0);
        for id in [3, 4] {
            scheduler.insert(key(id), Entry::new(time(10), true, Timestamp(0)));
        }
        let due = scheduler.take_due(Timestamp(30)).unwrap();
        assert_eq!((due.key.id, due.intended.0), (3, 10));
        scheduler.no_room(due, Timestamp(50));
        assert_eq!(scheduler.next_wake(), Some(Timestamp(20)));
        assert_eq!(take_all(&mut scheduler, 30), [(1, 20)]);
        assert_eq!(take_all(&mut scheduler, 49), [(2, 40)]);
        assert_eq!(scheduler.next_wake(), Some(Timestamp(50)));
        let due = scheduler.take_due(Timestamp(50)).unwrap();
        assert_eq!((due.key.id, due.intended.0), (3, 10), "it has kept its time and its place");
        scheduler.no_room(due, Timestamp(1000));
        scheduler.room();
        assert_eq!(take_all(&mut scheduler, 50), [(3, 10), (4, 10)]);
    }

    #[test]
    fn a_one_shot_that_ran_is_forgotten() {
        let mut scheduler = scheduler(&[(1, time(10))], 0);
        let due = scheduler.take_due(Timestamp(10)).unwrap();
        scheduler.done(due, Timestamp(10));
        assert!(scheduler.entries.is_empty());
        assert_eq!(scheduler.next_wake(), None);
    }

    #[test]
    fn extreme_times_are_times() {
        let extremes =
            [(1, time(i64::MIN)), (2, time(i64::MAX)), (3, interval(i64::MIN)), (4, interval(i64::MAX))];
        let mut scheduler = scheduler(&extremes, 1_000);
        assert_eq!(take_all(&mut scheduler, 0), [(1, i64::MIN)]);
        assert_eq!(take_all(&mut scheduler, i64::MAX).len(), 3);
    }
}
