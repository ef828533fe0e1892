//! A table for each family of column types. The script sends rows as JSON, the module stores them, a view answers
//! them: there and back again through every encoding.

use spacetimedb::{
    AnonymousViewContext, ConnectionId, Identity, ReducerContext, ScheduleAt, SpacetimeType, Table,
    TimeDuration, Timestamp, Uuid,
    sats::{i256, u256},
};

/// A reducer that adds a row to a table, and a view of all its rows in the order of their ids.
macro_rules! in_and_out {
    ($table:ident, $Row:ident, $add:ident, $all:ident) => {
        #[spacetimedb::reducer]
        pub fn $add(ctx: &ReducerContext, row: $Row) {
            ctx.db.$table().insert(row);
        }

        #[spacetimedb::view(accessor = $all, public)]
        pub fn $all(ctx: &AnonymousViewContext) -> Vec<$Row> {
            ctx.db.$table().id().filter(0u32..).collect()
        }
    };
}

#[spacetimedb::table(accessor = unsigned, public)]
pub struct Unsigned {
    #[index(btree)]
    id: u32,
    one: u8,
    two: u16,
    four: u32,
    eight: u64,
    sixteen: u128,
    wide: u256,
}

#[spacetimedb::table(accessor = signed, public)]
pub struct Signed {
    #[index(btree)]
    id: u32,
    one: i8,
    two: i16,
    four: i32,
    eight: i64,
    sixteen: i128,
    wide: i256,
}

#[spacetimedb::table(accessor = plain, public)]
pub struct Plain {
    #[index(btree)]
    id: u32,
    flag: bool,
    single: f32,
    double: f64,
    text: String,
    bytes: Vec<u8>,
}

#[spacetimedb::table(accessor = special, public)]
pub struct Special {
    #[index(btree)]
    id: u32,
    identity: Identity,
    connection: ConnectionId,
    timestamp: Timestamp,
    duration: TimeDuration,
    uuid: Uuid,
    schedule: ScheduleAt,
}

#[spacetimedb::table(accessor = list, public)]
pub struct List {
    #[index(btree)]
    id: u32,
    flags: Vec<bool>,
    numbers: Vec<i32>,
    wides: Vec<u256>,
    texts: Vec<String>,
    blobs: Vec<Vec<u8>>,
    colours: Vec<Colour>,
    points: Vec<Point>,
    identities: Vec<Identity>,
}

#[spacetimedb::table(accessor = optional, public)]
pub struct Optional {
    #[index(btree)]
    id: u32,
    flag: Option<bool>,
    number: Option<u64>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    point: Option<Point>,
    shape: Option<Shape>,
    nested: Option<Option<u8>>,
    many: Option<Vec<Option<i16>>>,
    identity: Option<Identity>,
}

#[spacetimedb::table(accessor = choice, public)]
pub struct Choice {
    #[index(btree)]
    id: u32,
    colour: Colour,
    shape: Shape,
    outcome: Result<u32, String>,
    verdict: Result<Point, Colour>,
}

#[spacetimedb::table(accessor = nested, public)]
pub struct Nested {
    #[index(btree)]
    id: u32,
    point: Point,
    line: Segment,
    nothing: Nothing,
    tree: Vec<Vec<Segment>>,
}

in_and_out!(unsigned, Unsigned, add_unsigned, all_unsigned);
in_and_out!(signed, Signed, add_signed, all_signed);
in_and_out!(plain, Plain, add_plain, all_plain);
in_and_out!(special, Special, add_special, all_special);
in_and_out!(list, List, add_list, all_lists);
in_and_out!(optional, Optional, add_optional, all_optionals);
in_and_out!(choice, Choice, add_choice, all_choices);
in_and_out!(nested, Nested, add_nested, all_nested);

/// Unit variants only. The host shows them in camel case.
#[derive(SpacetimeType, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Red,
    Green,
    DarkBlue,
}

/// Payloads of every kind.
#[derive(SpacetimeType)]
pub enum Shape {
    Empty,
    Circle(f64),
    Square(Point),
    Polygon(Vec<Point>),
    Named(String),
    Maybe(Option<u32>),
    Painted(Colour),
    Raw(Vec<u8>),
    Owned(Identity),
}

#[derive(SpacetimeType)]
pub struct Point {
    x: i32,
    y: i32,
}

#[derive(SpacetimeType)]
pub struct Segment {
    from: Point,
    to: Point,
    colour: Colour,
}

#[derive(SpacetimeType)]
pub struct Nothing {}

/// Arguments of every family at once, not only a row.
#[spacetimedb::reducer]
pub fn take_everything(
    ctx: &ReducerContext,
    small: u8,
    wide: i256,
    text: String,
    bytes: Vec<u8>,
    maybe: Option<Point>,
    shape: Shape,
    when: Timestamp,
    who: Identity,
) {
    let maybe = maybe.map_or("nothing".into(), |Point { x, y }| format!("{x},{y}"));
    let shape = match shape {
        Shape::Empty => "empty".into(),
        Shape::Circle(radius) => format!("circle {radius}"),
        Shape::Painted(colour) => format!("painted {colour:?}"),
        _ => "another shape".into(),
    };
    let when = when.to_micros_since_unix_epoch();
    crate::notes::say(ctx, format_args!("{small} {wide} {text} {bytes:?} {maybe} {shape} {when} {who}"));
}
