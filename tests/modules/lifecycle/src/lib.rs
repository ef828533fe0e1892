//! A module that is asked who may connect, and that writes down who did.

use spacetimedb::{AnonymousViewContext, Identity, ReducerContext, SpacetimeType, Table};

/// Whoever published the module; `client_connected` never turns it away.
#[spacetimedb::table(accessor = owner)]
pub struct Owner {
    #[primary_key]
    identity: Identity,
}

/// While there is a row here, strangers are turned away with its message.
#[spacetimedb::table(accessor = closed)]
pub struct Closed {
    message: String,
}

/// What happened, in order.
#[spacetimedb::table(accessor = event)]
pub struct Event {
    #[index(btree)]
    number: u32,
    kind: String,
    by_owner: bool,
    connection: Option<u128>,
}

/// An event without what differs from run to run.
#[derive(SpacetimeType)]
pub struct Happened {
    kind: String,
    by_owner: bool,
    has_connection: bool,
}

impl From<Event> for Happened {
    fn from(Event { kind, by_owner, connection, .. }: Event) -> Self {
        Self { kind, by_owner, has_connection: connection.is_some() }
    }
}

fn happened(ctx: &ReducerContext, kind: &str) {
    ctx.db.event().insert(Event {
        number: ctx.db.event().count() as u32,
        kind: kind.into(),
        by_owner: ctx.db.owner().identity().find(ctx.sender()).is_some(),
        connection: ctx.connection_id().map(|connection| connection.to_u128()),
    });
}

#[spacetimedb::reducer(init)]
pub fn init(ctx: &ReducerContext) {
    ctx.db.owner().insert(Owner { identity: ctx.sender() });
    happened(ctx, "init");
}

#[spacetimedb::reducer(client_connected)]
pub fn client_connected(ctx: &ReducerContext) -> Result<(), String> {
    happened(ctx, "connected");
    if ctx.db.owner().identity().find(ctx.sender()).is_none()
        && let Some(closed) = ctx.db.closed().iter().next()
    {
        if closed.message == "panic" {
            panic!("told to panic");
        }
        return Err(closed.message);
    }
    Ok(())
}

#[spacetimedb::reducer(client_disconnected)]
pub fn client_disconnected(ctx: &ReducerContext) -> Result<(), String> {
    happened(ctx, "disconnected");
    if ctx.db.closed().iter().any(|closed| closed.message == "fail on disconnect") {
        return Err("told to fail".into());
    }
    Ok(())
}

/// Turns strangers away from now on.
#[spacetimedb::reducer]
pub fn close(ctx: &ReducerContext, message: String) {
    ctx.db.closed().clear();
    ctx.db.closed().insert(Closed { message });
    happened(ctx, "closed");
}

/// Lets everybody in again.
#[spacetimedb::reducer]
pub fn open(ctx: &ReducerContext) {
    ctx.db.closed().clear();
    happened(ctx, "opened");
}

/// Anything that a stranger may want.
#[spacetimedb::reducer]
pub fn knock(ctx: &ReducerContext) {
    happened(ctx, "knocked");
}

/// Fails, so that a connection without effect can be seen.
#[spacetimedb::reducer]
pub fn stumble(ctx: &ReducerContext) -> Result<(), String> {
    happened(ctx, "stumbled");
    Err("stumbled".into())
}

/// Holds its connection open until it is stopped.
#[spacetimedb::reducer]
pub fn hang(_ctx: &ReducerContext) {
    let mut number = 1u64;
    while number != 0 {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}

/// Everything that happened, in order.
#[spacetimedb::view(accessor = events, public)]
pub fn events(ctx: &AnonymousViewContext) -> Vec<Happened> {
    ctx.db.event().number().filter(0u32..).map(Happened::from).collect()
}
