//! Every kind of index, over every kind of key, asked in every way.

use std::ops::Bound;

use spacetimedb::{
    ConnectionId, Identity, ReducerContext, SpacetimeType, Table, Timestamp, Uuid,
    sats::{i256, u256},
};

use crate::notes::{saw, say};

#[spacetimedb::table(accessor = by_number)]
pub struct ByNumber {
    #[index(btree)]
    key: i32,
    tag: u8,
}

#[spacetimedb::table(accessor = by_text)]
pub struct ByText {
    #[index(btree)]
    key: String,
    #[index(hash)]
    hashed: String,
    tag: u8,
}

#[spacetimedb::table(
    accessor = grid,
    index(accessor = by_xyz, btree(columns = [x, y, z])),
    index(accessor = by_zx, hash(columns = [z, x]))
)]
pub struct Grid {
    x: i32,
    y: u8,
    z: String,
    #[primary_key]
    tag: u32,
}

/// An enum whose variants have no payload is a number to an index.
#[derive(SpacetimeType, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
}

#[spacetimedb::table(accessor = direct_small)]
pub struct DirectSmall {
    #[primary_key]
    #[index(direct)]
    id: u8,
    #[unique]
    #[index(direct)]
    day: Day,
    tag: u32,
}

#[spacetimedb::table(accessor = direct_large)]
pub struct DirectLarge {
    #[primary_key]
    #[index(direct)]
    id: u64,
    #[unique]
    #[index(direct)]
    other: u32,
    tag: u16,
}

/// Point lookups on all the other types that may be keys.
#[spacetimedb::table(accessor = keyring)]
pub struct Keyring {
    #[primary_key]
    identity: Identity,
    #[unique]
    #[index(hash)]
    connection: ConnectionId,
    #[unique]
    uuid: Uuid,
    #[index(btree)]
    timestamp: Timestamp,
    #[index(hash)]
    day: Day,
    #[index(btree)]
    flag: bool,
    #[index(btree)]
    wide: u256,
    #[index(btree)]
    signed: i256,
    #[index(hash)]
    long: i128,
    #[index(btree)]
    tiny: i8,
    tag: u8,
}

#[spacetimedb::reducer]
pub fn number_ranges(ctx: &ReducerContext) {
    let keys = [i32::MIN, -7, -1, 0, 1, 5, 5, 5, 9, 1 << 20, i32::MAX];
    for (tag, key) in keys.into_iter().enumerate() {
        ctx.db.by_number().insert(ByNumber { key, tag: tag as u8 });
    }
    macro_rules! range {
        ($what:literal, $range:expr) => {
            saw(ctx, $what, ctx.db.by_number().key().filter($range).map(|row| row.key));
        };
    }
    range!("5", 5);
    range!("5 again", &5);
    range!("6", 6);
    range!("[0, 5)", 0..5);
    range!("[0, 5]", 0..=5);
    range!("[1, ∞)", 1..);
    range!("(-∞, 0)", ..0);
    range!("(-∞, 0]", ..=0);
    range!("from the least to the greatest", i32::MIN..=i32::MAX);
    range!("[-1, 1)", -1..1);
    range!("(5, ∞)", (Bound::Excluded(5), Bound::Unbounded));
    range!("(-7, 5)", (Bound::Excluded(-7), Bound::Excluded(5)));
    range!("(0, 5]", (Bound::Excluded(0), Bound::Included(5)));
    range!("(-∞, ∞)", (Bound::<i32>::Unbounded, Bound::<i32>::Unbounded));
    range!("(-∞, -1)", (Bound::Unbounded, Bound::Excluded(-1)));
    range!("[9, 1)", 9..1);
    say(ctx, format_args!("deleted 5: {}", ctx.db.by_number().key().delete(5)));
    say(ctx, format_args!("deleted 5 again: {}", ctx.db.by_number().key().delete(5)));
    say(ctx, format_args!("deleted below 0: {}", ctx.db.by_number().key().delete(..0)));
    range!("(-∞, ∞)", (Bound::<i32>::Unbounded, Bound::<i32>::Unbounded));
    say(ctx, format_args!("left: {}", ctx.db.by_number().count()));
}

#[spacetimedb::reducer]
pub fn text_ranges(ctx: &ReducerContext) {
    let keys = ["", "a", "aa", "ab", "b", "ba", "z", "é", "日本", "\0", "a\0b"];
    for (tag, key) in keys.into_iter().enumerate() {
        ctx.db.by_text().insert(ByText { key: key.into(), hashed: key.into(), tag: tag as u8 });
    }
    macro_rules! range {
        ($what:literal, $range:expr) => {
            saw(ctx, $what, ctx.db.by_text().key().filter($range).map(|row| row.tag));
        };
    }
    range!("'a'", "a");
    range!("'ab'", &"ab".to_string());
    range!("['a', 'b')", "a".."b");
    range!("['a', 'b']", "a"..="b");
    range!("['b', ∞)", "b"..);
    range!("(-∞, 'aa')", .."aa");
    range!("(-∞, '']", ..="");
    range!("['é', ∞)", "é"..);
    for (what, key) in
        [("a", "a"), ("nothing", ""), ("日本", "日本"), ("a, null, b", "a\0b"), ("missing", "missing")]
    {
        saw(ctx, &format!("hash of {what}"), ctx.db.by_text().hashed().filter(key).map(|row| row.tag));
    }
    say(ctx, format_args!("deleted by hash: {}", ctx.db.by_text().hashed().delete("z")));
    say(ctx, format_args!("deleted by range: {}", ctx.db.by_text().key().delete("a".."b")));
    range!("['', ∞)", ""..);
}

#[spacetimedb::reducer]
pub fn prefix_ranges(ctx: &ReducerContext) {
    let mut tag = 0;
    for x in [-2, 0, 7] {
        for y in [0u8, 1, 255] {
            for z in ["", "m", "mm"] {
                ctx.db.grid().insert(Grid { x, y, z: z.into(), tag });
                tag += 1;
            }
        }
    }
    macro_rules! range {
        ($what:literal, $range:expr) => {
            saw(ctx, $what, ctx.db.grid().by_xyz().filter($range).map(|row| row.tag));
        };
    }
    range!("0", 0);
    range!("0 again", (0,));
    range!("[-2, 1)", -2..1);
    range!("[1, ∞)", (1..,));
    range!("0 1", (0, 1u8));
    range!("0 [1, ∞)", (0, 1u8..));
    range!("0 (-∞, 1)", (0, ..1u8));
    range!("7 [0, 1]", (7, 0u8..=1u8));
    range!("7 (0, ∞)", (7, (Bound::Excluded(0u8), Bound::Unbounded)));
    range!("7 255 'm'", (7, 255u8, "m"));
    range!("7 255 ['', 'm']", (7, 255u8, ""..="m"));
    range!("7 255 ('', ∞)", (7, 255u8, (Bound::Excluded(""), Bound::Unbounded)));
    range!("7 255 (-∞, 'm')", (7, 255u8, .."m"));
    range!("8 0", (8, 0u8));
    let by_zx = |z: &str, x: i32| -> Vec<u32> {
        let mut tags: Vec<u32> = ctx.db.grid().by_zx().filter((z, x)).map(|row| row.tag).collect();
        tags.sort_unstable();
        tags
    };
    saw(ctx, "hash m 7", by_zx("m", 7));
    saw(ctx, "hash m 8", by_zx("m", 8));
    say(ctx, format_args!("deleted by prefix: {}", ctx.db.grid().by_xyz().delete((0, 1u8))));
    say(ctx, format_args!("deleted by hash: {}", ctx.db.grid().by_zx().delete(("m", 0))));
    range!("0", 0);
}

#[spacetimedb::reducer]
pub fn direct_keys(ctx: &ReducerContext) {
    for (id, day) in [(0, Day::Wednesday), (255, Day::Monday), (7, Day::Tuesday)] {
        ctx.db.direct_small().insert(DirectSmall { id, day, tag: u32::from(id) * 2 });
    }
    let tag = |row: Option<DirectSmall>| row.map_or("none".into(), |row| row.tag.to_string());
    saw(ctx, "ids 0 7 8 255", [0, 7, 8, 255].map(|id| tag(ctx.db.direct_small().id().find(id))));
    say(ctx, format_args!("id 7 deleted: {}", ctx.db.direct_small().id().delete(7)));
    say(ctx, format_args!("id 7 deleted again: {}", ctx.db.direct_small().id().delete(7)));
    saw(ctx, "ids 7 255", [7, 255].map(|id| tag(ctx.db.direct_small().id().find(id))));

    for (id, other) in [(1, u32::MAX), (1 << 40, 0), (u64::MAX, 70_000)] {
        ctx.db.direct_large().insert(DirectLarge { id, other, tag: other as u16 });
    }
    let tag = |row: Option<DirectLarge>| row.map_or("none".into(), |row| row.tag.to_string());
    saw(ctx, "large ids", [0, 1, 1 << 40, u64::MAX].map(|id| tag(ctx.db.direct_large().id().find(id))));
    saw(ctx, "others", [0, 1, 70_000, u32::MAX].map(|key| tag(ctx.db.direct_large().other().find(key))));
    say(ctx, format_args!("other 0 deleted: {}", ctx.db.direct_large().other().delete(0)));
    saw(ctx, "large ids", [0, 1, 1 << 40, u64::MAX].map(|id| tag(ctx.db.direct_large().id().find(id))));
}

#[spacetimedb::reducer]
pub fn other_keys(ctx: &ReducerContext) {
    let identity = |number: u8| Identity::from_u256(u256::from(number));
    let connection = |number: u8| ConnectionId::from_u128(u128::from(number));
    let uuid = |number: u8| Uuid::from_u128(u128::from(number) << 100);
    let timestamp = |number: u8| Timestamp::from_micros_since_unix_epoch(i64::from(number) - 3);
    let day = |number: u8| [Day::Monday, Day::Tuesday, Day::Wednesday][usize::from(number) % 3];
    let wide = |number: u8| u256::MAX - u256::from(number);
    for tag in 0..8 {
        ctx.db.keyring().insert(Keyring {
            identity: identity(tag),
            connection: connection(tag),
            uuid: uuid(tag),
            timestamp: timestamp(tag),
            day: day(tag),
            flag: tag % 2 == 1,
            wide: wide(tag),
            signed: i256::from(tag as i8 - 4),
            long: i128::from(tag) - 4,
            tiny: tag as i8 - 4,
            tag,
        });
    }
    let one = |row: Option<Keyring>| row.map_or("none".into(), |row| row.tag.to_string());
    saw(ctx, "identity 3 9", [3, 9].map(|number| one(ctx.db.keyring().identity().find(identity(number)))));
    saw(
        ctx,
        "connection 3 9",
        [3, 9].map(|number| one(ctx.db.keyring().connection().find(connection(number)))),
    );
    saw(ctx, "uuid 3 9", [3, 9].map(|number| one(ctx.db.keyring().uuid().find(uuid(number)))));
    macro_rules! ordered {
        ($what:literal, $found:expr) => {
            saw(ctx, $what, $found.map(|row| row.tag));
        };
    }
    macro_rules! unordered {
        ($what:literal, $found:expr) => {
            let mut tags: Vec<u8> = $found.map(|row| row.tag).collect();
            tags.sort_unstable();
            saw(ctx, $what, tags);
        };
    }
    ordered!("timestamp from -1", ctx.db.keyring().timestamp().filter(timestamp(2)..));
    ordered!("timestamp to 0", ctx.db.keyring().timestamp().filter(..=timestamp(3)));
    unordered!("tuesdays", ctx.db.keyring().day().filter(Day::Tuesday));
    unordered!("flag", ctx.db.keyring().flag().filter(true));
    unordered!("flag up to false", ctx.db.keyring().flag().filter(..=false));
    ordered!("wide, descending tags", ctx.db.keyring().wide().filter(wide(5)..wide(1)));
    ordered!("signed from -2 to 1", ctx.db.keyring().signed().filter(i256::from(-2)..=i256::from(1)));
    unordered!("long -4", ctx.db.keyring().long().filter(-4i128));
    ordered!("tiny below 0", ctx.db.keyring().tiny().filter(..0i8));
    ordered!("tiny from -1", ctx.db.keyring().tiny().filter(-1i8..));
}
