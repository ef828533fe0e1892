/** Columns that the host fills. */
import { errors, SenderError } from 'spacetimedb/server';
import { saw, say } from './notes';
import db, { type Ctx } from './schema';

function issue(ctx: Ctx, holder: string): string {
  const ticket = ctx.db.ticket.insert({ id: 0n, serial: 0, holder });
  return `${ticket.id}/${ticket.serial}`;
}

export const issueTickets = db.reducer((ctx) => {
  const tickets = ['ann', 'bob', 'eve'].map((holder) => issue(ctx, holder));
  saw(ctx, 'issued', tickets);
});

export const issueAndFail = db.reducer((ctx) => {
  issue(ctx, 'nobody');
  issue(ctx, 'nobody');
  throw new SenderError('two values are lost');
});

/** A value that the module chooses is stored as it is and moves no sequence, which can run into it. */
export const chooseValues = db.reducer((ctx) => {
  let last = 0n;
  for (const ticket of ctx.db.ticket.iter()) if (ticket.id > last) last = ticket.id;
  const chosen = ctx.db.ticket.insert({ id: last + 2n, serial: -5, holder: 'chosen' });
  say(ctx, `chosen: ${chosen.id - last}/${chosen.serial}`);
  const next = ctx.db.ticket.insert({ id: 0n, serial: 0, holder: 'next' });
  say(ctx, `next: ${next.id - last}`);
  let clash = false;
  try {
    ctx.db.ticket.insert({ id: 0n, serial: 0, holder: 'clash' });
  } catch (error) {
    clash = error instanceof errors.UniqueAlreadyExists;
  }
  say(ctx, `runs into the chosen one: ${clash}`);
  const after = ctx.db.ticket.insert({ id: 0n, serial: 0, holder: 'after' });
  say(ctx, `after: ${after.id - last}`);
});

/** Zero asks for a value in an update too. */
export const updateDrawsToo = db.reducer((ctx) => {
  const ticket = ctx.db.ticket.insert({ id: 0n, serial: 0, holder: 'old' });
  const updated = ctx.db.ticket.id.update({ id: ticket.id, serial: 0, holder: 'new' });
  say(ctx, `same key: ${updated.id === ticket.id}, next serial: ${updated.serial - ticket.serial}`);
});

export const outgrow = db.reducer((ctx) => {
  const draw = () => ctx.db.small.insert({ id: 0 }).id;
  const ids = Array.from({ length: 254 }, draw);
  saw(ctx, 'first and last', [ids[0], ids[253]]);
  const past: number[] = [];
  for (let count = 0; count < 3; count++) {
    past.push(draw());
    ctx.db.small.clear();
  }
  saw(ctx, 'past the end', past);
});

export const wideSequences = db.reducer((ctx) => {
  const first = ctx.db.wide.insert({ id: -(1n << 127n), other: 0 });
  say(ctx, `chosen ${first.id} drawn ${first.other}`);
  const second = ctx.db.wide.insert({ id: 0n, other: 0xffff_ffff });
  say(ctx, `drawn ${second.id} chosen ${second.other}`);
  const third = ctx.db.wide.insert({ id: 0n, other: 0 });
  say(ctx, `drawn ${third.id} drawn ${third.other}`);
});
