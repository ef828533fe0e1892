//! Calls that go wrong. Each writes a row first, to show that it is gone afterwards.

use spacetimedb::{AnonymousViewContext, ReducerContext, Table};

use crate::notes::say;

#[spacetimedb::table(accessor = trace)]
pub struct Trace {
    #[primary_key]
    id: u32,
    #[index(btree)]
    text: String,
}

fn write(ctx: &ReducerContext, text: &str) {
    ctx.db.trace().insert(Trace { id: ctx.db.trace().count() as u32, text: text.into() });
    say(ctx, text);
}

#[spacetimedb::reducer]
pub fn succeed(ctx: &ReducerContext, text: String) {
    write(ctx, &text);
}

#[spacetimedb::reducer]
pub fn refuse(ctx: &ReducerContext, message: String) -> Result<(), String> {
    write(ctx, "refused");
    Err(message)
}

#[spacetimedb::reducer]
pub fn panic_with(ctx: &ReducerContext, message: String) {
    write(ctx, "panicked");
    panic!("{message}");
}

/// Clears a table that other calls have filled, then panics: undoing is more than deleting what was inserted.
#[spacetimedb::reducer]
pub fn clear_and_panic(ctx: &ReducerContext) {
    ctx.db.trace().clear();
    write(ctx, "cleared");
    panic!("after clearing");
}

#[spacetimedb::reducer]
pub fn loop_for_ever(ctx: &ReducerContext) {
    write(ctx, "looping");
    let mut number = 1u64;
    while number != 0 {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}

/// As [`loop_for_ever`], but in and out of the host all the time.
#[spacetimedb::reducer]
pub fn insert_for_ever(ctx: &ReducerContext) {
    for id in 1_000u32.. {
        ctx.db.trace().insert(Trace { id: id % 100_000 + 1_000, text: "again".into() });
        ctx.db.trace().id().delete(id % 100_000 + 1_000);
    }
}

#[spacetimedb::reducer]
pub fn eat_memory(ctx: &ReducerContext) {
    write(ctx, "eating");
    let mut eaten = Vec::new();
    loop {
        eaten.push(std::hint::black_box(vec![1u8; 16 << 20]));
    }
}

/// Until the engine's stack is used up.
#[spacetimedb::reducer]
pub fn recurse(ctx: &ReducerContext) {
    write(ctx, "recursing");
    fn deeper(number: u64) -> u64 {
        let again: fn(u64) -> u64 = std::hint::black_box(deeper);
        again(number.wrapping_mul(3)).wrapping_add(number)
    }
    say(ctx, deeper(1));
}

/// Until the part of its memory that the compiler uses as a stack is used up.
#[spacetimedb::reducer]
pub fn recurse_with_large_frames(ctx: &ReducerContext) {
    write(ctx, "recursing");
    #[allow(unconditional_recursion)]
    fn deeper(numbers: [u64; 512]) -> u64 {
        let next = std::hint::black_box(numbers.map(|number| number.wrapping_add(1)));
        deeper(next).wrapping_add(next[7])
    }
    say(ctx, deeper([0; 512]));
}

#[spacetimedb::view(accessor = traces, public)]
pub fn traces(ctx: &AnonymousViewContext) -> Vec<crate::views::Text> {
    ctx.db.trace().text().filter(""..).map(|trace| crate::views::Text { text: trace.text }).collect()
}
