/** Tables of another kind: event tables, whose rows live for one transaction, and scheduled ones. */
import { errors, Range, ScheduleAt, t } from 'spacetimedb/server';
import { say } from './notes';
import db, { reminder, text, type Ctx } from './schema';

const DAY = 86_400_000_000n;

export const shoutOut = db.reducer({ text: t.string() }, (ctx, { text }) => {
  ctx.db.shout.insert({ id: 1, text });
  say(ctx, `${ctx.db.shout.count()} now`);
  say(ctx, `found: ${ctx.db.shout.id.find(1)?.text ?? 'none'}`);
  say(ctx, `the same key again: ${isTaken(() => ctx.db.shout.insert({ id: 1, text: text + '!' }))}`);
});

function isTaken(insert: () => unknown): boolean {
  try {
    insert();
    return true;
  } catch (error) {
    if (error instanceof errors.UniqueAlreadyExists) return false;
    throw error;
  }
}

export const listen = db.reducer((ctx) => {
  say(ctx, `${ctx.db.shout.count()} left`);
});

/** Long after the test is over. */
export const remindInADay = db.reducer({ text: t.string() }, (ctx, { text }) => {
  const reminder = ctx.db.reminder.insert({ id: 0n, scheduledAt: inDays(ctx, 1n), text });
  say(ctx, `reminder ${reminder.id} at ${reminder.scheduledAt.tag === 'Time'}`);
});

/** Further ahead than a schedule can reach. */
export const remindInThreeYears = db.reducer((ctx) => {
  ctx.db.reminder.insert({ id: 0n, scheduledAt: inDays(ctx, 3n * 365n), text: 'too late' });
});

function inDays(ctx: Ctx, days: bigint): ScheduleAt {
  return ScheduleAt.time(ctx.timestamp.microsSinceUnixEpoch + days * DAY);
}

export const remind = db.reducer(
  { onSchedule: reminder },
  { reminder: reminder.rowType },
  (ctx, { reminder }) => {
    say(ctx, `reminded of ${reminder.text}`);
  },
);

export const reminders = db.anonymousView({ public: true }, t.array(text), (ctx) =>
  [...ctx.db.reminder.text.filter(new Range({ tag: 'included', value: '' }))].map(({ text }) => ({ text })),
);
