//! Tables whose invariants hold only if every transaction is whole, in the shape of a small bank.
//!
//! Each call names an operation, a number that its caller never uses twice. What the operation did is spread over
//! several tables, so that half of a transaction can be told from all of it, and [`audit`] adds it up again.

use spacetimedb::{AnonymousViewContext, ReducerContext, SpacetimeType, Table};

const ACCOUNTS: u32 = 1_000;
const BALANCE: i64 = 1_000;

/// The balances add up to the same sum for ever.
#[spacetimedb::table(accessor = account)]
pub struct Account {
    #[primary_key]
    #[index(direct)]
    id: u32,
    #[index(btree)]
    balance: i64,
}

/// One row for each operation. `ticket` is drawn from a sequence.
#[spacetimedb::table(accessor = operation)]
pub struct Operation {
    #[primary_key]
    id: u64,
    #[auto_inc]
    #[unique]
    ticket: u64,
    #[index(btree)]
    kind: u8,
}

/// Two rows for each transfer, whose amounts cancel out. A second sequence.
#[spacetimedb::table(accessor = leg, index(accessor = by_operation, btree(columns = [operation, account])))]
pub struct Leg {
    #[auto_inc]
    #[primary_key]
    id: u64,
    operation: u64,
    account: u32,
    amount: i64,
}

/// One row for each parcel: bytes that can be computed from the operation, from none to some hundred thousand.
#[spacetimedb::table(accessor = parcel)]
pub struct Parcel {
    #[primary_key]
    operation: u64,
    bytes: Vec<u8>,
}

/// The single row that says how many operations there are, so that their rows can be counted against it.
#[spacetimedb::table(accessor = tally)]
pub struct Tally {
    #[primary_key]
    id: u8,
    operations: u64,
    legs: u64,
    parcels: u64,
}

#[spacetimedb::reducer(init)]
pub fn init(ctx: &ReducerContext) {
    for id in 0..ACCOUNTS {
        ctx.db.account().insert(Account { id, balance: BALANCE });
    }
    ctx.db.tally().insert(Tally { id: 0, operations: 0, legs: 0, parcels: 0 });
}

fn tally(ctx: &ReducerContext, change: impl FnOnce(&mut Tally)) {
    let mut tally = ctx.db.tally().id().find(0).expect("init made it");
    change(&mut tally);
    ctx.db.tally().id().update(tally);
}

fn book(ctx: &ReducerContext, operation: u64, kind: u8) {
    ctx.db.operation().insert(Operation { id: operation, ticket: 0, kind });
    tally(ctx, |tally| tally.operations += 1);
}

/// Moves money.
#[spacetimedb::reducer]
pub fn transfer(ctx: &ReducerContext, operation: u64, from: u32, to: u32, amount: i64) {
    book(ctx, operation, 0);
    for (account, amount) in [(from % ACCOUNTS, -amount), (to % ACCOUNTS, amount)] {
        let before = ctx.db.account().id().find(account).expect("init made it");
        ctx.db.account().id().update(Account { balance: before.balance + amount, ..before });
        ctx.db.leg().insert(Leg { id: 0, operation, account, amount });
    }
    tally(ctx, |tally| tally.legs += 2);
}

/// Moves money and then fails: nothing of it may ever be seen, but the tickets that it drew are gone.
#[spacetimedb::reducer]
pub fn fail(ctx: &ReducerContext, operation: u64, from: u32, to: u32) -> Result<(), String> {
    transfer(ctx, operation, from, to, 1);
    Err("meant to fail".into())
}

fn contents(operation: u64, length: u32) -> Vec<u8> {
    let mut state = operation | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Stores bytes.
#[spacetimedb::reducer]
pub fn send(ctx: &ReducerContext, operation: u64, length: u32) {
    book(ctx, operation, 1);
    ctx.db.parcel().insert(Parcel { operation, bytes: contents(operation, length) });
    tally(ctx, |tally| tally.parcels += 1);
}

/// Forgets all operations, once their caller has checked them. What is left adds up still.
#[spacetimedb::reducer]
pub fn settle(ctx: &ReducerContext) {
    ctx.db.operation().clear();
    ctx.db.leg().clear();
    ctx.db.parcel().clear();
    tally(ctx, |tally| (tally.operations, tally.legs, tally.parcels) = (0, 0, 0));
}

/// An operation that took place, and the values that it drew.
#[derive(SpacetimeType)]
pub struct Booked {
    operation: u64,
    ticket: u64,
    legs: Vec<u64>,
}

/// Whatever is there: every operation with its tickets.
#[spacetimedb::view(accessor = booked, public)]
pub fn booked(ctx: &AnonymousViewContext) -> Vec<Booked> {
    let operations = ctx.db.operation().kind().filter(0u8..);
    operations
        .map(|Operation { id, ticket, .. }| Booked {
            operation: id,
            ticket,
            legs: ctx.db.leg().by_operation().filter(id).map(|leg| leg.id).collect(),
        })
        .collect()
}

/// One sentence that says what does not add up.
#[derive(SpacetimeType)]
pub struct Finding {
    text: String,
}

/// Everything that does not add up. No rows if all is well.
#[spacetimedb::view(accessor = audit, public)]
pub fn audit(ctx: &AnonymousViewContext) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut expect = |what: &str, is: i128, should: i128| {
        if is != should {
            findings.push(Finding { text: format!("{what}: {is} instead of {should}") });
        }
    };
    let sum: i64 = ctx.db.account().balance().filter(i64::MIN..).map(|account| account.balance).sum();
    let tally = ctx.db.tally().id().find(0).expect("init made it");
    expect("accounts", ctx.db.account().count().into(), ACCOUNTS.into());
    expect("sum of balances", sum.into(), i128::from(ACCOUNTS) * i128::from(BALANCE));
    expect("operations", ctx.db.operation().count().into(), tally.operations.into());
    expect("legs", ctx.db.leg().count().into(), tally.legs.into());
    expect("parcels", ctx.db.parcel().count().into(), tally.parcels.into());
    for operation in ctx.db.operation().kind().filter(0u8) {
        let legs: Vec<Leg> = ctx.db.leg().by_operation().filter(operation.id).collect();
        expect(&format!("legs of {}", operation.id), legs.len() as i128, 2);
        expect(&format!("sum of {}", operation.id), legs.iter().map(|leg| i128::from(leg.amount)).sum(), 0);
    }
    for operation in ctx.db.operation().kind().filter(1u8) {
        let whole = ctx
            .db
            .parcel()
            .operation()
            .find(operation.id)
            .is_some_and(|parcel| parcel.bytes == contents(operation.id, parcel.bytes.len() as u32));
        expect(&format!("parcel of {}", operation.id), whole.into(), 1);
    }
    findings
}
