/**
 * The reminders of version 6, which ring: the schedule comes to a table that has rows. The twin of
 * tests/modules/publish-v7.
 */
import { ScheduleAt } from 'spacetimedb';
import { schema, t, table } from 'spacetimedb/server';

const reminder = table(
  { scheduled: (): any => ring },
  { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt(), text: t.string() },
);

const db = schema({ reminder });
export default db;

export const remind = db.reducer({ at: t.i64(), text: t.string() }, (ctx, { at, text }) => {
  ctx.db.reminder.insert({ id: 0n, at: ScheduleAt.time(at), text });
});

export const ring = db.reducer({ reminder: reminder.rowType }, (_ctx, { reminder }) => {
  console.info(`ring: ${reminder.text}`);
});

export const reminders = db.anonymousView({ public: true }, t.array(reminder.rowType), (ctx) => {
  const rows = [];
  for (let id = 0n; id < 100n; id++) {
    const row = ctx.db.reminder.id.find(id);
    if (row) rows.push(row);
  }
  return rows;
});
