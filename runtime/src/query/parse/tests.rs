use super::*;
use crate::query::syntax::{Condition, Item, ItemValue, Operand, Select};

fn select(text: &str) -> Select {
    match parse_one(text) {
        Ok(Statement::Select(select)) => select,
        other => panic!("{text}: {other:?}"),
    }
}

#[track_caller]
fn refused(text: &str) -> String {
    match parse(text) {
        Err(error) => error.to_string(),
        Ok(statements) => panic!("{text}: {statements:?}"),
    }
}

#[test]
fn statements_are_separated_by_semicolons() {
    let count = |text| parse(text).unwrap().len();
    assert_eq!(count(""), 0);
    assert_eq!(count(" ; ;; -- nothing"), 0);
    assert_eq!(count("select * from t"), 1);
    assert_eq!(count("SELECT * FROM t;"), 1);
    assert_eq!(count("select * from t; delete from t;\nset a = 1;show a"), 4);
    assert!(parse_one("").is_err());
    assert!(parse_one("select * from t; select * from t").is_err());
}

#[test]
fn what_the_peer_understands() {
    for text in [
        "select * from t",
        "select t.* from t where t.a = 1 and (t.b = 'x' or not t.c <> 0xAB)",
        "select a, b as c from t where 1 < a",
        "select t.a, s.b from t join s on t.a = s.a inner join u on u.x = s.y where t.c >= -1.5e3",
        "select t.* from t join s where t.a = s.a",
        "select t.* from t join s join u join v where t.a = s.a",
        "select count(*) as n from t where owner = :sender limit 5",
        "select a.b.c from a.b",
        r#"SELECT "t"."a" FROM "t" WHERE ("t"."a" = TRUE) AND (TRUE = TRUE)"#,
        "insert into t (a, b) values (1, 'it''s'), (+2, X'0f')",
        "insert into t values (NULL, -3, true)",
        "update t set a = 1, b = 'x' where c <= .5",
        "delete from t",
        "delete from t where a != 1e-3",
        "set row_limit = 5",
        "set row_limit to 5",
        "show row_limit",
    ] {
        assert!(parse_one(text).is_ok(), "{text}: {:?}", parse_one(text));
    }
}

#[test]
fn what_goes_beyond_it() {
    for text in [
        "select a, sum(b), min(b) as least from t group by a order by a desc, sum(b) limit 5 offset 2",
        "select * from t where a in (1, 2) and b not in ('x') and c between 1 and 2 and d not between -1 and 1",
        r"select * from t where a like 'x\%%' or a not like '_' or a like '!%' escape '!'",
        "select * from t where a is null or b is not null",
        "select * from t join s on t.a = s.a and t.b < s.b cross join u",
        // Names that are functions without parentheses in other databases.
        "select user from t where current_user = 1 and user = 'x' order by user",
        "select * from t limit all offset 3",
    ] {
        assert!(parse_one(text).is_ok(), "{text}: {:?}", parse_one(text));
    }
}

#[test]
fn what_is_not_supported_is_called_by_its_name() {
    for (text, name) in [
        ("select distinct a from t", "DISTINCT"),
        ("select * from t, s", "JOIN"),
        ("select 1", "FROM"),
        ("select a + 1 from t", "columns and aggregates"),
        ("select upper(a) from t", "`upper`"),
        ("select count(distinct a) from t", "DISTINCT in an aggregate"),
        ("select count(*) filter (where a) from t", "FILTER"),
        ("select sum(*) from t", "sum takes one column"),
        ("select sum(a, b) from t", "sum takes one column"),
        ("select sum(a) over () from t", "OVER"),
        ("select * from t where a + 1 = 2", "only columns, values and :sender"),
        ("select * from t where a || b", "||"),
        ("select * from t where a = (select b from s)", "only columns, values and :sender"),
        ("select * from t where a in (select b from s)", "IN with anything but"),
        ("select * from t where exists (select * from s)", "make a condition"),
        ("select * from t where a = :other", "`:other`"),
        ("select * from t where a = ?", "not SQL"),
        ("select * from t where a = $1", "`$1`"),
        ("select * from t where a ilike 'x'", "make a condition"),
        ("select * from t where case when a then b end", "make a condition"),
        ("select * from t where a::int = 1", "only columns, values and :sender"),
        ("select * from (select * from t) as s", "subquery"),
        ("select * from t left join s on t.a = s.a", "a join other than"),
        ("select * from t natural join s", "NATURAL"),
        ("select * from t join s using (a)", "USING"),
        ("select * from t as x (a, b)", "list of columns"),
        ("select * from f(1)", "function in FROM"),
        ("select a from t group by a having a > 1", "HAVING"),
        ("select a from t group by rollup (a)", "GROUP BY takes columns"),
        ("select * from t order by a nulls first", "NULLS FIRST"),
        ("select * from t limit a", "LIMIT and OFFSET take a number"),
        ("select * from t union select * from s", "UNION"),
        ("with s as (select * from t) select * from s", "WITH"),
        ("select * from t for update", "FOR UPDATE"),
        ("insert into t select * from s", "VALUES"),
        ("insert into t (a) values (a)", "only values can be stored"),
        ("insert into t (a) values (1 + 1)", "only values can be stored"),
        ("insert into t (a) values (1) returning a", "RETURNING"),
        ("insert into t (a) values (1) on conflict do nothing", "ON CONFLICT"),
        ("insert into t default values", "VALUES"),
        ("update t set a = b", "only values can be stored"),
        ("update t as x set a = 1", "UPDATE with an alias"),
        ("update t join s on t.a = s.a set a = 1", "UPDATE with JOIN"),
        ("update t set a = 1 from s", "UPDATE with FROM"),
        ("update t set (a, b) = (1, 2)", "several columns at once"),
        ("delete from t using s", "USING"),
        ("delete from t as x", "DELETE with an alias"),
        ("delete from t, s", "several tables"),
        ("set a = 1, 2", "SET"),
        ("create table t (a int)", "this kind of statement"),
        ("drop table t", "this kind of statement"),
        ("truncate t", "this kind of statement"),
        ("begin", "this kind of statement"),
        ("explain select * from t", "this kind of statement"),
        ("show tables", "this kind of statement"),
    ] {
        let error = refused(text);
        assert!(error.contains(name), "{text}: {error}");
    }
}

#[test]
fn errors_tell_the_place() {
    assert_eq!(
        refused("select * from t where a = 5u8"),
        "this is not SQL: Expected: end of statement, found: u8 (line 1, column 28)"
    );
    assert_eq!(
        refused("select *\nfrom t where\n  a + 1 = 2"),
        "only columns, values and :sender can be compared (line 3, column 3)"
    );
    assert!(refused("select * from t where a = 'x").contains("Unterminated string literal"));
    let long = format!("select * from t where {}", "x".repeat(40_000) + " y");
    assert!(refused(&long).len() < 500);
}

#[test]
fn chains_are_flat_and_in_order() {
    let select = select("select * from t where a and b and (c or d or e)");
    let [Condition::Column(a), Condition::Column(b), Condition::Or(rest)] = &*select.conditions else {
        panic!("{:?}", select.conditions)
    };
    assert_eq!((&*a.column.text, &*b.column.text, rest.len()), ("a", "b", 3));
}

#[test]
fn names_of_several_parts() {
    let select = select(r#"select lib.inner."t".a from lib.inner.t"#);
    assert_eq!(&*select.tables[0].name.text, "lib.inner.t");
    let Item::Value { value: ItemValue::Column(name), alias: None } = &select.items[0] else { panic!() };
    assert_eq!(name.table.as_ref().map(|table| &*table.text), Some("lib.inner.t"));
    assert_eq!(&*name.column.text, "a");
}

#[test]
fn deep_texts_are_refused_or_read_but_never_overflow() {
    // A small stack, as an asynchronous thread might have left.
    let run = || {
        let terms = |term: &str, operator: &str, count: usize| {
            format!("select * from t where {}", vec![term; count].join(operator))
        };
        assert!(parse(&terms("a=1", " and ", 2500)).is_ok());
        assert!(parse(&terms("a=1", " or ", 2500)).is_ok());
        assert!(parse(&format!("select * from t where {}a{}", "(".repeat(60), ")".repeat(60))).is_ok());
        assert!(parse(&format!("select * from t where {}a", "not ".repeat(60))).is_ok());
        let list = vec!["1"; 20_000].join(",");
        let select = select(&format!("select * from t where a in ({list})"));
        assert!(matches!(&*select.conditions, [Condition::In(_, values)] if values.len() == 20_000
            && matches!(values[0], Operand::Literal(_))));
        for text in [
            terms("a=1", " and ", 9000),
            terms("a", " or ", 5000),
            terms("a", "=", 12_000),
            terms("a", "+", 12_000),
            format!("select * from t where {}a{}", "(".repeat(1000), ")".repeat(1000)),
            format!("select * from t where {}a", "not ".repeat(5000)),
            format!("select * from t where a = {}1", "- ".repeat(10_000)),
            format!("select * from t where a = {}1", "-".repeat(3)),
            format!("select * from t where a{}", "[1]".repeat(9000)),
            format!("select * from t where a{}", "::int".repeat(3500)),
            format!("select * from t where a{}", "::int".repeat(9000)),
            format!("select * from t where a{}", " is null".repeat(3500)),
            format!("select * from t where a{}", " collate b".repeat(3500)),
            format!("select * from t where {}1{}", "case when ".repeat(4000), " then 1 end".repeat(50)),
            format!("select * from t where {}1{}", "f(".repeat(63), ")".repeat(63)),
            format!("select * from {}t{}", "(select * from ".repeat(63), ")".repeat(63)),
            format!("select * from {}t{}", "(".repeat(63), ")".repeat(63)),
            format!("select * from t where a in {}1{}", "(select a in ".repeat(63), ")".repeat(63)),
            format!("select * from t where a between {}1", "1 and a between ".repeat(3000)),
            format!("select {} from t", "array[".repeat(63) + &"]".repeat(63)),
            format!("select cast(a as {}int{}) from t", "array<".repeat(63), ">".repeat(63)),
            format!("select * from t where position({}", "a in position(".repeat(63)),
            "(".repeat(40_000),
            "select ".repeat(7000),
            "with a as (".repeat(100),
            "explain ".repeat(6000),
            "x".repeat(50_001),
            "-- ".repeat(20_000),
        ] {
            let error = refused(&text);
            assert!(error.len() < 500, "{error}");
        }
    };
    std::thread::Builder::new().stack_size(256 * 1024).spawn(run).unwrap().join().unwrap();
}

#[test]
fn random_tokens_never_break_it() {
    const TOKENS: &[&str] = &[
        "select", "from", "where", "and", "or", "not", "in", "like", "between", "is", "null", "group", "by",
        "order", "limit", "offset", "join", "on", "insert", "into", "values", "update", "set", "delete",
        "as", "asc", "desc", "count", "sum", "case", "when", "then", "end", "cast", "union", "exists",
        "interval", "array", "row", "t", "\"t\"", "a", ".", "*", "(", ")", "[", "]", "{", "}", ",", ";", "=",
        "<", ">", "<=", "<>", "!=", "+", "-", "/", "%", "||", "->", "::", ":sender", ":x", "$1", "?", "@",
        "#", "1", "1e9", ".5", "0xAB", "X'f'", "'text'", "''", "'", "\"", "`", "\\", "E'\\", "$$", "--",
        "/*", "*/", "\n", "\0", "\u{feff}", "é", "true", "date", "user",
    ];
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..20_000 {
        let len = 1 + random(20);
        let start =
            ["", "select * from t where ", "select ", "insert into t values (", "update t set "][random(5)];
        let text: Vec<_> = (0..len).map(|_| TOKENS[random(TOKENS.len())]).collect();
        let text = format!("{start}{}", text.join([" ", ""][random(2)]));
        if let Err(error) = parse(&text) {
            assert!(!error.to_string().is_empty(), "{text}");
        }
    }
}
