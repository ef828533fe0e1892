//! Random changes of random tables with random rows, beside a plain model: what is refused changes nothing, and what
//! is done gives the tables that the new definition would have made, with the rows that the model has.

use std::collections::{BTreeMap, BTreeSet};

use orrery_host_abi::{AlgebraicValue, SumValue, module_def::ScheduleDef};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{state::State, *};
use crate::store::WriteError;

use AlgebraicType as T;

/// A small generator (splitmix64).
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn ty(&mut self) -> T {
        let payloads = [T::unit(), T::U8, T::String, T::U64];
        match self.below(10) {
            0 => T::U8,
            1 => T::I32,
            2 => T::U128,
            3 => T::Bool,
            4 => T::String,
            5 => T::F64,
            6 => T::Array(Box::new(T::U16)),
            7 | 8 => {
                let count = 1 + self.below(3);
                let variants = (0..count).map(|at| (["a", "b", "c"][at], payloads[self.below(4)].clone()));
                sum(&variants.collect::<Vec<_>>())
            }
            _ => T::U64,
        }
    }

    /// Few different ones, so that they meet.
    fn value(&mut self, ty: &T) -> AlgebraicValue {
        let small = self.below(5) as u8;
        match ty {
            T::U8 => AlgebraicValue::U8(small),
            T::U16 => AlgebraicValue::U16(small.into()),
            T::I32 => AlgebraicValue::I32(i32::from(small) - 2),
            T::U64 => AlgebraicValue::U64(small.into()),
            T::U128 => AlgebraicValue::U128(small.into()),
            T::F64 => AlgebraicValue::F64(small.into()),
            T::Bool => AlgebraicValue::Bool(small.is_multiple_of(2)),
            T::String => AlgebraicValue::String("xyz".repeat(small.into()).into()),
            T::Array(element) => AlgebraicValue::Array((0..small).map(|_| self.value(element)).collect()),
            T::Sum(sum) => {
                let tag = self.below(sum.variants.len());
                let value = Box::new(self.value(&sum.variants[tag].ty));
                AlgebraicValue::Sum(SumValue { tag: tag as u8, value })
            }
            T::Product(product) => AlgebraicValue::Product(
                product.elements.iter().map(|element| self.value(&element.ty)).collect(),
            ),
            other => unreachable!("{other:?} is not drawn"),
        }
    }

    fn column(&mut self) -> ColumnDef {
        let ty = self.ty();
        let name = format!("c{}", self.below(8));
        let default = (!self.one_in(4)).then(|| self.value(&ty).to_bsatn().into());
        ColumnDef { default, ..column(&name, ty) }
    }

    fn columns(&mut self, of: &TableDef) -> Vec<u16> {
        let first = self.below(of.columns.len()) as u16;
        let second = self.below(of.columns.len()) as u16;
        if first != second && self.one_in(3) { vec![first, second] } else { vec![first] }
    }

    fn table(&mut self) -> TableDef {
        let mut new = table(&format!("t{}", self.below(5)));
        new.is_event = self.one_in(6);
        if self.one_in(2) {
            new.indexes.clear();
            new.unique_constraints.clear();
            new.primary_key = None;
        }
        for _ in 0..self.below(6) {
            self.change_table(&mut new);
        }
        repair(&mut new);
        new
    }

    fn change_table(&mut self, table: &mut TableDef) {
        let at = self.below(table.columns.len());
        match self.below(20) {
            0..=4 => table.columns.push(self.column()),
            5 => table.columns.insert(at, self.column()),
            6 if at > 0 => {
                table.columns.remove(at);
            }
            7 => table.columns.swap(0, at),
            8 => table.columns[at] = self.column(),
            9 | 10 => {
                let ty = self.ty();
                grow(&mut table.columns[at].ty, ty);
            }
            11 | 12 => {
                let columns = self.columns(table);
                let mut index = index(&format!("{}_i{}", table.name, self.below(4)), &columns);
                if self.one_in(2) {
                    index.algorithm = IndexAlgorithm::Hash(col_ids(&columns));
                }
                index.alias = self.one_in(2).then(|| format!("{}_alias", index.name).into());
                table.indexes.push(index);
            }
            13 if !table.indexes.is_empty() => {
                let at = self.below(table.indexes.len());
                table.indexes.remove(at);
            }
            14 => {
                let columns = self.columns(table);
                table
                    .unique_constraints
                    .push(unique(&format!("{}_u{}", table.name, self.below(3)), &columns));
            }
            15 => {
                table.unique_constraints.pop();
            }
            16 => table.sequences.push(sequence(&format!("{}_s{at}", table.name), at as u16)),
            17 => {
                table.sequences.pop();
                table.primary_key = None;
            }
            18 => {
                table.is_public = !table.is_public;
                table.accessor_name = format!("{}_{}", table.name, self.below(3)).into();
                table.columns[at].accessor_name =
                    format!("{}_{}", table.columns[at].name, self.below(3)).into();
                let function = format!("f{}", self.below(2)).into();
                let name = format!("{}_sched", table.name).into();
                table.schedule =
                    self.one_in(2).then_some(ScheduleDef { name, at_column: ColId(0), function });
            }
            _ if self.one_in(3) => table.is_event = !table.is_event,
            _ => {}
        }
    }

    /// The next version of a module.
    fn change(&mut self, module: &mut ModuleDef) {
        match self.below(8) {
            0 => module.tables.push(self.table()),
            1 if !module.tables.is_empty() => {
                let at = self.below(module.tables.len());
                module.tables.remove(at);
            }
            2 if !module.tables.is_empty() => {
                let table = &module.tables[self.below(module.tables.len())].name;
                let keyword = ["SELECT", "select"][self.below(2)];
                module.row_level_security.push(rule(keyword, table));
            }
            3 => {
                module.row_level_security.pop();
            }
            _ if !module.tables.is_empty() => {
                let at = self.below(module.tables.len());
                self.change_table(&mut module.tables[at]);
                repair(&mut module.tables[at]);
            }
            _ => {}
        }
        let mut seen = BTreeSet::new();
        module.tables.retain(|table| seen.insert(table.name.clone()));
        let mut seen = BTreeSet::new();
        module.row_level_security.retain(|rule| seen.insert(rule.clone()));
        // A rule is about a public table, and goes with it.
        let tables = &module.tables;
        module.row_level_security.retain(|text| {
            let about = |table: &TableDef| ["SELECT", "select"].map(|keyword| rule(keyword, &table.name));
            tables.iter().filter(|table| table.is_public).any(|table| about(table).contains(text))
        });
    }
}

/// A rule of row-level security that lets all of a table be seen.
fn rule(keyword: &str, table: &str) -> Box<str> {
    format!("{keyword} * FROM {table}").into()
}

/// Adds a variant to the first sum in a type.
fn grow(ty: &mut T, payload: T) -> bool {
    match ty {
        T::Sum(sum) => {
            let mut variants = sum.variants.to_vec();
            let name = ["a", "b", "c", "d", "e", "f", "g"].get(variants.len());
            variants.extend(name.map(|name| Variant { name: Some((*name).into()), ty: payload }));
            sum.variants = variants.into();
            true
        }
        T::Array(element) => grow(element, payload),
        _ => false,
    }
}

/// Makes a definition valid, as those of modules are.
fn repair(table: &mut TableDef) {
    let mut seen = BTreeSet::new();
    table.columns.retain(|column| seen.insert(column.name.clone()));
    let mut seen = BTreeSet::new();
    for column in &mut table.columns {
        if !seen.insert(column.accessor_name.clone()) {
            column.accessor_name = column.name.clone();
        }
    }
    let mut seen = BTreeSet::new();
    if !table.columns.iter().all(|column| seen.insert(column.accessor_name.clone())) {
        table.columns.iter_mut().for_each(|column| column.accessor_name = column.name.clone());
    }
    let count = table.columns.len();
    let exist = |columns: &[ColId]| columns.iter().all(|column| usize::from(column.0) < count);
    table.indexes.retain(|index| exist(index.algorithm.columns()));
    table.unique_constraints.retain(|constraint| exist(&constraint.columns));
    let is_integer = |column: ColId| {
        let ty = table.columns.get(usize::from(column.0)).map(|column| &column.ty);
        matches!(ty, Some(T::U8 | T::I32 | T::U64 | T::U128))
    };
    let mut seen = BTreeSet::new();
    table.sequences.retain(|sequence| is_integer(sequence.column) && seen.insert(sequence.column));
    let mut seen = BTreeSet::new();
    table.unique_constraints.retain(|constraint| seen.insert(constraint.name.clone()));
    let mut seen = BTreeSet::new();
    table.indexes.retain(|index| seen.insert(index.name.clone()));
    for constraint in &table.unique_constraints {
        let set: BTreeSet<_> = constraint.columns.iter().collect();
        let is_covered = |index: &IndexDef| index.algorithm.columns().iter().collect::<BTreeSet<_>>() == set;
        if !table.indexes.iter().any(is_covered) {
            let columns: Vec<_> = constraint.columns.iter().map(|column| column.0).collect();
            table.indexes.push(index(&format!("for_{}_{columns:?}", constraint.name), &columns));
        }
    }
    let key = table.primary_key.map(|key| vec![key]);
    if !table.unique_constraints.iter().any(|constraint| Some(&constraint.columns) == key.as_ref()) {
        table.primary_key = None;
        table.schedule = None;
    }
}

type Rows = BTreeSet<Vec<AlgebraicValue>>;

/// What there is besides the store.
struct Model {
    module: ModuleDef,
    rows: BTreeMap<Box<str>, Rows>,
}

impl Model {
    /// The rows of each table after an upgrade, or none if it must be refused.
    fn upgraded(&self, new: &ModuleDef) -> Option<BTreeMap<Box<str>, Rows>> {
        let none = Rows::new();
        let rows_of = |name: &str| self.rows.get(name).unwrap_or(&none);
        let mut all = BTreeMap::new();
        for table in &self.module.tables {
            if new.tables.iter().all(|other| other.name != table.name) && !rows_of(&table.name).is_empty() {
                return None;
            }
        }
        for table in &new.tables {
            let before = rows_of(&table.name);
            let old = self.module.tables.iter().find(|other| other.name == table.name);
            let rows = match old {
                Some(old) if !before.is_empty() => follow(old, table, before)?,
                _ => Rows::new(),
            };
            all.insert(table.name.clone(), rows);
        }
        Some(all)
    }
}

fn follow(old: &TableDef, new: &TableDef, rows: &Rows) -> Option<Rows> {
    if new.is_event || old.columns.len() > new.columns.len() {
        return None;
    }
    let mut defaults = Vec::new();
    for (at, column) in new.columns.iter().enumerate() {
        match old.columns.get(at) {
            Some(before) if before.name == column.name && is_wider(&before.ty, &column.ty) => {}
            Some(_) => return None,
            None => defaults.push(AlgebraicValue::from_bsatn(column.default.as_ref()?, &column.ty).ok()?),
        }
    }
    let rows: Rows = rows.iter().map(|row| [row.as_slice(), &defaults].concat()).collect();
    for constraint in &new.unique_constraints {
        let keys = rows.iter().map(|row| {
            constraint.columns.iter().map(|column| &row[usize::from(column.0)]).collect::<Vec<_>>()
        });
        if keys.collect::<BTreeSet<_>>().len() < rows.len() {
            return None;
        }
    }
    for sequence in new.sequences.iter().filter(|sequence| !old.sequences.contains(sequence)) {
        let is_positive = |row: &Vec<AlgebraicValue>| {
            let value = format!("{:?}", row[usize::from(sequence.column.0)]);
            !value.contains('-') && !value.contains("(0)")
        };
        if rows.iter().any(is_positive) {
            return None;
        }
    }
    Some(rows)
}

/// Whether every value of a type is one of the other, meaning the same.
fn is_wider(old: &T, new: &T) -> bool {
    match (old, new) {
        (T::Sum(old), T::Sum(new)) => {
            let same = old
                .variants
                .iter()
                .zip(&new.variants)
                .filter(|(o, n)| o.name == n.name && is_wider(&o.ty, &n.ty));
            same.count() == old.variants.len()
        }
        (T::Array(old), T::Array(new)) => is_wider(old, new),
        _ => old == new,
    }
}

struct Case {
    random: Random,
    dir: TempDir,
    writer: Option<Writer>,
    model: Model,
    upgrades: usize,
    refusals: usize,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let dir = tempfile::tempdir().unwrap();
        let mut module = ModuleDef { raw_version: 10, ..ModuleDef::default() };
        for _ in 0..3 {
            module.tables.push(random.table());
        }
        random.change(&mut module);
        let mut writer = store::open(&dir.path().join("db"), &StoreOptions::default()).unwrap();
        initialise(&mut writer, &module);
        let rows = module.tables.iter().map(|table| (table.name.clone(), Rows::new())).collect();
        let model = Model { module, rows };
        Self { random, dir, writer: Some(writer), model, upgrades: 0, refusals: 0 }
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0..=4 => self.rows(),
            5 => self.clear(),
            6 => self.reopen(),
            _ => self.upgrade(),
        }
    }

    fn rows(&mut self) {
        let writer = self.writer.as_mut().unwrap();
        for table in self.model.module.tables.iter().filter(|table| !table.is_event) {
            for _ in 0..self.random.below(4) {
                let cells = table.columns.iter().map(|column| self.random.value(&column.ty).to_bsatn());
                let mut row = cells.collect::<Vec<_>>().concat();
                let stored = writer.tables().find(|stored| stored.spec().name == table.name).unwrap();
                let (id, row_type) = (stored.id(), T::Product(stored.spec().row_type.clone()));
                match writer.insert(id, &mut row) {
                    Ok(inserted) => {
                        let row = writer.table(id).unwrap().get(inserted.ptr).unwrap();
                        let AlgebraicValue::Product(cells) =
                            AlgebraicValue::from_bsatn(row, &row_type).unwrap()
                        else {
                            unreachable!("a row is a product")
                        };
                        self.model.rows.get_mut(&table.name).unwrap().insert(cells.to_vec());
                    }
                    Err(WriteError::UniqueViolation(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        writer.commit().unwrap();
        self.check();
    }

    fn clear(&mut self) {
        let at = self.random.below(self.model.module.tables.len().max(1));
        let Some(table) = self.model.module.tables.get(at) else { return };
        let writer = self.writer.as_mut().unwrap();
        let id = writer.tables().find(|stored| stored.spec().name == table.name).unwrap().id();
        writer.clear(id).unwrap();
        writer.commit().unwrap();
        self.model.rows.get_mut(&table.name).unwrap().clear();
    }

    fn reopen(&mut self) {
        let writer = self.writer.take().unwrap();
        if self.random.one_in(2) {
            writer.close().unwrap();
        } else {
            drop(writer);
        }
        self.writer = Some(store::open(&self.dir.path().join("db"), &StoreOptions::default()).unwrap());
        self.check();
    }

    fn upgrade(&mut self) {
        let mut new = self.model.module.clone();
        for _ in 0..=self.random.below(3) {
            self.random.change(&mut new);
        }
        let old = &self.model.module;
        let writer = self.writer.as_mut().unwrap();
        let before = State::of(writer);
        let reader = writer.snapshot();
        let expected = self.model.upgraded(&new);
        let plan = match full_plan(writer, old, &new) {
            Ok(plan) => plan,
            Err(reasons) => {
                assert!(expected.is_none(), "refused: {reasons:#?}");
                assert_eq!(State::of(writer), before);
                self.refusals += 1;
                return;
            }
        };
        let expected = expected.expect("what the model refuses is refused");
        apply(writer, Some(old), &new, &plan).unwrap();
        if self.random.one_in(4) {
            writer.rollback();
            assert_eq!(State::of(writer), before);
            return;
        }
        writer.commit().unwrap();
        for table in reader.tables() {
            if let Some(state) = before.tables.get(&*table.spec().name) {
                assert_eq!(table.rows().map(<[u8]>::to_vec).collect::<BTreeSet<_>>(), state.rows);
            }
        }
        self.model = Model { module: new, rows: expected };
        self.upgrades += 1;
        self.check();
    }

    fn check(&self) {
        let state = State::of(self.writer.as_ref().unwrap());
        assert_eq!(state.schema(), State::of(&store_of(&self.model.module)).schema());
        for (name, rows) in &self.model.rows {
            let rows: BTreeSet<Vec<u8>> =
                rows.iter().map(|row| row.iter().flat_map(Encode::to_bsatn).collect()).collect();
            assert_eq!(state.tables[&**name].rows, rows, "rows of {name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn upgrades_and_model_agree(seed: u64) {
        let mut case = Case::new(seed);
        for _ in 0..60 {
            case.step();
        }
    }
}

#[test]
fn random_upgrades_are_neither_all_done_nor_all_refused() {
    let (mut upgrades, mut refusals) = (0, 0);
    for seed in 0..8 {
        let mut case = Case::new(seed);
        for _ in 0..60 {
            case.step();
        }
        (upgrades, refusals) = (upgrades + case.upgrades, refusals + case.refusals);
    }
    assert!(upgrades > 20 && refusals > 10, "{upgrades} done, {refusals} refused");
}
