/** The first version of a program that the publish tests replace: the twin of tests/modules/publish-v1. */
import { Range, schema, t, table } from 'spacetimedb/server';

/** What the versions have in common, and what version 3 breaks. */
const item = table(
  { public: true },
  { id: t.u64().primaryKey().autoInc(), name: t.string().index('btree'), amount: t.u32() },
);

const db = schema({ item });
export default db;

export const init = db.init((ctx) => {
  ctx.db.item.insert({ id: 0n, name: 'from init', amount: 1 });
});

export const addItem = db.reducer({ name: t.string(), amount: t.u32() }, (ctx, { name, amount }) => {
  ctx.db.item.insert({ id: 0n, name, amount });
});

/** Makes many items at once. */
export const fill = db.reducer({ count: t.u32() }, (ctx, { count }) => {
  for (let amount = 0; amount < count; amount++) {
    ctx.db.item.insert({ id: 0n, name: `item ${amount}`, amount });
  }
});

export const removeItems = db.reducer({ name: t.string() }, (ctx, { name }) => {
  ctx.db.item.name.delete(name);
});

export const items = db.anonymousView({ public: true }, t.array(item.rowType), (ctx) => [
  ...ctx.db.item.name.filter(new Range({ tag: 'included', value: '' })),
]);
