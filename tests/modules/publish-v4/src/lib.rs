//! The first version with more columns, which rows that are there get by their defaults. Clients of the first version
//! would misread its rows, so they must go.

use spacetimedb::{AnonymousViewContext, ReducerContext, SpacetimeType, Table};

/// Has no payload, so that a default can be written.
#[derive(SpacetimeType, Clone, Copy)]
pub enum Kind {
    Plain,
    Fancy,
}

/// As in version 1, private and wider.
#[spacetimedb::table(accessor = item)]
pub struct Item {
    #[primary_key]
    #[auto_inc]
    id: u64,
    #[index(btree)]
    name: String,
    amount: u32,
    #[index(btree)]
    #[default(7)]
    rank: u32,
    #[default("none")]
    note: String,
    #[default(Kind::Plain)]
    kind: Kind,
}

#[spacetimedb::reducer(init)]
pub fn init(ctx: &ReducerContext) {
    ctx.db.item().insert(item(0, "from the init of version 4".into(), 4));
}

#[spacetimedb::reducer(client_disconnected)]
pub fn gone(_ctx: &ReducerContext) {
    log::info!("version 4 sees a client go");
}

#[spacetimedb::reducer]
pub fn add_item(ctx: &ReducerContext, name: String, amount: u32) {
    ctx.db.item().insert(item(0, name, amount));
}

#[spacetimedb::reducer]
pub fn clear(ctx: &ReducerContext) {
    ctx.db.item().clear();
}

#[spacetimedb::view(accessor = items, public)]
pub fn items(ctx: &AnonymousViewContext) -> Vec<Item> {
    ctx.db.item().name().filter(""..).collect()
}

/// Reads through an index over a column that rows got when this version was published.
#[spacetimedb::view(accessor = seventh, public)]
pub fn seventh(ctx: &AnonymousViewContext) -> Vec<Item> {
    ctx.db.item().rank().filter(7u32).collect()
}

fn item(id: u64, name: String, amount: u32) -> Item {
    Item { id, name, amount, rank: 1, note: "new".into(), kind: Kind::Fancy }
}
