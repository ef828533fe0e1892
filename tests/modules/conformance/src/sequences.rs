//! Columns that the host fills.

use spacetimedb::{ReducerContext, Table};

use crate::notes::{saw, say};

/// Two sequences in one row, one of them signed.
#[spacetimedb::table(accessor = ticket)]
pub struct Ticket {
    #[primary_key]
    #[auto_inc]
    id: u64,
    #[unique]
    #[auto_inc]
    serial: i16,
    holder: String,
}

/// A sequence that outgrows its column.
#[spacetimedb::table(accessor = small)]
pub struct Small {
    #[auto_inc]
    #[unique]
    id: u8,
}

#[spacetimedb::table(accessor = wide)]
pub struct Wide {
    #[primary_key]
    #[auto_inc]
    id: i128,
    #[unique]
    #[auto_inc]
    other: u32,
}

fn issue(ctx: &ReducerContext, holder: &str) -> String {
    let ticket = ctx.db.ticket().insert(Ticket { id: 0, serial: 0, holder: holder.into() });
    format!("{}/{}", ticket.id, ticket.serial)
}

#[spacetimedb::reducer]
pub fn issue_tickets(ctx: &ReducerContext) {
    let tickets: Vec<String> = ["ann", "bob", "eve"].into_iter().map(|holder| issue(ctx, holder)).collect();
    saw(ctx, "issued", tickets);
}

#[spacetimedb::reducer]
pub fn issue_and_fail(ctx: &ReducerContext) -> Result<(), String> {
    issue(ctx, "nobody");
    issue(ctx, "nobody");
    Err("two values are lost".into())
}

/// A value that the module chooses is stored as it is and moves no sequence, so the sequence can run into it.
#[spacetimedb::reducer]
pub fn choose_values(ctx: &ReducerContext) {
    let last = ctx.db.ticket().iter().map(|ticket| ticket.id).max().unwrap_or(0);
    let chosen = ctx.db.ticket().insert(Ticket { id: last + 2, serial: -5, holder: "chosen".into() });
    say(ctx, format_args!("chosen: {}/{}", chosen.id - last, chosen.serial));
    let next = ctx.db.ticket().insert(Ticket { id: 0, serial: 0, holder: "next".into() });
    say(ctx, format_args!("next: {}", next.id - last));
    let clash = ctx.db.ticket().try_insert(Ticket { id: 0, serial: 0, holder: "clash".into() });
    say(ctx, format_args!("runs into the chosen one: {}", clash.is_err()));
    let after = ctx.db.ticket().insert(Ticket { id: 0, serial: 0, holder: "after".into() });
    say(ctx, format_args!("after: {}", after.id - last));
}

/// Zero asks for a value in an update too.
#[spacetimedb::reducer]
pub fn update_draws_too(ctx: &ReducerContext) {
    let ticket = ctx.db.ticket().insert(Ticket { id: 0, serial: 0, holder: "old".into() });
    let updated = ctx.db.ticket().id().update(Ticket { id: ticket.id, serial: 0, holder: "new".into() });
    say(
        ctx,
        format_args!(
            "same key: {}, next serial: {}",
            updated.id == ticket.id,
            updated.serial - ticket.serial
        ),
    );
}

#[spacetimedb::reducer]
pub fn outgrow(ctx: &ReducerContext) {
    let mut ids: Vec<u8> = (0..254).map(|_| ctx.db.small().insert(Small { id: 0 }).id).collect();
    saw(ctx, "first and last", [ids[0], ids[253]]);
    ids.clear();
    for _ in 0..3 {
        ids.push(ctx.db.small().insert(Small { id: 0 }).id);
        ctx.db.small().clear();
    }
    saw(ctx, "past the end", ids);
}

#[spacetimedb::reducer]
pub fn wide_sequences(ctx: &ReducerContext) {
    let row = ctx.db.wide().insert(Wide { id: i128::MIN, other: 0 });
    say(ctx, format_args!("chosen {} drawn {}", row.id, row.other));
    let row = ctx.db.wide().insert(Wide { id: 0, other: u32::MAX });
    say(ctx, format_args!("drawn {} chosen {}", row.id, row.other));
    let row = ctx.db.wide().insert(Wide { id: 0, other: 0 });
    say(ctx, format_args!("drawn {} drawn {}", row.id, row.other));
}
