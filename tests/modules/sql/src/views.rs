//! Views that are queries, right and wrong ones, and others to be read with SQL.

use spacetimedb::{AnonymousViewContext, Query, RawQuery, ViewContext};

use crate::{rules::*, *};

#[derive(SpacetimeType)]
pub struct Total {
    kind: String,
    total: i64,
}

/// The query that [`any_query`] answers with.
#[spacetimedb::table(accessor = question)]
pub struct Question {
    #[primary_key]
    id: u32,
    text: String,
}

#[spacetimedb::reducer]
pub fn ask(ctx: &ReducerContext, text: String) {
    ctx.db.question().id().delete(0);
    ctx.db.question().insert(Question { id: 0, text });
}

#[spacetimedb::view(accessor = any_query, public)]
fn any_query(ctx: &AnonymousViewContext) -> impl Query<Account> {
    RawQuery::<Account>::new(ctx.db.question().id().find(0).map(|question| question.text).unwrap_or_default())
}

#[spacetimedb::view(accessor = rich, public)]
fn rich(ctx: &AnonymousViewContext) -> impl Query<Account> {
    ctx.from.account().r#where(|account| account.balance.gt(50)).r#where(|account| account.balance.lt(1000))
}

/// Each as often as it has moved: but a view is a set.
#[spacetimedb::view(accessor = moved, public)]
fn moved(ctx: &AnonymousViewContext) -> impl Query<Account> {
    ctx.from.moneyMove().right_semijoin(ctx.from.account(), |a_move, account| a_move.accountId.eq(account.id))
}

/// Shows a private table to everybody.
#[spacetimedb::view(accessor = open_vault, public)]
fn open_vault(ctx: &AnonymousViewContext) -> impl Query<Vault> {
    ctx.from.vault()
}

#[spacetimedb::view(accessor = my_notes, public)]
fn my_notes(ctx: &ViewContext) -> Vec<Note> {
    ctx.db.note().owner().filter(ctx.sender()).collect()
}

#[spacetimedb::view(accessor = totals, public)]
fn totals(ctx: &AnonymousViewContext) -> Vec<Total> {
    let total = ctx.db.account().balance().filter(i64::MIN..).map(|account| account.balance).sum();
    let moves = Total { kind: "moves".into(), total: ctx.db.moneyMove().count() as i64 };
    let all = Total { kind: "all".into(), total };
    let again = Total { kind: "all".into(), total };
    vec![moves, all, again]
}

#[spacetimedb::view(accessor = broken, public)]
fn broken(ctx: &AnonymousViewContext) -> Vec<Total> {
    panic!("{} accounts are too many", ctx.db.account().count());
}

#[spacetimedb::reducer]
pub fn move_money(ctx: &ReducerContext, id: u32, account_id: u64, amount: i32) {
    ctx.db.moneyMove().insert(MoneyMove { id, accountId: account_id, amount });
}
