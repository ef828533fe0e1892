import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionId, Identity, Timestamp, Uuid } from 'orrery';
import { and, not, or, schema, table, t } from 'orrery/server';
import type { Predicate, TableQuery } from 'orrery/server';
import { Database } from './support/database.ts';

const columns = {
  id: t.u64().primaryKey(),
  owner: t.identity().index(),
  level: t.u32().index(),
  name: t.string(),
  ready: t.bool(),
};
const player = table({ public: true }, columns);
const score = table({ name: 'Scores' }, { playerId: t.u64().unique(), points: t.i64() });
const everything = table(
  {},
  {
    cid: t.connectionId(),
    at: t.timestamp(),
    uuid: t.uuid(),
    f: t.f64(),
    bytes: t.byteArray(),
    big: t.u256(),
    'odd"name': t.u8(),
    color: t.enum('Color', ['Red']),
  },
);
const module = schema({ player, score, everything });
const Total = t.row('Total', { count: t.u64() });

const functions = {
  default: module,
  add: module.reducer(columns, (ctx, row) => {
    ctx.db.player.insert(row);
  }),
  mine: module.view({ public: true }, t.array(player.rowType), (ctx) =>
    ctx.db.player.owner.filter(ctx.sender),
  ),
  first: module.view({ public: true }, t.option(player.rowType), (ctx) => ctx.db.player.id.find(1n)),
  total: module.anonymousView({ public: true }, t.array(Total), (ctx) => [{ count: ctx.db.player.count() }]),
  names: module.anonymousView(
    { public: true },
    t.array(t.row('Name', { name: t.string() })),
    function* (ctx) {
      // While rows are written, the view goes on reading.
      for (const row of ctx.db.player.iter()) yield { name: `${ctx.db.player.id.find(row.id)!.name}!` };
    },
  ),
  high: module.anonymousView({ public: true }, t.array(player.rowType), (ctx) =>
    ctx.from.player.where((row) => row.level.gte(10)),
  ),
  maybeHigh: module.view({ public: true }, t.option(player.rowType), (ctx) =>
    ctx.from.player.where((row) => row.owner.eq(ctx.sender)),
  ),
  atLeast: module.anonymousView(
    { public: true },
    { level: t.u32() },
    t.array(player.rowType),
    (ctx, { level }) => ctx.from.player.where((row) => row.level.gte(level)),
  ),
  mineNamed: module.view(
    { public: true, name: 'my_named' },
    { name: t.string(), ids: t.array(t.u64()) },
    t.array(player.rowType),
    (ctx, { name, ids }) =>
      [...ctx.db.player.owner.filter(ctx.sender)].filter((row) => row.name === name && ids.includes(row.id)),
  ),
  broken: module.anonymousView({ public: true }, t.array(Total), (() => 5) as any),
  later: module.anonymousView({ public: true }, t.array(Total), (async () => []) as any),
};

function newDatabase(): Database {
  const db = new Database(functions);
  const row = { level: 5, name: 'Ada', ready: true };
  db.call('add', { ...row, id: 1n, owner: new Identity(7n) });
  db.call('add', { ...row, id: 2n, owner: new Identity(8n), name: 'Grace' });
  return db;
}

test('a view answers rows', () => {
  const db = newDatabase();
  assert.deepEqual(
    (db.view('mine', 8n) as any[]).map((row) => row.name),
    ['Grace'],
  );
  assert.deepEqual(db.view('mine', 9n), []);
  assert.deepEqual(
    (db.view('first') as any[]).map((row) => row.id),
    [1n],
  );
  assert.deepEqual(db.view('total'), [{ count: 2n }]);
  assert.deepEqual(db.view('names'), [{ name: 'Ada!' }, { name: 'Grace!' }]);
  assert.deepEqual(new Database(functions).view('first'), []);
});

test('a view is told its arguments', () => {
  const db = newDatabase();
  assert.deepEqual(
    db.definition.views.map(({ params }) => params.map(({ name }) => name)).filter((names) => names.length > 0),
    [['level'], ['name', 'ids']],
  );
  assert.equal(
    db.view('atLeast', 1n, { level: 7 }),
    'SELECT * FROM "player" WHERE "player"."level" >= 7',
  );
  const ids = (name: string, ids: bigint[]) =>
    (db.view('mineNamed', 8n, { name, ids }) as any[]).map((row) => row.id);
  assert.deepEqual(ids('Grace', [1n, 2n]), [2n]);
  assert.deepEqual(ids('Grace', [1n]), []);
  assert.deepEqual(ids('Ada', [1n, 2n]), []);
});

test('a view answers a query', () => {
  const db = newDatabase();
  assert.equal(db.view('high'), 'SELECT * FROM "player" WHERE "player"."level" >= 10');
  assert.equal(
    db.view('maybeHigh', 0xabn),
    `SELECT * FROM "player" WHERE "player"."owner" = 0x${'ab'.padStart(64, '0')}`,
  );
});

test('a view that answers neither is told', () => {
  const db = newDatabase();
  assert.throws(() => db.view('broken'), /the view broken has returned neither rows nor a query/);
  assert.throws(() => db.view('later'), /the view later has returned a promise/);
});

/** The SQL of a query, by what a view makes of `ctx.from`. */
function sql(
  query: (from: {
    player: TableQuery<typeof columns>;
    score: TableQuery<(typeof score)['rowType']['row']>;
    everything: TableQuery<(typeof everything)['rowType']['row']>;
  }) => { toSql(): string },
): string {
  let text = '';
  const view = module.anonymousView({ public: true }, t.array(Total), (ctx) => {
    text = query(ctx.from).toSql();
    return [];
  });
  new Database({ default: module, view }).view('view');
  return text;
}

function where(condition: (row: any) => Predicate, name: 'player' | 'everything' = 'player'): string {
  return sql((from) => (from[name] as TableQuery<any>).where(condition)).replace(/^.* WHERE /, '');
}

test('conditions compare columns with values and with columns', () => {
  assert.equal(
    where((row) => row.level.eq(5)),
    '"player"."level" = 5',
  );
  assert.equal(
    where((row) => row.level.ne(5)),
    '"player"."level" <> 5',
  );
  assert.equal(
    where((row) => row.level.lt(row.id)),
    '"player"."level" < "player"."id"',
  );
  assert.equal(
    where((row) => row.id.lte(5n)),
    '"player"."id" <= 5',
  );
  assert.equal(
    where((row) => row.id.gt(5n)),
    '"player"."id" > 5',
  );
  assert.equal(
    where((row) => row.name.eq("it's")),
    `"player"."name" = 'it''s'`,
  );
  assert.equal(
    where((row) => row.ready),
    '"player"."ready" = TRUE',
  );
  assert.equal(
    where(() => true),
    'TRUE = TRUE',
  );
  const literal = (condition: (row: any) => Predicate) => where(condition, 'everything');
  assert.equal(
    literal((row) => row.cid.eq(new ConnectionId(255n))),
    `"everything"."cid" = 0x${'ff'.padStart(32, '0')}`,
  );
  assert.equal(
    literal((row) => row.at.gt(new Timestamp(1n))),
    `"everything"."at" > '1970-01-01T00:00:00.000001Z'`,
  );
  assert.equal(
    literal((row) => row.uuid.eq(Uuid.NIL)),
    `"everything"."uuid" = '00000000-0000-0000-0000-000000000000'`,
  );
  assert.equal(
    literal((row) => row.f.lt(1.5)),
    '"everything"."f" < 1.5',
  );
  assert.equal(
    literal((row) => row.bytes.eq(Uint8Array.of(1, 255))),
    '"everything"."bytes" = 0x01ff',
  );
  assert.equal(
    literal((row) => row.big.eq(1n << 70n)),
    '"everything"."big" = 1180591620717411303424',
  );
  assert.equal(
    literal((row) => row['odd"name'].eq(1)),
    '"everything"."odd""name" = 1',
  );
  assert.throws(() => literal((row) => row.color.eq({ tag: 'Red' })), /there is no SQL for such values/);
  assert.throws(() => literal((row) => row.f.eq(Number.NaN)), /there is no SQL for such values/);
  assert.throws(() => where((() => 'x') as any), /is no condition/);
});

test('conditions are combined and turned around', () => {
  const level = (row: any) => row.level.eq(1);
  const id = (row: any) => row.id.gt(2n);
  assert.equal(
    where((row) => level(row).and(id(row))),
    '("player"."level" = 1) AND ("player"."id" > 2)',
  );
  assert.equal(
    where((row) => level(row).or(row.ready)),
    '("player"."level" = 1) OR ("player"."ready" = TRUE)',
  );
  assert.equal(
    where((row) => level(row).not()),
    '"player"."level" <> 1',
  );
  assert.equal(
    where((row) => not(and(level(row), or(id(row), row.ready)))),
    '("player"."level" <> 1) OR (("player"."id" <= 2) AND ("player"."ready" <> TRUE))',
  );
  assert.equal(
    where((row) => and(level(row))),
    '"player"."level" = 1',
  );
  assert.throws(() => where(() => or()), /or\(\) needs a condition/);
});

test('queries are narrowed down and joined', () => {
  assert.equal(
    sql((from) => from.score),
    'SELECT * FROM "Scores"',
  );
  assert.equal(
    sql((from) =>
      from.player
        .where((row) => row.level.eq(1))
        .filter((row) => row.ready)
        .build(),
    ),
    'SELECT * FROM "player" WHERE ("player"."level" = 1) AND ("player"."ready" = TRUE)',
  );
  assert.equal(
    sql((from) => from.player.leftSemijoin(from.score, (left, right) => left.id.eq(right.playerId))),
    'SELECT "player".* FROM "player" JOIN "Scores" ON "player"."id" = "Scores"."playerId"',
  );
  assert.equal(
    sql((from) =>
      from.player
        .where((row) => row.ready)
        .rightSemijoin(
          from.score.where((row) => row.points.gt(0n)),
          (left, right) => left.id.eq(right.playerId),
        )
        .where((row) => row.points.lt(9n)),
    ),
    'SELECT "Scores".* FROM "player" JOIN "Scores" ON "player"."id" = "Scores"."playerId" WHERE ' +
      '("player"."ready" = TRUE) AND ("Scores"."points" > 0) AND ("Scores"."points" < 9)',
  );
  assert.throws(
    () => sql((from) => from.player.leftSemijoin(from.player, (left, right) => left.id.eq(right.id))),
    /cannot join "player" with itself/,
  );
});
