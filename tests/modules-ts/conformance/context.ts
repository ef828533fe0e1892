/** What a reducer knows about its call. */
import { say } from './notes';
import db from './schema';

export const whoCalls = db.reducer((ctx) => {
  const auth = ctx.senderAuth;
  say(ctx, `internal: ${auth.isInternal}`);
  const jwt = auth.jwt;
  if (!jwt) throw new Error('a call from outside has a token');
  say(ctx, `the token is the sender's: ${jwt.identity.isEqual(ctx.sender)}`);
  say(ctx, `its subject is given: ${jwt.subject !== ''}`);
  say(ctx, `its payload is an object: ${jwt.rawPayload.startsWith('{')}`);
  say(ctx, `sender is the database: ${ctx.sender.isEqual(ctx.databaseIdentity)}`);
  say(ctx, `identity starts as it should: ${ctx.sender.toHexString().startsWith('c200')}`);
  say(ctx, `connection: ${ctx.connectionId !== null}`);
});

export const timeAndChance = db.reducer((ctx) => {
  const first = ctx.random.bigintInRange(0n, 0xffff_ffff_ffff_ffffn);
  const second = ctx.random.bigintInRange(0n, 0xffff_ffff_ffff_ffffn);
  const third = ctx.random.integerInRange(3, 4);
  say(ctx, `two draws differ: ${first !== second}, a range is kept: ${third === 3 || third === 4}`);
  const year = ctx.timestamp.toDate().getUTCFullYear();
  say(ctx, `the year is sensible: ${year >= 2020 && year < 2200}`);
  const uuids = [ctx.newUuidV7(), ctx.newUuidV7(), ctx.newUuidV7()];
  const ascend = uuids.every((uuid, at) => at === 0 || uuids[at - 1]!.compareTo(uuid) < 0);
  say(ctx, `uuids ascend: ${ascend}`);
  const connection = ctx.connectionId;
  if (!connection) throw new Error('a call from outside has a connection');
  for (const last of ctx.db.lastCall.iter()) {
    const later = ctx.timestamp.microsSinceUnixEpoch > last.timestamp.microsSinceUnixEpoch;
    say(ctx, `later than the last call: ${later}`);
    say(ctx, `other chance than the last call: ${first !== last.random}`);
    say(ctx, `other connection than the last call: ${!connection.isEqual(last.connection)}`);
  }
  ctx.db.lastCall.clear();
  ctx.db.lastCall.insert({ timestamp: ctx.timestamp, random: first, connection });
});
