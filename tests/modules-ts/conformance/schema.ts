/** All tables, in the order of the subjects that they are for. */
import { schema, t, table, type InferSchema, type ReducerCtx } from 'spacetimedb/server';

// Constraints

export const member = table(
  { public: true },
  {
    id: t.u32().primaryKey(),
    email: t.string().unique(),
    badge: t.u16().unique(),
    rank: t.i8(),
  },
);

/** No constraint at all: a set of rows. */
const bag = table({}, { name: t.string(), count: t.u32() });

// Context

/** Survives from call to call, to compare them. */
const lastCall = table({}, { timestamp: t.timestamp(), random: t.u64(), connection: t.connectionId() });

// Events

const shout = table({ public: true, event: true }, { id: t.u32().primaryKey(), text: t.string() });

/** Not public. Its reducer says that it is scheduled here. */
export const reminder = table(
  {},
  {
    id: t.u64().primaryKey().autoInc(),
    scheduledAt: t.scheduleAt(),
    text: t.string().index('btree'),
  },
);

// Faults

const trace = table({}, { id: t.u32().primaryKey(), text: t.string().index('btree') });

// Indexes

const byNumber = table({}, { key: t.i32().index('btree'), tag: t.u8() });

const byText = table({}, { key: t.string().index('btree'), hashed: t.string().index('hash'), tag: t.u8() });

const grid = table(
  {
    indexes: [
      { accessor: 'byXyz', algorithm: 'btree', columns: ['x', 'y', 'z'] },
      { accessor: 'byZx', algorithm: 'hash', columns: ['z', 'x'] },
    ],
  },
  { x: t.i32(), y: t.u8(), z: t.string(), tag: t.u32().primaryKey() },
);

/** An enum whose variants have no payload is a number to an index. */
const day = t.enum('Day', ['Monday', 'Tuesday', 'Wednesday']);

const directSmall = table(
  { constraints: [{ constraint: 'unique', columns: ['day'] }] },
  { id: t.u8().primaryKey().index('direct'), day: day.index('direct'), tag: t.u32() },
);

const directLarge = table(
  {},
  { id: t.u64().primaryKey().index('direct'), other: t.u32().unique().index('direct'), tag: t.u16() },
);

/** Point lookups on all the other types that may be keys. */
const keyring = table(
  {},
  {
    identity: t.identity().primaryKey(),
    connection: t.connectionId().unique().index('hash'),
    uuid: t.uuid().unique(),
    timestamp: t.timestamp().index('btree'),
    day: day.index('hash'),
    flag: t.bool().index('btree'),
    wide: t.u256().index('btree'),
    signed: t.i256().index('btree'),
    long: t.i128().index('hash'),
    tiny: t.i8().index('btree'),
    tag: t.u8(),
  },
);

// Names

export const httpMethod = t.enum('HTTPMethod', ['GetOne', 'PUT', 'Post2']);

export const playerScore2 = table(
  { public: true, indexes: [{ accessor: 'byPlayerID', algorithm: 'btree', columns: ['playerID'] }] },
  { playerID: t.u32(), level1Score: t.i64(), usedMethod: httpMethod },
);

// Notes

const note = table({}, { number: t.u32().index('btree'), text: t.string() });

// Queries

export const fruit = table(
  { public: true },
  { id: t.u32().primaryKey(), name: t.string().index('btree'), ripe: t.bool() },
);

// Sequences

/** Two sequences in one row, one of them signed. */
const ticket = table(
  {},
  { id: t.u64().primaryKey().autoInc(), serial: t.i16().unique().autoInc(), holder: t.string() },
);

/** A sequence that outgrows its column. */
const small = table({}, { id: t.u8().autoInc().unique() });

const wide = table({}, { id: t.i128().primaryKey().autoInc(), other: t.u32().unique().autoInc() });

// Types

/** Unit variants only. The host shows them in camel case. */
const colour = t.enum('Colour', ['Red', 'Green', 'DarkBlue']);

export const point = t.object('Point', { x: t.i32(), y: t.i32() });

/** Payloads of every kind. */
export const shape = t.enum('Shape', {
  Empty: t.unit(),
  Circle: t.f64(),
  Square: point,
  Polygon: t.array(point),
  Named: t.string(),
  Maybe: t.option(t.u32()),
  Painted: colour,
  Raw: t.byteArray(),
  Owned: t.identity(),
});

const segment = t.object('Segment', { from: point, to: point, colour });

const nothing = t.object('Nothing', {});

export const unsigned = table(
  { public: true },
  {
    id: t.u32().index('btree'),
    one: t.u8(),
    two: t.u16(),
    four: t.u32(),
    eight: t.u64(),
    sixteen: t.u128(),
    wide: t.u256(),
  },
);

export const signed = table(
  { public: true },
  {
    id: t.u32().index('btree'),
    one: t.i8(),
    two: t.i16(),
    four: t.i32(),
    eight: t.i64(),
    sixteen: t.i128(),
    wide: t.i256(),
  },
);

export const plain = table(
  { public: true },
  {
    id: t.u32().index('btree'),
    flag: t.bool(),
    single: t.f32(),
    double: t.f64(),
    text: t.string(),
    bytes: t.byteArray(),
  },
);

export const special = table(
  { public: true },
  {
    id: t.u32().index('btree'),
    identity: t.identity(),
    connection: t.connectionId(),
    timestamp: t.timestamp(),
    duration: t.timeDuration(),
    uuid: t.uuid(),
    schedule: t.scheduleAt(),
  },
);

export const list = table(
  { public: true },
  {
    id: t.u32().index('btree'),
    flags: t.array(t.bool()),
    numbers: t.array(t.i32()),
    wides: t.array(t.u256()),
    texts: t.array(t.string()),
    blobs: t.array(t.byteArray()),
    colours: t.array(colour),
    points: t.array(point),
    identities: t.array(t.identity()),
  },
);

export const optional = table(
  { public: true },
  {
    id: t.u32().index('btree'),
    flag: t.option(t.bool()),
    number: t.option(t.u64()),
    text: t.option(t.string()),
    bytes: t.option(t.byteArray()),
    point: t.option(point),
    shape: t.option(shape),
    nested: t.option(t.option(t.u8())),
    many: t.option(t.array(t.option(t.i16()))),
    identity: t.option(t.identity()),
  },
);

export const choice = table(
  { public: true },
  {
    id: t.u32().index('btree'),
    colour,
    shape,
    outcome: t.result(t.u32(), t.string()),
    verdict: t.result(point, colour),
  },
);

export const nested = table(
  { public: true },
  {
    id: t.u32().index('btree'),
    point,
    line: segment,
    nothing,
    tree: t.array(t.array(segment)),
  },
);

// Views

export const coin = table(
  { public: true },
  { id: t.u32().primaryKey(), owner: t.identity().index('btree'), value: t.u32().index('btree') },
);

/** Read by no view. */
const unread = table({}, { id: t.u32().primaryKey() });

/** A row of views that show nothing but text. */
export const text = t.row('Text', { text: t.string() });

const db = schema({
  member,
  bag,
  lastCall,
  shout,
  reminder,
  trace,
  byNumber,
  byText,
  grid,
  directSmall,
  directLarge,
  keyring,
  playerScore2,
  note,
  fruit,
  ticket,
  small,
  wide,
  unsigned,
  signed,
  plain,
  special,
  list,
  optional,
  choice,
  nested,
  coin,
  unread,
});
export default db;

/** What reducers are given. */
export type Ctx = ReducerCtx<InferSchema<typeof db>>;
