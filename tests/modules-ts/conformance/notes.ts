/** What a reducer saw, for the script to read. */
import { Range, t } from 'spacetimedb/server';
import db, { type Ctx } from './schema';

const line = t.row('Line', { text: t.string() });

/** Writes a line down. */
export function say(ctx: Ctx, text: string): void {
  ctx.db.note.insert({ number: Number(ctx.db.note.count()), text });
}

/** Writes down a name and what came of it. */
export function saw(ctx: Ctx, what: string, found: Iterable<unknown>): void {
  say(ctx, `${what}: ${[...found].join(' ')}`);
}

export const forgetNotes = db.reducer((ctx) => {
  ctx.db.note.clear();
});

export const notes = db.anonymousView({ public: true }, t.array(line), (ctx) =>
  [...ctx.db.note.number.filter(new Range({ tag: 'included', value: 0 }))].map(({ text }) => ({ text })),
);
