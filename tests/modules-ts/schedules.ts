/**
 * Tables whose rows name the time at which a function runs: the twin of tests/modules/schedules, without what
 * sleeps.
 */
import { Range, ScheduleAt, SenderError, schema, t, table } from 'spacetimedb/server';
import type { Infer, InferSchema, ReducerCtx } from 'spacetimedb/server';

/** Rows for a reducer. */
const job = table(
  {},
  {
    id: t.u64().primaryKey().autoInc(),
    name: t.string().index('btree'),
    /** What the reducer does: `''` nothing else, `fail`, `panic`, `again`, `cancel`, `stop`, `touch`. */
    action: t.string(),
    at: t.scheduleAt(),
  },
);

/** Rows for a procedure. Its columns are in another order. */
const errand = table(
  {},
  {
    at: t.scheduleAt(),
    name: t.string().index('btree'),
    action: t.string(),
    id: t.u64().primaryKey().autoInc(),
  },
);

/** What ran, in order. */
const run = table(
  {},
  {
    number: t.u64().autoInc().index('btree'),
    name: t.string(),
    /** The function's time, in microseconds. */
    at: t.i64(),
    byDatabase: t.bool(),
    hasConnection: t.bool(),
    /** The row was there while the function ran. */
    rowWasThere: t.bool(),
  },
);

/** A run, for whoever looks. */
const ran = t.row('Ran', {
  name: t.string(),
  at: t.i64(),
  byDatabase: t.bool(),
  hasConnection: t.bool(),
  rowWasThere: t.bool(),
});

/** A row that is there. */
const waits = t.row('Name', { text: t.string() });

const db = schema({ job, errand, run });
export default db;

type Ctx = ReducerCtx<InferSchema<typeof db>>;
type Job = Infer<typeof job.rowType>;

/** Everything that ran, in order. */
export const runs = db.anonymousView({ public: true }, t.array(ran), (ctx) =>
  [...ctx.db.run.number.filter(new Range({ tag: 'included', value: 0n }))].map(({ number: _, ...ran }) => ran),
);

/** The names of all rows that are there. */
export const waiting = db.anonymousView({ public: true }, t.array(waits), (ctx) => {
  const every = new Range({ tag: 'included' as const, value: '' });
  const jobs = [...ctx.db.job.name.filter(every)].map((job) => job.name);
  const errands = [...ctx.db.errand.name.filter(every)].map((errand) => errand.name);
  return [...jobs, ...errands].map((text) => ({ text }));
});

export const runJob = db.reducer({ onSchedule: job }, { job: job.rowType }, (ctx, { job }) => {
  ctx.db.run.insert({
    number: 0n,
    name: job.name,
    at: ctx.timestamp.microsSinceUnixEpoch,
    byDatabase: ctx.sender.isEqual(ctx.databaseIdentity),
    hasConnection: ctx.connectionId !== null,
    rowWasThere: ctx.db.job.id.find(job.id) !== null,
  });
  act(ctx, job);
});

function act(ctx: Ctx, job: Job): void {
  switch (job.action) {
    case 'fail':
      console.info(`failing ${job.name}`);
      throw new SenderError('told to fail');
    case 'panic':
      throw new Error('told to panic');
    // Once more, a second later.
    case 'again':
      ctx.db.job.id.update({ ...job, action: '', at: inMicros(ctx, 1_000_000n) });
      break;
    case 'cancel':
      ctx.db.job.id.delete(job.id);
      break;
    // From an interval to nothing.
    case 'stop':
      if ([...ctx.db.run].filter((run) => run.name === job.name).length === 3) ctx.db.job.id.delete(job.id);
      break;
    // Changes the row, but not its time.
    case 'touch':
      ctx.db.job.id.update({ ...job, name: `${job.name}'` });
      break;
  }
}

export const runErrand = db.procedure(
  { onSchedule: errand },
  { errand: errand.rowType },
  t.unit(),
  (ctx, { errand }) => {
    const rowWasThere = ctx.withTx((tx) => tx.db.errand.id.find(errand.id) !== null);
    ctx.withTx((tx) => {
      tx.db.run.insert({
        number: 0n,
        name: errand.name,
        at: ctx.timestamp.microsSinceUnixEpoch,
        byDatabase: ctx.sender.isEqual(ctx.databaseIdentity),
        hasConnection: ctx.connectionId !== null,
        rowWasThere,
      });
    });
    if (errand.action === 'panic') throw new Error('told to panic');
    return {};
  },
);

/** A row for a reducer at a time, in microseconds from now. */
export const schedule = db.reducer(
  { name: t.string(), action: t.string(), inMicros: t.i64() },
  (ctx, { name, action, inMicros: micros }) => {
    ctx.db.job.insert({ id: 0n, name, action, at: inMicros(ctx, micros) });
  },
);

/** The same in a transaction that is rolled back. */
export const scheduleAndFail = db.reducer({ name: t.string() }, (ctx, { name }) => {
  ctx.db.job.insert({ id: 0n, name, action: '', at: inMicros(ctx, 0n) });
  throw new SenderError('told to fail');
});

/** A row for a reducer at a time, in microseconds since the epoch. */
export const scheduleAt = db.reducer({ name: t.string(), micros: t.i64() }, (ctx, { name, micros }) => {
  ctx.db.job.insert({ id: 0n, name, action: '', at: ScheduleAt.time(micros) });
});

/** A row for a reducer with an interval, in microseconds. */
export const repeat = db.reducer(
  { name: t.string(), action: t.string(), micros: t.i64() },
  (ctx, { name, action, micros }) => {
    ctx.db.job.insert({ id: 0n, name, action, at: ScheduleAt.interval(micros) });
  },
);

/** A row for a procedure at a time, in microseconds from now. */
export const send = db.reducer(
  { name: t.string(), action: t.string(), inMicros: t.i64() },
  (ctx, { name, action, inMicros: micros }) => {
    ctx.db.errand.insert({ id: 0n, name, action, at: inMicros(ctx, micros) });
  },
);

/** Takes back all rows of that name. */
export const cancel = db.reducer({ name: t.string() }, (ctx, { name }) => {
  ctx.db.job.name.delete(name);
  ctx.db.errand.name.delete(name);
});

function inMicros(ctx: Ctx, micros: bigint): ScheduleAt {
  return ScheduleAt.time(ctx.timestamp.microsSinceUnixEpoch + micros);
}
