//! Tables whose rows name the time at which a function runs.

use std::time::Duration;

use spacetimedb::{
    AnonymousViewContext, ProcedureContext, ReducerContext, ScheduleAt, SpacetimeType, Table, TimeDuration,
    Timestamp, log,
};

/// Rows for a reducer.
#[spacetimedb::table(accessor = job, scheduled(run_job, at = at))]
pub struct Job {
    #[primary_key]
    #[auto_inc]
    id: u64,
    #[index(btree)]
    name: String,
    /// What the reducer does: `""` nothing else, `fail`, `panic`, `again`, `cancel`, `stop`, `touch`.
    action: String,
    at: ScheduleAt,
}

/// Rows for a procedure. Its columns are in another order.
#[spacetimedb::table(accessor = errand, scheduled(run_errand, at = at))]
pub struct Errand {
    at: ScheduleAt,
    #[index(btree)]
    name: String,
    action: String,
    #[primary_key]
    #[auto_inc]
    id: u64,
}

/// What ran, in order.
#[spacetimedb::table(accessor = run)]
pub struct Run {
    #[auto_inc]
    #[index(btree)]
    number: u64,
    name: String,
    /// The function's time, in microseconds.
    at: i64,
    by_database: bool,
    has_connection: bool,
    /// The row was there while the function ran.
    row_was_there: bool,
}

/// Settings of a test.
#[spacetimedb::table(accessor = setting)]
pub struct Setting {
    #[primary_key]
    name: String,
}

/// A run, for whoever looks.
#[derive(SpacetimeType)]
pub struct Ran {
    name: String,
    at: i64,
    by_database: bool,
    has_connection: bool,
    row_was_there: bool,
}

/// Everything that ran, in order.
#[spacetimedb::view(accessor = runs, public)]
pub fn runs(ctx: &AnonymousViewContext) -> Vec<Ran> {
    let ran = |Run { name, at, by_database, has_connection, row_was_there, .. }: Run| Ran {
        name,
        at,
        by_database,
        has_connection,
        row_was_there,
    };
    ctx.db.run().number().filter(0u64..).map(ran).collect()
}

/// A row that is there.
#[derive(SpacetimeType)]
pub struct Waiting {
    text: String,
}

/// The names of all rows that are there.
#[spacetimedb::view(accessor = waiting, public)]
pub fn waiting(ctx: &AnonymousViewContext) -> Vec<Waiting> {
    let jobs = ctx.db.job().name().filter(""..).map(|job| job.name);
    let errands = ctx.db.errand().name().filter(""..).map(|errand| errand.name);
    jobs.chain(errands).map(|text| Waiting { text }).collect()
}

// ---- what runs ----

#[spacetimedb::reducer]
pub fn run_job(ctx: &ReducerContext, job: Job) -> Result<(), String> {
    let row_was_there = ctx.db.job().id().find(job.id).is_some();
    ctx.db.run().insert(Run {
        number: 0,
        name: job.name.clone(),
        at: ctx.timestamp.to_micros_since_unix_epoch(),
        by_database: ctx.sender() == ctx.database_identity(),
        has_connection: ctx.connection_id().is_some(),
        row_was_there,
    });
    let id = job.id;
    match &*job.action {
        "fail" => {
            log::info!("failing {}", job.name);
            return Err("told to fail".into());
        }
        "panic" => panic!("told to panic"),
        // Once more, a second later.
        "again" => {
            let at = (ctx.timestamp + Duration::from_secs(1)).into();
            ctx.db.job().id().update(Job { at, action: String::new(), ..job });
        }
        "cancel" => {
            ctx.db.job().id().delete(id);
        }
        // From an interval to nothing.
        "stop" => {
            if ctx.db.run().iter().filter(|run| run.name == job.name).count() == 3 {
                ctx.db.job().id().delete(id);
            }
        }
        // Changes the row, but not its time.
        "touch" => {
            ctx.db.job().id().update(Job { name: format!("{}'", job.name), ..job });
        }
        _ => {}
    }
    Ok(())
}

#[spacetimedb::procedure]
pub fn run_errand(ctx: &mut ProcedureContext, errand: Errand) {
    let is_there = ctx.with_tx(|tx| tx.db.errand().id().find(errand.id).is_some());
    let (sender, connection) = (ctx.sender(), ctx.connection_id());
    let run = || Run {
        number: 0,
        name: errand.name.clone(),
        at: 0,
        by_database: sender == spacetimedb::Identity::from_byte_array(spacetimedb::sys::identity()),
        has_connection: connection.is_some(),
        row_was_there: is_there,
    };
    let at = ctx.timestamp.to_micros_since_unix_epoch();
    ctx.with_tx(|tx| {
        tx.db.run().insert(Run { at, ..run() });
    });
    match &*errand.action {
        "panic" => panic!("told to panic"),
        // Until the test says that it is over.
        "wait" => {
            while ctx.with_tx(|tx| tx.db.setting().name().find("over".to_string()).is_none()) {
                ctx.sleep_until(ctx.timestamp + Duration::from_millis(5));
            }
            ctx.with_tx(|tx| {
                tx.db.run().insert(Run { at, name: format!("{} is over", errand.name), ..run() });
            });
        }
        _ => {}
    }
}

// ---- what makes rows ----

/// A row for a reducer at a time, in microseconds from now.
#[spacetimedb::reducer]
pub fn schedule(ctx: &ReducerContext, name: String, action: String, in_micros: i64) {
    let at = time(ctx, in_micros);
    ctx.db.job().insert(Job { id: 0, name, action, at });
}

/// The same in a transaction that is rolled back.
#[spacetimedb::reducer]
pub fn schedule_and_fail(ctx: &ReducerContext, name: String) -> Result<(), String> {
    ctx.db.job().insert(Job { id: 0, name, action: String::new(), at: ctx.timestamp.into() });
    Err("told to fail".into())
}

/// A row for a reducer at a time, in microseconds since the epoch.
#[spacetimedb::reducer]
pub fn schedule_at(ctx: &ReducerContext, name: String, micros: i64) {
    let at = Timestamp::from_micros_since_unix_epoch(micros).into();
    ctx.db.job().insert(Job { id: 0, name, action: String::new(), at });
}

/// A row for a reducer with an interval, in microseconds.
#[spacetimedb::reducer]
pub fn repeat(ctx: &ReducerContext, name: String, action: String, micros: i64) {
    let at = ScheduleAt::Interval(TimeDuration::from_micros(micros));
    ctx.db.job().insert(Job { id: 0, name, action, at });
}

/// Many rows for a reducer, all at one time, in microseconds from now.
#[spacetimedb::reducer]
pub fn schedule_many(ctx: &ReducerContext, count: u32, in_micros: i64) {
    let at = time(ctx, in_micros);
    for number in 0..count {
        ctx.db.job().insert(Job { id: 0, name: number.to_string(), action: String::new(), at });
    }
}

/// A row for a procedure at a time, in microseconds from now.
#[spacetimedb::reducer]
pub fn send(ctx: &ReducerContext, name: String, action: String, in_micros: i64) {
    let at = time(ctx, in_micros);
    ctx.db.errand().insert(Errand { id: 0, name, action, at });
}

/// A row for a procedure with an interval, in microseconds.
#[spacetimedb::reducer]
pub fn send_repeatedly(ctx: &ReducerContext, name: String, action: String, micros: i64) {
    let at = ScheduleAt::Interval(TimeDuration::from_micros(micros));
    ctx.db.errand().insert(Errand { id: 0, name, action, at });
}

/// Takes back all rows of that name.
#[spacetimedb::reducer]
pub fn cancel(ctx: &ReducerContext, name: String) {
    ctx.db.job().name().delete(&name);
    ctx.db.errand().name().delete(&name);
}

/// Puts off all rows of that name, until a time in microseconds from now.
#[spacetimedb::reducer]
pub fn put_off(ctx: &ReducerContext, name: String, in_micros: i64) {
    for job in ctx.db.job().name().filter(&name) {
        ctx.db.job().id().update(Job { at: time(ctx, in_micros), ..job });
    }
}

/// Changes all rows of that name, but not their times.
#[spacetimedb::reducer]
pub fn touch(ctx: &ReducerContext, name: String, action: String) {
    for job in ctx.db.job().name().filter(&name) {
        ctx.db.job().id().update(Job { action: action.clone(), ..job });
    }
}

/// Notes a setting.
#[spacetimedb::reducer]
pub fn set(ctx: &ReducerContext, name: String) {
    ctx.db.setting().insert(Setting { name });
}

/// Nothing.
#[spacetimedb::reducer]
pub fn nothing(_ctx: &ReducerContext) {}

fn time(ctx: &ReducerContext, in_micros: i64) -> ScheduleAt {
    let now = ctx.timestamp.to_micros_since_unix_epoch();
    Timestamp::from_micros_since_unix_epoch(now.saturating_add(in_micros)).into()
}
