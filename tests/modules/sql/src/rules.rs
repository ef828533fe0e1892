//! Notes that only some may read.

use spacetimedb::{Filter, Identity, ReducerContext, Table, client_visibility_filter};

#[spacetimedb::table(accessor = note, public)]
pub struct Note {
    #[primary_key]
    id: u32,
    #[index(btree)]
    owner: Identity,
    text: String,
}

/// Who else may read a note.
#[spacetimedb::table(accessor = share)]
pub struct Share {
    #[index(btree)]
    note: u32,
    reader: Identity,
}

#[client_visibility_filter]
const OWN_NOTES: Filter = Filter::Sql("SELECT * FROM note WHERE owner = :sender");

#[client_visibility_filter]
const SHARED_NOTES: Filter =
    Filter::Sql("SELECT note.* FROM note JOIN share ON note.id = share.note WHERE share.reader = :sender");

#[spacetimedb::reducer]
pub fn write(ctx: &ReducerContext, id: u32, text: String) {
    ctx.db.note().insert(Note { id, owner: ctx.sender(), text });
}

#[spacetimedb::reducer]
pub fn share_note(ctx: &ReducerContext, note: u32, reader: Identity) {
    ctx.db.share().insert(Share { note, reader });
}
