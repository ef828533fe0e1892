// The guestbook of src/lib.rs in TypeScript, published by `make demo` beside it.

import { schema, SenderError, t, table } from 'orrery/server';

/** One entry. Not public: what readers see is the view `guestbook`. */
const entry = table(
  { name: 'entry' },
  {
    id: t.u64().primaryKey().autoInc(),
    written: t.timestamp().index('btree'),
    author: t.identity().index('btree'),
    name: t.string(),
    text: t.string(),
  }
);

/** An entry as readers see it. */
const page = t.row('Page', { written: t.timestamp(), name: t.string(), text: t.string() });

const db = schema({ entry });
export default db;

export const init = db.init(ctx => {
  console.info(`an empty guestbook, opened at ${ctx.timestamp.toDate().toISOString()}`);
});

/** Writes an entry. */
export const sign = db.reducer({ name: t.string(), text: t.string() }, (ctx, { name, text }) => {
  if (name.trim() === '') {
    throw new SenderError('an entry needs a name');
  }
  ctx.db.entry.insert({ id: 0n, written: ctx.timestamp, author: ctx.sender, name, text });
});

/** Takes back everything that the caller wrote. */
export const regret = db.reducer(ctx => {
  const entries = ctx.db.entry.author.delete(ctx.sender);
  console.info(`${entries} entries taken back`);
});

/** All entries, oldest first. */
export const guestbook = db.anonymousView({ name: 'guestbook', public: true }, t.array(page), ctx =>
  Array.from(ctx.db.entry.iter(), ({ written, name, text }) => ({ written, name, text }))
);

/** The entries that the caller wrote. */
export const myEntries = db.view({ name: 'my_entries', public: true }, t.array(page), ctx =>
  Array.from(ctx.db.entry.author.filter(ctx.sender), ({ written, name, text }) => ({ written, name, text }))
);
