//! The first version of a program that the publish tests replace.

use spacetimedb::{AnonymousViewContext, ReducerContext, Table};

/// What the versions have in common, and what version 3 breaks.
#[spacetimedb::table(accessor = item, public)]
pub struct Item {
    #[primary_key]
    #[auto_inc]
    id: u64,
    #[index(btree)]
    name: String,
    amount: u32,
}

#[spacetimedb::reducer(init)]
pub fn init(ctx: &ReducerContext) {
    ctx.db.item().insert(Item { id: 0, name: "from init".into(), amount: 1 });
}

#[spacetimedb::reducer]
pub fn add_item(ctx: &ReducerContext, name: String, amount: u32) {
    ctx.db.item().insert(Item { id: 0, name, amount });
}

/// Makes many items at once.
#[spacetimedb::reducer]
pub fn fill(ctx: &ReducerContext, count: u32) {
    for amount in 0..count {
        ctx.db.item().insert(Item { id: 0, name: format!("item {amount}"), amount });
    }
}

#[spacetimedb::reducer]
pub fn remove_items(ctx: &ReducerContext, name: String) {
    ctx.db.item().name().delete(&name);
}

#[spacetimedb::view(accessor = items, public)]
pub fn items(ctx: &AnonymousViewContext) -> Vec<Item> {
    ctx.db.item().name().filter(""..).collect()
}
