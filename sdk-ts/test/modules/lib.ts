/** A module that others include. */
import { SyncResponse, schema, table, t } from 'orrery/server';

const entry = table(
  { public: true, indexes: [{ accessor: 'byKind', columns: ['kind', 'value'] }] },
  { id: t.u64().primaryKey().autoInc(), kind: t.u8(), value: t.string() },
);

const lib = schema({ entry });
export default lib;

export const insertEntry = lib.reducer({ kind: t.u8(), value: t.string() }, (ctx, { kind, value }) => {
  ctx.db.entry.insert({ id: 0n, kind, value });
});

export const countEntries = lib.procedure(t.u64(), (ctx) => ctx.withTx((tx) => tx.db.entry.count()));

export const ofKindOne = lib.anonymousView({ public: true }, t.array(entry.rowType), (ctx) =>
  ctx.db.entry.byKind.filter(1),
);

export const allEntries = lib.anonymousView({ public: true }, t.array(entry.rowType), (ctx) =>
  ctx.from.entry.where((row) => row.kind.gt(0)),
);

export const hello = lib.httpHandler((_ctx, request) => new SyncResponse(`hello from ${request.uri}`));
