//! The bench module with one more column, to see how long it takes to add it.

use spacetimedb::AnonymousViewContext;

/// The accounts, with a column that those that are there get.
#[spacetimedb::table(accessor = account)]
pub struct Account {
    #[primary_key]
    id: u32,
    balance: i64,
    #[default(7)]
    branch: u32,
}

/// As it was.
#[spacetimedb::table(accessor = reading)]
pub struct Reading {
    #[index(btree)]
    at: u32,
    value: i64,
}

/// Some accounts.
#[spacetimedb::view(accessor = ten, public)]
pub fn ten(ctx: &AnonymousViewContext) -> Vec<Account> {
    (0..10).filter_map(|id| ctx.db.account().id().find(id)).collect()
}
