//! The first version and more: a table, an index, a reducer, a view. Its `init` differs, to show that an update
//! does not run it.

use spacetimedb::{AnonymousViewContext, ReducerContext, Table};

/// As in version 1, with one more index.
#[spacetimedb::table(accessor = item, public)]
pub struct Item {
    #[primary_key]
    #[auto_inc]
    id: u64,
    #[index(btree)]
    name: String,
    #[index(btree)]
    amount: u32,
}

/// New in this version.
#[spacetimedb::table(accessor = shelf, public)]
pub struct Shelf {
    #[primary_key]
    id: u32,
    #[unique]
    label: String,
}

#[spacetimedb::reducer(init)]
pub fn init(ctx: &ReducerContext) {
    ctx.db.item().insert(Item { id: 0, name: "from the init of version 2".into(), amount: 2 });
}

#[spacetimedb::reducer]
pub fn add_item(ctx: &ReducerContext, name: String, amount: u32) {
    ctx.db.item().insert(Item { id: 0, name, amount });
}

#[spacetimedb::reducer]
pub fn add_shelf(ctx: &ReducerContext, id: u32, label: String) {
    ctx.db.shelf().insert(Shelf { id, label });
}

#[spacetimedb::view(accessor = items, public)]
pub fn items(ctx: &AnonymousViewContext) -> Vec<Item> {
    ctx.db.item().name().filter(""..).collect()
}

/// Reads through the index that this version adds, so it must have been built from the rows that were there.
#[spacetimedb::view(accessor = many_items, public)]
pub fn many_items(ctx: &AnonymousViewContext) -> Vec<Item> {
    ctx.db.item().amount().filter(10u32..).collect()
}

#[spacetimedb::view(accessor = shelf_one, public)]
pub fn shelf_one(ctx: &AnonymousViewContext) -> Option<Shelf> {
    ctx.db.shelf().id().find(1)
}
