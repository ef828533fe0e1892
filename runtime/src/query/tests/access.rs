//! How rows are found, and which ones a caller may see.

use super::*;

#[test]
fn indexes_are_used() {
    let people = crowd(&[]);
    let plan = |text: &str| people.plan(text, OWNER);
    assert_eq!(plan("select * from person"), "Scan(person)");
    assert_eq!(plan("select * from person where id = 1"), "Point([0])");
    assert_eq!(plan("select * from person where 1 = id and name = 'x'"), "Point([0]) +1");
    assert_eq!(plan("select * from person where id in (1, 2)"), "Points([0], 2)");
    assert_eq!(plan("select * from person where id = 1 or id in (1, 3)"), "Points([0], 2)");
    assert_eq!(plan("select * from person where id > 1 and id <= 2 and id > 0"), "Range([0], 0) +1");
    assert_eq!(plan("select * from person where name = 'x'"), "Range([1, 0], 1)");
    assert_eq!(plan("select * from person where owner = :sender"), "Point([3])");
    assert_eq!(plan("select * from person where owner > :sender"), "Scan(person) +1");
    assert_eq!(plan("select * from person where false"), "Nothing +1");
    let nobody = "0".repeat(64);
    assert_eq!(plan(&format!("select * from person where :sender = 0x{nobody}")), "Nothing +1");
}

#[test]
fn indexes_give_order() {
    let people = crowd(&[]);
    let plan = |text: &str| people.plan(text, OWNER);
    assert_eq!(plan("select * from person order by id"), "Scan(person), sort");
    assert_eq!(plan("select * from person order by id limit 2"), "Ordered([0])");
    assert_eq!(plan("select * from person order by id desc limit 2"), "Scan(person), sort");
    assert_eq!(plan("select * from person where name = 'x' order by id"), "Range([1, 0], 1)");
    assert_eq!(plan("select * from person where id > 1 and id < 9 order by id"), "Range([0], 0)");
    assert_eq!(plan("select * from person where id > 1 and id < 9 order by name"), "Range([0], 0), sort");
}

#[test]
fn joins_use_indexes_or_tables_of_hashes() {
    let people = crowd(&[]);
    let plan = |text: &str| people.plan(text, OWNER);
    assert_eq!(
        plan("select p.* from secret as s join person as p on p.id = s.person where s.person = 1"),
        "Range([0, 1], 1), Point([0])"
    );
    let hashed = plan("select a.id from person as a join person as b on a.age = b.age");
    assert_eq!(hashed, "Scan(person), Hashed(Scan(person))");
}

#[test]
fn rules_filter_what_strangers_see() {
    let ids = |rules: &[&str], asker: Asker, text: &str| numbers(&people(rules).run(text, asker).unwrap());
    let all = "select id from person";
    let own = "select * from person where owner = :sender";
    let shared =
        "select person.* from person join secret on person.id = secret.person where secret.reader = :sender";
    assert_eq!(ids(&[], STRANGER, all), [1, 2, 3]);
    assert_eq!(ids(&[own], OWNER, all), [1, 2, 3]);
    assert_eq!(ids(&[own], STRANGER, all), [3]);
    assert_eq!(ids(&[shared], STRANGER, all), [1]);
    // A row that two rules give is there once.
    assert_eq!(ids(&[own, shared], STRANGER, all), [1, 3]);
    assert_eq!(ids(&[own, own, "select * from person where id = 3"], STRANGER, all), [3]);
    assert_eq!(ids(&[own, shared], STRANGER, "select count(*) as n from person"), [2]);
    assert_eq!(ids(&[own], STRANGER, "select count(*) as n from person"), [1]);
    assert_eq!(ids(&[own, shared], STRANGER, "select id from person where id > 1"), [3]);
    assert_eq!(
        ids(&[own, shared], STRANGER, "select a.id from person as a join person as b on a.id <> b.id"),
        [1, 3]
    );
    assert_eq!(ids(&["select * from person where false"], STRANGER, all), [0; 0]);
    // The rule can be met by an index.
    assert_eq!(crowd(&[own]).plan("select * from person", STRANGER), "Point([3])");
}

#[test]
fn rules_may_depend_on_rules() {
    let mut tables = person_tables();
    tables[1].is_public = true;
    // A person is seen by whoever sees a secret about it.
    let through = "select person.* from person join secret on person.id = secret.person";
    let own = "select * from secret where reader = :sender";
    let mut fixture = Fixture::new(&tables, &[through, own]);
    let original = people(&[]);
    for (table, from) in [(4096, "person"), (4097, "secret")] {
        for row in original.rows(&format!("select * from {from}")) {
            fixture.insert(table, &row);
        }
    }
    assert_eq!(numbers(&fixture.run("select id from person", STRANGER).unwrap()), [1]);
    assert_eq!(numbers(&fixture.run("select id from person", OWNER).unwrap()), [1, 2, 3]);
}

#[test]
fn rules_that_are_not_valid() {
    let error = |rules: &[&str], second_is_public: bool| {
        let mut tables = person_tables();
        tables[1].is_public = second_is_public;
        let fixture = Fixture::new(&tables, &[]);
        Rules::new(rules.iter().copied(), &fixture.queries.relations).unwrap_err()
    };
    for (rule, why) in [
        ("select * from nobody", "no table"),
        ("select * from secret", "must be a public table"),
        ("select id from person", "all columns of one table"),
        ("select count(*) as n from person", "all columns of one table"),
        ("select * from person limit 1", "LIMIT"),
        ("delete from person", "must be a SELECT"),
        ("select * from person where x = 1", "no column `x`"),
        ("select * from", "not SQL"),
        ("", "no statement"),
    ] {
        let error = error(&[rule], false);
        assert!(error.contains(why) && error.contains(&format!("`{rule}`")), "{error}");
    }
    let there = "select person.* from person join secret on person.id = secret.person";
    let back = "select secret.* from secret join person on person.id = secret.person";
    assert!(error(&[there, back], true).contains("in a circle"));
    let own_table = "select a.* from person as a join person as b on a.id = b.id";
    let fixture = Fixture::new(&person_tables(), &[]);
    assert!(Rules::new([own_table], &fixture.queries.relations).is_ok());
}

#[test]
fn a_join_of_a_view_gives_each_row_once() {
    let people = people(&[]);
    let text = "select person.* from person join secret on person.id = secret.person";
    assert_eq!(numbers(&people.rows(text)), [1, 1, 2]);
    let query = people.query(text, OWNER).unwrap();
    let prepared = people.queries.prepare(&query, OWNER);
    let rows = prepared.run(Sources::tables(&people.writer), Repeats::Drop, &Limits::for_tests()).unwrap();
    assert_eq!(rows[..4], 2_u32.to_le_bytes());
}
