/** Values in and out. */
import { t } from 'spacetimedb/server';
import db from './schema';

const shape = t.enum('Shape', { Nothing: t.unit(), Circle: t.u32() });

const everything = t.object('Parts', {
  shape,
  name: t.option(t.string()),
  bytes: t.byteArray(),
  big: t.u128(),
  list: t.array(t.i8()),
});

/** Who calls, whether on a connection, and who the caller says to be. */
const whoCalls = t.object('Who', {
  sender: t.identity(),
  hasConnection: t.bool(),
  isSameInTransaction: t.bool(),
  subject: t.option(t.string()),
});

export const add = db.procedure(
  { a: t.u32(), b: t.u32() },
  t.u64(),
  (_ctx, { a, b }) => BigInt(a) + BigInt(b),
);

export const nothing = db.procedure(t.unit(), () => ({}));

export const parts = db.procedure({ radius: t.u32() }, everything, (_ctx, { radius }) => ({
  shape: radius === 0 ? { tag: 'Nothing' as const } : { tag: 'Circle' as const, value: radius },
  name: 'it',
  bytes: Uint8Array.of(1, 0xab),
  big: 2n ** 128n - 1n,
  list: [-1, 1],
}));

export const sameParts = db.procedure({ parts: everything }, everything, (_ctx, { parts }) => parts);

export const who = db.procedure(whoCalls, (ctx) => {
  const { sender, connectionId } = ctx;
  return ctx.withTx((tx) => ({
    sender,
    hasConnection: connectionId !== null,
    isSameInTransaction:
      tx.sender.isEqual(sender) && tx.connectionId?.toHexString() === connectionId?.toHexString(),
    subject: tx.senderAuth.jwt?.subject,
  }));
});

export const ownIdentity = db.procedure(t.identity(), (ctx) => ctx.databaseIdentity);
