/** A module that includes another one, which includes a third. */
import { schema, table, t } from 'orrery/server';
import * as lib from './lib.ts';
import * as middle from './middle.ts';

const note = table({}, { text: t.string() });

const app = schema({ note, mid: middle });
export default app;

export const addNote = app.reducer({ text: t.string() }, (ctx, { text }) => {
  ctx.db.note.insert({ text });
  middle.addBox(ctx.as.mid, { name: text });
  lib.insertEntry(ctx.as.mid.as.lib, { kind: 1, value: text });
});

export const peek = app.reducer((ctx) => {
  for (const entry of ctx.db.mid.lib.entry.byKind.filter([1, { gte: 'b' }]))
    ctx.db.note.insert({ text: entry.value });
  for (const box of ctx.db.mid.box) ctx.db.note.insert({ text: box.name });
});

export const count = app.procedure(t.u64(), (ctx) => lib.countEntries(ctx.as.mid.as.lib));

export const countInside = app.procedure(t.u64(), (ctx) =>
  ctx.withTx((tx) => {
    lib.insertEntry(tx.as.mid.as.lib, { kind: 9, value: 'in a transaction' });
    return tx.db.mid.lib.entry.count();
  }),
);

export const forward = app.httpHandler((ctx, request) => lib.hello(ctx.as.mid.as.lib, request));
