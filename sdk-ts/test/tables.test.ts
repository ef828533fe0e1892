import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { Identity, Timestamp } from 'orrery';
import { Range, errors } from 'orrery/server';
import { newBank } from './modules/bank.ts';
import type { Ctx } from './modules/bank.ts';

const ada = { id: 0, name: 'Ada', age: 36, note: 'first' };
const grace = { id: 0, name: 'Grace', age: 85, note: undefined };

function insertBoth(ctx: Ctx): void {
  ctx.db.person.insert(ada);
  ctx.db.person.insert(grace);
}

test('insert returns the row with what the database has generated', () => {
  const { db, run } = newBank();
  const stored = run((ctx) => ctx.db.person.insert(ada));
  assert.deepEqual(stored, { ...ada, id: 1 });
  assert.equal(ada.id, 0, 'the row that was given is left alone');
  assert.deepEqual(db.rows('person'), [{ ...ada, id: 1 }]);
});

test('insert returns the same row if nothing was generated', () => {
  const { run } = newBank();
  const row = { ...ada, id: 7 };
  assert.equal(
    run((ctx) => ctx.db.person.insert(row)),
    row,
  );
});

test('columns that may be undefined can be left out', () => {
  const { db, run } = newBank();
  run((ctx) => ctx.db.person.insert({ id: 0, name: 'Ada', age: 36 }));
  assert.deepEqual(db.rows('person'), [{ id: 1, name: 'Ada', age: 36, note: undefined }]);
});

test('of two columns that count up, those that were zero are filled', () => {
  const { run } = newBank();
  const insert = (a: bigint, b: number) => run((ctx) => ctx.db.counters.insert({ a, text: 'x', b }));
  assert.deepEqual(insert(0n, 0), { a: 1n, text: 'x', b: 1 });
  assert.deepEqual(insert(9n, 0), { a: 9n, text: 'x', b: 2 });
  assert.deepEqual(insert(0n, 9), { a: 2n, text: 'x', b: 9 });
});

test('find looks up by primary keys and unique columns', () => {
  const { run } = newBank();
  run(insertBoth);
  run((ctx) => {
    assert.deepEqual(ctx.db.person.id.find(2), { ...grace, id: 2 });
    assert.deepEqual(ctx.db.person.name.find('Ada'), { ...ada, id: 1 });
    assert.equal(ctx.db.person.id.find(3), null);
    assert.equal(ctx.db.person.name.find('Nobody'), null);
  });
});

test('identities and timestamps are keys, too', () => {
  const { run } = newBank();
  const who = new Identity(7n);
  const rows = run((ctx) => {
    ctx.db.member.insert({ who, seen: new Timestamp(5n), level: -3n });
    return [
      ctx.db.member.who.find(who),
      ...ctx.db.member.seen.filter(new Timestamp(5n)),
      ...ctx.db.member.level.filter({ lt: 0n }),
      ...ctx.db.member.level.filter({ gt: -3n }),
    ];
  });
  assert.equal(rows.length, 3);
  assert.ok(rows.every((row) => row!.who.isEqual(who) && row!.seen.microsSinceUnixEpoch === 5n));
});

test('update replaces the row with the same primary key', () => {
  const { db, run } = newBank();
  run(insertBoth);
  const row = run((ctx) => ctx.db.person.id.update({ ...ctx.db.person.id.find(1)!, age: 37 }));
  assert.equal(row.age, 37);
  assert.deepEqual(
    db.rows('person').map((person) => person.age),
    [37, 85],
  );
  assert.throws(
    () => run((ctx) => ctx.db.person.id.update({ ...ada, id: 5 })),
    (error: unknown) => error instanceof errors.NoSuchRow,
  );
});

test('update fills columns that count up if they are zero', () => {
  const { run } = newBank();
  const updated = run((ctx) => {
    ctx.db.counters.insert({ a: 5n, text: 'x', b: 5 });
    return ctx.db.counters.a.update({ a: 5n, text: 'y', b: 0 });
  });
  assert.deepEqual(updated, { a: 5n, text: 'y', b: 1 });
});

test('delete says whether there was such a row', () => {
  const { db, run } = newBank();
  run(insertBoth);
  run((ctx) => {
    assert.equal(ctx.db.person.id.delete(9), false);
    assert.equal(ctx.db.person.id.delete(1), true);
    assert.equal(ctx.db.person.delete({ ...grace, id: 1 }), false);
    assert.equal(ctx.db.person.delete({ ...grace, id: 2 }), true);
  });
  assert.deepEqual(db.rows('person'), []);
});

test('count and clear tell how many rows there are and were', () => {
  const { run } = newBank();
  run(insertBoth);
  run((ctx) => {
    assert.equal(ctx.db.person.count(), 2n);
    assert.equal(ctx.db.person.clear(), 2n);
    assert.equal(ctx.db.person.count(), 0n);
  });
});

test('filter and delete by an index take values and ranges', () => {
  const { run } = newBank();
  run((ctx) => {
    const { person } = ctx.db;
    for (const [name, age] of [
      ['a', 5],
      ['b', 9],
      ['c', 9],
      ['d', 12],
    ] as const)
      person.insert({ id: 0, name, age });
    const names = (key: Parameters<typeof person.age.filter>[0]) =>
      Array.from(person.age.filter(key), (row) => row.name).join('');
    assert.equal(names(9), 'bc');
    assert.equal(names(10), '');
    assert.equal(names([9]), 'bc');
    assert.equal(names(new Range({ tag: 'included', value: 9 })), 'bcd');
    assert.equal(names(new Range({ tag: 'unbounded' }, { tag: 'excluded', value: 9 })), 'a');
    assert.equal(names(new Range({ tag: 'excluded', value: 5 }, { tag: 'included', value: 12 })), 'bcd');
    assert.equal(names(new Range()), 'abcd');
    assert.equal(names(new Range<number>(null, { tag: 'excluded', value: 9 })), 'a');
    assert.equal(names({ gte: 9, lt: 12 }), 'bc');
    assert.equal(person.age.delete({ gt: 9 }), 1);
    assert.equal(person.age.delete(9), 2);
    assert.equal(person.count(), 1n);
  });
});

test('an index over several columns takes values for the first few', () => {
  const { run } = newBank();
  run((ctx) => {
    const { visit } = ctx.db;
    let seat = 0n;
    for (const place of ['p', 'q']) {
      for (const day of [-1, 0, 1]) {
        for (const hour of [8, 9]) visit.insert({ place, day, hour, seat: seat++ });
      }
    }
    const seats = (key: Parameters<typeof visit.byPlaceAndDay.filter>[0]) =>
      Array.from(visit.byPlaceAndDay.filter(key), (row) => Number(row.seat));
    assert.deepEqual(seats('q'), [6, 7, 8, 9, 10, 11]);
    assert.deepEqual(seats(['q']), [6, 7, 8, 9, 10, 11]);
    assert.deepEqual(seats(['q', 0]), [8, 9]);
    assert.deepEqual(seats(['q', 0, 9]), [9]);
    assert.deepEqual(seats(['q', { gte: 0 }]), [8, 9, 10, 11]);
    assert.deepEqual(
      seats(['q', 0, new Range<number>({ tag: 'unbounded' }, { tag: 'included', value: 8 })]),
      [8],
    );
    assert.deepEqual(seats({ lte: 'p' }), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(
      Array.from(visit.byHourHash.filter([9, 0]), (row) => Number(row.seat)),
      [3, 9],
    );
    assert.equal(visit.bySeat.find(['q', 9n])!.hour, 9);
    assert.equal(visit.bySeat.find(['p', 9n]), null);
    assert.equal(visit.bySeat.delete(['q', 9n]), true);
    assert.equal(visit.byPlaceAndDay.delete(['q', { lt: 1 }]), 3);
    assert.throws(() => visit.byPlaceAndDay.filter(['q', 0, 9, 9] as any), /has 3 columns, not 4/);
    assert.throws(() => visit.byHourHash.filter([9] as any), /finds rows by whole keys only/);
    assert.throws(() => visit.byHourHash.filter([9, { gt: 0 }] as any), /finds rows by whole keys only/);
    assert.throws(() => visit.bySeat.find('q' as any), /is an array of 2 values/);
    assert.throws(() => visit.byPlaceAndDay.filter({ gt: 'a', gte: 'b' }), /either gte or gt, not both/);
  });
});

test('a table can be walked through again and again, and while it changes', () => {
  const { db, run } = newBank();
  run(insertBoth);
  run((ctx) => {
    assert.deepEqual(
      [...ctx.db.person].map((row) => row.name),
      ['Ada', 'Grace'],
    );
    assert.deepEqual(
      Array.from(ctx.db.person.iter(), (row) => row.name),
      ['Ada', 'Grace'],
    );
    for (const row of ctx.db.person.iter())
      ctx.db.person.insert({ ...row, id: 0, name: `${row.name} again` });
    for (const outer of ctx.db.person) {
      for (const inner of ctx.db.person) if (outer.id === inner.id) assert.deepEqual(outer, inner);
    }
  });
  assert.equal(db.rows('person').length, 4);
});

test('a loop that is left early closes the scan', () => {
  const { db, run } = newBank();
  run(insertBoth);
  run((ctx) => {
    for (const _row of ctx.db.blob) assert.ok(false, 'the table is empty');
    for (const _row of ctx.db.person) break;
    const rows = ctx.db.person.iter();
    rows.next();
    rows.return!();
    assert.equal(rows.next().done, true);
    assert.throws(() => {
      for (const _row of ctx.db.person) throw new Error('stop');
    }, /stop/);
    const unused = ctx.db.person.iter();
    unused.return!();
  });
  assert.equal(db.host.openIterators.size, 0);
});

test('rows come in chunks, and buffers grow for rows that are larger', () => {
  const { run } = newBank();
  const sizes = [10, 40_000, 300_000, 5, 2_000_000, 70_000, 20, 0];
  run((ctx) => {
    sizes.forEach((size, id) => ctx.db.blob.insert({ id, data: new Uint8Array(size).fill(id) }));
    for (const [id, size] of sizes.entries()) {
      const found = ctx.db.blob.id.find(id)!;
      assert.equal(found.data.length, size);
      assert.ok(found.data.every((byte) => byte === id));
    }
    assert.deepEqual(
      Array.from(ctx.db.blob, (row) => row.data.length),
      sizes,
    );
  });
});

test('thousands of rows come through', () => {
  const { run } = newBank();
  run((ctx) => {
    for (let day = 0; day < 2000; day++)
      ctx.db.visit.insert({ place: 'somewhere', day, hour: 1, seat: BigInt(day) });
    let sum = 0;
    for (const row of ctx.db.visit) sum += row.day;
    assert.equal(sum, 1_999_000);
  });
});

test('what a call has decoded does not change when buffers are used again', () => {
  const { run } = newBank();
  run((ctx) => {
    const first = ctx.db.blob.insert({ id: 1, data: Uint8Array.of(1, 2, 3) });
    const found = ctx.db.blob.id.find(1)!;
    ctx.db.blob.insert({ id: 2, data: Uint8Array.of(9, 9, 9) });
    ctx.db.blob.id.find(2);
    assert.deepEqual([...found.data], [1, 2, 3]);
    assert.deepEqual([...first.data], [1, 2, 3]);
  });
});

test('a row with getters that use the database is written correctly', () => {
  const { db, run } = newBank();
  run(insertBoth);
  run((ctx) => {
    ctx.db.person.insert({
      id: 0,
      get name() {
        return `${ctx.db.person.id.find(1)!.name} the second`;
      },
      get age() {
        return Number(ctx.db.person.count());
      },
    });
  });
  assert.deepEqual(db.rows('person')[2], { id: 3, name: 'Ada the second', age: 2, note: undefined });
});

test('errors of the host are of the classes that the SDK offers', () => {
  const { db, run } = newBank();
  run(insertBoth);
  const again = () => run((ctx) => ctx.db.person.insert(ada));
  assert.throws(
    again,
    (error: any) => error instanceof errors.UniqueAlreadyExists && error.name === 'UniqueAlreadyExists',
  );
  assert.deepEqual(
    run((ctx) => {
      try {
        ctx.db.person.insert(ada);
      } catch {
        return ctx.db.person.count();
      }
      return -1n;
    }),
    2n,
    'the reducer can go on',
  );
  let leaked: Ctx | undefined;
  run((ctx) => (leaked = ctx));
  assert.throws(() => leaked!.db.person.count(), errors.NotInTransaction);
  assert.equal(db.host.isInTransaction, false);
});

test('a value of the wrong type is told with its column, and nothing is stored', () => {
  const { db, run } = newBank();
  assert.throws(
    () => run((ctx) => ctx.db.person.insert({ id: 0, name: 'x', age: 300 })),
    /age: 300 is not a u8/,
  );
  assert.throws(
    () => run((ctx) => ctx.db.person.insert({ id: 0, age: 3 } as any)),
    /name: undefined is not a string/,
  );
  assert.throws(() => run((ctx) => ctx.db.person.id.find('1' as any)), /"1" is not a u32/);
  assert.deepEqual(db.rows('person'), []);
  run((ctx) => ctx.db.person.insert(ada));
  assert.equal(db.rows('person').length, 1);
});

test('ids of tables and indexes are asked for once', () => {
  const { db, run } = newBank();
  run((ctx) => {
    for (let i = 0; i < 5; i++) ctx.db.person.id.find(i);
    for (let i = 0; i < 5; i++) ctx.db.person.count();
  });
  run((ctx) => ctx.db.person.id.find(1));
  const count = (name: string) => db.host.calls.filter((call) => call === name).length;
  assert.ok(count('index_id_from_name') <= 1);
  assert.ok(count('table_id_from_name') <= 1);
});
