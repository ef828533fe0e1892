/**
 * The first version with unique names. Whether it can follow depends on the rows. The twin of
 * tests/modules/publish-v5.
 */
import { schema, t, table } from 'spacetimedb/server';

/** As in version 1, but no two have the same name. */
const item = table(
  { public: true },
  { id: t.u64().primaryKey().autoInc(), name: t.string().unique(), amount: t.u32() },
);

const db = schema({ item });
export default db;

export const addItem = db.reducer({ name: t.string(), amount: t.u32() }, (ctx, { name, amount }) => {
  ctx.db.item.insert({ id: 0n, name, amount });
});

export const items = db.anonymousView({ public: true }, t.array(item.rowType), (ctx) => {
  const rows = [];
  for (let id = 0n; id < 100n; id++) {
    const row = ctx.db.item.id.find(id);
    if (row) rows.push(row);
  }
  return rows;
});
