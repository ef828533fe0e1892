import type { TypeBuilder } from '../shared/type-builder.ts';
import { installConsole } from './console.ts';
import type { EntriesOf, SchemaType } from './contexts.ts';
import { DECLARATION, declarationOf, exported } from './exports.ts';
import type {
  AnonymousViewFn,
  Declaration,
  FunctionOptions,
  HttpHandlerExport,
  HttpHandlerFn,
  ModuleExport,
  NameOptions,
  ParamsObj,
  ProcedureExport,
  ProcedureFn,
  ReducerExport,
  ReducerFn,
  ViewExport,
  ViewFn,
  ViewOptions,
  ViewReturn,
} from './exports.ts';
import { ModuleHooks } from './hooks.ts';
import type { Router } from './http/router.ts';
import { Module } from './module.ts';
import type { CaseConversionPolicy } from './settings.ts';
import { moduleHooks } from './sys.ts';
import { TableSchema } from './table.ts';
import type { SchemaEntries } from './table-view.ts';

/** Settings as the second argument of {@link schema}. */
export interface SchemaSettings {
  readonly CASE_CONVERSION_POLICY?: CaseConversionPolicy;
}

/**
 * The tables of a module, and the way to declare its functions. A module exports it as its default, and everything
 * that its methods return under a name: that name is the name of the function.
 */
export class Schema<Entries> {
  /** Never there at run time: what `InferSchema` and `ReducerCtx<…>` take. */
  declare readonly schemaType: SchemaType<Entries>;
  readonly entries: SchemaEntries;
  readonly settings: SchemaSettings;

  constructor(entries: SchemaEntries, settings: SchemaSettings) {
    for (const [key, entry] of Object.entries(entries)) checkEntry(key, entry);
    this.entries = entries;
    this.settings = settings;
  }

  /**
   * A function that clients can call and that changes tables: all or nothing. What it returns is not looked at; to
   * refuse a call, throw {@link SenderError}.
   */
  reducer(fn: ReducerFn<SchemaType<Entries>, {}>): ReducerExport<SchemaType<Entries>, {}>;
  reducer<const Params extends ParamsObj>(
    params: Params,
    fn: ReducerFn<SchemaType<Entries>, Params>,
  ): ReducerExport<SchemaType<Entries>, Params>;
  reducer(
    options: FunctionOptions,
    fn: ReducerFn<SchemaType<Entries>, {}>,
  ): ReducerExport<SchemaType<Entries>, {}>;
  reducer<const Params extends ParamsObj>(
    options: FunctionOptions,
    params: Params,
    fn: ReducerFn<SchemaType<Entries>, Params>,
  ): ReducerExport<SchemaType<Entries>, Params>;
  reducer(...args: any[]): any {
    const { options, params, rest } = splitArguments(args, 1);
    const { name, onSchedule } = options;
    return exported({
      kind: 'reducer',
      schema: this,
      name,
      params,
      onSchedule,
      lifecycle: undefined,
      fn: rest[0],
    });
  }

  /** Runs once, when the database is made or its data is deleted. The sender is the owner of the database. */
  init(fn: ReducerFn<SchemaType<Entries>, {}>): ReducerExport<SchemaType<Entries>, {}>;
  init(options: NameOptions, fn: ReducerFn<SchemaType<Entries>, {}>): ReducerExport<SchemaType<Entries>, {}>;
  init(...args: any[]): any {
    return this.#lifecycle('init', args);
  }

  /** Runs when a client connects. If it throws, the client is turned away. */
  clientConnected(fn: ReducerFn<SchemaType<Entries>, {}>): ReducerExport<SchemaType<Entries>, {}>;
  clientConnected(
    options: NameOptions,
    fn: ReducerFn<SchemaType<Entries>, {}>,
  ): ReducerExport<SchemaType<Entries>, {}>;
  clientConnected(...args: any[]): any {
    return this.#lifecycle('clientConnected', args);
  }

  /** Runs when a client has gone. */
  clientDisconnected(fn: ReducerFn<SchemaType<Entries>, {}>): ReducerExport<SchemaType<Entries>, {}>;
  clientDisconnected(
    options: NameOptions,
    fn: ReducerFn<SchemaType<Entries>, {}>,
  ): ReducerExport<SchemaType<Entries>, {}>;
  clientDisconnected(...args: any[]): any {
    return this.#lifecycle('clientDisconnected', args);
  }

  /**
   * A function that clients can call and that answers a value. It runs outside of transactions: it opens them with
   * `ctx.withTx`, and it may talk to other servers with `ctx.http`.
   *
   * @param returns the type of the answer
   */
  procedure<Returns extends TypeBuilder<any, any>>(
    returns: Returns,
    fn: ProcedureFn<SchemaType<Entries>, {}, Returns>,
  ): ProcedureExport<SchemaType<Entries>, {}, Returns>;
  procedure<const Params extends ParamsObj, Returns extends TypeBuilder<any, any>>(
    params: Params,
    returns: Returns,
    fn: ProcedureFn<SchemaType<Entries>, Params, Returns>,
  ): ProcedureExport<SchemaType<Entries>, Params, Returns>;
  procedure<Returns extends TypeBuilder<any, any>>(
    options: FunctionOptions,
    returns: Returns,
    fn: ProcedureFn<SchemaType<Entries>, {}, Returns>,
  ): ProcedureExport<SchemaType<Entries>, {}, Returns>;
  procedure<const Params extends ParamsObj, Returns extends TypeBuilder<any, any>>(
    options: FunctionOptions,
    params: Params,
    returns: Returns,
    fn: ProcedureFn<SchemaType<Entries>, Params, Returns>,
  ): ProcedureExport<SchemaType<Entries>, Params, Returns>;
  procedure(...args: any[]): any {
    const { options, params, rest } = splitArguments(args, 2);
    const { name, onSchedule } = options;
    const [returns, fn] = rest;
    return exported({ kind: 'procedure', schema: this, name, params, onSchedule, returns, fn });
  }

  /**
   * Rows that are computed from tables whenever somebody looks, and that may differ from caller to caller.
   *
   * @param params what whoever looks has to say, each with its type; not known to SpacetimeDB, where views have none
   * @param returns `t.array(…)` or `t.option(…)` of a row or object with a name
   * @param fn returns rows, or a query made from `ctx.from`
   */
  view<const Returns extends ViewReturn>(
    options: ViewOptions,
    returns: Returns,
    fn: ViewFn<SchemaType<Entries>, Returns>,
  ): ViewExport<ViewFn<SchemaType<Entries>, Returns>>;
  view<const Params extends ParamsObj, const Returns extends ViewReturn>(
    options: ViewOptions,
    params: Params,
    returns: Returns,
    fn: ViewFn<SchemaType<Entries>, Returns, Params>,
  ): ViewExport<ViewFn<SchemaType<Entries>, Returns, Params>>;
  view(...args: any[]): any {
    return this.#view(args, false);
  }

  /** A view that is the same for everybody, so it is computed once for all who ask with the same arguments. */
  anonymousView<const Returns extends ViewReturn>(
    options: ViewOptions,
    returns: Returns,
    fn: AnonymousViewFn<SchemaType<Entries>, Returns>,
  ): ViewExport<AnonymousViewFn<SchemaType<Entries>, Returns>>;
  anonymousView<const Params extends ParamsObj, const Returns extends ViewReturn>(
    options: ViewOptions,
    params: Params,
    returns: Returns,
    fn: AnonymousViewFn<SchemaType<Entries>, Returns, Params>,
  ): ViewExport<AnonymousViewFn<SchemaType<Entries>, Returns, Params>>;
  anonymousView(...args: any[]): any {
    return this.#view(args, true);
  }

  /** A function that answers HTTP requests. A router says which. */
  httpHandler(fn: HttpHandlerFn<SchemaType<Entries>>): HttpHandlerExport<SchemaType<Entries>>;
  httpHandler(
    options: NameOptions,
    fn: HttpHandlerFn<SchemaType<Entries>>,
  ): HttpHandlerExport<SchemaType<Entries>>;
  httpHandler(...args: any[]): any {
    const { options, rest } = splitArguments(args, 1);
    return exported({ kind: 'handler', schema: this, name: options.name, fn: rest[0] });
  }

  /** The paths below `/v1/database/<name>/route` that this module answers. */
  httpRouter(router: Router): ModuleExport {
    return { [DECLARATION]: { kind: 'router', schema: this, router } };
  }

  /** Rules about which rows clients can see. */
  readonly clientVisibilityFilter = {
    /** A rule as a query, with `:sender` for whoever looks. Of several rules for a table one has to be met. */
    sql: (sql: string): ModuleExport => ({ [DECLARATION]: { kind: 'filter', schema: this, sql } }),
  };

  /** Several exports at once, under the names of the properties. */
  exportGroup(exports: Record<string, ModuleExport>): ModuleExport {
    return { [DECLARATION]: { kind: 'group', schema: this, exports } };
  }

  /** Called by the host with everything that the module exports. */
  [moduleHooks](namespace: object): ModuleHooks {
    return new ModuleHooks(new Module(this, namespace));
  }

  #lifecycle(lifecycle: 'init' | 'clientConnected' | 'clientDisconnected', args: any[]): any {
    const { options, rest } = splitArguments(args, 1);
    return exported({
      kind: 'reducer',
      schema: this,
      name: options.name,
      params: {},
      onSchedule: undefined,
      lifecycle,
      fn: rest[0],
    });
  }

  #view(args: any[], isAnonymous: boolean): any {
    const { options, params, rest } = splitArguments(args, 2);
    const [returns, fn] = rest;
    const { kind } = (returns as ViewReturn).valueType;
    if (kind !== 'array' && kind !== 'option') {
      throw new TypeError('a view returns t.array(…) or t.option(…) of a row or object');
    }
    const declaration: Declaration = {
      kind: 'view',
      schema: this,
      name: options.name,
      isAnonymous,
      isPublic: options.public,
      params,
      returns,
      fn,
    };
    return { [DECLARATION]: declaration };
  }
}

/**
 * Binds tables, and modules imported with `import * as`, to names: those by which `ctx.db` knows them.
 *
 * ```ts
 * const spacetimedb = schema({ player, score });
 * export default spacetimedb;
 * ```
 */
export function schema<const Entries extends SchemaEntries>(
  entries: Entries,
  settings: SchemaSettings = {},
): Schema<Entries> {
  installConsole();
  return new Schema<Entries>(entries, settings);
}

/** The tables of a schema as a type, for helpers: `ReducerCtx<InferSchema<typeof spacetimedb>>`. */
export type InferSchema<S extends { readonly schemaType: SchemaType<any> }> = SchemaType<EntriesOf<S>>;

function checkEntry(key: string, entry: unknown): void {
  if (entry instanceof TableSchema) return entry.nameRowType(key);
  if (entry instanceof Schema) {
    throw new TypeError(
      `${key} is the schema of a module, not the module: import it with import * as ${key}`,
    );
  }
  if ((entry as { default?: unknown } | undefined)?.default instanceof Schema) return;
  throw new TypeError(
    `${key} is neither a table nor a module; schema() takes one object of tables, as in schema({ person })`,
  );
}

/**
 * The arguments of a method that begin with options and parameters, both of which may be left out.
 *
 * @param restCount how many arguments follow them
 */
function splitArguments(args: any[], restCount: number): { options: any; params: ParamsObj; rest: any[] } {
  const rest = args.slice(-restCount);
  checkFunction(rest.at(-1));
  const before = args.slice(0, -restCount);
  if (before.length > 2 || args.length < restCount)
    throw new TypeError(`${args.length} arguments are too many or few`);
  if (before.some((argument) => typeof argument !== 'object' || argument === null)) {
    throw new TypeError('a function is named by its export, or by { name } as the first argument');
  }
  const [options, params] =
    before.length === 1 ? (isParams(before[0]) ? [{}, before[0]] : [before[0], {}]) : before;
  return { options: options ?? {}, params: params ?? {}, rest };
}

/** Whether an object holds parameters, each with a type, rather than options. */
function isParams(object: object): boolean {
  return Object.values(object).every((value) => typeof value === 'object' && 'valueType' in value);
}

function checkFunction(fn: unknown): void {
  if (typeof fn !== 'function' || declarationOf(fn) !== undefined) {
    throw new TypeError('the last argument is the function to run');
  }
}
