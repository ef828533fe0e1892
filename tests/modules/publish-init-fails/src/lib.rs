//! A program whose `init` says no, after it has written a row.

use spacetimedb::{ReducerContext, Table};

/// Written by `init`, so that there is something to roll back.
#[spacetimedb::table(accessor = item, public)]
pub struct Item {
    #[primary_key]
    id: u64,
}

#[spacetimedb::reducer(init)]
pub fn init(ctx: &ReducerContext) -> Result<(), String> {
    ctx.db.item().insert(Item { id: 1 });
    Err("init says no".into())
}
