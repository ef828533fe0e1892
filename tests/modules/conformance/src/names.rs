//! Names that the host rewrites.

#![allow(non_snake_case)]

use spacetimedb::{AnonymousViewContext, ReducerContext, SpacetimeType, Table};

#[derive(SpacetimeType)]
pub enum HTTPMethod {
    GetOne,
    PUT,
    Post2,
}

#[spacetimedb::table(accessor = playerScore2, public, index(accessor = byPlayerID, btree(columns = [playerID])))]
pub struct PlayerScore2 {
    playerID: u32,
    level1Score: i64,
    usedMethod: HTTPMethod,
}

#[spacetimedb::reducer]
pub fn setPlayerScore2(ctx: &ReducerContext, playerID: u32, level1Score: i64, usedMethod: HTTPMethod) {
    ctx.db.playerScore2().insert(PlayerScore2 { playerID, level1Score, usedMethod });
}

#[spacetimedb::reducer(name = "by_another_name")]
pub fn renamed(ctx: &ReducerContext) {
    crate::notes::say(ctx, "called by another name");
}

#[spacetimedb::view(accessor = playerScores, public)]
pub fn playerScores(ctx: &AnonymousViewContext) -> Vec<PlayerScore2> {
    ctx.db.playerScore2().byPlayerID().filter(0u32..).collect()
}
