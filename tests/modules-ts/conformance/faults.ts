/** Calls that go wrong. Each writes a row first, to show that it is gone afterwards. */
import { Range, SenderError, t } from 'spacetimedb/server';
import { say } from './notes';
import db, { text, type Ctx } from './schema';

function write(ctx: Ctx, text: string): void {
  ctx.db.trace.insert({ id: Number(ctx.db.trace.count()), text });
  say(ctx, text);
}

export const succeed = db.reducer({ text: t.string() }, (ctx, { text }) => {
  write(ctx, text);
});

export const refuse = db.reducer({ message: t.string() }, (ctx, { message }) => {
  write(ctx, 'refused');
  throw new SenderError(message);
});

export const panicWith = db.reducer({ message: t.string() }, (ctx, { message }) => {
  write(ctx, 'panicked');
  throw new Error(message);
});

/** Clears a table that other calls have filled, then fails: undoing is more than deleting the inserted. */
export const clearAndPanic = db.reducer((ctx) => {
  ctx.db.trace.clear();
  write(ctx, 'cleared');
  throw new Error('after clearing');
});

export const loopForEver = db.reducer((ctx) => {
  write(ctx, 'looping');
  for (;;);
});

/** As {@link loopForEver}, but in and out of the host all the time. */
export const insertForEver = db.reducer((ctx) => {
  for (let count = 0; ; count++) {
    const id = 1_000 + (count % 100_000);
    ctx.db.trace.insert({ id, text: 'again' });
    ctx.db.trace.id.delete(id);
  }
});

export const eatMemory = db.reducer((ctx) => {
  write(ctx, 'eating');
  const eaten: Uint8Array[] = [];
  for (;;) eaten.push(new Uint8Array(16 << 20).fill(1));
});

/** Until the engine's stack is used up. */
export const recurse = db.reducer((ctx) => {
  write(ctx, 'recursing');
  const deeper = (number: number): number => deeper(number + 1) + number;
  say(ctx, `${deeper(1)}`);
});

/** As {@link recurse}, in fewer and larger steps. */
export const recurseWithLargeFrames = db.reducer((ctx) => {
  write(ctx, 'recursing');
  const deeper = (...numbers: number[]): number => deeper(...numbers) + numbers[7]!;
  say(ctx, `${deeper(...new Array<number>(512).fill(0))}`);
});

export const traces = db.anonymousView({ public: true }, t.array(text), (ctx) =>
  [...ctx.db.trace.text.filter(new Range({ tag: 'included', value: '' }))].map(({ text }) => ({ text })),
);
