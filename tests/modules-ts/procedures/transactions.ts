/** Transactions that procedures open. */
import { t } from 'spacetimedb/server';
import db, { write } from './schema';

export const writeAndCommit = db.procedure({ text: t.string() }, t.u64(), (ctx, { text }) => {
  ctx.withTx((tx) => write(tx, text));
  return ctx.withTx((tx) => tx.db.entry.count());
});

export const writeAndRollBack = db.procedure({ text: t.string() }, t.u64(), (ctx, { text }) => {
  try {
    ctx.withTx((tx) => {
      write(tx, text);
      throw new Error('rolled back');
    });
  } catch {
    // As it should be.
  }
  return ctx.withTx((tx) => tx.db.entry.count());
});

/** Writes texts, each in a transaction of its own, with a pause before all but the first. */
export const writeSlowly = db.procedure(
  { texts: t.array(t.string()), pauseMs: t.u64() },
  t.unit(),
  (ctx, { texts, pauseMs }) => {
    texts.forEach((text, place) => {
      const end = Date.now() + Number(pauseMs);
      while (place > 0 && Date.now() < end);
      ctx.withTx((tx) => write(tx, text));
    });
    return {};
  },
);

/** The same count as it is before and after some work in a transaction; nobody else can write meanwhile. */
export const isIsolated = db.procedure(t.bool(), (ctx) =>
  ctx.withTx((tx) => {
    const before = tx.db.entry.count();
    for (let round = 0; round < 20_000_000; round++);
    return before === tx.db.entry.count();
  }),
);

export const panicInTransaction = db.procedure({ text: t.string() }, t.unit(), (ctx, { text }) => {
  ctx.withTx((tx) => write(tx, 'committed before'));
  ctx.withTx((tx) => {
    write(tx, text);
    throw new Error('told to panic');
  });
  return {};
});

/** Has a transaction open for ever. */
export const holdTransaction = db.procedure({ text: t.string() }, t.unit(), (ctx, { text }) =>
  ctx.withTx((tx) => {
    write(tx, text);
    for (;;) tx.db.entry.count();
  }),
);

/** Has a transaction open for longer than it may, without asking anything of its host meanwhile. */
export const computeInTransaction = db.procedure({ text: t.string() }, t.unit(), (ctx, { text }) =>
  ctx.withTx((tx) => {
    write(tx, text);
    for (;;);
  }),
);
