/** Cannot follow the first version: a column has another type and another is gone. */
import { Range, schema, t, table } from 'spacetimedb/server';

/** `amount` is text here, and `name` is missing. */
const item = table(
  { public: true },
  { id: t.u64().primaryKey().autoInc(), amount: t.string().index('btree') },
);

const db = schema({ item });
export default db;

export const addItem = db.reducer({ amount: t.string() }, (ctx, { amount }) => {
  ctx.db.item.insert({ id: 0n, amount });
});

export const items = db.anonymousView({ public: true }, t.array(item.rowType), (ctx) => [
  ...ctx.db.item.amount.filter(new Range({ tag: 'included', value: '' })),
]);
