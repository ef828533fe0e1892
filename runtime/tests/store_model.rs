//! Random operations on the store and on a plain model beside it, which must agree about everything: answers, rows,
//! indexes, change sets, snapshots held for long, and what is there after opening again.

mod store_support;

use std::collections::{BTreeMap, BTreeSet};

use orrery_host_abi::{
    AlgebraicType as T, ColId, Element, IndexId, ProductType, RowLayout, SequenceId, TableId, Typespace,
};
use orrery_runtime::store::{
    self, IndexKind, IndexSpec, SchemaError, SequenceSpec, Snapshot, StoreOptions, Table, TableKind,
    TableSpec, WriteError, Writer,
};
use proptest::prelude::*;
use store_support::{Random, Range, Rows, cases, check_table, key, product, sum, table};
use tempfile::TempDir;

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

type State = BTreeMap<TableId, Rows>;

struct Case {
    specs: Vec<TableSpec>,
    dir: TempDir,
    writer: Option<Writer>,
    committed: State,
    current: State,
    snapshots: Vec<(Snapshot, Vec<TableSpec>, State)>,
    last_generated: u32,
    /// The greatest generated value that a committed row has had.
    committed_generated: u32,
    options: StoreOptions,
    /// What the specs were at the last commit.
    committed_specs: Vec<TableSpec>,
    /// Tables that the open transaction has dropped and made again, so that they begin empty.
    remade: BTreeSet<TableId>,
    /// What the open transaction has added to each row of a table.
    added: BTreeMap<TableId, Vec<u8>>,
    has_schema_changes: bool,
}

impl Case {
    /// `is_hurried`: checkpoints begin all the time, and commits often wait for the disk.
    fn new(is_hurried: bool) -> Self {
        let specs = specs();
        let dir = tempfile::tempdir().expect("a directory");
        let mut options = StoreOptions::default();
        if is_hurried {
            options.checkpoint_journal_bytes = 4 << 10;
            options.pending_bytes_max = 100;
        }
        let mut writer = store::open(&dir.path().join("db"), &options).expect("a new store");
        for spec in &specs {
            writer.create_table(spec.clone()).expect("a new table");
        }
        writer.commit().expect("a commit");
        let committed: State = specs.iter().map(|spec| (spec.id, Rows::new())).collect();
        let current = committed.clone();
        Self {
            options,
            committed_specs: specs.clone(),
            remade: BTreeSet::new(),
            added: BTreeMap::new(),
            has_schema_changes: false,
            specs,
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
        match kind % 26 {
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
            10..=13 => self.update(&spec, &mut random),
            14 => self.delete_point(&spec, &mut random),
            15 => self.delete_range(&spec, &mut random),
            16 => self.delete_rows(&spec, &mut random),
            17 if random.below(4) == 0 => {
                let rows = std::mem::take(self.current.get_mut(&spec.id).expect("a table"));
                assert_eq!(self.writer().clear(spec.id), Ok(rows.len() as u64));
            }
            18 | 19 => self.commit(),
            20 => {
                self.writer().rollback();
                self.forget();
            }
            21 => {
                if !self.writer().has_changes() {
                    let snapshot = self.writer().snapshot();
                    self.snapshots.push((snapshot, self.specs.clone(), self.committed.clone()));
                }
                if self.snapshots.len() > 3 {
                    let (snapshot, specs, state) = self.snapshots.remove(random.below(3) as usize);
                    self.check_snapshot(&snapshot, &specs, &state);
                }
            }
            22 => {
                self.commit();
                self.writer().checkpoint();
            }
            23 => self.change_schema(at, &mut random),
            _ => self.reopen(random.below(2) == 0),
        }
    }

    /// Takes back what the open transaction did to the model.
    fn forget(&mut self) {
        self.current = self.committed.clone();
        self.specs = self.committed_specs.clone();
        self.remade.clear();
        self.added.clear();
        self.has_schema_changes = false;
    }

    fn change_schema(&mut self, at: usize, random: &mut Random) {
        self.has_schema_changes = true;
        let spec = &mut self.specs[at];
        let table = spec.id;
        let writer = self.writer.as_mut().expect("an open store");
        match random.below(5) {
            4 if spec.row_type.elements.len() < 14 => {
                let ty = [T::U8, T::String, T::I64, sum(&[T::unit(), T::String])][random.below(4) as usize]
                    .clone();
                let mut value = Vec::new();
                random.value(&ty, &mut value);
                let mut elements = spec.row_type.elements.to_vec();
                elements.push(Element { name: None, ty });
                let row_type = ProductType { elements: elements.into() };
                match writer.alter_table(table, "grown", row_type.clone(), &value) {
                    Ok(()) => {
                        spec.row_type = row_type;
                        let rows = self.current.get_mut(&table).expect("a table");
                        *rows = rows.iter().map(|row| [&**row, &value].concat()).collect();
                        self.added.entry(table).or_default().extend(value);
                    }
                    Err(error) => assert!(matches!(error, SchemaError::RowsChanged(_)), "{error}"),
                }
            }
            0 if spec.sequences.is_empty() => {
                writer.drop_table(table).expect("a table");
                writer.create_table(spec.clone()).expect("no table");
                self.current.insert(table, Rows::new());
                self.remade.insert(table);
                self.added.remove(&table);
            }
            1 if spec.indexes.len() > 1 => {
                let index = spec.indexes.remove(random.below(spec.indexes.len() as u64) as usize);
                writer.drop_index(index.id).expect("an index");
            }
            _ => {
                let columns = spec.row_type.elements.len() as u64;
                let index = IndexSpec {
                    id: IndexId(200_000 + random.below(100_000) as u32),
                    columns: vec![ColId(random.below(columns) as u16)],
                    kind: [IndexKind::BTree, IndexKind::Hash][random.below(2) as usize],
                    unique: random.below(2) == 0,
                };
                let rows = &self.current[&table];
                let mut counts: BTreeMap<_, u64> = BTreeMap::new();
                rows.iter().for_each(|row| *counts.entry(key(spec, &index, row)).or_default() += 1);
                let repeated = counts.values().filter(|count| **count > 1).count();
                match writer.add_index(table, index.clone()) {
                    Ok(()) => {
                        assert!(!index.unique || repeated == 0);
                        spec.indexes.push(index);
                    }
                    Err(SchemaError::Duplicates { duplicates, .. }) => {
                        assert!(index.unique);
                        assert_eq!(duplicates.len(), repeated.min(10));
                        let most = counts.values().max();
                        assert!(
                            duplicates
                                .iter()
                                .all(|duplicate| (2..=*most.unwrap_or(&0)).contains(&duplicate.rows))
                        );
                    }
                    Err(error) => assert!(matches!(error, SchemaError::IndexExists(_)), "{error}"),
                }
            }
        }
    }

    fn pick(&self, random: &mut Random, spec: &TableSpec) -> Option<Vec<u8>> {
        let is_same = |before: &TableSpec| before.id == spec.id && before.row_type == spec.row_type;
        let may_be_old = self.committed_specs.iter().any(is_same) && random.below(2) == 0;
        let rows = if may_be_old { &self.committed[&spec.id] } else { &self.current[&spec.id] };
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

    fn update(&mut self, spec: &TableSpec, random: &mut Random) {
        let index = spec.indexes[random.below(spec.indexes.len() as u64) as usize].clone();
        let mut given = random.row(spec);
        // The key of a row that is there, in most cases.
        if random.below(4) != 0
            && let Some(old) = self.pick(random, spec)
        {
            let layout = layout(spec);
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

    fn delete_point(&mut self, spec: &TableSpec, random: &mut Random) {
        let index = spec.indexes[random.below(spec.indexes.len() as u64) as usize].clone();
        let row = self.pick(random, spec).unwrap_or_else(|| random.row(spec));
        let mut point = Vec::new();
        layout(spec).project(&row, &index.columns, &mut point);
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
        let nothing = Rows::new();
        let mut is_durable = self.specs != self.committed_specs || !self.remade.is_empty();
        for spec in &self.specs {
            let added = self.added.get(&spec.id);
            let is_remade = self.remade.contains(&spec.id) || added.is_some();
            let grown: Rows;
            let old = match added {
                _ if self.remade.contains(&spec.id) => &nothing,
                Some(added) => {
                    grown = self.committed[&spec.id].iter().map(|row| [&**row, added].concat()).collect();
                    &grown
                }
                None => &self.committed[&spec.id],
            };
            let new = &self.current[&spec.id];
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
                TableKind::Durable => {
                    assert_eq!(version, if has_changed || is_remade { commit.offset } else { old });
                }
                TableKind::Ephemeral => assert_eq!(version != old, has_changed || is_remade),
                TableKind::Event => {}
            }
        }
        // An index that came and went is still written down.
        assert_eq!(commit.durable_change, is_durable || (commit.durable_change && self.has_schema_changes));
        assert_eq!(commit.offset.0, before.0 + u64::from(commit.durable_change));
        self.committed_specs = self.specs.clone();
        self.remade.clear();
        self.added.clear();
        self.has_schema_changes = false;
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
        let mut writer = self.writer.take().expect("an open store");
        writer.rollback();
        let versions: BTreeMap<_, _> = writer.tables().map(|table| (table.id(), table.version())).collect();
        let offset = writer.offset();
        if in_order {
            writer.close().expect("a disk");
        } else {
            drop(writer);
        }
        let writer = store::open(&self.dir.path().join("db"), &self.options).expect("the same store");
        self.forget();
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
        self.forget();
        self.last_generated = self.committed_generated;
        self.writer = Some(writer);
        self.check();
    }

    fn check(&mut self) {
        for spec in &self.specs {
            let writer = self.writer.as_ref().expect("an open store");
            check_table(
                spec,
                &layout(spec),
                writer.table(spec.id).expect("a table"),
                &self.current[&spec.id],
            );
        }
    }

    fn check_snapshot(&self, snapshot: &Snapshot, specs: &[TableSpec], state: &State) {
        for spec in specs {
            check_table(spec, &layout(spec), snapshot.table(spec.id).expect("a table"), &state[&spec.id]);
        }
    }
}

fn layout(spec: &TableSpec) -> RowLayout {
    RowLayout::new(&spec.row_type, &Typespace::default()).expect("a layout")
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn store_and_model_agree(
        is_hurried: bool,
        steps in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u64>()), 1..600),
    ) {
        let mut case = Case::new(is_hurried);
        for (at, &(kind, table, seed)) in steps.iter().enumerate() {
            case.step(kind, table, seed);
            if at % 40 == 39 {
                case.check();
            }
        }
        case.check();
        case.reopen(true);
        for (snapshot, specs, state) in &case.snapshots {
            case.check_snapshot(snapshot, specs, state);
        }
    }
}
