import { schema, t, table, type InferSchema, type ProcedureCtx } from 'spacetimedb/server';

/** What was written, in order. */
const entry = table({}, { id: t.u64().autoInc().index('btree'), text: t.string() });

const db = schema({ entry });
export default db;

type Ctx = ProcedureCtx<InferSchema<typeof db>>;

/** What a transaction of a procedure or a handler is given. */
export type Tx = Parameters<Parameters<Ctx['withTx']>[0]>[0];

/** Writes a line. */
export function write(tx: Tx, text: string): void {
  tx.db.entry.insert({ id: 0n, text });
}
