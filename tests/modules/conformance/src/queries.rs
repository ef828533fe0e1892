//! Views that answer with a query for the host to run.

use spacetimedb::{AnonymousViewContext, Query, ReducerContext, Table, ViewContext};

#[spacetimedb::table(accessor = fruit, public)]
pub struct Fruit {
    #[primary_key]
    id: u32,
    #[index(btree)]
    name: String,
    ripe: bool,
}

#[spacetimedb::reducer]
pub fn grow(ctx: &ReducerContext, id: u32, name: String, ripe: bool) {
    ctx.db.fruit().insert(Fruit { id, name, ripe });
}

#[spacetimedb::view(accessor = all_fruit, public)]
fn all_fruit(ctx: &AnonymousViewContext) -> impl Query<Fruit> {
    ctx.from.fruit()
}

#[spacetimedb::view(accessor = ripe_fruit, public)]
fn ripe_fruit(ctx: &ViewContext) -> impl Query<Fruit> {
    ctx.from.fruit().r#where(|fruit| fruit.ripe)
}
