//! Queries over small stores, without a module.

mod access;
mod model;

use std::sync::Arc;

use orrery_host_abi::{
    AlgebraicType, AlgebraicValue, ColId, Element, Identity, IndexId, ProductType, SpecialProduct, TableId,
    bsatn::{Encode, Reader},
};

use super::*;
use crate::{
    query::{output::Repeats, relation::Relation},
    store::{self, IndexKind, IndexSpec, StoreOptions, TableKind, TableSpec, Writer},
};

pub(super) const OWNER: Asker = Asker { identity: Identity([1; 32]), rights: Rights::Owner };
pub(super) const STRANGER: Asker = Asker { identity: Identity([2; 32]), rights: Rights::Public };

/// A store and what can be asked of it.
pub(super) struct Fixture {
    pub(super) writer: Writer,
    pub(super) queries: Queries,
}

/// A table: its columns and indexes (columns, kind, whether unique).
pub(super) struct TableDesc<'d> {
    pub(super) name: &'d str,
    pub(super) is_public: bool,
    pub(super) columns: Vec<(&'d str, AlgebraicType)>,
    pub(super) indexes: Vec<(Vec<u16>, IndexKind, bool)>,
}

impl Fixture {
    pub(super) fn new(tables: &[TableDesc<'_>], rules: &[&str]) -> Self {
        let backend = redb::backends::InMemoryBackend::new();
        let mut writer = store::open_backend(backend, &StoreOptions::default()).unwrap();
        let mut relations = Vec::new();
        let mut next_index = 5000;
        for (table, id) in tables.iter().zip(4096..) {
            let elements =
                table.columns.iter().map(|(name, ty)| Element { name: Some((*name).into()), ty: ty.clone() });
            let indexes = table.indexes.iter().map(|(columns, kind, unique)| {
                next_index += 1;
                IndexSpec {
                    id: IndexId(next_index),
                    columns: columns.iter().map(|column| ColId(*column)).collect(),
                    kind: *kind,
                    unique: *unique,
                }
            });
            writer
                .create_table(TableSpec {
                    id: TableId(id),
                    name: table.name.into(),
                    row_type: ProductType { elements: elements.collect() },
                    indexes: indexes.collect(),
                    sequences: Vec::new(),
                    kind: TableKind::Durable,
                })
                .unwrap();
            let columns = table.columns.iter().map(|(name, ty)| (*name, None, ty.clone(), false));
            let source = Source::Table(TableId(id));
            relations.push(Relation::new(table.name, source, columns, table.is_public).unwrap());
        }
        let relations = Relations::of(relations.into_iter().map(Arc::new));
        let rules = Rules::new(rules.iter().copied(), &relations).unwrap();
        Self { writer, queries: Queries { relations, rules } }
    }

    /// Inserts a row.
    #[track_caller]
    pub(super) fn insert(&mut self, table: u32, row: &[AlgebraicValue]) {
        let mut bsatn = Vec::new();
        row.iter().for_each(|value| value.encode(&mut bsatn));
        self.writer.insert(TableId(table), &mut bsatn).unwrap();
    }

    pub(super) fn query(&self, text: &str, asker: Asker) -> Result<Query, QueryError> {
        match self.queries.compile(&parse_one(text)?, asker.rights)? {
            Compiled::Query(query) => Ok(query),
            Compiled::Change(_) => panic!("{text} is a change"),
        }
    }

    pub(super) fn run(&self, text: &str, asker: Asker) -> Result<Vec<Vec<AlgebraicValue>>, QueryError> {
        self.run_with(text, asker, &Limits::for_tests())
    }

    pub(super) fn run_with(
        &self,
        text: &str,
        asker: Asker,
        limits: &Limits<'_>,
    ) -> Result<Vec<Vec<AlgebraicValue>>, QueryError> {
        let query = self.query(text, asker)?;
        let prepared = self.queries.prepare(&query, asker);
        let rows = prepared.run(Sources::tables(&self.writer), Repeats::Keep, limits)?;
        let mut reader = Reader::new(&rows);
        let count = reader.read_u32().unwrap();
        let rows: Vec<_> = (0..count)
            .map(|_| AlgebraicValue::decode_elements(&mut reader, query.schema()).unwrap())
            .collect();
        assert!(reader.rest().is_empty());
        Ok(rows)
    }

    /// The rows for the owner.
    #[track_caller]
    pub(super) fn rows(&self, text: &str) -> Vec<Vec<AlgebraicValue>> {
        self.run(text, OWNER).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// How the query is run.
    #[track_caller]
    pub(super) fn plan(&self, text: &str, asker: Asker) -> String {
        let query = self.query(text, asker).unwrap();
        let prepared = self.queries.prepare(&query, asker);
        let plan = plan::Plan::new(&prepared, Sources::tables(&self.writer)).unwrap();
        let steps = plan.steps.iter().map(|step| match step.checks.len() {
            0 => format!("{:?}", step.access),
            checks => format!("{:?} +{checks}", step.access),
        });
        steps.collect::<Vec<_>>().join(", ") + if plan.is_ordered { "" } else { ", sort" }
    }

    /// What is wrong with a text.
    #[track_caller]
    pub(super) fn error(&self, text: &str, asker: Asker) -> String {
        match parse_one(text).and_then(|statement| self.queries.compile(&statement, asker.rights)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{text} is valid"),
        }
    }
}

pub(super) fn person_tables() -> Vec<TableDesc<'static>> {
    let identity = SpecialProduct::Identity.ty();
    vec![
        TableDesc {
            name: "person",
            is_public: true,
            columns: vec![
                ("id", AlgebraicType::U32),
                ("name", AlgebraicType::String),
                ("age", AlgebraicType::option(AlgebraicType::U8)),
                ("owner", identity.clone()),
            ],
            indexes: vec![
                (vec![0], IndexKind::BTree, true),
                (vec![1, 0], IndexKind::BTree, false),
                (vec![3], IndexKind::Hash, false),
            ],
        },
        TableDesc {
            name: "secret",
            is_public: false,
            columns: vec![("person", AlgebraicType::U32), ("reader", identity)],
            indexes: vec![(vec![0, 1], IndexKind::BTree, true)],
        },
    ]
}

#[track_caller]
pub(super) fn people(rules: &[&str]) -> Fixture {
    let mut fixture = Fixture::new(&person_tables(), rules);
    let identity =
        |asker: Asker| AlgebraicValue::Product(vec![AlgebraicValue::U256(asker.identity.to_u256())]);
    for (id, name, age, owner) in
        [(1, "Ada", Some(36), OWNER), (2, "Blaise", None, OWNER), (3, "Carl", Some(77), STRANGER)]
    {
        fixture.insert(
            4096,
            &[
                AlgebraicValue::U32(id),
                AlgebraicValue::String(name.into()),
                AlgebraicValue::option(age.map(AlgebraicValue::U8)),
                identity(owner),
            ],
        );
    }
    for (person, reader) in [(1, OWNER), (1, STRANGER), (2, OWNER)] {
        fixture.insert(4097, &[AlgebraicValue::U32(person), identity(reader)]);
    }
    fixture
}

/// The same and 190 others.
#[track_caller]
pub(super) fn crowd(rules: &[&str]) -> Fixture {
    let mut people = people(rules);
    for id in 10..200_u8 {
        let identity = AlgebraicValue::Product(vec![AlgebraicValue::U256(id.into())]);
        people.insert(4097, &[AlgebraicValue::U32(id.into()), identity.clone()]);
        people.insert(
            4096,
            &[
                AlgebraicValue::U32(id.into()),
                AlgebraicValue::String("x".repeat(50).into()),
                AlgebraicValue::option(Some(AlgebraicValue::U8(id))),
                identity,
            ],
        );
    }
    people
}

/// The first column of each row, sorted.
#[track_caller]
pub(super) fn numbers(rows: &[Vec<AlgebraicValue>]) -> Vec<u64> {
    let mut numbers: Vec<_> = rows
        .iter()
        .map(|row| match row[0] {
            AlgebraicValue::U32(number) => number.into(),
            AlgebraicValue::U64(number) => number,
            ref other => panic!("{other:?}"),
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn missing_values_are_equal_to_nothing() {
    let people = people(&[]);
    let ids = |condition: &str| numbers(&people.rows(&format!("select id from person where {condition}")));
    assert_eq!(ids("age = 36"), [1]);
    assert_eq!(ids("age <> 36"), [2, 3]);
    assert_eq!(ids("not age = 36"), [2, 3]);
    assert_eq!(ids("age > 0"), [1, 3]);
    assert_eq!(ids("age < 200"), [1, 3]);
    assert_eq!(ids("age in (36, 77)"), [1, 3]);
    assert_eq!(ids("age not in (36)"), [2, 3]);
    assert_eq!(ids("age between 0 and 50"), [1]);
    assert_eq!(ids("age is null"), [2]);
    assert_eq!(ids("age is not null"), [1, 3]);
    assert_eq!(ids("name is null"), [0_u64; 0]);
    assert_eq!(
        numbers(&people.rows("select a.id from person as a join person as b on a.age = b.age")),
        [1, 3]
    );
}

#[test]
fn aggregates_of_missing_values_and_of_no_rows() {
    use AlgebraicValue::{F64, U8, U64};
    let people = people(&[]);
    let some = |value| AlgebraicValue::option(Some(value));
    let none = || AlgebraicValue::option(None);
    let all = "count(*), count(age) as ages, sum(age), min(age), max(age), avg(age)";
    assert_eq!(
        people.rows(&format!("select {all} from person")),
        [[U64(3), U64(2), U64(113), some(U8(36)), some(U8(77)), some(F64(56.5))]]
    );
    let empty = [U64(0), U64(0), U64(0), none(), none(), none()];
    assert_eq!(people.rows(&format!("select {all} from person where id > 3")), std::slice::from_ref(&empty));
    assert_eq!(people.rows(&format!("select {all} from person where id > 3 limit 0")), [[]; 0]);
    let grouped = people.rows(&format!("select {all}, name from person where id = 2 group by name"));
    assert_eq!(grouped[0][..6], [U64(1), U64(0), U64(0), none(), none(), none()]);
    assert!(people.rows("select name, count(*) from person where id > 3 group by name").is_empty());
    // Where there is a value for sure, it is not an option.
    assert_eq!(
        people.rows("select min(id), avg(id) from person where id = 2 group by name"),
        [[AlgebraicValue::U32(2), F64(2.0)]]
    );
}

#[test]
fn names_that_are_wrong() {
    let people = people(&[]);
    let error = |text| people.error(text, OWNER);
    assert_eq!(error("select * from nobody"), "there is no table or view `nobody` (line 1, column 15)");
    assert_eq!(error("select * from Person"), "there is no table or view `Person` (line 1, column 15)");
    assert_eq!(error("select x from person"), "`person` has no column `x` (line 1, column 8)");
    assert_eq!(error("select p.id from person"), "there is no `p` in FROM or JOIN (line 1, column 8)");
    assert_eq!(
        error("select person.id from person as p"),
        "there is no `person` in FROM or JOIN (line 1, column 8)"
    );
    assert!(error("select * from person join person on true").contains("`person` is there twice"));
    assert!(error("select * from person as a join person as b on true").contains("`*` alone cannot"));
    assert!(
        error("select id from person as a join person as b on true").contains("more than one of the joined")
    );
    assert!(error("select x from person as a join person as b on true").contains("none of the joined"));
    assert!(error("select a.*, b.* from person as a join person as b on true").contains("called `id`"));
    assert!(error("select id, name as id from person").contains("called `id`"));
    assert!(error("select name, count(*) from person").contains("`name` may differ"));
    assert!(error("select * from person group by name").contains("`*` cannot be selected"));
    assert!(error("select id from person order by count(*)").contains("aggregate"));
    assert!(error("select count(*) as n from person order by name").contains("`name` may differ"));
    assert!(error("insert into person (id, x) values (1, 2)").contains("no column `x`"));
    assert!(error("insert into person (id, id) values (1, 2)").contains("`id` is there twice"));
    assert!(error("insert into person (id) values (1)").contains("`name` needs a value"));
    assert!(error("insert into person values (1, 2)").contains("row 1 has 2 values"));
    assert!(error("update person set id = 1, id = 2").contains("set twice"));
    assert!(error("set other = 1").contains("no variable `other`"));
    let many = (0..33).map(|n| format!("person as p{n}")).collect::<Vec<_>>().join(" cross join ");
    assert!(error(&format!("select p1.* from {many}")).contains("at most 32"));
}

#[test]
fn types_that_do_not_fit() {
    let people = people(&[]);
    let error = |condition: &str| people.error(&format!("select * from person where {condition}"), OWNER);
    assert_eq!(error("id = 'x'"), "'x' is no U32 (line 1, column 33)");
    assert_eq!(error("id = 1.5"), "1.5 is no U32: it has a fraction (line 1, column 33)");
    assert_eq!(error("age = 300"), "300 is no U8: it is out of range (line 1, column 34)");
    assert!(error("id = true").contains("true is no U32"));
    assert!(error("age = null").contains("IS NULL"));
    assert!(error("id = name").contains("cannot be compared"));
    assert!(error("id").contains("not Bool"));
    assert!(error("id like 'x'").contains("LIKE is for String"));
    assert!(error("1 = 1").contains("a comparison needs a column"));
    assert!(error("id = :sender").contains(":sender is an Identity"));
    assert!(error("owner = 0xAB").contains("is no Identity"));
    assert!(error("name like 'x\\'").contains("escape"));
    assert!(people.error("select sum(name) from person", OWNER).contains("sum of String"));
    assert!(people.error("select avg(owner) from person", OWNER).contains("avg of Identity"));
    assert!(people.error("select * from person limit -1", OWNER).contains("out of range"));
}

#[test]
fn strangers_see_no_private_table() {
    let people = people(&[]);
    let private = people.error("select * from secret", STRANGER);
    assert_eq!(private.replace("secret", "absent"), people.error("select * from absent", STRANGER));
    for text in [
        "select person.* from person join secret on person.id = secret.person",
        "insert into secret values (1, 0x00)",
        "delete from secret",
        "update secret set person = 1",
    ] {
        let missing = people.error(&text.replace("secret", "absent"), STRANGER);
        let shift = |error: &str| error.split(" (line").next().unwrap().replace("secret", "absent");
        assert_eq!(shift(&people.error(text, STRANGER)), shift(&missing));
    }
    for text in ["delete from person", "update person set id = 1", "set row_limit = 1"] {
        assert!(people.error(text, STRANGER).contains("only the owner"), "{text}");
    }
    assert_eq!(numbers(&people.run("select id from person", STRANGER).unwrap()), [1, 2, 3]);
}

#[test]
fn limits_stop_a_query() {
    let people = crowd(&[]);
    let run = |text: &str, limits: &Limits<'_>| people.run_with(text, STRANGER, limits);
    let all = "select * from person";
    let cross = "select a.* from person as a cross join person as b cross join person as c where a.id < b.id and b.id < c.id";
    let limits = Limits { rows: Some(193), ..Limits::for_tests() };
    assert_eq!(run(all, &limits).unwrap().len(), 193);
    let limits = Limits { rows: Some(192), ..Limits::for_tests() };
    assert_eq!(run(all, &limits), Err(QueryError::RowLimit(192)));
    assert_eq!(run("select * from person where id = 50", &limits).unwrap().len(), 1);
    let limits = Limits { memory: 5000, ..Limits::for_tests() };
    for text in [
        all,
        "select * from person order by name",
        "select id, count(*) from person group by id",
        "select a.id from person as a join person as b on a.age = b.age where a.id > 2",
        "select a.id from person as a join person as b on a.id = b.id order by a.name limit 1000",
    ] {
        assert_eq!(run(text, &limits), Err(QueryError::TooLarge(5000)), "{text}");
    }
    assert_eq!(run("select id from person order by id desc limit 3", &limits).unwrap().len(), 3);
    let limits = Limits { time: std::time::Duration::ZERO, ..Limits::for_tests() };
    assert!(matches!(run(cross, &limits), Err(QueryError::TimedOut(_))));
    let limits = Limits { is_cancelled: &|| true, ..Limits::for_tests() };
    assert_eq!(run(cross, &limits), Err(QueryError::Cancelled));
}
