//! Views by what they answer and what they know about who asks.

use spacetimedb::{AnonymousViewContext, Identity, ReducerContext, SpacetimeType, Table, ViewContext};

#[spacetimedb::table(accessor = coin, public)]
#[derive(Clone)]
pub struct Coin {
    #[primary_key]
    id: u32,
    #[index(btree)]
    owner: Identity,
    #[index(btree)]
    value: u32,
}

/// Read by no view.
#[spacetimedb::table(accessor = unread)]
pub struct Unread {
    #[primary_key]
    id: u32,
}

#[derive(SpacetimeType)]
pub struct Text {
    pub text: String,
}

#[derive(SpacetimeType)]
pub struct Purse {
    coins: u64,
    value: u64,
}

#[spacetimedb::reducer]
pub fn mint(ctx: &ReducerContext, id: u32, value: u32) {
    ctx.db.coin().insert(Coin { id, owner: ctx.sender(), value });
}

#[spacetimedb::reducer]
pub fn spend(ctx: &ReducerContext, id: u32) -> Result<(), String> {
    if ctx.db.coin().id().delete(id) { Ok(()) } else { Err(format!("no coin {id}")) }
}

#[spacetimedb::reducer]
pub fn write_unread(ctx: &ReducerContext, id: u32) {
    ctx.db.unread().insert(Unread { id });
}

/// Changes a table that views read, and takes the change back.
#[spacetimedb::reducer]
pub fn mint_and_fail(ctx: &ReducerContext, id: u32) -> Result<(), String> {
    mint(ctx, id, 1);
    Err("changed my mind".into())
}

#[spacetimedb::view(accessor = coin_values, public)]
pub fn coin_values(ctx: &AnonymousViewContext) -> Vec<Purse> {
    ctx.db.coin().value().filter(0u32..).map(|coin| Purse { coins: 1, value: coin.value.into() }).collect()
}

#[spacetimedb::view(accessor = coin_one, public)]
pub fn coin_one(ctx: &AnonymousViewContext) -> Option<Coin> {
    ctx.db.coin().id().find(1)
}

#[spacetimedb::view(accessor = coin_count, public)]
pub fn coin_count(ctx: &AnonymousViewContext) -> Option<Purse> {
    Some(Purse { coins: ctx.db.coin().count(), value: 0 })
}

/// As [`coin_count`], and says so each time it runs.
#[spacetimedb::view(accessor = counted_coins, public)]
pub fn counted_coins(ctx: &AnonymousViewContext) -> Option<Purse> {
    log::info!("counted");
    coin_count(ctx)
}

#[spacetimedb::view(accessor = my_purse, public)]
pub fn my_purse(ctx: &ViewContext) -> Option<Purse> {
    let mut purse = Purse { coins: 0, value: 0 };
    for coin in ctx.db.coin().owner().filter(ctx.sender()) {
        purse.coins += 1;
        purse.value += u64::from(coin.value);
    }
    (purse.coins > 0).then_some(purse)
}

#[spacetimedb::view(accessor = no_rows, public)]
pub fn no_rows(_ctx: &AnonymousViewContext) -> Vec<Text> {
    Vec::new()
}

/// Set semantics hold for tables; whether a view may repeat itself is the host's business.
#[spacetimedb::view(accessor = a_thousand_rows, public)]
pub fn a_thousand_rows(_ctx: &AnonymousViewContext) -> Vec<Text> {
    (0..1000).map(|number| Text { text: format!("row {number}") }).collect()
}

#[spacetimedb::view(accessor = broken_view, public)]
pub fn broken_view(ctx: &AnonymousViewContext) -> Vec<Text> {
    panic!("{} coins are too many", ctx.db.coin().count());
}

#[spacetimedb::view(accessor = endless_view, public)]
pub fn endless_view(ctx: &AnonymousViewContext) -> Vec<Text> {
    let mut coins = 0;
    loop {
        coins += ctx.db.coin().count();
        if coins == u64::MAX {
            return Vec::new();
        }
    }
}
