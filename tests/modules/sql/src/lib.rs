//! Tables to ask and change with SQL: every type that has literals, rules about rows, views that are queries.

#![allow(non_snake_case, reason = "names in the code differ from names in SQL")]

mod rules;
mod views;

use spacetimedb::{
    ConnectionId, Identity, ReducerContext, ScheduleAt, SpacetimeType, Table, TimeDuration, Timestamp, Uuid,
    sats::{i256, u256},
};

#[spacetimedb::table(accessor = account, public)]
#[derive(Clone)]
pub struct Account {
    #[primary_key]
    #[auto_inc]
    id: u64,
    #[unique]
    name: String,
    #[index(btree)]
    balance: i64,
    tag: Option<String>,
    kind: Kind,
}

#[derive(SpacetimeType, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Private,
    Business,
    OffShore,
}

/// What an account did. Its name in the code is not that in SQL.
#[spacetimedb::table(accessor = moneyMove, public)]
pub struct MoneyMove {
    #[primary_key]
    id: u32,
    #[index(btree)]
    accountId: u64,
    amount: i32,
}

#[spacetimedb::table(accessor = vault)]
pub struct Vault {
    #[primary_key]
    id: u32,
    code: String,
}

/// A column for each type that has literals, and some for those that have none.
#[spacetimedb::table(accessor = literal, public)]
pub struct Literal {
    #[primary_key]
    id: u32,
    flag: bool,
    small: i8,
    large: u128,
    wide: i256,
    widest: u256,
    single: f32,
    double: f64,
    text: String,
    bytes: Vec<u8>,
    identity: Identity,
    connection: ConnectionId,
    timestamp: Timestamp,
    duration: TimeDuration,
    uuid: Uuid,
    kind: Kind,
    maybe: Option<u32>,
    list: Vec<u16>,
    schedule: ScheduleAt,
    point: Point,
}

#[derive(SpacetimeType)]
pub struct Point {
    x: i32,
    y: i32,
}

/// Does not keep its rows.
#[spacetimedb::table(accessor = flash, public, event)]
pub struct Flash {
    id: u32,
}

/// Adds so many accounts.
#[spacetimedb::reducer]
pub fn fill(ctx: &ReducerContext, count: u32) {
    for number in 0..count {
        ctx.db.account().insert(Account {
            id: 0,
            name: format!("account {number}"),
            balance: i64::from(number) * 10,
            tag: (number % 3 == 0).then(|| format!("tag {}", number % 9)),
            kind: [Kind::Private, Kind::Business, Kind::OffShore][number as usize % 3],
        });
    }
}
