/** Types of functions: compiled, never run. */
import { Identity, ScheduleAt, Timestamp } from 'orrery';
import { Router, SyncResponse, schema, table, t } from 'orrery/server';
import { expect } from './equal.ts';
import type { Equal } from './equal.ts';

const person = table({}, { id: t.u64().primaryKey(), name: t.string() });
const timer = table({}, { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt() });
const spacetimedb = schema({ person, timer });

export const add = spacetimedb.reducer({ id: t.u64(), tags: t.array(t.string()) }, (ctx, args) => {
  expect<Equal<typeof args, { id: bigint; tags: string[] }>>();
  expect<Equal<typeof ctx.sender, Identity>>();
  expect<Equal<typeof ctx.timestamp, Timestamp>>();
  ctx.db.timer.insert({ id: 0n, at: ScheduleAt.interval(5n) });
});
export const noParams = spacetimedb.reducer((ctx) => {
  noArgs(ctx);
  noArgs(ctx, {});
  add(ctx, { id: 1n, tags: [] });
  // @ts-expect-error arguments are missing
  add(ctx);
});
export const noArgs = spacetimedb.reducer(() => {});
export const named = spacetimedb.reducer({ name: 'other' }, (ctx) =>
  ctx.db.person.insert({ id: 1n, name: '' }),
);
export const namedParam = spacetimedb.reducer({ name: t.string() }, (_ctx, { name }) => name.length);
export const tick = spacetimedb.reducer({ onSchedule: timer }, { arg: timer.rowType }, (_ctx, { arg }) => {
  expect<Equal<typeof arg, { id: bigint; at: ScheduleAt }>>();
});
export const anything = [
  spacetimedb.reducer((ctx) => ctx.db.person.count()),
  spacetimedb.reducer((ctx) => ctx.db.person.iter()),
  spacetimedb.reducer((ctx) => ctx.db.person.id.find(1n)),
  spacetimedb.reducer(() => [1, 2]),
  spacetimedb.reducer(() => () => {}),
  spacetimedb.reducer(() => ({ tag: 'err', value: 'no' })),
  spacetimedb.reducer(() => undefined),
  spacetimedb.reducer((_ctx): never => {
    throw new Error();
  }),
  spacetimedb.reducer(() => ({}) as any),
  spacetimedb.reducer(() => ({}) as unknown as { a?: number }),
];
// @ts-expect-error reducers are not async
spacetimedb.reducer(async () => {});
// @ts-expect-error reducers are not async
spacetimedb.reducer({ id: t.u64() }, async (ctx) => ctx.db.person.count());
// @ts-expect-error parameters are made by t
spacetimedb.reducer({ id: 'u64' }, () => {});
// @ts-expect-error a schedule belongs to a table
spacetimedb.reducer({ onSchedule: 'timer' }, {}, () => {});

export const sum = spacetimedb.procedure({ a: t.u32() }, t.u64(), (ctx, { a }) => {
  const row = ctx.withTx((tx) => tx.db.person.id.find(1n));
  expect<Equal<typeof row, { id: bigint; name: string } | null>>();
  // @ts-expect-error procedures have tables in transactions only
  ctx.db;
  return BigInt(a);
});
export const nothing = spacetimedb.procedure(t.unit(), () => {});
export const nothingElse = spacetimedb.procedure(t.unit(), () => ({}));
// @ts-expect-error the answer is a bigint
spacetimedb.procedure(t.u64(), () => 5);
// @ts-expect-error the answer is missing
spacetimedb.procedure(t.u64(), () => {});
// @ts-expect-error procedures are not async
spacetimedb.procedure(t.u64(), async () => 5n);

export const rows = spacetimedb.view({ public: true }, t.array(person.rowType), (ctx) => [
  { id: 1n, name: String(ctx.sender) },
]);
export const iterator = spacetimedb.view({ public: true }, t.array(person.rowType), (ctx) =>
  ctx.db.person.iter(),
);
export const query = spacetimedb.view({ public: true }, t.array(person.rowType), (ctx) =>
  ctx.from.person.where((row) => row.name.eq('x')),
);
export const join = spacetimedb.view({ public: true }, t.array(timer.rowType), (ctx) =>
  ctx.from.person.rightSemijoin(ctx.from.timer, (left, right) => left.id.eq(right.id)),
);
export const option = spacetimedb.view({ public: true }, t.option(person.rowType), (ctx) =>
  ctx.db.person.id.find(1n),
);
export const optionQuery = spacetimedb.view(
  { public: true },
  person.rowType.optional(),
  (ctx) => ctx.from.person,
);
export const anonymous = spacetimedb.anonymousView({ public: true }, t.array(person.rowType), (ctx) => {
  // @ts-expect-error nobody in particular looks
  ctx.sender;
  return [];
});
export const withArguments = spacetimedb.view(
  { public: true },
  { minId: t.u64(), names: t.array(t.string()) },
  t.array(person.rowType),
  (ctx, args) => {
    expect<Equal<typeof args.minId, bigint>>();
    expect<Equal<typeof args.names, string[]>>();
    // @ts-expect-error there is no such parameter
    args.maxId;
    return ctx.from.person.where((row) => row.id.gte(args.minId));
  },
);
export const anonymousWithArguments = spacetimedb.anonymousView(
  { public: true, name: 'person_by_id' },
  { id: t.u64() },
  t.option(person.rowType),
  (ctx, { id }) => ctx.db.person.id.find(id),
);
// @ts-expect-error without parameters there are no arguments
spacetimedb.view({ public: true }, t.array(person.rowType), (ctx, { id }) => []);
// @ts-expect-error rows of another table
spacetimedb.view({ public: true }, t.array(person.rowType), (ctx) => ctx.from.timer);
// @ts-expect-error a column is missing
spacetimedb.view({ public: true }, t.array(person.rowType), () => [{ id: 1n }]);
// @ts-expect-error views return rows
spacetimedb.view({ public: true }, t.u64(), () => 5n);
// @ts-expect-error views are public
spacetimedb.view({}, t.array(person.rowType), () => []);

export const page = spacetimedb.httpHandler((ctx, request) => {
  expect<Equal<typeof request.method, string>>();
  return new SyncResponse(ctx.withTx((tx) => String(tx.db.person.count())));
});
// @ts-expect-error handlers return a response
spacetimedb.httpHandler(() => 'text');
// @ts-expect-error handlers are not async
spacetimedb.httpHandler(async () => new SyncResponse());
spacetimedb.httpRouter(new Router().get('/', page));
// @ts-expect-error a route leads to a handler
new Router().get('/', () => new SyncResponse());

// @ts-expect-error a schema has tables
schema({ person: { id: t.u64() } });
