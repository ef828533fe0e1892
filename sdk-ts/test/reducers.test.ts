import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import * as person from './modules/person.ts';
import { Database } from './support/database.ts';

test('a reducer inserts rows that count up', () => {
  const db = new Database(person);
  db.call('add', { name: 'Ada', age: 36 });
  db.call('add', { name: 'Grace', age: 85 });
  assert.deepEqual(db.rows('person'), [
    { id: 1, name: 'Ada', age: 36 },
    { id: 2, name: 'Grace', age: 85 },
  ]);
});
