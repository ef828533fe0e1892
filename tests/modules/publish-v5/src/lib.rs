//! The first version with unique names. Whether it can follow depends on the rows.

use spacetimedb::{AnonymousViewContext, ReducerContext, Table};

/// As in version 1, but no two have the same name.
#[spacetimedb::table(accessor = item, public)]
pub struct Item {
    #[primary_key]
    #[auto_inc]
    id: u64,
    #[unique]
    name: String,
    amount: u32,
}

#[spacetimedb::reducer]
pub fn add_item(ctx: &ReducerContext, name: String, amount: u32) {
    ctx.db.item().insert(Item { id: 0, name, amount });
}

#[spacetimedb::view(accessor = items, public)]
pub fn items(ctx: &AnonymousViewContext) -> Vec<Item> {
    (0..100).filter_map(|id| ctx.db.item().id().find(id)).collect()
}
