//! A guestbook, published by `make demo`.

use spacetimedb::{
    AnonymousViewContext, Identity, ReducerContext, SpacetimeType, Table, Timestamp, ViewContext,
};

/// One entry. Not public: what readers see is the view [`guestbook`].
#[spacetimedb::table(accessor = entry)]
pub struct Entry {
    #[primary_key]
    #[auto_inc]
    id: u64,
    #[index(btree)]
    written: Timestamp,
    #[index(btree)]
    author: Identity,
    name: String,
    text: String,
}

/// An entry as readers see it.
#[derive(SpacetimeType)]
pub struct Page {
    written: Timestamp,
    name: String,
    text: String,
}

impl From<Entry> for Page {
    fn from(Entry { written, name, text, .. }: Entry) -> Self {
        Self { written, name, text }
    }
}

#[spacetimedb::reducer(init)]
pub fn init(ctx: &ReducerContext) {
    log::info!("an empty guestbook, opened at {}", ctx.timestamp);
}

/// Writes an entry.
#[spacetimedb::reducer]
pub fn sign(ctx: &ReducerContext, name: String, text: String) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("an entry needs a name".into());
    }
    ctx.db.entry().insert(Entry { id: 0, written: ctx.timestamp, author: ctx.sender(), name, text });
    Ok(())
}

/// Takes back everything that the caller wrote.
#[spacetimedb::reducer]
pub fn regret(ctx: &ReducerContext) {
    let entries = ctx.db.entry().author().delete(ctx.sender());
    log::info!("{entries} entries taken back");
}

/// All entries, oldest first.
#[spacetimedb::view(accessor = guestbook, public)]
pub fn guestbook(ctx: &AnonymousViewContext) -> Vec<Page> {
    ctx.db.entry().written().filter(Timestamp::UNIX_EPOCH..).map(Page::from).collect()
}

/// The entries that the caller wrote.
#[spacetimedb::view(accessor = my_entries, public)]
pub fn my_entries(ctx: &ViewContext) -> Vec<Page> {
    ctx.db.entry().author().filter(ctx.sender()).map(Page::from).collect()
}
