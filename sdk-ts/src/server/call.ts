/** The contexts that functions of a module receive, as they are at run time. Their types are in `contexts.ts`. */
import { ConnectionId } from '../shared/connection-id.ts';
import { Identity } from '../shared/identity.ts';
import { Timestamp } from '../shared/timestamp.ts';
import { Uuid } from '../shared/uuid.ts';
import { authOf } from './auth.ts';
import type { AuthCtx } from './auth.ts';
import { moduleConsole } from './console.ts';
import { httpClient } from './http/fetch.ts';
import type { HttpClient } from './http/fetch.ts';
import type { Module } from './module.ts';
import { randomFrom } from './random.ts';
import type { Random } from './random.ts';
import { identity, procedure_abort_mut_tx, procedure_commit_mut_tx, procedure_start_mut_tx } from './sys.ts';

/** The identity of the database never changes. */
let database: Identity | undefined;

function databaseIdentity(): Identity {
  return (database ??= new Identity(identity()));
}

/** Counts the UUIDs of version 7 that this instance has made, so that they sort in that order. */
const uuidCounter = { value: 0 };

/** What is known about one call. Most calls look at little of it, so values are made when asked for. */
class Call {
  readonly micros: bigint;
  readonly connection: bigint;
  readonly #sender: bigint;
  #senderIdentity: Identity | undefined;
  #connectionId: ConnectionId | null | undefined;
  #timestamp: Timestamp | undefined;
  #random: Random | undefined;
  #auth: AuthCtx | undefined;

  constructor(sender: bigint, connection: bigint, micros: bigint) {
    this.#sender = sender;
    this.connection = connection;
    this.micros = micros;
  }

  get sender(): Identity {
    return (this.#senderIdentity ??= new Identity(this.#sender));
  }

  get connectionId(): ConnectionId | null {
    return (this.#connectionId ??= this.connection === 0n ? null : new ConnectionId(this.connection));
  }

  get timestamp(): Timestamp {
    return (this.#timestamp ??= new Timestamp(this.micros));
  }

  get random(): Random {
    return (this.#random ??= randomFrom(this.micros));
  }

  get auth(): AuthCtx {
    return (this.#auth ??= authOf(this.sender, this.connection));
  }

  /** The same call at another time, that of a transaction. */
  at(micros: bigint): Call {
    const call = new Call(this.#sender, this.connection, micros);
    call.#random = this.random;
    return call;
  }
}

/** What all contexts of calls have in common. */
abstract class Context {
  protected readonly module: Module;
  protected readonly call: Call;
  #as: object | undefined;

  constructor(module: Module, call: Call) {
    this.module = module;
    this.call = call;
  }

  get identity(): Identity {
    return databaseIdentity();
  }

  get databaseIdentity(): Identity {
    return databaseIdentity();
  }

  get timestamp(): Timestamp {
    return this.call.timestamp;
  }

  get random(): Random {
    return this.call.random;
  }

  /** The same call for each submodule. */
  get as(): object {
    return (this.#as ??= Object.fromEntries(
      Array.from(this.module.submodules, ([alias, submodule]) => [alias, this.narrow(submodule)]),
    ));
  }

  newUuidV4(): Uuid {
    return Uuid.fromRandomBytesV4(this.random.fill(new Uint8Array(16)));
  }

  newUuidV7(): Uuid {
    return Uuid.fromCounterV7(uuidCounter, this.timestamp, this.random.fill(new Uint8Array(4)));
  }

  protected abstract narrow(submodule: Module): Context;
}

class ReducerContext extends Context {
  readonly db: object;

  constructor(module: Module, call: Call) {
    super(module, call);
    this.db = module.db;
  }

  get sender(): Identity {
    return this.call.sender;
  }

  get connectionId(): ConnectionId | null {
    return this.call.connectionId;
  }

  get senderAuth(): AuthCtx {
    return this.call.auth;
  }

  protected override narrow(submodule: Module): ReducerContext {
    return new ReducerContext(submodule, this.call);
  }
}

class HandlerContext extends Context {
  get http(): HttpClient {
    return httpClient;
  }

  withTx<R>(body: (tx: ReducerContext) => R): R {
    const attempt = (): R => {
      const tx = new ReducerContext(this.module, this.call.at(procedure_start_mut_tx()));
      try {
        return checkSync(body(tx), 'the function given to withTx');
      } catch (error) {
        procedure_abort_mut_tx();
        throw error;
      }
    };
    const result = attempt();
    try {
      procedure_commit_mut_tx();
      return result;
    } catch (error) {
      moduleConsole.warn('a transaction could not be committed and is tried again:', error);
    }
    const secondResult = attempt();
    procedure_commit_mut_tx();
    return secondResult;
  }

  protected override narrow(submodule: Module): HandlerContext {
    return new HandlerContext(submodule, this.call);
  }
}

class ProcedureContext extends HandlerContext {
  get sender(): Identity {
    return this.call.sender;
  }

  get connectionId(): ConnectionId | null {
    return this.call.connectionId;
  }

  protected override narrow(submodule: Module): ProcedureContext {
    return new ProcedureContext(submodule, this.call);
  }
}

/** Times and connections as the host gives them; a connection of zero is none. */
export function reducerContext(module: Module, sender: bigint, connection: bigint, micros: bigint): object {
  return new ReducerContext(module, new Call(sender, connection, micros));
}

export function procedureContext(module: Module, sender: bigint, connection: bigint, micros: bigint): object {
  return new ProcedureContext(module, new Call(sender, connection, micros));
}

/** Whoever sends a request to a handler has no identity, which is that of zero. */
export function handlerContext(module: Module, micros: bigint): object {
  return new HandlerContext(module, new Call(0n, 0n, micros));
}

export function viewContext(module: Module, sender: bigint): object {
  return { sender: new Identity(sender), db: module.db, from: module.from };
}

export function anonymousViewContext(module: Module): object {
  return { db: module.db, from: module.from };
}

/** Nothing in a module may be waited for, so a promise is a mistake: what it does would be lost. */
export function checkSync<T>(result: T, what: string): T {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
    throw new TypeError(`${what} has returned a promise; functions of modules are not async`);
  }
  return result;
}
