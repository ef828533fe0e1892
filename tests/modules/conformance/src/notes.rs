//! What a reducer saw, for the script to read.

use std::fmt::Display;

use spacetimedb::{AnonymousViewContext, ReducerContext, SpacetimeType, Table};

#[spacetimedb::table(accessor = note)]
pub struct Note {
    #[index(btree)]
    number: u32,
    text: String,
}

#[derive(SpacetimeType)]
pub struct Line {
    text: String,
}

/// Writes a line down.
pub fn say(ctx: &ReducerContext, text: impl Display) {
    ctx.db.note().insert(Note { number: ctx.db.note().count() as u32, text: text.to_string() });
}

/// Writes down a name and what came of it.
pub fn saw(ctx: &ReducerContext, what: &str, rows: impl IntoIterator<Item = impl Display>) {
    let rows: Vec<String> = rows.into_iter().map(|row| row.to_string()).collect();
    say(ctx, format_args!("{what}: {}", rows.join(" ")));
}

#[spacetimedb::reducer]
pub fn forget_notes(ctx: &ReducerContext) {
    ctx.db.note().clear();
}

#[spacetimedb::view(accessor = notes, public)]
pub fn notes(ctx: &AnonymousViewContext) -> Vec<Line> {
    ctx.db.note().number().filter(0u32..).map(|note| Line { text: note.text }).collect()
}
