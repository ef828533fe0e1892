/** Uses whatever a definition can hold. */
import { Router, SenderError, SyncResponse, schema, table, t } from 'orrery/server';
import * as lib from './lib.ts';

const Point = t.object('Point', { x: t.f32(), y: t.f32() });
const Color = t.enum('Color', ['Red', 'LightGreen']);
const Shape = t.enum('geometry.Shape', { Dot: t.unit(), Circle: t.u32(), Polygon: t.array(Point) });

const allTypes = table(
  { name: 'AllTypes', public: true },
  {
    bool: t.bool(),
    i8: t.i8(),
    u8: t.u8(),
    i16: t.i16(),
    u16: t.u16(),
    i32: t.i32(),
    u32: t.u32(),
    i64: t.i64(),
    u64: t.u64(),
    i128: t.i128(),
    u128: t.u128(),
    i256: t.i256(),
    u256: t.u256(),
    f32: t.f32(),
    f64: t.f64(),
    number: t.number(),
    string: t.string(),
    identity: t.identity(),
    connectionId: t.connectionId(),
    timestamp: t.timestamp(),
    timeDuration: t.timeDuration(),
    uuid: t.uuid(),
    scheduleAt: t.scheduleAt(),
    unit: t.unit(),
    bytes: t.byteArray(),
    numbers: t.array(t.u16()),
    byteNumbers: t.array(t.u8()),
    option: t.option(t.string()),
    nested: t.array(t.option(Point)),
    result: t.result(t.u32(), t.string()),
    point: Point,
    color: Color,
    shape: Shape,
  },
);

const keyed = table(
  {
    indexes: [
      { accessor: 'byNameAndAge', algorithm: 'btree', columns: ['name', 'age'] },
      { accessor: 'byAgeHash', algorithm: 'hash', columns: ['age', 'color'] },
      { accessor: 'bySlot', name: 'keyed_slot', algorithm: 'direct', column: 'slot' },
    ],
    constraints: [{ constraint: 'unique', columns: ['name', 'age'] }],
  },
  {
    keyId: t.u64().primaryKey().autoInc(),
    name: t.string(),
    age: t.u8().index(),
    email: t.string().unique(),
    color: Color.index('hash'),
    slot: t.u16().unique(),
    owner: t.identity().index('btree'),
    level: t.i32().default(-7),
    note: t.string().optional().default('none'),
  },
);

const timer = table({}, { timerId: t.u64().primaryKey().autoInc(), due: t.scheduleAt(), note: t.string() });
const oldTimer = table(
  { scheduled: (): any => oldTick },
  { timerId: t.u64().primaryKey().autoInc(), due: t.scheduleAt() },
);
const damage = table({ public: true, event: true }, { target: t.u64(), amount: t.u32() });

const spacetimedb = schema({ allTypes, keyed, timer, oldTimer, damage, lib });
export default spacetimedb;

export const init = spacetimedb.init(() => {});
export const onConnect = spacetimedb.clientConnected(() => {});
export const onDisconnect = spacetimedb.clientDisconnected({ name: 'bye' }, () => {});

export const echo = spacetimedb.reducer({ row: allTypes.rowType }, (ctx, { row }) => {
  ctx.db.allTypes.insert(row);
});
export const noParams = spacetimedb.reducer(() => {});
export const renamed = spacetimedb.reducer(
  { name: 'otherName' },
  { shape: Shape, points: t.array(Point) },
  () => {
    throw new SenderError('not today');
  },
);
export const tick = spacetimedb.reducer({ onSchedule: timer }, { arg: timer.rowType }, () => {});
export const oldTick = spacetimedb.procedure({ arg: oldTimer.rowType }, t.unit(), () => {});

export const sum = spacetimedb.procedure(
  { left: t.u32(), right: t.u32() },
  t.u64(),
  (_ctx, { left, right }) => BigInt(left) + BigInt(right),
);
export const findPoint = spacetimedb.procedure(t.option(Point), () => undefined);

const Summary = t.row('Summary', { name: t.string().primaryKey(), count: t.u32() });
export const summaries = spacetimedb.anonymousView(
  { name: 'all_summaries', public: true },
  t.array(Summary),
  () => [],
);
export const mine = spacetimedb.view(
  { public: true },
  t.option(keyed.rowType),
  (ctx) => [...ctx.db.keyed.owner.filter(ctx.sender)][0],
);
export const adults = spacetimedb.view({ public: true }, t.array(keyed.rowType), (ctx) =>
  ctx.from.keyed.where((row) => row.age.gte(18)),
);

export const visible = spacetimedb.clientVisibilityFilter.sql('SELECT * FROM AllTypes WHERE bool = true');

export const getPage = spacetimedb.httpHandler(() => new SyncResponse('page'));
export const postPage = spacetimedb.httpHandler({ name: 'post_a_page' }, () => new SyncResponse('posted'));
export const router = spacetimedb.httpRouter(
  new Router().get('/page', getPage).post('/page', postPage).nest('/api', new Router().any('/any', getPage)),
);
