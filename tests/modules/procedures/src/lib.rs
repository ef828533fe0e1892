//! Procedures and HTTP handlers: what they may do, and what they must not get away with.

mod handlers;

use std::time::Duration;

use spacetimedb::{
    AnonymousViewContext, Identity, ProcedureContext, ReducerContext, SpacetimeType, Table, TimeDuration,
    Timestamp, TxContext, Uuid,
    http::{Request, Timeout},
    sys,
};

/// What was written, in order.
#[spacetimedb::table(accessor = entry)]
pub struct Entry {
    #[auto_inc]
    #[index(btree)]
    id: u64,
    text: String,
}

/// A row of what was written.
#[derive(SpacetimeType)]
pub struct Written {
    text: String,
}

/// Everything that was written, in order.
#[spacetimedb::view(accessor = written, public)]
pub fn written(ctx: &AnonymousViewContext) -> Vec<Written> {
    ctx.db.entry().id().filter(0u64..).map(|entry| Written { text: entry.text }).collect()
}

fn write(tx: &TxContext, text: &str) {
    tx.db.entry().insert(Entry { id: 0, text: text.into() });
}

#[spacetimedb::reducer(client_connected)]
pub fn client_connected(ctx: &ReducerContext) -> Result<(), String> {
    if ctx.db.entry().iter().any(|entry| entry.text == "closed") {
        return Err("closed".into());
    }
    Ok(())
}

/// A reducer writes.
#[spacetimedb::reducer]
pub fn write_in_reducer(ctx: &ReducerContext, text: String) {
    ctx.db.entry().insert(Entry { id: 0, text });
}

/// Writes nothing any more, after everything that is there is gone.
#[spacetimedb::reducer]
pub fn forget(ctx: &ReducerContext) {
    ctx.db.entry().clear();
}

// ---- values ----

/// A choice.
#[derive(SpacetimeType)]
pub enum Shape {
    Nothing,
    Circle(u32),
}

/// Something of several parts.
#[derive(SpacetimeType)]
pub struct Parts {
    shape: Shape,
    name: Option<String>,
    bytes: Vec<u8>,
    big: u128,
    list: Vec<i8>,
}

#[spacetimedb::procedure]
pub fn add(_ctx: &mut ProcedureContext, a: u32, b: u32) -> u64 {
    u64::from(a) + u64::from(b)
}

#[spacetimedb::procedure]
pub fn nothing(_ctx: &mut ProcedureContext) {}

#[spacetimedb::procedure]
pub fn parts(_ctx: &mut ProcedureContext, radius: u32) -> Parts {
    let shape = if radius == 0 { Shape::Nothing } else { Shape::Circle(radius) };
    Parts { shape, name: Some("it".into()), bytes: vec![1, 0xab], big: u128::MAX, list: vec![-1, 1] }
}

#[spacetimedb::procedure]
pub fn same_parts(_ctx: &mut ProcedureContext, parts: Parts) -> Parts {
    parts
}

/// Who calls, whether on a connection, and who the caller says to be.
#[derive(SpacetimeType)]
pub struct Who {
    sender: Identity,
    has_connection: bool,
    is_same_in_transaction: bool,
    subject: Option<String>,
}

#[spacetimedb::procedure]
pub fn who(ctx: &mut ProcedureContext) -> Who {
    let (sender, connection) = (ctx.sender(), ctx.connection_id());
    let (is_same_in_transaction, subject) = ctx.with_tx(|tx| {
        let subject = tx.sender_auth().jwt().map(|jwt| jwt.subject().to_string());
        (tx.sender() == sender && tx.connection_id() == connection, subject)
    });
    Who { sender, has_connection: connection.is_some(), is_same_in_transaction, subject }
}

/// Only the owner may call it, as the module is written.
#[spacetimedb::procedure]
pub fn own_identity(ctx: &mut ProcedureContext) -> Identity {
    ctx.database_identity()
}

#[spacetimedb::procedure]
pub fn random_ids(ctx: &mut ProcedureContext) -> Vec<Uuid> {
    (0..3).map(|_| ctx.new_uuid_v7().expect("an id")).collect()
}

// ---- transactions ----

#[spacetimedb::procedure]
pub fn write_and_commit(ctx: &mut ProcedureContext, text: String) -> u64 {
    ctx.with_tx(|tx| write(tx, &text));
    ctx.with_tx(|tx| tx.db.entry().count())
}

#[spacetimedb::procedure]
pub fn write_and_roll_back(ctx: &mut ProcedureContext, text: String) -> u64 {
    let result: Result<(), ()> = ctx.try_with_tx(|tx| {
        write(tx, &text);
        Err(())
    });
    assert!(result.is_err());
    ctx.with_tx(|tx| tx.db.entry().count())
}

/// Writes texts, each in a transaction of its own, with a pause before all but the first.
#[spacetimedb::procedure]
pub fn write_slowly(ctx: &mut ProcedureContext, texts: Vec<String>, pause_ms: u64) {
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            ctx.sleep_until(ctx.timestamp + Duration::from_millis(pause_ms));
        }
        ctx.with_tx(|tx| write(tx, text));
    }
}

/// Waits until there are as many entries, looking again and again. How many there were at first.
#[spacetimedb::procedure]
pub fn wait_for_entries(ctx: &mut ProcedureContext, count: u64) -> u64 {
    let first = ctx.with_tx(|tx| tx.db.entry().count());
    while ctx.with_tx(|tx| tx.db.entry().count()) < count {
        ctx.sleep_until(ctx.timestamp + Duration::from_millis(5));
    }
    first
}

/// The same count as it is before and after a pause within a transaction; nobody else can write meanwhile.
#[spacetimedb::procedure]
pub fn is_isolated(ctx: &mut ProcedureContext) -> bool {
    ctx.with_tx(|tx| {
        let before = tx.db.entry().count();
        spin(20_000_000);
        before == tx.db.entry().count()
    })
}

#[spacetimedb::procedure]
pub fn panic_in_transaction(ctx: &mut ProcedureContext, text: String) {
    ctx.with_tx(|tx| write(tx, "committed before"));
    ctx.with_tx(|tx| -> () {
        write(tx, &text);
        panic!("told to panic");
    });
}

#[spacetimedb::procedure]
pub fn leave_transaction_open(ctx: &mut ProcedureContext, text: String) {
    sys::procedure::procedure_start_mut_tx().expect("no transaction is open");
    insert_raw(&text);
    let _ = ctx;
}

/// Has a transaction open for ever.
#[spacetimedb::procedure]
pub fn hold_transaction(ctx: &mut ProcedureContext, text: String) {
    ctx.with_tx(|tx| {
        write(tx, &text);
        loop {
            spin(1_000_000);
            tx.db.entry().count();
        }
    });
}

/// Has a transaction open for longer than it may, without asking anything of its host meanwhile.
#[spacetimedb::procedure]
pub fn compute_in_transaction(ctx: &mut ProcedureContext, text: String) {
    ctx.with_tx(|tx| {
        write(tx, &text);
        loop {
            spin(1_000_000);
        }
    });
}

#[spacetimedb::procedure]
pub fn sleep_in_transaction(ctx: &mut ProcedureContext, text: String) {
    ctx.with_tx(|tx| {
        write(tx, &text);
        sys::procedure::sleep_until(i64::MAX);
    });
}

/// The codes of calls that make no sense where they are made.
#[spacetimedb::procedure]
pub fn codes(_ctx: &mut ProcedureContext) -> Vec<u16> {
    use sys::procedure::{procedure_abort_mut_tx, procedure_commit_mut_tx, procedure_start_mut_tx};
    let code = |result: Result<(), sys::Errno>| result.map_or_else(|errno| errno.code(), |()| 0);
    let start = || code(procedure_start_mut_tx().map(drop));
    vec![
        code(procedure_commit_mut_tx()),
        code(procedure_abort_mut_tx()),
        code(sys::table_id_from_name("entry").map(drop)),
        start(),
        start(),
        code(sys::table_id_from_name("entry").map(drop)),
        code(procedure_abort_mut_tx()),
        code(procedure_abort_mut_tx()),
        start(),
        code(procedure_commit_mut_tx()),
        code(procedure_commit_mut_tx()),
    ]
}

/// The same from a reducer, which has a transaction that is not its own to end.
#[spacetimedb::reducer]
pub fn codes_in_reducer(_ctx: &ReducerContext) -> Result<(), String> {
    use sys::procedure::{procedure_abort_mut_tx, procedure_commit_mut_tx, procedure_start_mut_tx};
    let code = |result: Result<(), sys::Errno>| result.map_or_else(|errno| errno.code(), |()| 0);
    let start = code(procedure_start_mut_tx().map(drop));
    let ends = [code(procedure_commit_mut_tx()), code(procedure_abort_mut_tx())];
    Err(format!("{start} {ends:?}"))
}

fn insert_raw(text: &str) {
    let table = sys::table_id_from_name("entry").expect("the table is there");
    let mut row = vec![0; 8];
    row.extend_from_slice(&(text.len() as u32).to_le_bytes());
    row.extend_from_slice(text.as_bytes());
    sys::datastore_insert_bsatn(table, &mut row).expect("the row is new");
}

// ---- time ----

/// Sleeps; whether it was woken in time, and not before.
#[spacetimedb::procedure]
pub fn sleep(ctx: &mut ProcedureContext, millis: u64) -> bool {
    let wake_at = ctx.timestamp + Duration::from_millis(millis);
    ctx.sleep_until(wake_at);
    ctx.timestamp >= wake_at
}

/// Wants to sleep until a time in the past; does not.
#[spacetimedb::procedure]
pub fn sleep_until_the_past(ctx: &mut ProcedureContext) -> bool {
    let before = ctx.timestamp;
    ctx.sleep_until(Timestamp::from_micros_since_unix_epoch(-1));
    ctx.timestamp >= before
}

#[spacetimedb::procedure]
pub fn sleep_for_ever(_ctx: &mut ProcedureContext) {
    sys::procedure::sleep_until(i64::MAX);
}

#[spacetimedb::procedure]
pub fn compute_for_ever(_ctx: &mut ProcedureContext) {
    loop {
        spin(1_000_000);
    }
}

/// Keeps a core busy for a while.
fn spin(rounds: u64) {
    let mut number = 1u64;
    for _ in 0..rounds {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}

// ---- failures ----

#[spacetimedb::procedure]
pub fn panics(_ctx: &mut ProcedureContext) {
    panic!("told to panic, and not to tell: {}", "secret");
}

// ---- calls that nobody waits for ----

/// Has a reducer and a procedure write.
#[spacetimedb::procedure]
pub fn call_soon(ctx: &mut ProcedureContext, texts: Vec<String>) {
    schedule(&texts);
    let _ = ctx;
}

/// The same, and then fails.
#[spacetimedb::reducer]
pub fn call_soon_and_fail(_ctx: &ReducerContext, texts: Vec<String>) -> Result<(), String> {
    schedule(&texts);
    Err("told to fail".into())
}

/// One is written by a reducer, the next by a procedure, and so on.
fn schedule(texts: &[String]) {
    for (place, text) in texts.iter().enumerate() {
        let mut args = (text.len() as u32).to_le_bytes().to_vec();
        args.extend_from_slice(text.as_bytes());
        let function = ["write_in_reducer", "write_and_commit"][place % 2];
        sys::volatile_nonatomic_schedule_immediate(function, &args);
    }
    sys::volatile_nonatomic_schedule_immediate("no_such_function", &[]);
}

// ---- HTTP ----

/// What a request gave.
#[derive(SpacetimeType)]
pub struct Fetched {
    status: u16,
    headers: Vec<String>,
    body: String,
}

/// Sends a request; the answer, or why there is none.
#[spacetimedb::procedure]
pub fn fetch(
    ctx: &mut ProcedureContext,
    method: String,
    url: String,
    headers: Vec<String>,
    body: String,
    timeout_ms: Option<u64>,
) -> Result<Fetched, String> {
    let mut request = Request::builder().method(&*method).uri(&url);
    for header in &headers {
        let (name, value) = header.split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    if let Some(timeout) = timeout_ms {
        let timeout = TimeDuration::from_micros(timeout as i64 * 1000);
        request = request.extension(Timeout::from(timeout));
    }
    let request = request.body(body).map_err(|error| format!("not sent: {error}"))?;
    let response = ctx.http.send(request).map_err(|error| error.to_string())?;
    let (head, body) = response.into_parts();
    let headers = head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    Ok(Fetched { status: head.status.as_u16(), headers: headers.collect(), body: body.into_string_lossy() })
}

/// Writes, then sends a request, then writes what came of it.
#[spacetimedb::procedure]
pub fn fetch_between_writes(ctx: &mut ProcedureContext, url: String) {
    ctx.with_tx(|tx| write(tx, "before"));
    let response = ctx.http.get(&*url).expect("an answer");
    let text = response.into_body().into_string_lossy();
    ctx.with_tx(|tx| write(tx, &text));
}

/// The code for a request in a transaction, and for one that is not one.
#[spacetimedb::procedure]
pub fn fetch_wrongly(_ctx: &mut ProcedureContext) -> Vec<u16> {
    let code = |request: &[u8], body: &[u8]| {
        // The wrapper takes every error for one that comes with a text.
        let mut out = [sys::raw::BytesSource::INVALID; 2];
        unsafe {
            sys::raw::procedure_http_request(
                request.as_ptr(),
                request.len() as u32,
                body.as_ptr(),
                body.len() as u32,
                &mut out as *mut [sys::raw::BytesSource; 2],
            )
        }
    };
    // GET, no headers, no timeout, the address, HTTP/1.1
    let mut request = vec![0, 0, 0, 0, 0, 1];
    let url = b"http://127.0.0.1:1/";
    request.extend_from_slice(&(url.len() as u32).to_le_bytes());
    request.extend_from_slice(url);
    request.push(2);
    sys::procedure::procedure_start_mut_tx().expect("no transaction is open");
    let in_transaction = code(&request, b"x");
    let malformed = code(&[77], b"x");
    sys::procedure::procedure_abort_mut_tx().expect("one is open");
    vec![in_transaction, malformed]
}
