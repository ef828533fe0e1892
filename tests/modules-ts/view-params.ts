/** Views with parameters, which only Orrery's own SDK can declare. */
import { schema, t, table } from 'orrery/server';

const person = table(
  {},
  {
    id: t.u32().primaryKey(),
    name: t.string(),
    age: t.u8().index('btree'),
    owner: t.identity(),
  },
);

const db = schema({ person });
export default db;

export const add = db.reducer({ id: t.u32(), name: t.string(), age: t.u8() }, (ctx, { id, name, age }) => {
  ctx.db.person.insert({ id, name, age, owner: ctx.sender });
});

export const remove = db.reducer({ id: t.u32() }, (ctx, { id }) => {
  ctx.db.person.id.delete(id);
});

export const olderThan = db.anonymousView(
  { public: true },
  { minAge: t.u8(), name: t.option(t.string()) },
  t.array(person.rowType),
  (ctx, { minAge, name }) =>
    [...ctx.db.person.iter()].filter((row) => row.age >= minAge && (name === undefined || row.name === name)),
);

/** Answers with a query. */
export const aged = db.anonymousView({ public: true }, { age: t.u8() }, t.array(person.rowType), (ctx, { age }) =>
  ctx.from.person.where((row) => row.age.eq(age)),
);

export const mineFrom = db.view({ public: true }, { first: t.u32() }, t.array(person.rowType), (ctx, { first }) =>
  [...ctx.db.person.iter()].filter((row) => row.owner.equals(ctx.sender) && row.id >= first),
);

/** Parameters whose names mean something else in a URL. */
export const page = db.anonymousView(
  { public: true },
  { limit: t.u32(), offset: t.option(t.u32()) },
  t.array(person.rowType),
  (ctx, { limit, offset }) => [...ctx.db.person.iter()].slice(offset ?? 0, (offset ?? 0) + limit),
);

const colour = t.enum('Colour', { red: t.unit(), grey: t.u8() });
const point = t.object('Point', { x: t.i32(), y: t.i32() });
const told = t.row('Told', { text: t.string() });

/** One parameter of each kind; says what it was told. */
export const tell = db.anonymousView(
  { public: true },
  {
    flag: t.bool(),
    small: t.i8(),
    large: t.u64(),
    huge: t.u128(),
    wide: t.i256(),
    ratio: t.f64(),
    text: t.string(),
    bytes: t.byteArray(),
    who: t.identity(),
    connection: t.connectionId(),
    when: t.timestamp(),
    span: t.timeDuration(),
    colour,
    point,
    list: t.array(t.u16()),
    maybe: t.option(t.u32()),
  },
  t.array(told),
  (_ctx, told) => {
    const { flag, small, large, huge, wide, ratio, text, bytes, who, connection, when, span, list, maybe } = told;
    const parts = [
      flag,
      small,
      large,
      huge,
      wide,
      ratio,
      text,
      [...bytes].join('.'),
      who.toHexString(),
      connection.toHexString(),
      when.microsSinceUnixEpoch,
      span.micros,
      told.colour.tag,
      `${told.point.x},${told.point.y}`,
      list.join('.'),
      maybe ?? 'nothing',
    ];
    return [{ text: parts.join(' ') }];
  },
);
