//! Tables of another kind: event tables, whose rows live for one transaction, and scheduled ones.

use spacetimedb::{AnonymousViewContext, ReducerContext, ScheduleAt, Table, TimeDuration};

use crate::notes::say;

#[spacetimedb::table(accessor = shout, public, event)]
pub struct Shout {
    #[primary_key]
    id: u32,
    text: String,
}

/// Not public.
#[spacetimedb::table(accessor = reminder, scheduled(remind))]
pub struct Reminder {
    #[primary_key]
    #[auto_inc]
    id: u64,
    scheduled_at: ScheduleAt,
    #[index(btree)]
    text: String,
}

#[spacetimedb::reducer]
pub fn shout_out(ctx: &ReducerContext, text: String) {
    ctx.db.shout().insert(Shout { id: 1, text: text.clone() });
    say(ctx, format_args!("{} now", ctx.db.shout().count()));
    say(
        ctx,
        format_args!("found: {}", ctx.db.shout().id().find(1).map_or("none".into(), |shout| shout.text)),
    );
    let again = ctx.db.shout().try_insert(Shout { id: 1, text: text + "!" });
    say(ctx, format_args!("the same key again: {}", again.is_ok()));
}

#[spacetimedb::reducer]
pub fn listen(ctx: &ReducerContext) {
    say(ctx, format_args!("{} left", ctx.db.shout().count()));
}

/// Long after the test is over.
#[spacetimedb::reducer]
pub fn remind_in_a_day(ctx: &ReducerContext, text: String) {
    let at = ctx.timestamp + TimeDuration::from_micros(86_400_000_000);
    let reminder = ctx.db.reminder().insert(Reminder { id: 0, scheduled_at: at.into(), text });
    say(
        ctx,
        format_args!("reminder {} at {}", reminder.id, matches!(reminder.scheduled_at, ScheduleAt::Time(_))),
    );
}

/// Further ahead than a schedule can reach.
#[spacetimedb::reducer]
pub fn remind_in_three_years(ctx: &ReducerContext) {
    let at = ctx.timestamp + TimeDuration::from_micros(3 * 365 * 86_400_000_000);
    ctx.db.reminder().insert(Reminder { id: 0, scheduled_at: at.into(), text: "too late".into() });
}

#[spacetimedb::reducer]
pub fn remind(ctx: &ReducerContext, reminder: Reminder) {
    say(ctx, format_args!("reminded of {}", reminder.text));
}

#[spacetimedb::view(accessor = reminders, public)]
pub fn reminders(ctx: &AnonymousViewContext) -> Vec<crate::views::Text> {
    ctx.db.reminder().text().filter(""..).map(|reminder| crate::views::Text { text: reminder.text }).collect()
}
