//! A table of reminders that nothing looks at.

use spacetimedb::{AnonymousViewContext, ReducerContext, ScheduleAt, Table, Timestamp};

#[spacetimedb::table(accessor = reminder)]
pub struct Reminder {
    #[primary_key]
    #[auto_inc]
    id: u64,
    at: ScheduleAt,
    text: String,
}

#[spacetimedb::reducer]
pub fn remind(ctx: &ReducerContext, at: i64, text: String) {
    let at = Timestamp::from_micros_since_unix_epoch(at).into();
    ctx.db.reminder().insert(Reminder { id: 0, at, text });
}

#[spacetimedb::reducer]
pub fn ring(_ctx: &ReducerContext, reminder: Reminder) {
    log::info!("ring: {}", reminder.text);
}

#[spacetimedb::view(accessor = reminders, public)]
pub fn reminders(ctx: &AnonymousViewContext) -> Vec<Reminder> {
    (0..100).filter_map(|id| ctx.db.reminder().id().find(id)).collect()
}
