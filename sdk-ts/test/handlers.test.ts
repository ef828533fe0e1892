import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { Headers, Request, Router, SyncResponse, schema, table, t } from 'orrery/server';
import { decodeResponse, encodeRequest } from '../src/server/http/message.ts';
import type { ResponseHead } from '../src/server/http/message.ts';
import { Database } from './support/database.ts';
import { toHex } from './support/sats.ts';

const visit = table({}, { id: t.u64().primaryKey().autoInc(), path: t.string() });
const module = schema({ visit });

let body: Parameters<typeof module.httpHandler>[1] = () => new SyncResponse();
const functions = {
  default: module,
  aHandler: module.httpHandler((ctx, request) => body(ctx, request)),
  bWrong: module.httpHandler((() => 'text') as any),
  cLater: module.httpHandler((async () => new SyncResponse()) as any),
};

/** Sends a request to the handler of that number and returns head and body of the answer. */
function send(
  db: Database,
  request: { method?: string; uri?: string; headers?: Record<string, string>; body?: string },
  handler = 0,
): ResponseHead & { body: string } {
  const { method = 'GET', uri = 'http://host/v1/database/x/route/', headers = {} } = request;
  const head = encodeRequest({
    method,
    uri,
    headers: new Headers(headers),
    timeout: undefined,
    version: { tag: 'Http2' },
  });
  const [answer, bytes] = db.request(handler, head, new TextEncoder().encode(request.body ?? ''));
  return { ...decodeResponse(answer), body: new TextDecoder().decode(bytes) };
}

test('a handler sees the request', () => {
  const db = new Database(functions);
  body = (_ctx, request) => {
    assert.equal(request.method, 'PATCH');
    assert.equal(request.url, request.uri);
    assert.equal(request.uri, 'http://host/v1/database/x/route/a?b=c');
    assert.equal(request.headers.get('X-One'), 'first');
    assert.equal(request.headers.get('x-two'), null);
    assert.equal(request.version.tag, 'Http2');
    assert.equal(request.text(), '{"a":1}');
    assert.deepEqual(request.json(), { a: 1 });
    assert.equal(request.bytes().length, 7);
    assert.equal(request.arrayBuffer().byteLength, 7);
    request.bytes().fill(0);
    assert.equal(request.text(), '{"a":1}', 'bytes are a copy');
    return new SyncResponse('seen');
  };
  const request = {
    method: 'PATCH',
    uri: 'http://host/v1/database/x/route/a?b=c',
    headers: { 'x-one': 'first' },
    body: '{"a":1}',
  };
  assert.equal(send(db, request).body, 'seen');
});

test('a handler answers status, headers and body', () => {
  const db = new Database(functions);
  const answers = (make: () => SyncResponse) => {
    body = make;
    const { status, headers, body: text } = send(db, {});
    return [status, [...headers], text];
  };
  assert.deepEqual(
    answers(() => new SyncResponse('ok')),
    [200, [], 'ok'],
  );
  assert.deepEqual(
    answers(() => new SyncResponse()),
    [200, [], ''],
  );
  assert.deepEqual(
    answers(() => new SyncResponse(null, { status: 404 })),
    [404, [], ''],
  );
  assert.deepEqual(
    answers(() => new SyncResponse(new TextEncoder().encode('bytes'))),
    [200, [], 'bytes'],
  );
  const headers = [
    ['B', '2'],
    ['a', '1'],
    ['A', '3'],
    ['set-cookie', 'x'],
    ['Set-Cookie', 'y'],
  ] as const;
  assert.deepEqual(
    answers(() => new SyncResponse('', { status: 201, headers })),
    [
      201,
      [
        ['a', '1, 3'],
        ['b', '2'],
        ['set-cookie', 'x'],
        ['set-cookie', 'y'],
      ],
      '',
    ],
  );
  assert.throws(() => new SyncResponse('', { status: 5 }), /5 is no status/);
  assert.throws(() => new SyncResponse(5 as any), /a body is a string/);
});

test('a handler uses tables in transactions, on behalf of nobody', () => {
  const db = new Database(functions);
  body = (ctx, request) => {
    const id = ctx.withTx((tx) => {
      assert.equal(tx.sender.__identity__, 0n);
      assert.equal(tx.connectionId, null);
      return tx.db.visit.insert({ id: 0n, path: request.uri }).id;
    });
    return new SyncResponse(`${id} ${ctx.timestamp.microsSinceUnixEpoch} ${ctx.newUuidV4().getVersion()}`);
  };
  assert.equal(send(db, { uri: '/x' }).body, '1 1700000000000000 V4');
  assert.deepEqual(db.rows('visit'), [{ id: 1n, path: '/x' }]);
});

test('a handler that answers no response is told', () => {
  const db = new Database(functions);
  assert.throws(() => send(db, {}, 1), /the HTTP handler bWrong has returned no SyncResponse/);
  assert.throws(() => send(db, {}, 2), /the HTTP handler cLater has returned a promise/);
});

test('routes are registered for paths and methods', () => {
  const handler = functions.aHandler;
  const inner = new Router().get('', handler).get('/', handler).any('/x', handler);
  const router = new Router()
    .get('/page', handler)
    .post('/page', handler)
    .head('/a', handler)
    .options('/a', handler)
    .put('/a', handler)
    .delete('/a', handler)
    .patch('/a', handler)
    .merge(new Router().any('/other', handler))
    .nest('/api', inner);
  const { routes } = new Database({ ...functions, router: module.httpRouter(router) }).definition;
  assert.deepEqual(
    routes.map(({ method, path }) => `${method} ${path}`),
    [
      'Get /page',
      'Post /page',
      'Head /a',
      'Options /a',
      'Put /a',
      'Delete /a',
      'Patch /a',
      'Any /other',
      'Get /api',
      'Get /api/',
      'Any /api/x',
    ],
  );
  const start = new Router();
  start.get('/lost', handler);
  assert.equal(start.routes().length, 0, 'a router does not change');
});

test('mistakes in routes are told', () => {
  const handler = functions.aHandler;
  assert.throws(() => new Router().get('page', handler), /the path "page" is neither empty nor/);
  assert.throws(() => new Router().get('/Page', handler), /the path "\/Page" is neither empty nor/);
  assert.throws(() => new Router().get('/a', handler).any('/a', handler), /two routes for every method \/a/);
  assert.throws(() => new Router().any('/a', handler).get('/a', handler), /two routes for GET \/a/);
  const hidden = module.httpHandler(() => new SyncResponse());
  const router = module.httpRouter(new Router().get('/', hidden));
  assert.throws(
    () => new Database({ ...functions, router }),
    /a route leads to a handler that is not exported/,
  );
});

test('headers are the same in capitals and small letters', () => {
  const headers = new Headers({ 'Content-Type': 'text/plain' });
  assert.ok(headers.has('CONTENT-TYPE'));
  headers.append('content-type', ' charset ');
  assert.equal(headers.get('Content-Type'), 'text/plain, charset');
  headers.set('Content-type', 'x');
  headers.append('set-cookie', 'a=1');
  headers.append('set-cookie', 'b=2');
  assert.deepEqual(headers.getSetCookie(), ['a=1', 'b=2']);
  assert.deepEqual([...headers.keys()], ['content-type', 'set-cookie', 'set-cookie']);
  assert.deepEqual([...headers.values()], ['x', 'a=1', 'b=2']);
  const seen: string[] = [];
  headers.forEach((value, name) => seen.push(`${name}=${value}`));
  assert.deepEqual(seen, ['content-type=x', 'set-cookie=a=1', 'set-cookie=b=2']);
  assert.deepEqual([...new Headers(headers)], [...headers]);
  headers.delete('CONTENT-type');
  assert.equal(headers.get('content-type'), null);
  assert.throws(() => headers.set('no spaces', 'x'), /is no name of a header/);
  assert.throws(() => headers.set('x', 'two\r\nlines'), /is no value of a header/);
});

test('requests are written in the order of the contract', () => {
  const head = encodeRequest({
    method: 'POST',
    headers: new Headers({ a: 'b' }),
    timeout: undefined,
    uri: '/',
    version: { tag: 'Http11' },
  });
  assert.equal(toHex(head), `02${'01000000'}${'0100000061'}${'0100000062'}01${'010000002f'}02`);
  const request = new Request('/x', { method: 'put', body: 'b', headers: { a: 'b' } });
  assert.deepEqual(
    [request.method, request.uri, request.text(), request.headers.get('A')],
    ['PUT', '/x', 'b', 'b'],
  );
});
