//! Unique columns, primary keys, sets, and what insert, update and delete answer.

use spacetimedb::{AnonymousViewContext, ReducerContext, Table};

use crate::notes::{saw, say};

#[spacetimedb::table(accessor = member, public)]
#[derive(Clone, Debug)]
pub struct Member {
    #[primary_key]
    id: u32,
    #[unique]
    email: String,
    #[unique]
    badge: u16,
    rank: i8,
}

/// No constraint at all: a set of rows.
#[spacetimedb::table(accessor = bag)]
#[derive(Clone)]
pub struct Bag {
    name: String,
    count: u32,
}

fn member(id: u32, email: &str, badge: u16, rank: i8) -> Member {
    Member { id, email: email.into(), badge, rank }
}

fn try_insert(ctx: &ReducerContext, what: &str, row: Member) {
    let answer = ctx.db.member().try_insert(row).map_or_else(|_| "refused", |_| "inserted");
    say(ctx, format_args!("{what}: {answer}, {} rows", ctx.db.member().count()));
}

fn id_by_text(ctx: &ReducerContext, email: &str) -> String {
    let found = ctx.db.member().email().find(email.to_string());
    found.map_or("none".into(), |row| row.id.to_string())
}

#[spacetimedb::reducer]
pub fn unique_columns(ctx: &ReducerContext) {
    try_insert(ctx, "first", member(1, "a@example.org", 10, 0));
    try_insert(ctx, "the same row", member(1, "a@example.org", 10, 0));
    try_insert(ctx, "the same key", member(1, "b@example.org", 11, 0));
    try_insert(ctx, "the same text", member(2, "a@example.org", 11, 0));
    try_insert(ctx, "the same number", member(2, "b@example.org", 10, 0));
    try_insert(ctx, "second", member(2, "b@example.org", 11, 0));
    ctx.db.member().id().delete(1);
    try_insert(ctx, "a freed key and text", member(1, "a@example.org", 12, 0));
    say(ctx, format_args!("found by text: {}", id_by_text(ctx, "a@example.org")));
    say(ctx, format_args!("found by a badge that is gone: {}", ctx.db.member().badge().find(10).is_some()));
}

#[spacetimedb::reducer]
pub fn update_rows(ctx: &ReducerContext) {
    ctx.db.member().clear();
    ctx.db.member().insert(member(1, "a@example.org", 10, 0));
    ctx.db.member().insert(member(2, "b@example.org", 11, 0));
    let row = ctx.db.member().id().update(member(1, "a@example.org", 10, 5));
    say(ctx, format_args!("another rank: {}", row.rank));
    ctx.db.member().id().update(member(1, "c@example.org", 12, 5));
    saw(
        ctx,
        "by the old text and the new",
        ["a@example.org", "c@example.org"].map(|email| id_by_text(ctx, email)),
    );
    ctx.db.member().id().update(member(1, "c@example.org", 12, 5));
    say(ctx, format_args!("unchanged: {} rows", ctx.db.member().count()));
    ctx.db.member().id().update(member(2, "a@example.org", 10, 0));
    say(ctx, format_args!("what row 1 gave up, row {} has", id_by_text(ctx, "a@example.org")));
}

#[spacetimedb::reducer]
pub fn update_missing_row(ctx: &ReducerContext) {
    ctx.db.member().id().update(member(404, "none@example.org", 404, 0));
}

#[spacetimedb::reducer]
pub fn update_into_conflict(ctx: &ReducerContext) {
    ctx.db.member().id().update(member(1, "a@example.org", 99, 0));
}

#[spacetimedb::reducer]
pub fn insert_into_conflict(ctx: &ReducerContext) {
    ctx.db.member().insert(member(3, "d@example.org", 13, 0));
    ctx.db.member().insert(member(1, "e@example.org", 14, 0));
}

#[spacetimedb::reducer]
pub fn delete_rows(ctx: &ReducerContext) {
    ctx.db.member().clear();
    for id in 0..10 {
        ctx.db.member().insert(member(id, &format!("{id}@example.org"), id as u16, 0));
    }
    say(ctx, format_args!("by key: {}", ctx.db.member().id().delete(3)));
    say(ctx, format_args!("by key again: {}", ctx.db.member().id().delete(3)));
    say(ctx, format_args!("by text: {}", ctx.db.member().email().delete("4@example.org".to_string())));
    say(ctx, format_args!("by row: {}", ctx.db.member().delete(member(5, "5@example.org", 5, 0))));
    say(
        ctx,
        format_args!("by a row that differs: {}", ctx.db.member().delete(member(6, "6@example.org", 6, 1))),
    );
    say(ctx, format_args!("left: {}", ctx.db.member().count()));
    let mut ids: Vec<u32> = ctx.db.member().iter().map(|row| row.id).collect();
    ids.sort_unstable();
    saw(ctx, "ids", ids);
    say(ctx, format_args!("cleared: {}", ctx.db.member().clear()));
    say(ctx, format_args!("cleared again: {}", ctx.db.member().clear()));
    say(ctx, format_args!("rows after: {}", ctx.db.member().iter().count()));
    ctx.db.member().insert(member(3, "3@example.org", 3, 0));
    say(ctx, format_args!("inserted after: {}", ctx.db.member().count()));
}

#[spacetimedb::reducer]
pub fn sets_of_rows(ctx: &ReducerContext) {
    let row = Bag { name: "twice".into(), count: 1 };
    ctx.db.bag().insert(row.clone());
    ctx.db.bag().insert(row.clone());
    say(ctx, format_args!("the same row twice: {}", ctx.db.bag().count()));
    ctx.db.bag().insert(Bag { count: 2, ..row.clone() });
    say(ctx, format_args!("another row: {}", ctx.db.bag().count()));
    say(ctx, format_args!("deleted: {}", ctx.db.bag().delete(row.clone())));
    say(ctx, format_args!("deleted again: {}", ctx.db.bag().delete(row.clone())));
    ctx.db.bag().insert(row);
    say(ctx, format_args!("put back: {}", ctx.db.bag().count()));
}

/// A scan sees the table as it was when the scan began.
#[spacetimedb::reducer]
pub fn change_while_scanning(ctx: &ReducerContext) {
    ctx.db.bag().clear();
    for count in 0..100 {
        ctx.db.bag().insert(Bag { name: "before".into(), count });
    }
    let mut seen = 0;
    for row in ctx.db.bag().iter() {
        seen += 1;
        ctx.db.bag().delete(row.clone());
        ctx.db.bag().insert(Bag { name: "after".into(), count: row.count });
    }
    let after = ctx.db.bag().iter().filter(|row| row.name == "after").count();
    say(ctx, format_args!("seen {seen}, then {after} of {}", ctx.db.bag().count()));
}

/// More rows than one read from the host can carry, and rows larger than that.
#[spacetimedb::reducer]
pub fn many_and_large_rows(ctx: &ReducerContext) {
    ctx.db.bag().clear();
    for count in 0..20_000 {
        ctx.db.bag().insert(Bag { name: "row".into(), count });
    }
    for count in 20_000..20_005 {
        ctx.db.bag().insert(Bag { name: "x".repeat(100_000), count });
    }
    let (rows, bytes) =
        ctx.db.bag().iter().fold((0, 0), |(rows, bytes), row| (rows + 1, bytes + row.name.len()));
    say(ctx, format_args!("{rows} rows with {bytes} bytes of text, {} counted", ctx.db.bag().count()));
}

#[spacetimedb::view(accessor = members, public)]
pub fn members(ctx: &AnonymousViewContext) -> Vec<Member> {
    (0..500).filter_map(|id| ctx.db.member().id().find(id)).collect()
}
