import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionId, Identity, TimeDuration } from 'orrery';
import { SenderError, errors, schema, table, t } from 'orrery/server';
import { newBank } from './modules/bank.ts';
import { Database } from './support/database.ts';

const caller = { sender: 0xabcn, connection: 0xdefn, micros: 1_700_000_000_000_001n };

test('a reducer knows who called, from where and when', () => {
  const { run } = newBank();
  run((ctx) => {
    assert.ok(ctx.sender.isEqual(new Identity(0xabcn)));
    assert.ok(ctx.connectionId!.isEqual(new ConnectionId(0xdefn)));
    assert.equal(ctx.timestamp.microsSinceUnixEpoch, caller.micros);
    assert.equal(ctx.identity.__identity__, 0xdb_0000n);
    assert.equal(ctx.databaseIdentity, ctx.identity);
    assert.equal(ctx.sender, ctx.sender);
  }, caller);
  run((ctx) => assert.equal(ctx.connectionId, null), { ...caller, connection: 0n });
});

test('random numbers depend on the time of the call alone', () => {
  const { run } = newBank();
  const roll = (micros: bigint) =>
    run((ctx) => [ctx.random(), ctx.random.integerInRange(1, 6), [...ctx.random.fill(new Uint8Array(5))]], {
      micros,
    });
  assert.deepEqual(roll(5n), roll(5n));
  assert.notEqual(JSON.stringify(roll(5n)), JSON.stringify(roll(6n)));
});

test('UUIDs are random, or sort in the order in which they were made', () => {
  const { run } = newBank();
  run((ctx) => {
    const random = Array.from({ length: 100 }, () => ctx.newUuidV4());
    assert.equal(new Set(random.map(String)).size, 100);
    assert.ok(random.every((uuid) => uuid.getVersion() === 'V4'));
    const ordered = Array.from({ length: 100 }, () => ctx.newUuidV7());
    assert.deepEqual(
      ordered,
      ordered.toSorted((a, b) => a.compareTo(b)),
    );
    assert.ok(ordered.every((uuid) => uuid.getVersion() === 'V7'));
    assert.equal(String(ordered[0]).slice(0, 13), '018bcfe5-6800');
  }, caller);
});

test('the token of the caller can be looked at', () => {
  const { db, run } = newBank();
  const payload = '{"sub":"ada","iss":"https://example.com","aud":"app","roles":["admin"]}';
  db.host.jwtPayloads.set(0xdefn, payload);
  run((ctx) => {
    const { senderAuth } = ctx;
    assert.equal(senderAuth.isInternal, false);
    assert.equal(senderAuth.hasJWT, true);
    const jwt = senderAuth.jwt!;
    assert.deepEqual([jwt.subject, jwt.issuer, jwt.audience], ['ada', 'https://example.com', ['app']]);
    assert.deepEqual(jwt.fullPayload['roles'], ['admin']);
    assert.equal(jwt.rawPayload, payload);
    assert.equal(jwt.identity, ctx.sender);
  }, caller);
  run((ctx) => assert.deepEqual([ctx.senderAuth.hasJWT, ctx.senderAuth.jwt], [false, null]), {
    ...caller,
    connection: 5n,
  });
  run((ctx) => assert.deepEqual([ctx.senderAuth.isInternal, ctx.senderAuth.jwt], [true, null]), {
    ...caller,
    connection: 0n,
  });
});

const module = schema({ log: table({}, { text: t.string() }) });
const failing = {
  default: module,
  inner: module.reducer({ text: t.string() }, (ctx, { text }) => {
    ctx.db.log.insert({ text });
  }),
  outer: module.reducer((ctx) => {
    failing.inner(ctx, { text: 'from outside' });
  }),
  refuse: module.reducer((ctx) => {
    ctx.db.log.insert({ text: 'x' });
    throw new SenderError('not you');
  }),
  answerError: module.reducer(() => ({ tag: 'err', value: 'not today' })),
  answerOk: module.reducer(() => ({ tag: 'ok' })),
  answerRow: module.reducer((ctx) => ctx.db.log.insert({ text: 'y' })),
  bug: module.reducer(() => {
    throw new Error('a bug');
  }),
  later: module.reducer((async () => {}) as any),
  laterProcedure: module.procedure(t.unit(), (async () => {}) as any),
  laterTransaction: module.procedure(t.unit(), (ctx) => ctx.withTx((async () => {}) as any) as any),
};

test('a reducer refuses a call by throwing a SenderError, or by returning an error', () => {
  const db = new Database(failing);
  const isSenderError = (message: string) => (error: unknown) =>
    error instanceof db.hooks.__sender_error_class__ &&
    error instanceof SenderError &&
    error.name === 'SenderError' &&
    error.message === message;
  assert.throws(() => db.call('refuse'), isSenderError('not you'));
  assert.throws(() => db.call('answerError'), isSenderError('not today'));
  assert.throws(
    () => db.call('bug'),
    (error: unknown) => !(error instanceof SenderError),
  );
  assert.deepEqual(db.rows('log'), []);
});

test('whatever else a reducer returns is not looked at', () => {
  const db = new Database(failing);
  db.call('answerOk');
  db.call('answerRow');
  assert.deepEqual(db.rows('log'), [{ text: 'y' }]);
});

test('a reducer can call another one as a function', () => {
  const db = new Database(failing);
  db.call('outer');
  assert.deepEqual(db.rows('log'), [{ text: 'from outside' }]);
});

test('functions that return promises are told that they cannot', () => {
  const db = new Database(failing);
  assert.throws(() => db.call('later'), /the reducer later has returned a promise/);
  assert.throws(
    () => db.callProcedure('laterProcedure'),
    /the procedure laterProcedure has returned a promise/,
  );
  assert.throws(
    () => db.callProcedure('laterTransaction'),
    /the function given to withTx has returned a promise/,
  );
  assert.equal(db.host.isInTransaction, false);
});

test('stacks end at the function that the host knows', () => {
  const db = new Database(failing);
  assert.throws(
    () => db.call('bug'),
    (error: any) => /__spacetimedb_end_short_backtrace/.test(error.stack),
  );
});

test('classes for errors are chosen by code', () => {
  const db = new Database(failing);
  const classOf = (code: number) => db.hooks.__get_error_constructor__(code);
  assert.equal(classOf(21), errors.HttpError);
  assert.equal(classOf(10).name, 'SpacetimeHostError');
  assert.equal(classOf(999).name, 'SpacetimeHostError');
  assert.ok(new (classOf(12))('x') instanceof Error);
});

test('spans of time have a sign and six decimals', () => {
  assert.equal(String(TimeDuration.fromMillis(1500)), '+1.500000');
  assert.equal(String(new TimeDuration(-1n)), '-0.000001');
});
