//! What a reducer knows about its call.

use spacetimedb::{ReducerContext, Table, Timestamp, Uuid, rand::Rng};

use crate::notes::say;

/// Survives from call to call, to compare them.
#[spacetimedb::table(accessor = last_call)]
pub struct LastCall {
    timestamp: Timestamp,
    random: u64,
    connection: u128,
}

#[spacetimedb::reducer]
pub fn who_calls(ctx: &ReducerContext) {
    let auth = ctx.sender_auth();
    say(ctx, format_args!("internal: {}", auth.is_internal()));
    let jwt = auth.jwt().expect("a call from outside has a token");
    say(ctx, format_args!("the token is the sender's: {}", jwt.identity() == ctx.sender()));
    say(ctx, format_args!("its subject is given: {}", !jwt.subject().is_empty()));
    say(ctx, format_args!("its payload is an object: {}", jwt.raw_payload().starts_with('{')));
    say(ctx, format_args!("sender is the database: {}", ctx.sender() == ctx.database_identity()));
    say(ctx, format_args!("identity starts as it should: {}", ctx.sender().to_string().starts_with("c200")));
    say(ctx, format_args!("connection: {}", ctx.connection_id().is_some()));
}

#[spacetimedb::reducer]
pub fn time_and_chance(ctx: &ReducerContext) {
    let first: u64 = ctx.random();
    let second: u64 = ctx.rng().r#gen();
    let third: u8 = ctx.rng().gen_range(3..5);
    say(
        ctx,
        format_args!("two draws differ: {}, a range is kept: {}", first != second, (3..5).contains(&third)),
    );
    let year = ctx.timestamp.to_micros_since_unix_epoch() / 31_556_952_000_000 + 1970;
    say(ctx, format_args!("the year is sensible: {}", (2020..2200).contains(&year)));
    let uuids: Vec<Uuid> = (0..3).map(|_| ctx.new_uuid_v7().expect("within bounds")).collect();
    say(ctx, format_args!("uuids ascend: {}", uuids.is_sorted_by(|a, b| a < b)));
    let connection = ctx.connection_id().map_or(0, |connection| connection.to_u128());
    if let Some(last) = ctx.db.last_call().iter().next() {
        say(ctx, format_args!("later than the last call: {}", ctx.timestamp > last.timestamp));
        say(ctx, format_args!("other chance than the last call: {}", first != last.random));
        say(ctx, format_args!("other connection than the last call: {}", connection != last.connection));
    }
    ctx.db.last_call().clear();
    ctx.db.last_call().insert(LastCall { timestamp: ctx.timestamp, random: first, connection });
}
