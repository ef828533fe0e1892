/** What is measured: the smallest reducers around each operation. The import is replaced for other packages. */
import { schema, table, t } from 'orrery/server';

const account = table({}, { id: t.u32().primaryKey(), balance: t.i64() });
const person = table(
  {},
  { id: t.u64().primaryKey().autoInc(), name: t.string(), age: t.u8(), who: t.identity() },
);

const spacetimedb = schema({ account, person });
export default spacetimedb;

export const aEmpty = spacetimedb.reducer(() => {});

export const bTransfer = spacetimedb.reducer(
  { from: t.u32(), to: t.u32(), amount: t.i64() },
  (ctx, { from, to, amount }) => {
    const { id } = ctx.db.account;
    const source = id.find(from);
    const target = id.find(to);
    if (source === null || target === null || source.balance < amount) throw new Error('this cannot be');
    id.update({ id: from, balance: source.balance - amount });
    id.update({ id: to, balance: target.balance + amount });
  },
);

export const cFind = spacetimedb.reducer({ count: t.u32() }, (ctx, { count }) => {
  const { id } = ctx.db.account;
  let sum = 0n;
  for (let key = 0; key < count; key++) sum += id.find(key)!.balance;
  if (sum < 0n) throw new Error('this cannot be');
});

export const dUpdate = spacetimedb.reducer({ count: t.u32() }, (ctx, { count }) => {
  const { id } = ctx.db.account;
  for (let key = 0; key < count; key++) id.update({ id: key, balance: 5n });
});

export const eInsert = spacetimedb.reducer({ count: t.u32() }, (ctx, { count }) => {
  for (let i = 0; i < count; i++)
    ctx.db.person.insert({ id: 5n, name: 'Ada Lovelace', age: 36, who: ctx.sender });
});

export const fScan = spacetimedb.reducer((ctx) => {
  let sum = 0;
  for (const row of ctx.db.account.iter()) sum += row.id;
  if (sum < 0) throw new Error('this cannot be');
});
