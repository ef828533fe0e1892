/**
 * The first version and more: a table, an index, a reducer, a view. Its `init` differs, to show that an
 * update does not run it. The twin of tests/modules/publish-v2.
 */
import { Range, schema, t, table } from 'spacetimedb/server';

/** As in version 1, with one more index. */
const item = table(
  { public: true },
  { id: t.u64().primaryKey().autoInc(), name: t.string().index('btree'), amount: t.u32().index('btree') },
);

/** New in this version. */
const shelf = table({ public: true }, { id: t.u32().primaryKey(), label: t.string().unique() });

const db = schema({ item, shelf });
export default db;

export const init = db.init((ctx) => {
  ctx.db.item.insert({ id: 0n, name: 'from the init of version 2', amount: 2 });
});

export const addItem = db.reducer({ name: t.string(), amount: t.u32() }, (ctx, { name, amount }) => {
  ctx.db.item.insert({ id: 0n, name, amount });
});

export const addShelf = db.reducer({ id: t.u32(), label: t.string() }, (ctx, { id, label }) => {
  ctx.db.shelf.insert({ id, label });
});

export const items = db.anonymousView({ public: true }, t.array(item.rowType), (ctx) => [
  ...ctx.db.item.name.filter(new Range({ tag: 'included', value: '' })),
]);

/** Reads through the index that this version adds, which must have been built from the rows there were. */
export const manyItems = db.anonymousView({ public: true }, t.array(item.rowType), (ctx) => [
  ...ctx.db.item.amount.filter(new Range({ tag: 'included', value: 10 })),
]);

export const shelfOne = db.anonymousView(
  { public: true },
  t.option(shelf.rowType),
  (ctx) => ctx.db.shelf.id.find(1) ?? undefined,
);
