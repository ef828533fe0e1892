/** A program whose `init` says no, after it has written a row. */
import { SenderError, schema, t, table } from 'spacetimedb/server';

/** Written by `init`, so that there is something to roll back. */
const item = table({ public: true }, { id: t.u64().primaryKey() });

const db = schema({ item });
export default db;

export const init = db.init((ctx) => {
  ctx.db.item.insert({ id: 1n });
  throw new SenderError('init says no');
});
