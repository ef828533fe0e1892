/** What the benches call: the twin of tests/modules/bench. */
import { Range, SenderError, schema, t, table } from 'spacetimedb/server';

/** The table that transfers go through, and the one that is filled and scanned. */
const account = table({}, { id: t.u32().primaryKey(), balance: t.i64() });

/** A table that a view can scan through an index. */
const reading = table({}, { at: t.u32().index('btree'), value: t.i64() });

/** The answer of a view that has read much and says little. */
const totals = t.row('Sum', { rows: t.u64(), value: t.i64() });

const db = schema({ account, reading });
export default db;

/** Makes the accounts `first..first + count`, each with `balance`. */
export const openAccounts = db.reducer(
  { first: t.u32(), count: t.u32(), balance: t.i64() },
  (ctx, { first, count, balance }) => {
    for (let id = first; id < first + count; id++) ctx.db.account.insert({ id, balance });
  },
);

/** Removes all accounts. */
export const closeAccounts = db.reducer((ctx) => {
  ctx.db.account.clear();
});

/** Two finds, two updates. */
export const transfer = db.reducer(
  { from: t.u32(), to: t.u32(), amount: t.i64() },
  (ctx, { from, to, amount }) => {
    if (from === to) return;
    const accounts = ctx.db.account.id;
    const payer = accounts.find(from);
    if (!payer) throw new SenderError('no such payer');
    const payee = accounts.find(to);
    if (!payee) throw new SenderError('no such payee');
    accounts.update({ id: from, balance: payer.balance - amount });
    accounts.update({ id: to, balance: payee.balance + amount });
  },
);

/** Nothing at all. */
export const nothing = db.reducer(() => {});

/** Inserts `count` small rows. */
export const fill = db.reducer({ first: t.u32(), count: t.u32() }, (ctx, { first, count }) => {
  for (let at = first; at < first + count; at++) ctx.db.reading.insert({ at, value: BigInt(at) });
});

/** Reads every account. Fails if the sum is not `expected`, so that reading cannot be left out. */
export const scan = db.reducer({ expected: t.i64() }, (ctx, { expected }) => {
  let sum = 0n;
  for (const account of ctx.db.account.iter()) sum += account.balance;
  if (sum !== expected) throw new SenderError(`the balances add up to ${sum}`);
});

/** Reads every reading through its index and answers one row. */
export const total = db.anonymousView({ public: true }, t.option(totals), (ctx) => {
  const sum = { rows: 0n, value: 0n };
  for (const reading of ctx.db.reading.at.filter(new Range({ tag: 'included', value: 0 }))) {
    sum.rows += 1n;
    sum.value += reading.value;
  }
  return sum;
});

/** Ten accounts. */
export const ten = db.anonymousView({ public: true }, t.array(account.rowType), (ctx) =>
  Array.from({ length: 10 }, (_, id) => ctx.db.account.id.find(id)).filter((account) => account !== null),
);
