import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { Headers } from 'orrery/server';
import { encodeRequest } from '../src/server/http/message.ts';
import * as app from './modules/app.ts';
import * as lib from './modules/lib.ts';
import { Database } from './support/database.ts';

test('a module can be published alone', () => {
  const db = new Database(lib);
  db.call('insertEntry', { kind: 1, value: 'x' });
  assert.deepEqual(db.rows('entry'), [{ id: 1n, kind: 1, value: 'x' }]);
  assert.equal(db.callProcedure('countEntries'), 1n);
  assert.equal(db.view('allEntries'), 'SELECT * FROM "entry" WHERE "entry"."kind" > 0');
});

test('a module can be part of another one, with a definition of its own', () => {
  const { definition } = new Database(app);
  assert.deepEqual(
    definition.tables.map((table) => table.sourceName),
    ['note'],
  );
  const [middle] = definition.submodules;
  assert.equal(middle!.namespace, 'mid');
  assert.deepEqual(
    middle!.module.reducers.map((reducer) => reducer.sourceName),
    ['addBox'],
  );
  const [inner] = middle!.module.submodules;
  assert.equal(inner!.namespace, 'lib');
  assert.deepEqual(inner!.module.handlers, ['hello']);
  assert.deepEqual(inner!.module.routes, []);
});

test('the host calls functions of submodules by their numbers, with their own tables', () => {
  const db = new Database(app);
  db.call('mid.addBox', { name: 'b' });
  db.call('mid.lib.insertEntry', { kind: 1, value: 'x' });
  assert.deepEqual(db.rows('mid.box'), [{ id: 1, name: 'b' }]);
  assert.deepEqual(db.rows('mid.lib.entry'), [{ id: 1n, kind: 1, value: 'x' }]);
  assert.equal(db.callProcedure('mid.lib.countEntries'), 1n);
  assert.deepEqual(db.view('mid.lib.ofKindOne'), [{ id: 1n, kind: 1, value: 'x' }]);
  assert.equal(
    db.view('mid.lib.allEntries'),
    'SELECT * FROM "mid"."lib"."entry" WHERE "mid"."lib"."entry"."kind" > 0',
  );
  assert.equal(db.view('mid.boxes'), 'SELECT * FROM "mid"."Boxes"');
});

test('functions of submodules are called with the context narrowed down', () => {
  const db = new Database(app);
  db.call('addNote', { text: 'c' });
  assert.deepEqual(db.rows('note'), [{ text: 'c' }]);
  assert.deepEqual(db.rows('mid.box'), [{ id: 1, name: 'c' }]);
  assert.deepEqual(db.rows('mid.lib.entry'), [{ id: 1n, kind: 1, value: 'c' }]);
  assert.equal(db.callProcedure('count'), 1n);
  assert.equal(db.callProcedure('countInside'), 2n);
});

test('tables of submodules are below the name of the module', () => {
  const db = new Database(app);
  db.call('mid.lib.insertEntry', { kind: 1, value: 'a' });
  db.call('mid.lib.insertEntry', { kind: 1, value: 'b' });
  db.call('mid.addBox', { name: 'box' });
  db.call('peek');
  assert.deepEqual(
    db.rows('note').map((row) => row.text),
    ['b', 'box'],
  );
});

test('handlers of submodules come after those around them', () => {
  const db = new Database(app);
  const head = encodeRequest({
    method: 'GET',
    uri: '/there',
    headers: new Headers(),
    timeout: undefined,
    version: { tag: 'Http11' },
  });
  for (const handler of [0, 1]) {
    const [, body] = db.request(handler, head, new Uint8Array(0));
    assert.equal(new TextDecoder().decode(body), 'hello from /there');
  }
});
