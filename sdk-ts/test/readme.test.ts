/** The examples of the README, as their readers would use them. */
import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { Headers, SenderError } from 'orrery/server';
import * as functions from '../.build/readme/functions.ts';
import * as first from '../.build/readme/index.ts';
import * as tables from '../.build/readme/tables.ts';
import { encodeRequest, encodeResponse } from '../src/server/http/message.ts';
import { Database } from './support/database.ts';

test('the first example', () => {
  const db = new Database(first);
  db.call('add', { name: 'Ada', age: 36 });
  db.call('add', { name: 'Tom', age: 3 });
  assert.throws(() => db.call('add', { name: '', age: 3 }), SenderError);
  assert.deepEqual(db.view('adults'), [{ id: 1n, name: 'Ada', age: 36 }]);
  assert.match(db.host.log[0]![1], /^0{63}1 added Ada as 1$/);
});

test('the example of tables', () => {
  const db = new Database(tables);
  db.call('join', { team: 'red' });
  db.call('join', { team: 'blue' });
  const [player] = db.rows('player');
  assert.deepEqual([player.team, player.status], ['blue', { tag: 'Walking', value: 5 }]);
  db.call('leave');
  assert.deepEqual(db.rows('player'), []);
});

test('the example of functions', () => {
  const db = new Database(functions);
  db.call('watch', { url: 'https://example.com' });
  const [row] = db.rows('refresh');
  const version = { tag: 'Http11' } as const;
  db.host.onRequest = () => [
    encodeResponse({ status: 200, headers: new Headers(), version }),
    new TextEncoder().encode('hello'),
  ];
  db.callProcedure('fetchPage', { row });
  assert.deepEqual(db.rows('page'), [{ url: 'https://example.com', text: 'hello', length: 5 }]);
  assert.equal(db.view('longPages'), 'SELECT * FROM "page" WHERE "page"."length" > 1000');
  const request = { method: 'GET', uri: '/pages', headers: new Headers(), timeout: undefined, version };
  const [, body] = db.request(0, encodeRequest(request), new Uint8Array(0));
  assert.equal(new TextDecoder().decode(body), '["https://example.com"]');
});
