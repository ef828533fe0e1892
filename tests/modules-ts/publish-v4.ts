/**
 * The first version with more columns, which rows that are there get by their defaults. Clients of the first
 * version would misread its rows, so they must go. The twin of tests/modules/publish-v4.
 */
import { Range, schema, t, table } from 'spacetimedb/server';

/** Has no payload, so that a default can be written. */
const kind = t.enum('Kind', ['Plain', 'Fancy']);

/** As in version 1, private and wider. */
const item = table(
  {},
  {
    id: t.u64().primaryKey().autoInc(),
    name: t.string().index('btree'),
    amount: t.u32(),
    rank: t.u32().index('btree').default(7),
    note: t.string().default('none'),
    kind: kind.default({ tag: 'Plain' }),
  },
);

const db = schema({ item });
export default db;

const newItem = (name: string, amount: number) => ({
  id: 0n,
  name,
  amount,
  rank: 1,
  note: 'new',
  kind: { tag: 'Fancy' as const },
});

export const init = db.init((ctx) => {
  ctx.db.item.insert(newItem('from the init of version 4', 4));
});

export const gone = db.clientDisconnected(() => {
  console.info('version 4 sees a client go');
});

export const addItem = db.reducer({ name: t.string(), amount: t.u32() }, (ctx, { name, amount }) => {
  ctx.db.item.insert(newItem(name, amount));
});

export const clear = db.reducer((ctx) => {
  ctx.db.item.clear();
});

export const items = db.anonymousView({ public: true }, t.array(item.rowType), (ctx) => [
  ...ctx.db.item.name.filter(new Range({ tag: 'included', value: '' })),
]);

/** Reads through an index over a column that rows got when this version was published. */
export const seventh = db.anonymousView({ public: true }, t.array(item.rowType), (ctx) => [
  ...ctx.db.item.rank.filter(7),
]);
