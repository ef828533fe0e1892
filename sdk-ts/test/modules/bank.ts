/** Tables of all kinds, and a reducer that does whatever a test wants. */
import { schema, table, t, type InferSchema, type ReducerCtx } from 'orrery/server';
import { Database } from '../support/database.ts';
import type { Caller } from '../support/database.ts';

const person = table(
  { public: true },
  {
    id: t.u32().primaryKey().autoInc(),
    name: t.string().unique(),
    age: t.u8().index(),
    note: t.string().optional(),
  },
);

const visit = table(
  {
    indexes: [
      { accessor: 'byPlaceAndDay', algorithm: 'btree', columns: ['place', 'day', 'hour'] },
      { accessor: 'byHourHash', algorithm: 'hash', columns: ['hour', 'day'] },
      { accessor: 'bySeat', algorithm: 'btree', columns: ['place', 'seat'] },
    ],
    constraints: [{ constraint: 'unique', columns: ['place', 'seat'] }],
  },
  { place: t.string(), day: t.i32(), hour: t.u8(), seat: t.u64() },
);

const blob = table({}, { id: t.u32().primaryKey(), data: t.byteArray() });
const counters = table({}, { a: t.u64().primaryKey().autoInc(), text: t.string(), b: t.u16().autoInc() });
const member = table(
  {},
  { who: t.identity().primaryKey(), seen: t.timestamp().index(), level: t.i64().index() },
);

const bank = schema({ person, visit, blob, counters, member });

/** What reducers of the module receive. */
export type Ctx = ReducerCtx<InferSchema<typeof bank>>;

/** A new database with these tables, and a way to run code in a reducer of it. */
export function newBank(): { db: Database; run: <R>(body: (ctx: Ctx) => R, caller?: Caller) => R } {
  let body: (ctx: Ctx) => unknown = () => {};
  let result: unknown;
  const db = new Database({
    default: bank,
    run: bank.reducer((ctx) => {
      result = body(ctx);
    }),
  });
  const run = <R>(next: (ctx: Ctx) => R, caller?: Caller) => {
    body = next;
    db.call('run', {}, caller);
    return result as R;
  };
  return { db, run };
}
