import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimeDuration } from 'orrery';
import { SenderError, errors, schema, table, t } from 'orrery/server';
import type { ProcedureCtx } from 'orrery/server';
import { Database } from './support/database.ts';
import { encodeResponse, decodeRequest } from '../src/server/http/message.ts';
import { Headers } from 'orrery/server';

const Point = t.object('Point', { x: t.i32(), label: t.string().optional() });
const entry = table({}, { id: t.u64().primaryKey().autoInc(), text: t.string() });
const module = schema({ entry });

let body: (ctx: ProcedureCtx<typeof module.schemaType>) => string = () => '';

const add = module.procedure({ left: t.u32(), right: t.u32() }, t.u64(), (_ctx, { left, right }) =>
  BigInt(left + right),
);
const functions = {
  default: module,
  add,
  point: module.procedure({ x: t.i32() }, Point, (_ctx, { x }) => ({ x, label: 'here' })),
  nothing: module.procedure(t.unit(), () => {}),
  nothingEither: module.procedure(t.unit(), () => ({})),
  maybe: module.procedure({ yes: t.bool() }, t.option(t.string()), (_ctx, { yes }) =>
    yes ? 'yes' : undefined,
  ),
  wrong: module.procedure(t.u8(), () => 300),
  run: module.procedure(t.string(), (ctx) => body(ctx)),
  calls: module.procedure(t.u64(), (ctx) => add(ctx, { left: 1, right: 2 })),
};

test('a procedure answers a value of the declared type', () => {
  const db = new Database(functions);
  assert.equal(db.callProcedure('add', { left: 2, right: 3 }), 5n);
  assert.deepEqual(db.callProcedure('point', { x: -1 }), { x: -1, label: 'here' });
  assert.deepEqual(db.callProcedure('nothing'), {});
  assert.deepEqual(db.callProcedure('nothingEither'), {});
  assert.equal(db.callProcedure('maybe', { yes: true }), 'yes');
  assert.equal(db.callProcedure('maybe', { yes: false }), undefined);
  assert.equal(db.callProcedure('calls'), 3n);
  assert.throws(() => db.callProcedure('wrong'), /300 is not a u8/);
});

test('a procedure knows who called', () => {
  const db = new Database(functions);
  body = (ctx) =>
    `${ctx.sender.__identity__} ${ctx.connectionId} ${ctx.timestamp.microsSinceUnixEpoch} ${typeof ctx.random()}`;
  assert.equal(db.callProcedure('run', {}, { sender: 5n, micros: 9n }), '5 null 9 number');
});

test('a transaction is committed when its function returns, with what it returns', () => {
  const db = new Database(functions);
  body = (ctx) =>
    ctx.withTx((tx) => tx.db.entry.insert({ id: 0n, text: `${tx.timestamp.microsSinceUnixEpoch}` }).text);
  assert.equal(db.callProcedure('run'), '1700000000000000');
  assert.deepEqual(db.rows('entry'), [{ id: 1n, text: '1700000000000000' }]);
});

test('a transaction is undone when its function throws, and the error goes on', () => {
  const db = new Database(functions);
  const reason = new SenderError('no');
  body = (ctx) => {
    try {
      ctx.withTx((tx) => {
        tx.db.entry.insert({ id: 0n, text: 'x' });
        throw reason;
      });
    } catch (error) {
      return `${error === reason} ${ctx.withTx((tx) => tx.db.entry.count())}`;
    }
    return 'nothing was thrown';
  };
  assert.equal(db.callProcedure('run'), 'true 0');
});

test('a transaction that could not be committed is tried once more', () => {
  const db = new Database(functions);
  let failures = 1;
  db.host.onCommit = () => {
    if (failures-- > 0) throw new Error('a view has failed');
  };
  let attempts = 0;
  body = (ctx) =>
    ctx.withTx((tx) => {
      tx.db.entry.insert({ id: 0n, text: `attempt ${++attempts}` });
      return String(attempts);
    });
  assert.equal(db.callProcedure('run'), '2');
  assert.deepEqual(
    db.rows('entry').map((row) => row.text),
    ['attempt 2'],
  );
  assert.match(db.host.log[0]![1], /could not be committed and is tried again: .*a view has failed/s);

  failures = 2;
  assert.throws(() => db.callProcedure('run'), /a view has failed/);
  assert.equal(db.rows('entry').length, 1);
});

test('transactions cannot be nested', () => {
  const db = new Database(functions);
  body = (ctx) => ctx.withTx(() => ctx.withTx(() => 'inner'));
  assert.throws(() => db.callProcedure('run'), errors.WouldBlockTransaction);
  assert.equal(db.host.isInTransaction, false);
});

test('fetch sends a request and brings the answer', () => {
  const db = new Database(functions);
  let seen: unknown;
  db.host.onRequest = (head, sent) => {
    const request = decodeRequest(head);
    seen = {
      method: request.method,
      uri: request.uri,
      headers: [...request.headers],
      timeout: request.timeout?.micros,
      version: request.version.tag,
      body: new TextDecoder().decode(sent),
    };
    const headers = new Headers({ 'Content-Type': 'application/json' });
    return [
      encodeResponse({ status: 201, headers, version: { tag: 'Http2' } }),
      new TextEncoder().encode('{"ok":true}'),
    ];
  };
  body = (ctx) => {
    const response = ctx.http.fetch('https://example.com/path', {
      method: 'post',
      headers: { 'X-Key': 'k' },
      body: 'hello',
      timeout: TimeDuration.fromMillis(20),
    });
    assert.equal(response.ok, true);
    assert.deepEqual(response.json(), { ok: true });
    return `${response.status} ${response.headers.get('content-type')} ${response.version.tag} ${response.text()}`;
  };
  assert.equal(db.callProcedure('run'), '201 application/json Http2 {"ok":true}');
  assert.deepEqual(seen, {
    method: 'POST',
    uri: 'https://example.com/path',
    headers: [['x-key', 'k']],
    timeout: 20_000n,
    version: 'Http11',
    body: 'hello',
  });

  body = (ctx) =>
    String(ctx.http.fetch({ toString: () => 'https://example.com/' }, { method: 'PURGE' }).status);
  db.callProcedure('run');
  assert.deepEqual(seen, {
    method: 'PURGE',
    uri: 'https://example.com/',
    headers: [],
    timeout: undefined,
    version: 'Http11',
    body: '',
  });
});

test('fetch fails with an HttpError, and within transactions', () => {
  const db = new Database(functions);
  body = (ctx) => {
    try {
      return ctx.http.fetch('https://example.invalid').text();
    } catch (error) {
      return error instanceof errors.HttpError ? error.message : 'another error';
    }
  };
  assert.equal(db.callProcedure('run'), 'nobody answers');
  body = (ctx) => ctx.withTx(() => ctx.http.fetch('https://example.invalid').text());
  assert.throws(() => db.callProcedure('run'), errors.WouldBlockTransaction);
  body = (ctx) => ctx.http.fetch('x', { timeout: 5 as any }).text();
  assert.throws(() => db.callProcedure('run'), /the timeout of a request is a TimeDuration/);
});
