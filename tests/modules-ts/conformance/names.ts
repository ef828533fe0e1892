/** Names that the host rewrites. */
import { Range, t } from 'spacetimedb/server';
import { say } from './notes';
import db, { httpMethod, playerScore2 } from './schema';

export const setPlayerScore2 = db.reducer(
  { playerID: t.u32(), level1Score: t.i64(), usedMethod: httpMethod },
  (ctx, { playerID, level1Score, usedMethod }) => {
    ctx.db.playerScore2.insert({ playerID, level1Score, usedMethod });
  },
);

export const renamed = db.reducer({ name: 'by_another_name' }, (ctx) => {
  say(ctx, 'called by another name');
});

export const playerScores = db.anonymousView({ public: true }, t.array(playerScore2.rowType), (ctx) => [
  ...ctx.db.playerScore2.byPlayerID.filter(new Range({ tag: 'included', value: 0 })),
]);
