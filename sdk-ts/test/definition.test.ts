import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaseConversionPolicy, schema, table, t } from 'orrery/server';
import type { ModuleSettings } from 'orrery/server';
import * as everything from './modules/everything.ts';
import { Database } from './support/database.ts';
import { compareWithGolden } from './support/golden.ts';
import { toHex } from './support/sats.ts';

const { definition, bytes } = new Database(everything);

test('the definition of a rich module stays what the host has checked', () => {
  // `host-abi/tests/sdk_golden.rs` reads this file.
  compareWithGolden('everything.hex', `${toHex(bytes).replace(/.{100}/g, '$&\n')}\n`);
});

test('functions are numbered in the order of the names of their exports', () => {
  assert.deepEqual(
    definition.reducers.map((reducer) => reducer.sourceName),
    ['echo', 'init', 'noParams', 'onConnect', 'onDisconnect', 'renamed', 'tick'],
  );
  assert.deepEqual(
    definition.views.map(({ sourceName, index, isAnonymous }) => [sourceName, index, isAnonymous]),
    [
      ['adults', 0, false],
      ['mine', 1, false],
      ['summaries', 0, true],
    ],
  );
});

test('given names go into the definition, all others are left to the host', () => {
  assert.deepEqual(
    definition.names.map(({ kind, sourceName, canonicalName }) => `${kind} ${sourceName} ${canonicalName}`),
    [
      'Table allTypes AllTypes',
      'Index keyed_slot_idx_direct keyed_slot',
      'Function onDisconnect bye',
      'Function renamed otherName',
      'Function summaries all_summaries',
      'Function postPage post_a_page',
    ],
  );
});

test('indexes, constraints, sequences and defaults come from columns and from options', () => {
  const keyed = definition.tables.find((table) => table.sourceName === 'keyed')!;
  assert.deepEqual(
    keyed.indexes.map(({ sourceName, accessorName, columns }) => [sourceName, accessorName, columns.join()]),
    [
      ['keyed_keyId_idx_btree', 'keyId', '0'],
      ['keyed_age_idx_btree', 'age', '2'],
      ['keyed_email_idx_btree', 'email', '3'],
      ['keyed_color_idx_hash', 'color', '4'],
      ['keyed_slot_idx_btree', 'slot', '5'],
      ['keyed_owner_idx_btree', 'owner', '6'],
      ['keyed_name_age_idx_btree', 'byNameAndAge', '1,2'],
      ['keyed_age_color_idx_hash', 'byAgeHash', '2,4'],
      ['keyed_slot_idx_direct', 'bySlot', '5'],
    ],
  );
  assert.deepEqual(keyed.primaryKey, [0]);
  assert.deepEqual(keyed.uniques, [[0], [3], [5], [1, 2]]);
  assert.deepEqual(keyed.sequences, [0]);
  assert.deepEqual(
    keyed.defaults.map(({ column, value }) => [column, toHex(value)]),
    [
      [7, 'f9ffffff'],
      [8, '00040000006e6f6e65'],
    ],
  );
});

test('tables can be declared with columns alone', () => {
  const plain = schema({ points: table({}, { x: t.i32(), y: t.i32() }) });
  const { tables, types } = new Database({ default: plain }).definition;
  assert.equal(tables[0]!.isPublic, false);
  assert.deepEqual(
    types.map((type) => type.name),
    ['Points'],
  );
});

test('two indexes that differ in their accessors only are one in the database', () => {
  const users = table(
    { indexes: [{ accessor: 'byAge', algorithm: 'btree', columns: ['age'] }] },
    { age: t.u8().index(), name: t.string() },
  );
  const module = schema({ users });
  const db = new Database({
    default: module,
    add: module.reducer({ age: t.u8() }, (ctx, { age }) => {
      ctx.db.users.insert({ age, name: 'x' });
      assert.equal([...ctx.db.users.byAge.filter(age)].length, 1);
      assert.equal([...ctx.db.users.age.filter(age)].length, 1);
    }),
  });
  assert.equal(db.definition.tables[0]!.indexes.length, 1);
  db.call('add', { age: 5 });
});

test('a policy for names can be exported or given to the schema', () => {
  const policyOf = (module: object) => new Database(module).definition.policy;
  const plain = { default: schema({}) };
  const moduleSettings: ModuleSettings = { caseConversionPolicy: CaseConversionPolicy.None };
  assert.equal(policyOf(plain), undefined);
  assert.equal(policyOf({ ...plain, moduleSettings }), 'None');
  const settings = { CASE_CONVERSION_POLICY: CaseConversionPolicy.SnakeCase };
  assert.equal(policyOf({ default: schema({}, settings) }), 'SnakeCase');
});

test('types of the same name are one if they are the same, and an error if not', () => {
  const point = () => t.object('Point', { x: t.i32() });
  const other = t.object('Point', { x: t.u32() });
  const module = schema({});
  const same = module.reducer({ a: point(), b: t.array(point()) }, () => {});
  assert.equal(new Database({ default: module, same }).definition.types.length, 1);
  const different = module.reducer({ a: point(), b: other }, () => {});
  assert.throws(() => new Database({ default: module, different }), /two different types are called Point/);
});

/** What is wrong with a module, by what it does. */
const mistakes: [what: string, body: () => unknown, message: RegExp][] = [
  [
    'something else in place of a table',
    () => schema({ person: {} as any }),
    /person is neither a table nor a module/,
  ],
  [
    'a table in place of an object of tables',
    () => schema(table({}, { x: t.u8() }) as any),
    /one object of tables/,
  ],
  [
    'a default import of a module',
    () => schema({ lib: schema({}) as any }),
    /import it with import \* as lib/,
  ],
  [
    'an index over a column that is not there',
    () =>
      table({ name: 'person', indexes: [{ accessor: 'x', columns: ['nmae' as any] }] }, { name: t.string() }),
    /the table person has no column nmae/,
  ],
  [
    'two primary keys',
    () => table({}, { a: t.u8().primaryKey(), b: t.u8().primaryKey() }),
    /the table has more than one primary key/,
  ],
  [
    'a column with two names',
    () => table({ name: 'person' }, { worldSize: t.u8().name('world_size'), age: t.u8().name('years') }),
    /call it years instead of age in the table person/,
  ],
  ['counting up text', () => (t.string() as any).autoInc(), /autoInc\(\) is for integers/],
  [
    'looking up by a list',
    () => (t.array(t.u8()) as any).unique(),
    /unique\(\) cannot be called on a column of type array/,
  ],
  [
    'a default value for a key',
    () => (t.u8().default(1) as any).primaryKey(),
    /default value cannot be a primary key/,
  ],
  [
    'a default value of another type',
    () => new Database({ default: schema({ a: table({}, { x: t.u8().default(300) }) }) }),
    /the default value of the column x: 300 is not a u8/,
  ],
  [
    'exporting a helper',
    () => new Database({ default: schema({}), helper: () => {} }),
    /helper is exported but no function of the schema/,
  ],
  [
    'exporting a function of another schema',
    () => new Database({ default: schema({}), add: schema({}).reducer(() => {}) }),
    /add is exported but belongs to another schema/,
  ],
  [
    'a name in place of parameters',
    () => (schema({}) as any).reducer('add', { x: t.u8() }, () => {}),
    /a function is named by its export/,
  ],
  [
    'no function',
    () => (schema({}) as any).reducer({ x: t.u8() }),
    /the last argument is the function to run/,
  ],
  [
    'a view of numbers',
    () => {
      const module = schema({});
      return new Database({
        default: module,
        v: module.view({ public: true }, t.array(t.u8()) as any, () => []),
      });
    },
    /the view v returns no rows/,
  ],
  [
    'a view of one row',
    () => schema({}).view({ public: true }, t.u8() as any, () => [] as any),
    /a view returns t.array/,
  ],
  [
    'an object without a name',
    () => {
      const module = schema({});
      return new Database({ default: module, v: module.reducer({ a: t.row({ x: t.u8() }) }, () => {}) });
    },
    /an object with the members x has no name/,
  ],
  [
    'two functions for one schedule',
    () => {
      const timer = table({}, { id: t.u64().primaryKey(), at: t.scheduleAt() });
      const module = schema({ timer });
      const tick = () => module.reducer({ onSchedule: timer }, { arg: timer.rowType }, () => {});
      return new Database({ default: module, a: tick(), b: tick() });
    },
    /the table timer schedules several functions: a, b/,
  ],
  [
    'a schedule without times',
    () => {
      const timer = table({}, { id: t.u64().primaryKey() });
      const module = schema({ timer });
      return new Database({
        default: module,
        a: module.reducer({ onSchedule: timer }, { arg: timer.rowType }, () => {}),
      });
    },
    /the table timer schedules a, but has no column of type t.scheduleAt/,
  ],
  [
    'a schedule of a table that is not there',
    () => {
      const timer = table({}, { id: t.u64().primaryKey(), at: t.scheduleAt() });
      const module = schema({});
      return new Database({ default: module, a: module.reducer({ onSchedule: timer }, () => {}) });
    },
    /a runs on the schedule of a table that is not in the schema/,
  ],
  [
    'a schedule of a function that is not exported',
    () => {
      const timer = table(
        { scheduled: () => schema({}).reducer(() => {}) },
        { id: t.u64().primaryKey(), at: t.scheduleAt() },
      );
      return new Database({ default: schema({ timer }) });
    },
    /the function that the table timer schedules is not exported/,
  ],
];

for (const [what, body, message] of mistakes) {
  test(`a mistake is told: ${what}`, () => assert.throws(body, message));
}
