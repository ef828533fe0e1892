/** Types of columns: compiled, never run. */
import type { ConnectionId, Identity, ScheduleAt, TimeDuration, Timestamp, Uuid } from 'orrery';
import { table, t } from 'orrery/server';
import type { Infer, InferTypeOfRow } from 'orrery/server';
import { expect } from './equal.ts';
import type { Equal } from './equal.ts';

const columns = {
  bool: t.bool(),
  u8: t.u8().primaryKey().autoInc(),
  i64: t.i64().unique(),
  f32: t.f32().default(1.5),
  string: t.string().index('hash'),
  identity: t.identity().primaryKey(),
  connectionId: t.connectionId(),
  timestamp: t.timestamp(),
  timeDuration: t.timeDuration(),
  uuid: t.uuid(),
  scheduleAt: t.scheduleAt(),
  unit: t.unit(),
  bytes: t.byteArray(),
  byteNumbers: t.array(t.u8()),
  option: t.option(t.string()),
  optional: t.u64().optional().default(undefined),
  result: t.result(t.u32(), t.string()),
  nested: t.array(t.option(t.array(t.bool()))),
};

type Row = {
  bool: boolean;
  u8: number;
  i64: bigint;
  f32: number;
  string: string;
  identity: Identity;
  connectionId: ConnectionId;
  timestamp: Timestamp;
  timeDuration: TimeDuration;
  uuid: Uuid;
  scheduleAt: ScheduleAt;
  unit: {};
  bytes: Uint8Array;
  byteNumbers: number[];
  option: string | undefined;
  optional: bigint | undefined;
  result: { ok: number } | { err: string };
  nested: (boolean[] | undefined)[];
};

expect<Equal<InferTypeOfRow<typeof columns>, Row>>();
expect<Equal<Infer<typeof columns>, Row>>();

const row = t.row('Named', { id: t.u32(), name: t.string() });
expect<Equal<Infer<typeof row>, { id: number; name: string }>>();
expect<Equal<InferTypeOfRow<typeof row.row>, { id: number; name: string }>>();
expect<Equal<Infer<ReturnType<typeof row.optional>>, { id: number; name: string } | undefined>>();

const fromRow = table({ public: true }, row);
expect<Equal<Infer<typeof fromRow.rowType>, { id: number; name: string }>>();

const shape = t.enum('Shape', {
  Dot: t.unit(),
  Circle: t.u32(),
  Box: t.object('Box', { w: t.f32(), h: t.f32() }),
});
expect<
  Equal<
    Infer<typeof shape>,
    { tag: 'Dot' } | { tag: 'Circle'; value: number } | { tag: 'Box'; value: { w: number; h: number } }
  >
>();
expect<Equal<typeof shape.Dot, { tag: 'Dot' }>>();
expect<Equal<ReturnType<typeof shape.Circle>, { tag: 'Circle'; value: number }>>();

const color = t.enum('Color', ['Red', 'Green']);
expect<Equal<Infer<typeof color>, { tag: 'Red' } | { tag: 'Green' }>>();
const units = t.enum('Units', { A: t.unit(), B: t.unit() });
table({}, { color: color.index('direct'), units: units.primaryKey() });

// Values are of the type of the column.
t.u8().default(1);
t.u64().default(1n);
// @ts-expect-error a u64 is a bigint
t.u64().default(1);
// @ts-expect-error a string is no number
t.u8().default('1');

// What cannot be looked up has no methods for it.
// @ts-expect-error floating-point numbers cannot be looked up
t.f32().index();
// @ts-expect-error lists cannot be looked up
t.array(t.u8()).unique();
// @ts-expect-error options cannot be looked up
t.option(t.u8()).index();
// @ts-expect-error objects cannot be looked up
t.object('P', { x: t.u8() }).primaryKey();
// @ts-expect-error enums with values cannot be looked up
t.enum('E', { A: t.u8() }).index();
// @ts-expect-error times of schedules cannot be looked up
t.scheduleAt().index();
// @ts-expect-error text does not count up
t.string().autoInc();
// @ts-expect-error there is no such algorithm
t.u8().index('rtree');

// The database fills keys by itself, so they have no default values.
// @ts-expect-error a default value and a primary key
t.u8().default(1).primaryKey();
// @ts-expect-error a default value and a unique column
t.u8().default(1).unique();
// @ts-expect-error a default value and a column that counts up
t.u8().default(1).autoInc();
// @ts-expect-error a primary key and a default value
t.u8().primaryKey().default(1);
// @ts-expect-error a unique column and a default value
t.u8().unique().default(1);
// @ts-expect-error a column that counts up and a default value
t.u8().autoInc().default(1);
t.bool().default(true).index();

// Columns of indexes and constraints exist.
table({ indexes: [{ accessor: 'x', algorithm: 'btree', columns: ['a', 'b'] }] }, { a: t.u8(), b: t.u8() });
// @ts-expect-error there is no column c
table({ indexes: [{ accessor: 'x', algorithm: 'btree', columns: ['c'] }] }, { a: t.u8() });
// @ts-expect-error there is no column c
table({ constraints: [{ constraint: 'unique', columns: ['c'] }] }, { a: t.u8() });
// @ts-expect-error there is no such option
table({ pubilc: true }, { a: t.u8() });
// @ts-expect-error a column is made by t
table({}, { a: Number });
