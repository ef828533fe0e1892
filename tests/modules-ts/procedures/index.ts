/**
 * Procedures and HTTP handlers: what they may do, and what they must not get away with. The twin of
 * tests/modules/procedures, without what sleeps: modules in JavaScript can only be busy until it is time.
 */
import { Range, SenderError, t } from 'spacetimedb/server';
import db from './schema';

export { default } from './schema';
export * from './calls';
export * from './fetching';
export * from './handlers';
export * from './transactions';
export * from './values';

const line = t.row('Line', { text: t.string() });

/** Everything that was written, in order. */
export const written = db.anonymousView({ public: true }, t.array(line), (ctx) =>
  [...ctx.db.entry.id.filter(new Range({ tag: 'included', value: 0n }))].map(({ text }) => ({ text })),
);

export const clientConnected = db.clientConnected((ctx) => {
  for (const entry of ctx.db.entry.iter()) if (entry.text === 'closed') throw new SenderError('closed');
});

/** A reducer writes. */
export const writeInReducer = db.reducer({ text: t.string() }, (ctx, { text }) => {
  ctx.db.entry.insert({ id: 0n, text });
});

export const computeForEver = db.procedure(t.unit(), () => {
  for (;;);
});

export const panics = db.procedure(t.unit(), () => {
  throw new Error('told to panic, and not to tell: secret');
});
