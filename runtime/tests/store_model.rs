//! Random operations on the store and on a plain model beside it, which must agree about everything: answers, rows,
//! indexes, change sets, snapshots held for long, and what is there after opening again.

use std::collections::{BTreeMap, BTreeSet};

use orrery_host_abi::{
    AlgebraicType, AlgebraicValue, ColId, Element, IndexId, ProductType, RowLayout, SequenceId, SumType,
    TableId, Typespace, Variant, bsatn::Encode,
};
use orrery_runtime::store::{
    self, IndexKind, IndexSpec, RangeArgs, SequenceSpec, Snapshot, StoreOptions, Table, TableKind, TableSpec,
    WriteError, Writer,
};
use proptest::prelude::*;
use tempfile::TempDir;

use AlgebraicType as T;

/// A small generator (splitmix64), to make rows from one number.
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// BSATN of a value of that type. Few different ones, so that they meet; strings are sometimes longer than a page.
    fn value(&mut self, ty: &T, out: &mut Vec<u8>) {
        match ty {
            T::Bool => out.push(self.below(2) as u8),
            T::U8 | T::I8 => out.push([0, 1, 2, 0x7f, 0x80, 0xff][self.below(6) as usize]),
            T::U16 | T::I16 => self.integer(2, out),
            T::U32 | T::I32 => self.integer(4, out),
            T::U64 | T::I64 => self.integer(8, out),
            T::U128 | T::I128 => self.integer(16, out),
            T::U256 | T::I256 => self.integer(32, out),
            T::F32 => [0.0, -0.0, 1.5, -1.5, f32::INFINITY, f32::NAN, -f32::NAN, 1e-40]
                [self.below(8) as usize]
                .encode(out),
            T::F64 => [0.0, -0.0, 1.5, -1.5, f64::NEG_INFINITY, f64::NAN, -f64::NAN][self.below(7) as usize]
                .encode(out),
            T::String => {
                let len = match self.below(40) {
                    0 => self.below(9000),
                    1..=9 => self.below(400),
                    _ => self.below(4),
                };
                let letters = ["a", "b", "\0", "\u{1}", "ÿ"];
                let text: String = (0..len).map(|_| letters[self.below(5) as usize]).collect();
                text.encode(out);
            }
            T::Array(element) => {
                let len = self.below(4) as u32;
                len.encode(out);
                (0..len).for_each(|_| self.value(element, out));
            }
            T::Product(product) => product.elements.iter().for_each(|element| self.value(&element.ty, out)),
            T::Sum(sum) => {
                let tag = self.below(sum.variants.len() as u64) as u8;
                out.push(tag);
                self.value(&sum.variants[tag as usize].ty, out);
            }
            T::Ref(_) => unreachable!("types of rows are resolved"),
        }
    }

    fn integer(&mut self, len: usize, out: &mut Vec<u8>) {
        let low = self.below(24) as u8;
        let fill = [0, 0, 0, 0xff][self.below(4) as usize];
        let mut bytes = vec![fill; len];
        bytes[0] = low;
        if self.below(4) == 0 {
            bytes[len / 2] = self.below(256) as u8;
        }
        out.extend(bytes);
    }

    fn row(&mut self, spec: &TableSpec) -> Vec<u8> {
        let mut row = Vec::new();
        spec.row_type.elements.iter().for_each(|element| self.value(&element.ty, &mut row));
        row
    }
}

fn product(types: &[T]) -> ProductType {
    ProductType { elements: types.iter().map(|ty| Element { name: None, ty: ty.clone() }).collect() }
}

fn sum(types: &[T]) -> T {
    T::Sum(SumType { variants: types.iter().map(|ty| Variant { name: None, ty: ty.clone() }).collect() })
}

fn table(id: u32, types: &[T], kind: TableKind, indexes: &[(&[u16], IndexKind, bool)]) -> TableSpec {
    let index = |(place, (columns, kind, unique)): (u32, &(&[u16], IndexKind, bool))| IndexSpec {
        id: IndexId(id * 16 + place),
        columns: columns.iter().copied().map(ColId).collect(),
        kind: *kind,
        unique: *unique,
    };
    TableSpec {
        id: TableId(id),
        name: "t".into(),
        row_type: product(types),
        indexes: (0..).zip(indexes).map(index).collect(),
        sequences: Vec::new(),
        kind,
    }
}

fn specs() -> Vec<TableSpec> {
    use IndexKind::{BTree, Direct, Hash};
    let option = sum(&[T::String, T::unit()]);
    let plain = sum(&[T::unit(), T::unit(), T::unit()]);
    let wide = T::Product(product(&[T::I32, T::String]));
    let mut everything = table(
        4096,
        &[T::U32, T::String, T::I64, T::U8, T::F64, T::U128, T::U256, option, plain, wide],
        TableKind::Durable,
        &[
            (&[0], BTree, true),
            (&[1], Hash, false),
            (&[2], BTree, false),
            (&[3], Direct, false),
            (&[4], BTree, false),
            (&[5], Hash, false),
            (&[6], BTree, false),
            (&[7, 3], BTree, false),
            (&[8], BTree, false),
            (&[9], BTree, false),
            (&[1, 0], BTree, true),
        ],
    );
    everything.sequences.push(SequenceSpec {
        id: SequenceId(4096),
        column: ColId(0),
        start: 1000,
        min_value: 1,
        max_value: i128::MAX,
        increment: 3,
    });
    vec![
        everything,
        table(4097, &[T::U16, T::String], TableKind::Durable, &[(&[1], BTree, false)]),
        // Updates through one index change the keys of the other.
        table(
            4098,
            &[T::U8, T::I8, T::Bool],
            TableKind::Durable,
            &[(&[0], BTree, true), (&[1], Direct, true)],
        ),
        table(4099, &[T::U16, T::F32], TableKind::Ephemeral, &[(&[1, 0], Hash, true)]),
        table(4100, &[T::U16, T::I64], TableKind::Event, &[(&[0], BTree, true)]),
        table(7, &[T::U64, T::F32], TableKind::Durable, &[(&[0, 1], BTree, true), (&[1], BTree, false)]),
    ]
}

type Rows = BTreeSet<Vec<u8>>;
type State = BTreeMap<TableId, Rows>;

struct Case {
    specs: Vec<TableSpec>,
    layouts: Vec<RowLayout>,
    dir: TempDir,
    writer: Option<Writer>,
    committed: State,
    current: State,
    snapshots: Vec<(Snapshot, State)>,
    last_generated: u32,
    /// The greatest generated value that a committed row has had.
    committed_generated: u32,
}

fn key(spec: &TableSpec, index: &IndexSpec, row: &[u8]) -> Vec<AlgebraicValue> {
    let AlgebraicValue::Product(cells) =
        AlgebraicValue::from_bsatn(row, &T::Product(spec.row_type.clone())).expect("a valid row")
    else {
        unreachable!("a row is a product")
    };
    index.columns.iter().map(|column| cells[usize::from(column.0)].clone()).collect()
}

impl Case {
    fn new() -> Self {
        let specs = specs();
        let dir = tempfile::tempdir().expect("a directory");
        let mut writer = store::open(&dir.path().join("db"), &StoreOptions::default()).expect("a new store");
        for spec in &specs {
            writer.create_table(spec.clone()).expect("a new table");
        }
        writer.commit().expect("a commit");
        let layouts = specs
            .iter()
            .map(|spec| RowLayout::new(&spec.row_type, &Typespace::default()).expect("a layout"))
            .collect();
        let committed: State = specs.iter().map(|spec| (spec.id, Rows::new())).collect();
        let current = committed.clone();
        Self {
            specs,
            layouts,
            dir,
            writer: Some(writer),
            committed,
            current,
            snapshots: Vec::new(),
            last_generated: 0,
            committed_generated: 0,
        }
    }

    fn writer(&mut self) -> &mut Writer {
        self.writer.as_mut().expect("an open store")
    }

    /// Does one thing, chosen by three numbers.
    fn step(&mut self, kind: u8, table: u8, seed: u64) {
        let mut random = Random(seed);
        let at = usize::from(table) % self.specs.len();
        let spec = self.specs[at].clone();
        match kind % 24 {
            0..=7 => {
                let row = random.row(&spec);
                self.insert(&spec, at, &row);
            }
            8 | 9 => {
                // A row that is there, or was not long ago.
                if let Some(row) = self.pick(&mut random, &spec) {
                    self.insert(&spec, at, &row);
                }
            }
            10..=13 => self.update(&spec, at, &mut random),
            14 => self.delete_point(&spec, at, &mut random),
            15 => self.delete_range(&spec, &mut random),
            16 => self.delete_rows(&spec, &mut random),
            17 if random.below(4) == 0 => {
                let rows = std::mem::take(self.current.get_mut(&spec.id).expect("a table"));
                assert_eq!(self.writer().clear(spec.id), Ok(rows.len() as u64));
            }
            18 | 19 => self.commit(),
            20 => {
                self.writer().rollback();
                self.current = self.committed.clone();
            }
            21 => {
                if !self.writer().has_changes() {
                    let snapshot = self.writer().snapshot();
                    self.snapshots.push((snapshot, self.committed.clone()));
                }
                if self.snapshots.len() > 3 {
                    let (snapshot, state) = self.snapshots.remove(random.below(3) as usize);
                    self.check_snapshot(&snapshot, &state);
                }
            }
            22 => {
                self.commit();
                self.writer().checkpoint();
            }
            _ => self.reopen(random.below(2) == 0),
        }
    }

    fn pick(&self, random: &mut Random, spec: &TableSpec) -> Option<Vec<u8>> {
        let rows = if random.below(2) == 0 { &self.current[&spec.id] } else { &self.committed[&spec.id] };
        let at = random.below(rows.len().max(1) as u64) as usize;
        rows.iter().nth(at).cloned()
    }

    /// The row in the way of that one in a unique index, of those that `ignore` does not name.
    fn conflict(&self, spec: &TableSpec, row: &[u8], ignore: Option<&[u8]>) -> Option<IndexId> {
        let rows = &self.current[&spec.id];
        spec.indexes.iter().filter(|index| index.unique).find_map(|index| {
            let wanted = key(spec, index, row);
            let is_taken = |other: &Vec<u8>| Some(&**other) != ignore && key(spec, index, other) == wanted;
            rows.iter().any(is_taken).then_some(index.id)
        })
    }

    /// What the store is expected to make of a row with a zero in a sequence column.
    fn generated(&mut self, spec: &TableSpec, given: &[u8], row: &mut [u8], len: usize) {
        let has_zero = !spec.sequences.is_empty() && given[..4] == [0; 4];
        assert_eq!(len, if has_zero { 4 } else { 0 });
        if has_zero {
            let value = u32::from_le_bytes(row[..4].try_into().expect("four bytes"));
            assert!(value > self.last_generated && (value - 1000).is_multiple_of(3), "{value}");
            self.last_generated = value;
        }
    }

    fn insert(&mut self, spec: &TableSpec, at: usize, given: &[u8]) {
        let mut row = given.to_vec();
        let outcome = self.writer().insert(spec.id, &mut row);
        match outcome {
            Ok(inserted) => {
                self.generated(spec, given, &mut row, inserted.generated_len);
                assert_eq!(inserted.existed, self.current[&spec.id].contains(&row));
                if !inserted.existed {
                    assert_eq!(self.conflict(spec, &row, None), None);
                }
                let found = self
                    .writer()
                    .table(spec.id)
                    .and_then(|table| table.get(inserted.ptr).map(<[u8]>::to_vec));
                assert_eq!(found.as_ref(), Some(&row));
                self.current.get_mut(&spec.id).expect("a table").insert(row);
            }
            Err(WriteError::UniqueViolation(index)) => {
                assert!(!self.current[&spec.id].contains(&row));
                assert_eq!(self.conflict(spec, &row, None), Some(index));
            }
            Err(error) => panic!("{error} at table {at}"),
        }
    }

    fn update(&mut self, spec: &TableSpec, at: usize, random: &mut Random) {
        let index = spec.indexes[random.below(spec.indexes.len() as u64) as usize].clone();
        let mut given = random.row(spec);
        // The key of a row that is there, in most cases.
        if random.below(4) != 0
            && let Some(old) = self.pick(random, spec)
        {
            let layout = &self.layouts[at];
            let cells = (0..layout.columns().len()).map(|column| {
                let is_key = index.columns.contains(&ColId(column as u16));
                layout.column(if is_key || random.below(2) == 0 { &old } else { &given }, column).to_vec()
            });
            given = cells.collect::<Vec<_>>().concat();
        }
        let mut row = given.clone();
        let outcome = self.writer().update(spec.id, index.id, &mut row);
        let wanted = key(spec, &index, &row);
        let old = self.current[&spec.id].iter().find(|old| key(spec, &index, old) == wanted).cloned();
        match outcome {
            _ if !index.unique => assert_eq!(outcome, Err(WriteError::IndexNotUnique(index.id))),
            Ok(updated) => {
                self.generated(spec, &given, &mut row, updated.generated_len);
                let old = old.expect("a row with that key");
                assert_eq!(updated.existed, old == row);
                if !updated.existed {
                    assert_eq!(self.conflict(spec, &row, Some(&old)), None);
                }
                let rows = self.current.get_mut(&spec.id).expect("a table");
                rows.remove(&old);
                rows.insert(row);
            }
            Err(WriteError::NoSuchRow(_)) => assert_eq!(old, None),
            Err(WriteError::UniqueViolation(index)) => {
                let old = old.expect("a row with that key");
                assert_ne!(old, row);
                assert_eq!(self.conflict(spec, &row, Some(&old)), Some(index));
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn delete_point(&mut self, spec: &TableSpec, at: usize, random: &mut Random) {
        let index = spec.indexes[random.below(spec.indexes.len() as u64) as usize].clone();
        let row = self.pick(random, spec).unwrap_or_else(|| random.row(spec));
        let mut point = Vec::new();
        self.layouts[at].project(&row, &index.columns, &mut point);
        let wanted = key(spec, &index, &row);
        let rows = self.current.get_mut(&spec.id).expect("a table");
        let before = rows.len();
        rows.retain(|row| key(spec, &index, row) != wanted);
        let deleted = before - rows.len();
        assert_eq!(self.writer().delete_point(index.id, &point), Ok(deleted as u32));
    }

    fn delete_range(&mut self, spec: &TableSpec, random: &mut Random) {
        let index = spec.indexes[random.below(spec.indexes.len() as u64) as usize].clone();
        let Some(range) = Range::new(spec, &index, random) else { return };
        if index.kind == IndexKind::Hash {
            assert!(self.writer().delete_range(index.id, &range.args()).is_err());
            return;
        }
        // A narrow one, or little would be left.
        let rows = &self.current[&spec.id];
        let hit: Vec<Vec<u8>> =
            rows.iter().filter(|row| range.contains(&key(spec, &index, row))).cloned().collect();
        if hit.len() * 3 > rows.len() + 6 {
            let table = self.writer.as_ref().and_then(|writer| writer.table(spec.id)).expect("a table");
            assert_eq!(table.range(index.id, &range.args()).expect("a range").count(), hit.len());
            return;
        }
        let rows = self.current.get_mut(&spec.id).expect("a table");
        hit.iter().for_each(|row| {
            rows.remove(row);
        });
        assert_eq!(self.writer().delete_range(index.id, &range.args()), Ok(hit.len() as u32));
    }

    fn delete_rows(&mut self, spec: &TableSpec, random: &mut Random) {
        let mut relation = 3_u32.to_le_bytes().to_vec();
        let mut deleted = 0;
        for _ in 0..3 {
            let row = self.pick(random, spec).unwrap_or_else(|| random.row(spec));
            relation.extend_from_slice(&row);
            deleted += u32::from(self.current.get_mut(&spec.id).expect("a table").remove(&row));
        }
        assert_eq!(self.writer().delete_rows(spec.id, &relation), Ok(deleted));
    }

    fn commit(&mut self) {
        let before = self.writer().offset();
        let versions: Vec<_> = self.writer().tables().map(|table| (table.id(), table.version())).collect();
        let commit = self.writer().commit().expect("a commit");
        let mut is_durable = false;
        for spec in &self.specs {
            let (old, new) = (&self.committed[&spec.id], &self.current[&spec.id]);
            let inserted: BTreeSet<_> = new.difference(old).cloned().collect();
            let deleted: BTreeSet<_> = old.difference(new).cloned().collect();
            let changes = commit.changes.table(spec.id);
            let lists = changes.map(|changes| {
                let (inserts, deletes) = (changes.inserts(), changes.deletes());
                assert_eq!(inserts.iter().collect::<Vec<_>>().concat(), inserts.bytes());
                let pairs: Vec<_> = changes.replaced().collect();
                assert!(pairs.iter().all(|(old, new)| old != new));
                let lists =
                    [inserts, deletes].map(|list| list.iter().map(<[u8]>::to_vec).collect::<BTreeSet<_>>());
                assert_eq!((lists[0].len(), lists[1].len()), (inserts.len(), deletes.len()));
                lists
            });
            let expected = (!inserted.is_empty() || !deleted.is_empty()).then_some([inserted, deleted]);
            let has_changed = expected.is_some();
            assert_eq!(lists, expected, "changes of table {}", spec.id);
            is_durable |= has_changed && spec.kind == TableKind::Durable;
            let version =
                self.writer.as_ref().and_then(|writer| writer.table(spec.id)).expect("a table").version();
            let old = versions.iter().find(|(id, _)| *id == spec.id).expect("a table").1;
            match spec.kind {
                TableKind::Durable => assert_eq!(version, if has_changed { commit.offset } else { old }),
                TableKind::Ephemeral => assert_eq!(version != old, has_changed),
                TableKind::Event => {}
            }
            let seen = self.writer.as_ref().and_then(|writer| writer.versions().get(spec.id));
            assert_eq!(seen, Some(version));
        }
        assert_eq!(commit.durable_change, is_durable);
        assert_eq!(commit.offset.0, before.0 + u64::from(is_durable));
        for spec in self.specs.iter().filter(|spec| spec.kind == TableKind::Event) {
            self.current.insert(spec.id, Rows::new());
        }
        self.committed = self.current.clone();
        for row in &self.committed[&TableId(4096)] {
            let id = u32::from_le_bytes(row[..4].try_into().expect("four bytes"));
            if (1000..=self.last_generated).contains(&id) {
                self.committed_generated = self.committed_generated.max(id);
            }
        }
        if let Some(writer) = &mut self.writer {
            writer.recycle(commit.changes);
        }
    }

    fn reopen(&mut self, in_order: bool) {
        let writer = self.writer.take().expect("an open store");
        let versions: BTreeMap<_, _> = writer.tables().map(|table| (table.id(), table.version())).collect();
        let offset = writer.offset();
        if in_order {
            writer.close().expect("a disk");
        } else {
            drop(writer);
        }
        let writer =
            store::open(&self.dir.path().join("db"), &StoreOptions::default()).expect("the same store");
        for spec in &self.specs {
            match spec.kind {
                TableKind::Durable => {
                    assert_eq!(writer.table(spec.id).map(Table::version), versions.get(&spec.id).copied());
                }
                TableKind::Ephemeral | TableKind::Event => {
                    self.committed.insert(spec.id, Rows::new());
                }
            }
        }
        assert_eq!(writer.offset(), offset);
        assert_eq!(writer.durability().durable_offset(), offset);
        self.current = self.committed.clone();
        self.last_generated = self.committed_generated;
        self.writer = Some(writer);
        self.check();
    }

    fn check(&mut self) {
        for (spec, layout) in self.specs.iter().zip(&self.layouts) {
            let writer = self.writer.as_ref().expect("an open store");
            check_table(spec, layout, writer.table(spec.id).expect("a table"), &self.current[&spec.id]);
        }
    }

    fn check_snapshot(&self, snapshot: &Snapshot, state: &State) {
        for (spec, layout) in self.specs.iter().zip(&self.layouts) {
            check_table(spec, layout, snapshot.table(spec.id).expect("a table"), &state[&spec.id]);
        }
    }
}

fn check_table(spec: &TableSpec, layout: &RowLayout, table: &Table, rows: &Rows) {
    assert_eq!(table.row_count(), rows.len() as u64);
    assert_eq!(table.rows().map(<[u8]>::to_vec).collect::<Rows>(), *rows);
    let chunks: Vec<_> = table.chunks().collect();
    assert_eq!(chunks.iter().map(|chunk| chunk.rows).sum::<usize>(), rows.len());
    assert_eq!(
        chunks.iter().map(|chunk| chunk.bytes).collect::<Vec<_>>().concat(),
        table.rows().collect::<Vec<_>>().concat()
    );
    for index in &spec.indexes {
        let found = table.index(index.id).expect("an index");
        let all: Vec<&[u8]> = found.rows().collect();
        assert_eq!(all.len(), rows.len(), "index {}", index.id);
        assert_eq!(all.iter().map(|row| row.to_vec()).collect::<Rows>(), *rows);
        if index.kind != IndexKind::Hash {
            let keys: Vec<_> = all.iter().map(|row| key(spec, index, row)).collect();
            assert!(keys.is_sorted(), "index {} is out of order", index.id);
        }
        for row in rows.iter().step_by(7) {
            let mut point = Vec::new();
            layout.project(row, &index.columns, &mut point);
            let wanted = key(spec, index, row);
            let expected: Rows = rows.iter().filter(|row| key(spec, index, row) == wanted).cloned().collect();
            let found: Vec<&[u8]> = table.point(index.id, &point).expect("a key").collect();
            assert_eq!(found.len(), expected.len());
            assert_eq!(found.iter().map(|row| row.to_vec()).collect::<Rows>(), expected);
        }
    }
    for row in rows.iter().step_by(5) {
        assert!(table.find_row(row).is_some());
    }
}

/// A range over an index, as bytes and as values.
struct Range {
    prefix: Vec<u8>,
    prefix_values: Vec<AlgebraicValue>,
    bounds: [(u8, Vec<u8>, Option<AlgebraicValue>); 2],
    is_flat: bool,
}

impl Range {
    fn new(spec: &TableSpec, index: &IndexSpec, random: &mut Random) -> Option<Self> {
        let column = |id: &ColId| spec.row_type.elements[usize::from(id.0)].ty.clone();
        let types: Vec<T> = index.columns.iter().map(column).collect();
        let (types, is_flat) = match &*types {
            [T::Product(product)] => (product.elements.iter().map(|e| e.ty.clone()).collect(), true),
            _ => (types, false),
        };
        let at = random.below(types.len() as u64) as usize;
        let mut prefix = Vec::new();
        let mut prefix_values = Vec::new();
        let mut draw = |ty: &T, out: &mut Vec<u8>| {
            let start = out.len();
            random.value(ty, out);
            AlgebraicValue::from_bsatn(&out[start..], ty).ok()
        };
        for ty in &types[..at] {
            prefix_values.push(draw(ty, &mut prefix)?);
        }
        let mut bounds = [const { (2, Vec::new(), None) }; 2];
        for bound in &mut bounds {
            let mut bytes = Vec::new();
            let value = draw(&types[at], &mut bytes);
            bound.0 = bytes.iter().map(|&byte| byte % 3).fold(index.id.0 as u8, u8::wrapping_add) % 3;
            if bound.0 != 2 {
                (bound.1, bound.2) = (bytes, value);
            }
            bound.1.insert(0, bound.0);
        }
        Some(Self { prefix, prefix_values, bounds, is_flat })
    }

    fn args(&self) -> RangeArgs<'_> {
        RangeArgs {
            prefix: &self.prefix,
            prefix_elems: self.prefix_values.len() as u16,
            start: &self.bounds[0].1,
            end: &self.bounds[1].1,
        }
    }

    fn contains(&self, key: &[AlgebraicValue]) -> bool {
        let parts = match key {
            [AlgebraicValue::Product(parts)] if self.is_flat => parts,
            _ => key,
        };
        let next = &parts[self.prefix_values.len()];
        let [(start_tag, _, start), (end_tag, _, end)] = &self.bounds;
        parts[..self.prefix_values.len()] == self.prefix_values
            && start.as_ref().is_none_or(|start| if *start_tag == 0 { next >= start } else { next > start })
            && end.as_ref().is_none_or(|end| if *end_tag == 0 { next <= end } else { next < end })
    }
}

fn cases(count: u32) -> ProptestConfig {
    let count = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(count);
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn store_and_model_agree(steps in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u64>()), 1..600)) {
        let mut case = Case::new();
        for (at, &(kind, table, seed)) in steps.iter().enumerate() {
            case.step(kind, table, seed);
            if at % 40 == 39 {
                case.check();
            }
        }
        case.check();
        case.reopen(true);
        for (snapshot, state) in &case.snapshots {
            case.check_snapshot(snapshot, state);
        }
    }
}

/// Types that are keys in every form, alone and together.
fn key_types() -> Vec<Vec<T>> {
    let array = |ty: T| T::Array(Box::new(ty));
    let option = sum(&[T::String, T::unit()]);
    let pair = T::Product(product(&[T::I16, T::String]));
    vec![
        vec![T::Bool],
        vec![T::I8],
        vec![T::U16],
        vec![T::I32],
        vec![T::U64],
        vec![T::I64],
        vec![T::I128],
        vec![T::U128],
        vec![T::I256],
        vec![T::U256],
        vec![T::F32],
        vec![T::F64],
        vec![T::String],
        vec![option.clone()],
        vec![array(T::U8)],
        vec![array(T::I8)],
        vec![array(T::Bool)],
        vec![array(T::I32)],
        vec![array(T::String)],
        vec![array(array(T::unit()))],
        vec![pair.clone()],
        vec![T::Product(product(&[T::I64]))],
        vec![sum(&[T::unit(), T::I16, pair])],
        vec![sum(&[T::U32, T::F32])],
        vec![T::I8, T::U32],
        vec![T::I64, T::F64],
        vec![T::I16, T::U128, T::Bool],
        vec![T::String, T::I8],
        vec![option, T::String, T::I64],
        vec![T::U256, T::U8],
    ]
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn keys_compare_as_their_values_do(seed in any::<u64>()) {
        let mut random = Random(seed);
        for types in key_types() {
            let columns: Vec<u16> = (1..=types.len() as u16).collect();
            let all: Vec<T> = [T::U32].into_iter().chain(types).collect();
            let spec = table(4096, &all, TableKind::Durable, &[(&columns, IndexKind::BTree, false), (&columns, IndexKind::Hash, false)]);
            let mut writer = store::open_backend(redb::backends::InMemoryBackend::new(), &StoreOptions::default()).expect("a store");
            writer.create_table(spec.clone()).expect("a new table");
            let mut rows = Rows::new();
            for _ in 0..60 {
                let mut row = random.row(&spec);
                writer.insert(spec.id, &mut row).expect("an insert");
                rows.insert(row);
            }
            let layout = RowLayout::new(&spec.row_type, &Typespace::default()).expect("a layout");
            check_table(&spec, &layout, writer.table(spec.id).expect("a table"), &rows);
            let found = writer.table(spec.id).expect("a table");
            for _ in 0..20 {
                let Some(range) = Range::new(&spec, &spec.indexes[0], &mut random) else { continue };
                let expected: Rows = rows.iter().filter(|row| range.contains(&key(&spec, &spec.indexes[0], row))).cloned().collect();
                let hit: Rows = found.range(spec.indexes[0].id, &range.args()).expect("a range").map(<[u8]>::to_vec).collect();
                prop_assert_eq!(hit, expected);
            }
        }
    }
}
