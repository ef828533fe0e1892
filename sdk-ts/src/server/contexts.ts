/** What functions of a module receive as their first argument. */
import type { ConnectionId } from '../shared/connection-id.ts';
import type { Identity } from '../shared/identity.ts';
import type { Timestamp } from '../shared/timestamp.ts';
import type { Uuid } from '../shared/uuid.ts';
import type { AuthCtx } from './auth.ts';
import type { HttpClient } from './http/fetch.ts';
import type { FromView } from './query/query.ts';
import type { Random } from './random.ts';
import type { DbView, ReadonlyDbView, Submodule } from './table-view.ts';

/**
 * The tables of a schema as a type: `ReducerCtx<InferSchema<typeof spacetimedb>>`. There is no such value at run time.
 */
export interface SchemaType<Entries> {
  readonly entryTypes: Entries;
}

/** The tables behind what `ReducerCtx<…>` and its like were given. */
export type EntriesOf<S> = 0 extends 1 & S
  ? any
  : S extends SchemaType<infer Entries>
    ? Entries
    : S extends { readonly schemaType: SchemaType<infer Entries> }
      ? Entries
      : never;

/** The same context for each submodule, narrowed to its tables. */
type AsSubmodule<Entries, Kind extends 'reducer' | 'procedure' | 'handler'> = 0 extends 1 & Entries
  ? any
  : {
      readonly [K in keyof Entries as Entries[K] extends Submodule ? K : never]: Entries[K] extends Submodule<
        infer Inner
      >
        ? {
            reducer: ReducerCtx<SchemaType<Inner>>;
            procedure: ProcedureCtx<SchemaType<Inner>>;
            handler: HandlerContext<SchemaType<Inner>>;
          }[Kind]
        : never;
    };

/** What every call knows. */
interface CallContext {
  /** The identity of the database. */
  readonly identity: Identity;
  /** Same as {@link identity}. */
  readonly databaseIdentity: Identity;
  /** When the call began. It stays the same throughout. */
  readonly timestamp: Timestamp;
  /** Random numbers that depend on {@link timestamp} alone. */
  readonly random: Random;
  /** A random UUID. */
  newUuidV4(): Uuid;
  /** A UUID that sorts behind those made before it. */
  newUuidV7(): Uuid;
}

/** Who has called. */
interface CallerContext {
  readonly sender: Identity;
  /** The connection of the caller, or `null` if the database called or somebody without a connection. */
  readonly connectionId: ConnectionId | null;
}

/** A reducer's first argument: it can read and change all tables, in one transaction. */
export interface ReducerCtx<S> extends CallContext, CallerContext {
  readonly db: DbView<EntriesOf<S>>;
  /** What the caller's token says. */
  readonly senderAuth: AuthCtx;
  /** The same call as seen by a submodule. */
  readonly as: AsSubmodule<EntriesOf<S>, 'reducer'>;
}

/** What `withTx` gives to its function: the same as to a reducer. */
export type TransactionCtx<S> = ReducerCtx<S>;

/** What functions that run outside of transactions have. */
interface OutsideContext<S> extends CallContext {
  /** Requests to other servers. */
  readonly http: HttpClient;
  /**
   * Runs `body` in a transaction and returns what it returns. If it throws, all its changes are undone. It may be run
   * a second time if the changes could not be stored, so it should change nothing but tables.
   */
  withTx<R>(body: (tx: TransactionCtx<S>) => R): R;
}

/** A procedure's first argument. */
export interface ProcedureCtx<S> extends OutsideContext<S>, CallerContext {
  /** The same call as seen by a submodule. */
  readonly as: AsSubmodule<EntriesOf<S>, 'procedure'>;
}

/** An HTTP handler's first argument. */
export interface HandlerContext<S> extends OutsideContext<S> {
  /** The same call as seen by a submodule. */
  readonly as: AsSubmodule<EntriesOf<S>, 'handler'>;
}

/** First argument of a view that is the same for everybody. */
export interface AnonymousViewCtx<S> {
  readonly db: ReadonlyDbView<EntriesOf<S>>;
  /** Tables as queries, which the database answers by itself. */
  readonly from: FromView<EntriesOf<S>>;
}

/** First argument of a view that depends on who looks. */
export interface ViewCtx<S> extends AnonymousViewCtx<S> {
  readonly sender: Identity;
}
