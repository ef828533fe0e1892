//! Queries against a plain evaluator: all combinations of decoded rows, one condition after the other.

use std::{cmp::Ordering, fmt::Write as _};

use orrery_host_abi::{SumType, SumValue, Variant};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::query::syntax::Comparison;

/// The columns of every table.
const COLUMNS: [&str; 9] = ["id", "n", "u", "o", "s", "f", "w", "flag", "e"];
const OPTIONAL: usize = 3;
const TEXT: usize = 4;
const FLOAT: usize = 5;
const FLAG: usize = 7;
/// How many values of each type there are.
const VALUES: usize = 6;

fn types() -> Vec<AlgebraicType> {
    let variant = |name: &str| Variant { name: Some(name.into()), ty: AlgebraicType::unit() };
    let colours = ["red", "green", "blue", "black", "white", "grey"].map(variant);
    vec![
        AlgebraicType::U32,
        AlgebraicType::I32,
        AlgebraicType::U8,
        AlgebraicType::option(AlgebraicType::U8),
        AlgebraicType::String,
        AlgebraicType::F64,
        AlgebraicType::U256,
        AlgebraicType::Bool,
        AlgebraicType::Sum(SumType { variants: colours.into() }),
    ]
}

/// A value of a column's type (inside of the option), and how it is written.
fn value(column: usize, which: usize) -> (AlgebraicValue, String) {
    use AlgebraicValue as V;
    let integer = [0, 1, 2, 3, 7, 200][which];
    match column {
        0 => (V::U32(integer), integer.to_string()),
        1 => {
            let signed = [0, -1, 1, i32::MIN, i32::MAX, 200][which];
            (V::I32(signed), signed.to_string())
        }
        2 | OPTIONAL => (V::U8(integer as u8), integer.to_string()),
        TEXT => {
            let text = ["", "a", "ab", "it's", "b%", "é"][which];
            (V::String(text.into()), format!("'{}'", text.replace('\'', "''")))
        }
        FLOAT => {
            let (float, text) = [
                (0.0, "0"),
                (-0.0, "-0.0"),
                (1.5, "15e-1"),
                (-2.25, "-2.25"),
                (f64::NAN, "'NaN'"),
                (1024.0, "1024"),
            ][which];
            (V::F64(float), text.into())
        }
        6 => {
            let wide = [0_u128, 1, 5, u128::MAX, u128::MAX - 1, 9][which];
            (V::U256(wide.into()), wide.to_string())
        }
        FLAG => (V::Bool(which % 2 == 1), ["FALSE", "TRUE"][which % 2].into()),
        _ => {
            let name = ["red", "green", "blue", "black", "white", "grey"][which];
            let unit = Box::new(V::unit());
            (V::Sum(SumValue { tag: which as u8, value: unit }), format!("'{name}'"))
        }
    }
}

type Row = Vec<AlgebraicValue>;

/// A row from the numbers of its values; the last one of an option is the missing value.
fn row(values: &[usize; 9]) -> Row {
    let cell = |(column, which): (usize, &usize)| match (column, *which) {
        (OPTIONAL, 5) => AlgebraicValue::option(None),
        (OPTIONAL, which) => AlgebraicValue::option(Some(value(column, which).0)),
        (_, which) => value(column, which).0,
    };
    values.iter().enumerate().map(cell).collect()
}

/// A column of one of the relations.
type Column = (usize, usize);

#[derive(Debug, Clone)]
enum Condition {
    Constant(bool),
    Flag(usize),
    Compare(Column, Comparison, usize),
    Columns(Column, Comparison, Column),
    In(Column, Vec<usize>),
    Between(Column, usize, usize),
    Like(usize, &'static str),
    IsNull(Column),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

fn inner(value: &AlgebraicValue, column: usize) -> Option<&AlgebraicValue> {
    match value {
        AlgebraicValue::Sum(sum) if column == OPTIONAL => (sum.tag == 0).then_some(&*sum.value),
        value => Some(value),
    }
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn holds(comparison: Comparison, a: Option<&AlgebraicValue>, b: Option<&AlgebraicValue>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return comparison == Comparison::NotEqual };
    match (comparison, a.cmp(b)) {
        (Comparison::Equal, ordering) => ordering == Ordering::Equal,
        (Comparison::NotEqual, ordering) => ordering != Ordering::Equal,
        (Comparison::Less, ordering) => ordering == Ordering::Less,
        (Comparison::LessOrEqual, ordering) => ordering != Ordering::Greater,
        (Comparison::Greater, ordering) => ordering == Ordering::Greater,
        (Comparison::GreaterOrEqual, ordering) => ordering != Ordering::Less,
    }
}

impl Condition {
    fn text(&self, aliases: &[&str]) -> String {
        let name = |(relation, column): &Column| format!("{}.{}", aliases[*relation], COLUMNS[*column]);
        let list = |all: &[Self], operator: &str| match all {
            [] => "TRUE".into(),
            all => {
                all.iter().map(|one| format!("({})", one.text(aliases))).collect::<Vec<_>>().join(operator)
            }
        };
        match self {
            Self::Constant(value) => value.to_string(),
            Self::Flag(relation) => name(&(*relation, FLAG)),
            Self::Compare(column, comparison, which) if which % 2 == 0 => {
                format!("{} {} {}", name(column), operator(*comparison), value(column.1, *which).1)
            }
            Self::Compare(column, comparison, which) => {
                format!("{} {} {}", value(column.1, *which).1, operator(comparison.turned()), name(column))
            }
            Self::Columns(left, comparison, right) => {
                format!("{} {} {}", name(left), operator(*comparison), name(right))
            }
            Self::In(column, values) => {
                let values: Vec<_> = values.iter().map(|which| value(column.1, *which).1).collect();
                format!("{} IN ({})", name(column), values.join(", "))
            }
            Self::Between(column, low, high) => {
                let (low, high) = (value(column.1, *low).1, value(column.1, *high).1);
                format!("{} BETWEEN {low} AND {high}", name(column))
            }
            Self::Like(relation, pattern) => format!("{} LIKE '{pattern}'", name(&(*relation, TEXT))),
            Self::IsNull(column) => format!("{} IS NULL", name(column)),
            Self::And(all) => list(all, " AND "),
            Self::Or(all) => list(all, " OR "),
            Self::Not(condition) => format!("NOT ({})", condition.text(aliases)),
        }
    }

    fn is_met(&self, rows: &[&Row]) -> bool {
        let cell = |(relation, column): &Column| inner(&rows[*relation][*column], *column);
        match self {
            Self::Constant(value) => *value,
            Self::Flag(relation) => rows[*relation][FLAG] == AlgebraicValue::Bool(true),
            Self::Compare(column, comparison, which) => {
                holds(*comparison, cell(column), Some(&value(column.1, *which).0))
            }
            Self::Columns(left, comparison, right) => holds(*comparison, cell(left), cell(right)),
            Self::In(column, values) => values
                .iter()
                .any(|which| holds(Comparison::Equal, cell(column), Some(&value(column.1, *which).0))),
            Self::Between(column, low, high) => {
                holds(Comparison::GreaterOrEqual, cell(column), Some(&value(column.1, *low).0))
                    && holds(Comparison::LessOrEqual, cell(column), Some(&value(column.1, *high).0))
            }
            Self::Like(relation, pattern) => {
                let AlgebraicValue::String(text) = &rows[*relation][TEXT] else { panic!() };
                is_like(text, pattern)
            }
            Self::IsNull(column) => cell(column).is_none(),
            Self::And(all) => all.iter().all(|one| one.is_met(rows)),
            Self::Or(any) => any.iter().any(|one| one.is_met(rows)),
            Self::Not(condition) => !condition.is_met(rows),
        }
    }
}

/// The patterns that are used here, by hand.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern {
        "%" => true,
        "a%" => text.starts_with('a'),
        "_" => text.chars().count() == 1,
        "%b%" => text.contains('b'),
        "b\\%" => text == "b%",
        other => panic!("{other}"),
    }
}

#[derive(Debug, Clone)]
struct Case {
    /// The numbers of the values of each row of each table, and the numbers of the indexes that each has.
    tables: [(Vec<[usize; 9]>, Vec<usize>); 3],
    /// Which tables are joined.
    relations: Vec<usize>,
    conditions: Vec<Condition>,
    output: Output,
    order_by: Vec<(Column, bool)>,
    limit: Option<usize>,
    offset: Option<usize>,
    /// Rules about the first table: conditions on it, and perhaps on the second one with equal columns.
    rules: Vec<(Condition, Option<(usize, Condition)>)>,
    is_owner: bool,
}

#[derive(Debug, Clone)]
enum Output {
    All(usize),
    Columns(Vec<Column>),
    Groups(Vec<Column>, Vec<(&'static str, Column)>),
}

fn indexes() -> Vec<(Vec<u16>, IndexKind, bool)> {
    use IndexKind::{BTree, Direct, Hash};
    vec![
        (vec![0], BTree, true),
        (vec![0], Hash, false),
        (vec![1], BTree, false),
        (vec![1, 2], BTree, false),
        (vec![2, 1], Hash, false),
        (vec![2], Direct, true),
        (vec![3], BTree, false),
        (vec![3], Hash, false),
        (vec![3, 4], BTree, false),
        (vec![4], BTree, false),
        (vec![5], BTree, false),
        (vec![5], Hash, false),
        (vec![5, 1], BTree, false),
        (vec![6], BTree, false),
        (vec![8, 7, 0], BTree, true),
        (vec![4, 5], Hash, false),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    select(vec![Equal, Equal, Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn condition(relations: usize) -> impl Strategy<Value = Condition> {
    let column = move || (0..relations, 0..COLUMNS.len());
    let which = || 0..VALUES;
    let of_same_type = move || {
        let pairs = prop_oneof![(0..COLUMNS.len()).prop_map(|column| (column, column)), Just((2, OPTIONAL))];
        (0..relations, pairs, 0..relations).prop_map(|(left, (a, b), right)| ((left, a), (right, b)))
    };
    let leaf = prop_oneof![
        8 => (column(), comparison(), which()).prop_map(|(column, comparison, which)| Condition::Compare(column, comparison, which)),
        5 => (of_same_type(), comparison()).prop_map(|((a, b), comparison)| Condition::Columns(a, comparison, b)),
        2 => (column(), vec(which(), 1..4)).prop_map(|(column, values)| Condition::In(column, values)),
        1 => (column(), which(), which()).prop_map(|(column, low, high)| Condition::Between(column, low, high)),
        1 => (0..relations, select(vec!["%", "a%", "_", "%b%", "b\\%"])).prop_map(|(relation, pattern)| Condition::Like(relation, pattern)),
        1 => column().prop_map(Condition::IsNull),
        1 => (0..relations).prop_map(Condition::Flag),
        1 => any::<bool>().prop_map(Condition::Constant),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Condition::And),
            vec(inner.clone(), 1..4).prop_map(Condition::Or),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
}

fn case() -> impl Strategy<Value = Case> {
    // Indexes are worth their while only from some rows on.
    let table = |rows: usize| {
        let indexes = proptest::sample::subsequence((0..indexes().len()).collect::<Vec<_>>(), 0..5);
        (vec(proptest::array::uniform9(0..VALUES), 0..rows), indexes)
    };
    let rule = || (condition(1), option::of((0..COLUMNS.len(), condition(1))));
    vec(0..3_usize, 1..=3).prop_flat_map(move |relations| {
        let count = relations.len();
        let column = move || (0..count, 0..COLUMNS.len());
        let aggregate = (select(vec!["count", "sum", "min", "max", "avg"]), column());
        let output = prop_oneof![
            (0..count).prop_map(Output::All),
            vec(column(), 1..4).prop_map(Output::Columns),
            (vec(column(), 0..3), vec(aggregate, 1..4))
                .prop_map(|(keys, aggregates)| Output::Groups(keys, aggregates)),
        ];
        (
            proptest::array::uniform3(table([80, 40, 14][count - 1])),
            vec(condition(count), 0..5),
            output,
            vec((column(), any::<bool>()), 0..3),
            option::of(0..6_usize),
            option::of(0..3_usize),
            vec(rule(), 0..3),
            any::<bool>(),
        )
            .prop_map(
                move |(tables, conditions, output, order_by, limit, offset, rules, is_owner)| Case {
                    tables,
                    relations: relations.clone(),
                    conditions,
                    output,
                    order_by,
                    limit,
                    offset,
                    rules,
                    is_owner,
                },
            )
    })
}

const ALIASES: [&str; 3] = ["a", "b", "c"];

impl Case {
    fn text(&self) -> String {
        let name = |(relation, column): &Column| format!("{}.{}", ALIASES[*relation], COLUMNS[*column]);
        let (mut items, mut group_by, mut order_by) = (Vec::new(), Vec::new(), Vec::new());
        match &self.output {
            Output::All(relation) => items.push(format!("{}.*", ALIASES[*relation])),
            Output::Columns(columns) => items.extend(columns.iter().map(name)),
            Output::Groups(keys, aggregates) => {
                items.extend(keys.iter().map(name));
                items.extend(aggregates.iter().map(|(function, column)| match (*function, column.1) {
                    ("count", 0) => "count(*)".to_owned(),
                    (function, _) => format!("{function}({})", name(column)),
                }));
                group_by.extend(keys.iter().map(name));
            }
        }
        if !matches!(self.output, Output::All(_)) {
            items.iter_mut().enumerate().for_each(|(at, item)| write!(item, " AS c{at}").unwrap());
        }
        for ((column, is_descending), at) in self.order_by.iter().zip(0..) {
            let direction = if *is_descending { " DESC" } else { "" };
            match self.output {
                // Groups are ordered by what they show.
                Output::Groups(..) => order_by.push(format!("c{}{direction}", column.1 % items.len())),
                Output::Columns(_) => {
                    items.push(format!("{} AS k{at}", name(column)));
                    order_by.push(format!("{}{direction}", name(column)));
                }
                Output::All(_) => order_by.push(format!("{}{direction}", name(column))),
            }
        }
        let mut text = format!("SELECT {} FROM t{} AS a", items.join(", "), self.relations[0]);
        for (relation, alias) in self.relations[1..].iter().zip(&ALIASES[1..]) {
            write!(text, " JOIN t{relation} AS {alias}").unwrap();
        }
        if !self.conditions.is_empty() {
            let conditions: Vec<_> =
                self.conditions.iter().map(|one| format!("({})", one.text(&ALIASES))).collect();
            write!(text, " WHERE {}", conditions.join(" AND ")).unwrap();
        }
        if !group_by.is_empty() {
            write!(text, " GROUP BY {}", group_by.join(", ")).unwrap();
        }
        if !order_by.is_empty() {
            write!(text, " ORDER BY {}", order_by.join(", ")).unwrap();
        }
        if let Some(limit) = self.limit {
            write!(text, " LIMIT {limit}").unwrap();
        }
        if let Some(offset) = self.offset {
            write!(text, " OFFSET {offset}").unwrap();
        }
        text
    }

    fn rule_texts(&self) -> Vec<String> {
        let rule = |(condition, joined): &(Condition, Option<(usize, Condition)>)| match joined {
            None => format!("SELECT * FROM t0 WHERE {}", condition.text(&["t0"])),
            Some((column, other)) => format!(
                "SELECT x.* FROM t0 AS x JOIN t1 AS y ON x.{column} = y.{column} WHERE ({}) AND ({})",
                condition.text(&["x"]),
                other.text(&["y"]),
                column = COLUMNS[*column],
            ),
        };
        self.rules.iter().map(rule).collect()
    }

    /// Whether aggregates are asked for that there are not.
    fn is_possible(&self) -> bool {
        match &self.output {
            Output::Groups(_, aggregates) => aggregates.iter().all(|(function, (_, column))| {
                !matches!(*function, "sum" | "avg") || !matches!(column, 4 | 7 | 8)
            }),
            _ => true,
        }
    }

    fn is_visible(&self, row: &Row, second: &[Row]) -> bool {
        self.is_owner
            || self.rules.is_empty()
            || self.rules.iter().any(|(condition, joined)| {
                condition.is_met(&[row])
                    && joined.as_ref().is_none_or(|(column, other)| {
                        second.iter().any(|one| {
                            let same = Condition::Columns((0, *column), Comparison::Equal, (1, *column));
                            same.is_met(&[row, one]) && other.is_met(&[one])
                        })
                    })
            })
    }

    /// All combinations of rows that meet the conditions.
    fn combinations<'t>(&self, tables: &'t [Vec<Row>; 3]) -> Vec<Vec<&'t Row>> {
        let mut combinations: Vec<Vec<&Row>> = vec![Vec::new()];
        for &table in &self.relations {
            let rows = tables[table].iter().filter(|row| table != 0 || self.is_visible(row, &tables[1]));
            let rows: Vec<_> = rows.collect();
            combinations = combinations
                .iter()
                .flat_map(|before| rows.iter().map(|row| [&**before, &[*row]].concat()))
                .collect();
        }
        combinations.retain(|rows| self.conditions.iter().all(|condition| condition.is_met(rows)));
        combinations
    }

    /// The rows of the result with what they are ordered by, before any are cut off.
    fn expected(&self, tables: &[Vec<Row>; 3]) -> Vec<(Row, Row)> {
        let combinations = self.combinations(tables);
        let cell = |rows: &[&Row], (relation, column): &Column| rows[*relation][*column].clone();
        let keys =
            |rows: &[&Row]| self.order_by.iter().map(|(column, _)| cell(rows, column)).collect::<Row>();
        match &self.output {
            Output::All(relation) => {
                combinations.iter().map(|rows| (rows[*relation].clone(), keys(rows))).collect()
            }
            Output::Columns(columns) => combinations
                .iter()
                .map(|rows| {
                    let mut row: Row = columns.iter().map(|column| cell(rows, column)).collect();
                    row.extend(keys(rows));
                    (row, keys(rows))
                })
                .collect(),
            Output::Groups(columns, aggregates) => {
                let mut groups: Vec<(Row, Vec<Vec<&Row>>)> = Vec::new();
                if columns.is_empty() {
                    groups.push((Vec::new(), Vec::new()));
                }
                for rows in combinations {
                    let key: Row = columns.iter().map(|column| cell(&rows, column)).collect();
                    match groups.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, group)) => group.push(rows),
                        None => groups.push((key, vec![rows])),
                    }
                }
                let with_aggregates = |(key, group): (Row, Vec<Vec<&Row>>)| {
                    let mut row = key;
                    let is_ungrouped = columns.is_empty();
                    row.extend(
                        aggregates
                            .iter()
                            .map(|(function, column)| aggregate(function, *column, &group, is_ungrouped)),
                    );
                    let keys = self.order_by.iter().map(|((_, column), _)| row[column % row.len()].clone());
                    let keys = keys.collect();
                    (row, keys)
                };
                groups.into_iter().map(with_aggregates).collect()
            }
        }
    }

    fn compare_keys(&self, a: &Row, b: &Row) -> Ordering {
        let compare = |at: usize, is_descending: bool| {
            let ordering = a[at].cmp(&b[at]);
            if is_descending { ordering.reverse() } else { ordering }
        };
        let orderings =
            self.order_by.iter().enumerate().map(|(at, (_, is_descending))| compare(at, *is_descending));
        orderings.fold(Ordering::Equal, Ordering::then)
    }
}

fn aggregate(function: &str, column: Column, group: &[Vec<&Row>], is_ungrouped: bool) -> AlgebraicValue {
    use AlgebraicValue as V;
    if function == "count" && column.1 == 0 {
        return V::U64(group.len() as u64);
    }
    let values: Vec<&V> =
        group.iter().filter_map(|rows| inner(&rows[column.0][column.1], column.1)).collect();
    let optional = |value: Option<V>| {
        if is_ungrouped || column.1 == OPTIONAL { V::option(value) } else { value.expect("a group has rows") }
    };
    let integer = |value: &V| match value {
        V::U32(value) => i128::from(*value),
        V::I32(value) => i128::from(*value),
        V::U8(value) => i128::from(*value),
        V::U256(value) => value.as_i128(),
        other => panic!("{other:?}"),
    };
    let float = |value: &V| match value {
        V::F64(value) => *value,
        V::U256(value) => value.as_f64(),
        other => integer(other) as f64,
    };
    match function {
        "count" => V::U64(values.len() as u64),
        "min" => optional(values.iter().min().map(|value| (*value).clone())),
        "max" => optional(values.iter().max().map(|value| (*value).clone())),
        "avg" if column.1 == 6 => {
            let sum = values.iter().map(|value| match value {
                V::U256(value) => *value,
                other => panic!("{other:?}"),
            });
            let count = values.len() as f64;
            optional((!values.is_empty()).then(|| V::F64(sum.sum::<ethnum::U256>().as_f64() / count)))
        }
        "avg" => {
            let sum: f64 = values.iter().map(|value| float(value)).sum();
            optional((!values.is_empty()).then(|| V::F64(sum / values.len() as f64)))
        }
        _ => match column.1 {
            FLOAT => V::F64(values.iter().map(|value| float(value)).sum()),
            6 => V::U256(
                values
                    .iter()
                    .map(|value| match value {
                        V::U256(value) => *value,
                        other => panic!("{other:?}"),
                    })
                    .sum(),
            ),
            1 => V::I64(values.iter().map(|value| integer(value) as i64).sum()),
            _ => V::U64(values.iter().map(|value| integer(value) as u64).sum()),
        },
    }
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let all_indexes = indexes();
    let columns: Vec<_> = COLUMNS.iter().copied().zip(types()).collect();
    let tables: Vec<_> = ["t0", "t1", "t2"]
        .into_iter()
        .zip(&case.tables)
        .map(|(name, (_, indexes))| TableDesc {
            name,
            is_public: true,
            columns: columns.clone(),
            indexes: indexes.iter().map(|at| all_indexes[*at].clone()).collect(),
        })
        .collect();
    let rules = case.rule_texts();
    let mut fixture = Fixture::new(&tables, &rules.iter().map(String::as_str).collect::<Vec<_>>());
    let mut stored: [Vec<Row>; 3] = Default::default();
    for (at, (rows, _)) in case.tables.iter().enumerate() {
        for values in rows {
            let row = row(values);
            let mut bsatn = Vec::new();
            row.iter().for_each(|value| value.encode(&mut bsatn));
            // Some have a key that is taken.
            let done = fixture.writer.insert(TableId(4096 + at as u32), &mut bsatn);
            if done.is_ok_and(|done| !done.existed) {
                stored[at].push(row);
            }
        }
    }

    let text = case.text();
    let asker = if case.is_owner { OWNER } else { STRANGER };
    let found = fixture.run(&text, asker);
    prop_assert_eq!(found.is_ok(), case.is_possible(), "{} {:?}", text, found);
    let Ok(found) = found else { return Ok(()) };
    let mut expected = case.expected(&stored);
    expected.sort_by(|(_, a), (_, b)| case.compare_keys(a, b));
    let start = case.offset.unwrap_or(0).min(expected.len());
    let end = case.limit.map_or(expected.len(), |limit| (start + limit).min(expected.len()));
    prop_assert_eq!(found.len(), end - start, "{}\n{:?}", text, expected);

    // Which of the rows with equal keys come first is nobody's business: each found row must be one of those that
    // may be in its place.
    let mut left = expected.clone();
    for (row, (_, keys)) in found.iter().zip(&expected[start..end]) {
        let place = left.iter().position(|(other, other_keys)| {
            row == other && case.compare_keys(keys, other_keys) == Ordering::Equal
        });
        match place {
            Some(place) => {
                left.remove(place);
            }
            None => prop_assert!(false, "{text}\n{row:?} was found\n{expected:?} was expected"),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn queries_find_what_a_plain_evaluator_finds(case in case()) {
        check(&case)?;
    }
}
