/** Runs a module the way the host does: describes it, makes its tables, and calls its functions. */
import { decodeDefinition } from './definition.ts';
import type { Definition } from './definition.ts';
import { Host } from './host.ts';
import { Decoder, encode } from './sats.ts';
import type { Member, Type } from './sats.ts';
import { StoredTable } from './store.ts';
import { moduleHooks, setHost } from './sys.ts';

/** Who calls, and when. */
export interface Caller {
  sender?: bigint;
  /** Zero for no connection. */
  connection?: bigint;
  /** Microseconds since the Unix epoch. */
  micros?: bigint;
}

interface Hooks {
  readonly __sender_error_class__: new (message: string) => Error;
  readonly __get_error_constructor__: (code: number) => new (message: string) => Error;
  __describe_module__(): Uint8Array;
  __call_reducer__(id: number, sender: bigint, connection: bigint, micros: bigint, args: DataView): unknown;
  __call_view__(id: number, sender: bigint, args: Uint8Array): { data: Uint8Array };
  __call_view_anon__(id: number, args: Uint8Array): { data: Uint8Array };
  __call_procedure__(
    id: number,
    sender: bigint,
    connection: bigint,
    micros: bigint,
    args: Uint8Array,
  ): Uint8Array;
  __call_http_handler__(
    id: number,
    micros: bigint,
    request: Uint8Array,
    body: Uint8Array,
  ): [Uint8Array, Uint8Array];
}

/** A function by its name in the code, with those of the submodules around it: `lib.insert`. */
interface Target {
  id: number;
  params: Member[];
  returns: Type;
  typespace: Type[];
  isAnonymous: boolean;
}

export class Database {
  readonly host = new Host();
  readonly hooks: Hooks;
  readonly bytes: Uint8Array;
  readonly definition: Definition;
  readonly #reducers = new Map<string, Target>();
  readonly #procedures = new Map<string, Target>();
  readonly #views = new Map<string, Target>();

  /** @param module all that the module exports, as `import * as` gives it */
  constructor(module: object) {
    setHost(this.host);
    // Names of a real namespace object are in the order of their code units.
    const namespace = Object.fromEntries(Object.entries(module).sort(([a], [b]) => (a < b ? -1 : 1)));
    this.hooks = namespace['default'][moduleHooks](namespace);
    this.host.errorClass = (code) => this.hooks.__get_error_constructor__.call(undefined, code);
    this.bytes = this.hooks.__describe_module__();
    this.definition = decodeDefinition(this.bytes);
    this.#add(this.definition, '', { sender: 0, anonymous: 0 });
  }

  /** Calls a reducer in a transaction. */
  call(name: string, args: object = {}, caller: Caller = {}): void {
    const { id, params, typespace } = find(this.#reducers, name);
    const bytes = encode({ product: params }, args, typespace);
    const { sender = 1n, connection = 0n, micros = 1_000_000n } = caller;
    const answer = this.host.transaction(() =>
      this.hooks.__call_reducer__(id, sender, connection, micros, new DataView(bytes.buffer)),
    );
    if (answer !== undefined) throw new Error('a reducer has answered something');
  }

  /** Calls a procedure and returns what it answers. */
  callProcedure(name: string, args: object = {}, caller: Caller = {}): any {
    const { id, params, returns, typespace } = find(this.#procedures, name);
    const { sender = 1n, connection = 0n, micros = 1_000_000n } = caller;
    const bytes = encode({ product: params }, args, typespace);
    const answer = this.hooks.__call_procedure__(id, sender, connection, micros, bytes);
    if (this.host.isInTransaction) throw new Error('a procedure has left a transaction open');
    const decoder = new Decoder(answer);
    const value = decoder.value(returns, typespace);
    if (!decoder.isAtEnd) throw new Error('the answer of a procedure has more bytes than it needs');
    return value;
  }

  /** The rows of a view, or the query that it answers. */
  view(name: string, sender = 1n, args: object = {}): any[] | string {
    const { id, params, returns, typespace, isAnonymous } = find(this.#views, name);
    const bytes = encode({ product: params }, args, typespace);
    const { data } = this.host.transaction(() =>
      isAnonymous
        ? this.hooks.__call_view_anon__(id, bytes)
        : this.hooks.__call_view__(id, sender, bytes),
    );
    const decoder = new Decoder(data);
    if (decoder.u8() === 1) return decoder.string();
    const row =
      typeof returns === 'object' && 'array' in returns ? returns.array : (returns as any).sum[0].type;
    const rows = decoder.list(() => decoder.value(row, typespace));
    if (!decoder.isAtEnd) throw new Error('the answer of a view has more bytes than it needs');
    return rows;
  }

  /** Sends a request to the handler of the given place. Head and body are those of the host. */
  request(id: number, head: Uint8Array, body: Uint8Array): [Uint8Array, Uint8Array] {
    return this.hooks.__call_http_handler__(id, this.host.now, head, body);
  }

  /** All rows of a table. */
  rows(table: string): any[] {
    const stored = this.host.tables.get(table);
    if (stored === undefined) throw new Error(`there is no table ${table}`);
    return stored.rows.map((row) => stored.decode(row));
  }

  #add(definition: Definition, prefix: string, views: { sender: number; anonymous: number }): void {
    const { typespace } = definition;
    for (const table of definition.tables) {
      const stored = new StoredTable(table, typespace);
      this.host.tables.set(prefix + table.sourceName, stored);
      for (const index of table.indexes)
        this.host.indexes.set(prefix + index.sourceName, { table: stored, index });
    }
    const none = { returns: { product: [] }, typespace, isAnonymous: false };
    for (const { sourceName, params } of definition.reducers) {
      this.#reducers.set(prefix + sourceName, { ...none, id: this.#reducers.size, params });
    }
    for (const { sourceName, params, returns } of definition.procedures) {
      this.#procedures.set(prefix + sourceName, { ...none, id: this.#procedures.size, params, returns });
    }
    for (const { sourceName, params, returns, isAnonymous } of definition.views) {
      const id = isAnonymous ? views.anonymous++ : views.sender++;
      this.#views.set(prefix + sourceName, { ...none, id, params, returns, isAnonymous });
    }
    for (const { namespace, module } of definition.submodules)
      this.#add(module, `${prefix}${namespace}.`, views);
  }
}

function find(targets: ReadonlyMap<string, Target>, name: string): Target {
  const target = targets.get(name);
  if (target === undefined) throw new Error(`there is no function ${name}`);
  return target;
}
