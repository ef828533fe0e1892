/** Types of `ctx.db`: compiled, never run. */
import { Range, schema, table, t } from 'orrery/server';
import type { InferSchema, ReducerCtx, TransactionCtx, ViewCtx } from 'orrery/server';
import * as lib from '../modules/lib.ts';
import { expect } from './equal.ts';
import type { Equal } from './equal.ts';

const person = table(
  {
    public: true,
    indexes: [
      { accessor: 'byNameAndAge', algorithm: 'btree', columns: ['name', 'age'] },
      { accessor: 'byHash', algorithm: 'hash', columns: ['name', 'age'] },
      { accessor: 'byEmail', columns: ['email'] },
      { accessor: 'byPair', columns: ['name', 'height'] },
      { accessor: 'byHeight', algorithm: 'direct', column: 'height' },
    ],
    constraints: [{ constraint: 'unique', columns: ['name', 'height'] }],
  },
  {
    id: t.u64().primaryKey().autoInc(),
    email: t.string().unique(),
    name: t.string(),
    age: t.u8().index(),
    height: t.u32().index('hash'),
    note: t.string().optional(),
    count: t.u8().index(),
  },
);
const spacetimedb = schema({ person, lib });
type S = InferSchema<typeof spacetimedb>;
type Person = {
  id: bigint;
  email: string;
  name: string;
  age: number;
  height: number;
  note: string | undefined;
  count: number;
};

export function reads(ctx: ReducerCtx<S>, row: Person): void {
  const { person } = ctx.db;
  expect<Equal<ReturnType<typeof person.id.find>, Person | null>>();
  expect<Equal<Parameters<typeof person.id.find>, [key: bigint]>>();
  expect<Equal<ReturnType<typeof person.email.find>, Person | null>>();
  expect<Equal<ReturnType<typeof person.byEmail.find>, Person | null>>();
  expect<Equal<Parameters<typeof person.byPair.find>, [key: [string, number]]>>();
  expect<Equal<ReturnType<typeof person.count>, bigint>>();
  for (const found of person) expect<Equal<typeof found, Person>>();
  for (const found of person.age.filter(5)) expect<Equal<typeof found, Person>>();
  for (const found of person.iter()) expect<Equal<typeof found, Person>>();

  person.age.filter(new Range({ tag: 'included', value: 1 }));
  person.age.filter({ gte: 1, lt: 5 });
  person.byNameAndAge.filter('x');
  person.byNameAndAge.filter(['x']);
  person.byNameAndAge.filter(['x', 5]);
  person.byNameAndAge.filter(['x', { gt: 5 }]);
  person.byNameAndAge.filter(new Range({ tag: 'excluded', value: 'x' }));
  person.byHash.filter(['x', 5]);
  person.height.filter(5);
  person.byHeight.filter(5);
  // @ts-expect-error the key is a bigint
  person.id.find(5);
  // @ts-expect-error the key is a number
  person.age.filter('5');
  // @ts-expect-error only the last value may be a range
  person.byNameAndAge.filter([{ gt: 'x' }, 5]);
  // @ts-expect-error there are two columns
  person.byNameAndAge.filter(['x', 5, 5]);
  // @ts-expect-error a hash index takes whole keys
  person.byHash.filter('x');
  // @ts-expect-error a hash index knows no ranges
  person.height.filter({ gt: 5 });
  // @ts-expect-error there is no index on the name alone
  person.name.filter('x');
  // @ts-expect-error indexes that are not unique have no find
  person.age.find(5);
  // @ts-expect-error unique indexes have no filter
  person.id.filter(5n);

  expect<Equal<ReturnType<typeof person.insert>, Person>>();
  expect<Equal<ReturnType<typeof person.id.delete>, boolean>>();
  expect<Equal<ReturnType<typeof person.age.delete>, number>>();
  person.insert(row);
  person.insert({ id: 0n, email: '', name: '', age: 1, height: 1, count: 1 });
  person.id.update({ ...row, age: 5 });
  // @ts-expect-error a column is missing
  person.insert({ id: 0n, email: '', name: '', age: 1 });
  // @ts-expect-error there is no such column
  person.insert({ ...row, shoeSize: 5 });
  // @ts-expect-error rows are updated by their primary key only
  person.email.update(row);

  expect<Equal<ReturnType<typeof ctx.db.lib.entry.insert>['value'], string>>();
  lib.insertEntry(ctx.as.lib, { kind: 1, value: 'x' });
  // @ts-expect-error the context is not that of the submodule
  lib.insertEntry(ctx, { kind: 1, value: 'x' });
  // @ts-expect-error an argument is missing
  lib.insertEntry(ctx.as.lib, { kind: 1 });
  // @ts-expect-error there is no such table
  ctx.db.nobody;
}

export function views(ctx: ViewCtx<S>): void {
  const { person } = ctx.db;
  person.count();
  person.iter();
  expect<Equal<ReturnType<typeof person.id.find>, Person | null>>();
  person.byNameAndAge.filter(['x', { gt: 5 }]);
  // @ts-expect-error views change nothing
  person.insert;
  // @ts-expect-error views change nothing
  person.id.delete;
  // @ts-expect-error views change nothing
  person.age.delete;
  // @ts-expect-error views change nothing
  person.id.update;

  const query = ctx.from.person
    .where((row) => row.age.gte(18).and(row.name.ne('x')))
    .where((row) => row.id.lt(5n));
  query.leftSemijoin(ctx.from.lib.entry, (left, right) => left.id.eq(right.id));
  // @ts-expect-error a name is no number
  ctx.from.person.where((row) => row.name.eq(5));
  // @ts-expect-error columns of different types
  ctx.from.person.where((row) => row.name.eq(row.id));
  // @ts-expect-error a column of text is no condition
  ctx.from.person.where((row) => row.name);
  // @ts-expect-error there is no such column
  ctx.from.person.where((row) => row.nmae.eq('x'));
}

// Contexts are named in several ways.
export function byType(_ctx: ReducerCtx<typeof spacetimedb.schemaType>): void {}
export function bySchema(_ctx: ReducerCtx<typeof spacetimedb>): void {}
export function anyModule(ctx: ReducerCtx<any>): unknown {
  return ctx.db.whatever.insert({});
}
export function inTransaction(tx: TransactionCtx<S>, ctx: ReducerCtx<S>): void {
  byType(tx);
  bySchema(ctx);
  anyModule(ctx);
  reads(tx, undefined as unknown as Person);
}
