/** Views that answer with a query for the host to run. */
import { t } from 'spacetimedb/server';
import db, { fruit } from './schema';

export const grow = db.reducer(
  { id: t.u32(), name: t.string(), ripe: t.bool() },
  (ctx, { id, name, ripe }) => {
    ctx.db.fruit.insert({ id, name, ripe });
  },
);

export const allFruit = db.anonymousView({ public: true }, t.array(fruit.rowType), (ctx) => ctx.from.fruit);

export const ripeFruit = db.view({ public: true }, t.array(fruit.rowType), (ctx) =>
  ctx.from.fruit.where((fruit) => fruit.ripe.eq(true)),
);
