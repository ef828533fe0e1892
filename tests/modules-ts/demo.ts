/** A guestbook, published by `make demo`: the twin of tests/modules/demo. */
import { Timestamp } from 'spacetimedb';
import { Range, SenderError, schema, t, table } from 'spacetimedb/server';

/** One entry. Not public: what readers see is the view {@link guestbook}. */
const entry = table(
  {},
  {
    id: t.u64().primaryKey().autoInc(),
    written: t.timestamp().index('btree'),
    author: t.identity().index('btree'),
    name: t.string(),
    text: t.string(),
  },
);

/** An entry as readers see it. */
const page = t.row('Page', { written: t.timestamp(), name: t.string(), text: t.string() });

const db = schema({ entry });
export default db;

export const init = db.init((ctx) => {
  console.info(`an empty guestbook, opened at ${ctx.timestamp.toISOString()}`);
});

/** Writes an entry. */
export const sign = db.reducer({ name: t.string(), text: t.string() }, (ctx, { name, text }) => {
  if (name.trim() === '') throw new SenderError('an entry needs a name');
  ctx.db.entry.insert({ id: 0n, written: ctx.timestamp, author: ctx.sender, name, text });
});

/** Takes back everything that the caller wrote. */
export const regret = db.reducer((ctx) => {
  const entries = ctx.db.entry.author.delete(ctx.sender);
  console.info(`${entries} entries taken back`);
});

/** All entries, oldest first. */
export const guestbook = db.anonymousView({ public: true }, t.array(page), (ctx) => [
  ...ctx.db.entry.written.filter(new Range({ tag: 'included', value: Timestamp.UNIX_EPOCH })),
]);

/** The entries that the caller wrote. */
export const myEntries = db.view({ public: true }, t.array(page), (ctx) => [
  ...ctx.db.entry.author.filter(ctx.sender),
]);
