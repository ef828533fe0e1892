/** Views by what they answer and what they know about who asks. */
import { Range, SenderError, t } from 'spacetimedb/server';
import db, { coin, text, type Ctx } from './schema';

const purse = t.row('Purse', { coins: t.u64(), value: t.u64() });

export const mint = db.reducer({ id: t.u32(), value: t.u32() }, mintCoin);

function mintCoin(ctx: Ctx, { id, value }: { id: number; value: number }): void {
  ctx.db.coin.insert({ id, owner: ctx.sender, value });
}

export const spend = db.reducer({ id: t.u32() }, (ctx, { id }) => {
  if (!ctx.db.coin.id.delete(id)) throw new SenderError(`no coin ${id}`);
});

export const writeUnread = db.reducer({ id: t.u32() }, (ctx, { id }) => {
  ctx.db.unread.insert({ id });
});

/** Changes a table that views read, and takes the change back. */
export const mintAndFail = db.reducer({ id: t.u32() }, (ctx, { id }) => {
  mintCoin(ctx, { id, value: 1 });
  throw new SenderError('changed my mind');
});

export const coinValues = db.anonymousView({ public: true }, t.array(purse), (ctx) =>
  [...ctx.db.coin.value.filter(new Range({ tag: 'included', value: 0 }))].map((coin) => ({
    coins: 1n,
    value: BigInt(coin.value),
  })),
);

export const coinOne = db.anonymousView(
  { public: true },
  t.option(coin.rowType),
  (ctx) => ctx.db.coin.id.find(1) ?? undefined,
);

export const coinCount = db.anonymousView({ public: true }, t.option(purse), (ctx) => ({
  coins: ctx.db.coin.count(),
  value: 0n,
}));

/** As {@link coinCount}, and says so each time it runs. */
export const countedCoins = db.anonymousView({ public: true }, t.option(purse), (ctx) => {
  console.info('counted');
  return { coins: ctx.db.coin.count(), value: 0n };
});

export const myPurse = db.view({ public: true }, t.option(purse), (ctx) => {
  const mine = { coins: 0n, value: 0n };
  for (const coin of ctx.db.coin.owner.filter(ctx.sender)) {
    mine.coins += 1n;
    mine.value += BigInt(coin.value);
  }
  return mine.coins > 0n ? mine : undefined;
});

export const noRows = db.anonymousView({ public: true }, t.array(text), () => []);

/** Set semantics hold for tables; whether a view may repeat itself is the host's business. */
export const aThousandRows = db.anonymousView({ public: true }, t.array(text), () =>
  Array.from({ length: 1000 }, (_, number) => ({ text: `row ${number}` })),
);

export const brokenView = db.anonymousView({ public: true }, t.array(text), (ctx) => {
  throw new Error(`${ctx.db.coin.count()} coins are too many`);
});

export const endlessView = db.anonymousView({ public: true }, t.array(text), (ctx) => {
  for (let coins = 0n; ; coins += ctx.db.coin.count());
});
