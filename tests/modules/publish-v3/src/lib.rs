//! Cannot follow the first version: a column has another type and another is gone.

use spacetimedb::{AnonymousViewContext, ReducerContext, Table};

/// `amount` is text here, and `name` is missing.
#[spacetimedb::table(accessor = item, public)]
pub struct Item {
    #[primary_key]
    #[auto_inc]
    id: u64,
    #[index(btree)]
    amount: String,
}

#[spacetimedb::reducer]
pub fn add_item(ctx: &ReducerContext, amount: String) {
    ctx.db.item().insert(Item { id: 0, amount });
}

#[spacetimedb::view(accessor = items, public)]
pub fn items(ctx: &AnonymousViewContext) -> Vec<Item> {
    ctx.db.item().amount().filter(""..).collect()
}
