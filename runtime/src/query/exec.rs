//! Going through the rows.

use std::{cell::OnceCell, collections::HashMap, fmt, ops::ControlFlow};

use orrery_host_abi::ColId;
use smallvec::SmallVec;

use super::{
    check::{Cell, Check},
    error::QueryError,
    limits::Meter,
};
use crate::store::{IndexRef, KeyBytes, Matches, RangeArgs, Rows, Table};

/// What a kept row costs beside its key, in bytes.
const HASHED_ROW_BYTES: usize = 64;

/// One relation that is gone through, within those before it.
#[derive(Debug)]
pub(super) struct Step<'q, 'a> {
    /// Its place in the query.
    pub(super) relation: usize,
    /// How its rows are found.
    pub(super) access: Access<'q, 'a>,
    /// What else must be true of them.
    pub(super) checks: Vec<Check<'q, 'a>>,
}

/// How rows are found.
pub(super) enum Access<'q, 'a> {
    /// All of a table.
    Scan(&'a Table),
    /// All of a view.
    List(&'a [&'a [u8]]),
    /// Those with a key, of at most so many.
    Point { index: IndexRef<'a>, key: Vec<KeyPart<'q>>, rows_max: u64 },
    /// Those with one of some keys, no two of which are equal.
    Points(IndexRef<'a>, Vec<Vec<u8>>),
    /// Those that have the first columns of the key and the next one between two bounds, in the order of the key, of
    /// at most so many.
    Range { index: IndexRef<'a>, prefix: Vec<KeyPart<'q>>, start: Vec<u8>, end: Vec<u8>, rows_max: u64 },
    /// All in the order of an index, and how many they are.
    Ordered(IndexRef<'a>, u64),
    /// Those that are equal to rows before in some cells.
    Hashed(Box<Hashed<'q, 'a>>),
    /// None.
    Nothing,
}

/// A part of a key.
#[derive(Debug)]
pub(super) enum KeyPart<'q> {
    /// BSATN.
    Value(Vec<u8>),
    /// The value in a row before; whether the key wants it as an option.
    Column(Cell<'q>, bool),
}

/// All rows by some of their cells, once somebody has asked for one.
pub(super) struct Hashed<'q, 'a> {
    relation: usize,
    all: Access<'q, 'a>,
    own: Vec<Cell<'q>>,
    others: Vec<Cell<'q>>,
    built: OnceCell<HashMap<KeyBytes, Vec<&'a [u8]>>>,
}

impl fmt::Debug for Access<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns =
            |index: &IndexRef<'_>| index.columns().iter().map(|id: &ColId| id.0).collect::<Vec<_>>();
        match self {
            Self::Scan(table) => write!(f, "Scan({})", table.spec().name),
            Self::List(rows) => write!(f, "List({})", rows.len()),
            Self::Point { index, .. } => write!(f, "Point({:?})", columns(index)),
            Self::Points(index, keys) => write!(f, "Points({:?}, {})", columns(index), keys.len()),
            Self::Range { index, prefix, .. } => write!(f, "Range({:?}, {})", columns(index), prefix.len()),
            Self::Ordered(index, _) => write!(f, "Ordered({:?})", columns(index)),
            Self::Hashed(hashed) => write!(f, "Hashed({:?})", hashed.all),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

impl<'q, 'a> Access<'q, 'a> {
    /// The rows of a relation by cells of their own that must be equal to those of rows before.
    pub(super) fn hashed(relation: usize, all: Self, own: Vec<Cell<'q>>, others: Vec<Cell<'q>>) -> Self {
        Self::Hashed(Box::new(Hashed { relation, all, own, others, built: OnceCell::new() }))
    }

    /// How many rows it finds at most, for each combination of rows before.
    pub(super) fn rows_max(&self) -> u64 {
        match self {
            Self::Scan(table) => table.row_count(),
            Self::List(rows) => rows.len() as u64,
            Self::Point { index, .. } if index.spec().unique => 1,
            Self::Points(index, keys) if index.spec().unique => keys.len() as u64,
            Self::Points(..) => u64::MAX,
            Self::Point { rows_max, .. } | Self::Range { rows_max, .. } | Self::Ordered(_, rows_max) => {
                *rows_max
            }
            Self::Hashed(hashed) => hashed.all.rows_max(),
            Self::Nothing => 0,
        }
    }

    /// The rows for these rows of the relations before.
    fn find<'s>(&'s self, rows: &[&'a [u8]], meter: &Meter<'_>) -> Found<'s, 'a> {
        match self {
            Self::Scan(table) => Found::Rows(table.rows()),
            Self::List(rows) => Found::List(rows.iter()),
            Self::Point { index, key, .. } => match key_of(key, rows) {
                // The parts are of the types of the index's columns.
                Some(key) => index.point(&key).map_or(Found::Nothing, Found::Matches),
                None => Found::Nothing,
            },
            Self::Points(index, keys) => Found::Many { index: *index, keys: keys.iter(), current: None },
            Self::Range { index, prefix, start, end, .. } => match key_of(prefix, rows) {
                Some(key) => {
                    // An index has few columns.
                    let prefix_elems = prefix.len() as u16;
                    let range = RangeArgs { prefix: &key, prefix_elems, start, end };
                    index.range(&range).map_or(Found::Nothing, Found::Matches)
                }
                None => Found::Nothing,
            },
            Self::Ordered(index, _) => Found::Matches(index.rows()),
            Self::Hashed(hashed) => Found::List(hashed.find(rows, meter).iter()),
            Self::Nothing => Found::Nothing,
        }
    }
}

/// The BSATN of a key; none if a part of it is missing, which then is equal to nothing.
fn key_of(parts: &[KeyPart<'_>], rows: &[&[u8]]) -> Option<SmallVec<[u8; 40]>> {
    let mut key = SmallVec::new();
    for part in parts {
        match part {
            KeyPart::Value(value) => key.extend_from_slice(value),
            KeyPart::Column(cell, is_optional) => {
                let value = cell.value(rows)?;
                if *is_optional {
                    key.push(0);
                }
                key.extend_from_slice(value);
            }
        }
    }
    Some(key)
}

impl<'a> Hashed<'_, 'a> {
    fn find(&self, rows: &[&'a [u8]], meter: &Meter<'_>) -> &[&'a [u8]] {
        let built = self.built.get_or_init(|| self.build(rows.len(), meter));
        let mut key = KeyBytes::new();
        if self.others.iter().try_for_each(|cell| cell.key(rows, &mut key)).is_none() {
            return &[];
        }
        built.get(&key).map_or(&[], Vec::as_slice)
    }

    /// If the meter runs out, what is built means nothing.
    fn build(&self, relations: usize, meter: &Meter<'_>) -> HashMap<KeyBytes, Vec<&'a [u8]>> {
        let mut built: HashMap<KeyBytes, Vec<&'a [u8]>> = HashMap::new();
        let mut rows: SmallVec<[&'a [u8]; 4]> = SmallVec::from_elem(&[][..], relations);
        let mut found = self.all.find(&rows, meter);
        while let Some(row) = found.next() {
            rows[self.relation] = row;
            let mut key = KeyBytes::new();
            if self.own.iter().try_for_each(|cell| cell.key(&rows, &mut key)).is_none() {
                continue;
            }
            if meter.row().is_break() || meter.memory(key.len() + HASHED_ROW_BYTES).is_break() {
                break;
            }
            built.entry(key).or_default().push(row);
        }
        built
    }
}

/// Rows that are being found.
enum Found<'s, 'a> {
    Rows(Rows<'a>),
    List(std::slice::Iter<'s, &'a [u8]>),
    Matches(Matches<'a>),
    Many { index: IndexRef<'a>, keys: std::slice::Iter<'s, Vec<u8>>, current: Option<Matches<'a>> },
    Nothing,
}

impl<'a> Found<'_, 'a> {
    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        match self {
            Self::Rows(rows) => rows.next(),
            Self::List(rows) => rows.next().copied(),
            Self::Matches(matches) => matches.next(),
            Self::Many { index, keys, current } => loop {
                if let Some(row) = current.as_mut().and_then(Iterator::next) {
                    return Some(row);
                }
                *current = index.point(keys.next()?).ok();
            },
            Self::Nothing => None,
        }
    }
}

/// Goes through all combinations of rows, one of each relation, that meet the checks.
pub(super) fn run<'a>(
    steps: &[Step<'_, 'a>],
    rows: &mut [&'a [u8]],
    meter: &Meter<'_>,
    visit: &mut dyn FnMut(&[&'a [u8]]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some((step, rest)) = steps.split_first() else { return visit(rows) };
    let mut found = step.access.find(rows, meter);
    while let Some(row) = found.next() {
        meter.row()?;
        rows[step.relation] = row;
        if step.checks.iter().all(|check| check.is_met(rows, meter)) {
            run(rest, rows, meter, visit)?;
        }
    }
    ControlFlow::Continue(())
}

/// Whether a query gives a certain row.
#[derive(Debug)]
pub(super) struct Existence<'q, 'a> {
    /// How many relations the query has.
    pub(super) relations: usize,
    /// The place of the one that the row is of.
    pub(super) place: usize,
    /// What must be true of the row.
    pub(super) checks: Vec<Check<'q, 'a>>,
    /// The other relations.
    pub(super) steps: Vec<Step<'q, 'a>>,
}

impl<'a> Existence<'_, 'a> {
    /// Whether that row is given. If the meter runs out, the answer means nothing.
    pub(super) fn holds(&self, row: &'a [u8], meter: &Meter<'_>) -> bool {
        let mut rows: SmallVec<[&'a [u8]; 4]> = SmallVec::from_elem(&[][..], self.relations);
        rows[self.place] = row;
        let mut exists = false;
        if self.checks.iter().all(|check| check.is_met(&rows, meter)) {
            let _ = run(&self.steps, &mut rows, meter, &mut |_| {
                exists = true;
                ControlFlow::Break(())
            });
        }
        exists
    }
}

/// Goes through everything that a plan finds.
pub(super) fn run_all<'a>(
    steps: &[Step<'_, 'a>],
    relations: usize,
    meter: &Meter<'_>,
    visit: &mut dyn FnMut(&[&'a [u8]]) -> ControlFlow<()>,
) -> Result<(), QueryError> {
    let mut rows: SmallVec<[&'a [u8]; 4]> = SmallVec::from_elem(&[][..], relations);
    // Whoever visits may have seen enough; the meter knows whether that was it.
    let _ = run(steps, &mut rows, meter, visit);
    meter.check()
}
