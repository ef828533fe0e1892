//! What the benches call: the smallest work of each kind, so that the host is what is measured.

use spacetimedb::{AnonymousViewContext, ReducerContext, SpacetimeType, Table};

/// The table that transfers go through, and the one whose memory is measured.
#[spacetimedb::table(accessor = account)]
pub struct Account {
    #[primary_key]
    id: u32,
    balance: i64,
}

/// A table that a view can scan: views reach rows only through an index.
#[spacetimedb::table(accessor = reading)]
pub struct Reading {
    #[index(btree)]
    at: u32,
    value: i64,
}

/// The answer of a view that has read much and says little.
#[derive(SpacetimeType)]
pub struct Total {
    rows: u64,
    value: i64,
}

/// Makes the accounts `first..first + count`, each with `balance`.
#[spacetimedb::reducer]
pub fn open_accounts(ctx: &ReducerContext, first: u32, count: u32, balance: i64) {
    for id in first..first + count {
        ctx.db.account().insert(Account { id, balance });
    }
}

/// Removes all accounts.
#[spacetimedb::reducer]
pub fn close_accounts(ctx: &ReducerContext) {
    ctx.db.account().clear();
}

/// Two finds, two updates.
#[spacetimedb::reducer]
pub fn transfer(ctx: &ReducerContext, from: u32, to: u32, amount: i64) -> Result<(), String> {
    if from == to {
        return Ok(());
    }
    let payer = ctx.db.account().id().find(from).ok_or("no such payer")?;
    let payee = ctx.db.account().id().find(to).ok_or("no such payee")?;
    ctx.db.account().id().update(Account { balance: payer.balance - amount, ..payer });
    ctx.db.account().id().update(Account { balance: payee.balance + amount, ..payee });
    Ok(())
}

/// Nothing at all.
#[spacetimedb::reducer]
pub fn nothing(_ctx: &ReducerContext) {}

/// Inserts `count` small rows.
#[spacetimedb::reducer]
pub fn fill(ctx: &ReducerContext, first: u32, count: u32) {
    for at in first..first + count {
        ctx.db.reading().insert(Reading { at, value: i64::from(at) });
    }
}

/// Reads every account. Fails if the sum is not `expected`, so that reading cannot be left out.
#[spacetimedb::reducer]
pub fn scan(ctx: &ReducerContext, expected: i64) -> Result<(), String> {
    let sum: i64 = ctx.db.account().iter().map(|account| account.balance).sum();
    if sum == expected { Ok(()) } else { Err(format!("the balances add up to {sum}")) }
}

/// Reads every reading through its index and answers one row.
#[spacetimedb::view(accessor = total, public)]
pub fn total(ctx: &AnonymousViewContext) -> Option<Total> {
    let (mut rows, mut value) = (0, 0);
    for reading in ctx.db.reading().at().filter(0u32..) {
        rows += 1;
        value += reading.value;
    }
    Some(Total { rows, value })
}

/// Ten accounts.
#[spacetimedb::view(accessor = ten, public)]
pub fn ten(ctx: &AnonymousViewContext) -> Vec<Account> {
    (0..10).filter_map(|id| ctx.db.account().id().find(id)).collect()
}
