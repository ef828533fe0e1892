/** Is asked who may connect, and writes down who did: the twin of tests/modules/lifecycle. */
import { Range, SenderError, schema, t, table, type InferSchema, type ReducerCtx } from 'spacetimedb/server';

/** Whoever published the module; `clientConnected` never turns it away. */
const owner = table({}, { identity: t.identity().primaryKey() });

/** While there is a row here, strangers are turned away with its message. */
const closed = table({}, { message: t.string() });

/** What happened, in order. */
const event = table(
  {},
  {
    number: t.u32().index('btree'),
    kind: t.string(),
    byOwner: t.bool(),
    connection: t.option(t.connectionId()),
  },
);

/** An event without what differs from run to run. */
const happening = t.row('Happened', { kind: t.string(), byOwner: t.bool(), hasConnection: t.bool() });

const db = schema({ owner, closed, event });
export default db;

type Ctx = ReducerCtx<InferSchema<typeof db>>;

function happened(ctx: Ctx, kind: string): void {
  ctx.db.event.insert({
    number: Number(ctx.db.event.count()),
    kind,
    byOwner: ctx.db.owner.identity.find(ctx.sender) !== null,
    connection: ctx.connectionId ?? undefined,
  });
}

export const init = db.init((ctx) => {
  ctx.db.owner.insert({ identity: ctx.sender });
  happened(ctx, 'init');
});

export const clientConnected = db.clientConnected((ctx) => {
  happened(ctx, 'connected');
  if (ctx.db.owner.identity.find(ctx.sender)) return;
  for (const closed of ctx.db.closed.iter()) {
    if (closed.message === 'panic') throw new Error('told to panic');
    throw new SenderError(closed.message);
  }
});

export const clientDisconnected = db.clientDisconnected((ctx) => {
  happened(ctx, 'disconnected');
  for (const closed of ctx.db.closed.iter()) {
    if (closed.message === 'fail on disconnect') throw new SenderError('told to fail');
  }
});

/** Turns strangers away from now on. */
export const close = db.reducer({ message: t.string() }, (ctx, { message }) => {
  ctx.db.closed.clear();
  ctx.db.closed.insert({ message });
  happened(ctx, 'closed');
});

/** Lets everybody in again. */
export const open = db.reducer((ctx) => {
  ctx.db.closed.clear();
  happened(ctx, 'opened');
});

/** Anything that a stranger may want. */
export const knock = db.reducer((ctx) => {
  happened(ctx, 'knocked');
});

/** Fails, so that a connection without effect can be seen. */
export const stumble = db.reducer((ctx) => {
  happened(ctx, 'stumbled');
  throw new SenderError('stumbled');
});

/** Holds its connection open until it is stopped. */
export const hang = db.reducer(() => {
  for (;;);
});

/** Everything that happened, in order. */
export const events = db.anonymousView({ public: true }, t.array(happening), (ctx) =>
  [...ctx.db.event.number.filter(new Range({ tag: 'included', value: 0 }))].map((event) => ({
    kind: event.kind,
    byOwner: event.byOwner,
    hasConnection: event.connection !== undefined,
  })),
);
