import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { Identity, Timestamp } from 'orrery';
import { newBank } from './modules/bank.ts';

/** What is logged while the function runs in a reducer. */
function logged(body: () => void): [number, string][] {
  const { db, run } = newBank();
  run(body);
  return db.host.log;
}

function messages(body: () => void): string[] {
  return logged(body).map(([, message]) => message);
}

test('each method has its level', () => {
  const log = logged(() => {
    console.error('e');
    console.warn('w');
    console.info('i');
    console.log('l');
    console.debug('d');
    console.trace('t');
    console.assert(true, 'not shown');
    console.assert(false);
    console.assert(false, 'because', 5);
  });
  assert.deepEqual(log, [
    [0, 'e'],
    [1, 'w'],
    [2, 'i'],
    [2, 'l'],
    [3, 'd'],
    [4, 't'],
    [0, 'Assertion failed'],
    [0, 'Assertion failed: because 5'],
  ]);
});

test('values look like in the code that makes them', () => {
  const shown = (value: unknown) => messages(() => console.log('', value))[0]!.slice(1);
  class Pair {
    left = 1;
    right = 'two';
  }
  assert.equal(shown('text'), 'text');
  assert.equal(shown(5n), '5n');
  assert.equal(shown(undefined), 'undefined');
  assert.equal(shown(null), 'null');
  assert.equal(shown({ a: 1, b: 'x', c: [true, 2n] }), '{ a: 1, b: "x", c: [true, 2n] }');
  assert.equal(shown({}), '{}');
  assert.equal(shown([]), '[]');
  assert.equal(shown(new Pair()), 'Pair { left: 1, right: "two" }');
  assert.equal(shown(Uint8Array.of(1, 2)), '[1, 2]');
  assert.equal(shown(new Map([['k', 1]])), 'Map { "k" => 1 }');
  assert.equal(shown(new Set([1])), 'Set { 1 }');
  assert.equal(shown(new Date(0)), '1970-01-01T00:00:00.000Z');
  assert.equal(shown({ at: new Timestamp(0n) }), '{ at: 1970-01-01T00:00:00.000000Z }');
  assert.equal(shown(new Identity(255n)), 'ff'.padStart(64, '0'));
  assert.equal(
    shown(() => {}),
    '[function anonymous]',
  );
  assert.equal(shown(Symbol('s')), 'Symbol(s)');
  assert.match(shown(new Error('oops', { cause: 'why' })), /^Error: oops\n.*caused by "why"$/s);
  const circle: { self?: unknown } = {};
  circle.self = circle;
  assert.equal(shown(circle), '{ self: [circular] }');
  assert.equal(shown(Array.from({ length: 200 }, () => 0)), `[${'0, '.repeat(100)}… 100 more]`);
  assert.equal(shown({ a: { b: { c: { d: { e: { f: 1 } } } } } }), '{ a: { b: { c: { d: { e: {…} } } } } }');
});

test('directives of the first string are filled in', () => {
  const shown = (...args: unknown[]) => messages(() => console.log(...args))[0];
  assert.equal(shown('%s is %d of %i, %f%%', 'Ada', '36', 4.7, 1.5), 'Ada is 36 of 4, 1.5%');
  assert.equal(shown('%o %O %j', { a: 1 }, [2], 'x'), '{ a: 1 } [2] "x"');
  assert.equal(shown('%cred%c', 'color: red', ''), 'red');
  assert.equal(shown('%s', 'a', 'b', 3), 'a b 3');
  assert.equal(shown('%s and %s', 'a'), 'a and %s');
  assert.equal(shown('%d', 5n), '5n');
  assert.equal(shown(1, '%s', 2), '1 %s 2');
});

test('counters and timers work', () => {
  const log = messages(() => {
    console.count();
    console.count('x');
    console.count();
    console.countReset();
    console.count();
    console.time('work');
    console.time('work');
    console.timeEnd('work');
    console.timeEnd('work');
    console.group('g');
    console.groupEnd();
    console.clear();
    console.dir({ a: 1 });
    console.table([1]);
  });
  assert.deepEqual(log, [
    'default: 1',
    'x: 1',
    'default: 2',
    'default: 1',
    'there is a timer work already',
    'Timing span work',
    'there is no timer work',
    '{ a: 1 }',
    '[1]',
  ]);
});
