/** What a module exports: functions and rules, declared by the methods of its schema. */
import type { Infer, MembersObj, OptionBuilder, TypeBuilder, UnitBuilder } from '../shared/type-builder.ts';
import type { ArrayBuilder } from '../shared/type-builder.ts';
import type { CaseConversionPolicy } from './settings.ts';
import type { AnonymousViewCtx, HandlerContext, ProcedureCtx, ReducerCtx, ViewCtx } from './contexts.ts';
import type { Request } from './http/request.ts';
import type { SyncResponse } from './http/response.ts';
import type { Router } from './http/router.ts';
import type { Query } from './query/query.ts';
import type { Schema } from './schema.ts';
import type { TableSchema } from './table.ts';

/** Where a declaration is kept on what is exported. */
export const DECLARATION: unique symbol = Symbol('orrery declaration');

/** A value that a module may export. Its name is decided by the export. */
export interface ModuleExport {
  readonly [DECLARATION]: Declaration;
}

/** Types of parameters by name. */
export type ParamsObj = MembersObj;

/** The arguments of a function with the given parameters. */
export type InferParams<Params extends ParamsObj> = { -readonly [P in keyof Params]: Params[P]['type'] };

/** Options of reducers and procedures. */
export interface FunctionOptions {
  /** The name in the database. Without it, the name of the export in snake case. */
  readonly name?: string;
  /** Runs when a row of this table is due, with the row as its only argument. Clients cannot call it then. */
  readonly onSchedule?: TableSchema;
}

/** Options of lifecycle reducers and HTTP handlers. */
export interface NameOptions {
  /** The name in the database. Without it, the name of the export in snake case. */
  readonly name?: string;
}

/** Options of views. */
export interface ViewOptions {
  /** The name in the database. Without it, the name of the export in snake case. */
  readonly name?: string;
  readonly public: true;
}

/** What a reducer may return: nothing, or an error for the caller, which is the same as throwing `SenderError`. */
export type ReducerResult = { tag: 'ok'; value?: unknown } | { tag: 'err'; value: string };

/** Anything but a promise: what would happen later would be lost. */
type NotPromise = void | null | string | number | bigint | boolean | symbol | (object & { then?: never });

/** A reducer as its author writes it. What it returns is not looked at, unless it is a {@link ReducerResult}. */
export type ReducerFn<S, Params extends ParamsObj> = (
  ctx: ReducerCtx<S>,
  args: InferParams<Params>,
) => NotPromise;

/** A procedure as its author writes it. */
export type ProcedureFn<S, Params extends ParamsObj, Returns extends TypeBuilder<any, any>> = (
  ctx: ProcedureCtx<S>,
  args: InferParams<Params>,
) => Result<Returns>;

/** Functions that return no information need not return anything. */
type Result<Returns extends TypeBuilder<any, any>> = Returns extends UnitBuilder ? {} | void : Infer<Returns>;

/** What a view may be declared to return. */
export type ViewReturn = ArrayBuilder<any> | OptionBuilder<any>;

/** What a view of the declared type returns: rows, or a query that answers such rows. */
export type ViewResult<Returns extends ViewReturn> =
  Returns extends ArrayBuilder<(infer Row)[]>
    ? Iterable<Row> | Query<Row>
    : Returns extends OptionBuilder<infer Row>
      ? Row | null | undefined | Query<Exclude<Row, undefined>>
      : never;

/** A view as its author writes it. */
export type ViewFn<S, Returns extends ViewReturn, Params extends ParamsObj = {}> = (
  ctx: ViewCtx<S>,
  args: InferParams<Params>,
) => ViewResult<Returns>;

/** A view that is the same for everybody, as its author writes it. */
export type AnonymousViewFn<S, Returns extends ViewReturn, Params extends ParamsObj = {}> = (
  ctx: AnonymousViewCtx<S>,
  args: InferParams<Params>,
) => ViewResult<Returns>;

/** An HTTP handler as its author writes it. */
export type HttpHandlerFn<S> = (ctx: HandlerContext<S>, request: Request) => SyncResponse;

/** The arguments of a call from within the module. Without parameters they may be left out. */
type Args<Params extends ParamsObj> = {} extends Params ? [args?: {}] : [args: InferParams<Params>];

/** A reducer, to be exported. Called directly it runs within the transaction of `ctx`. */
export interface ReducerExport<S, Params extends ParamsObj> extends ModuleExport {
  (ctx: ReducerCtx<S>, ...args: Args<Params>): unknown;
}

/** A procedure, to be exported. */
export interface ProcedureExport<
  S,
  Params extends ParamsObj,
  Returns extends TypeBuilder<any, any>,
> extends ModuleExport {
  (ctx: ProcedureCtx<S>, ...args: Args<Params>): Infer<Returns>;
}

/** A view, to be exported. */
export interface ViewExport<Fn> extends ModuleExport {
  readonly fn?: Fn;
}

/** An HTTP handler, to be exported and given to a router. */
export interface HttpHandlerExport<S> extends ModuleExport {
  (ctx: HandlerContext<S>, request: Request): SyncResponse;
}

/** Settings of a module, exported under any name. */
export interface ModuleSettings {
  /** How names in the code become names in the database. */
  readonly caseConversionPolicy?: CaseConversionPolicy;
}

/** When a lifecycle reducer runs; the number is that of the definition. */
export const lifecycles = { init: 0, clientConnected: 1, clientDisconnected: 2 } as const;

/** Parameters and the function, for every kind of function. */
interface FunctionDeclaration {
  readonly name: string | undefined;
  readonly schema: Schema<any>;
  readonly fn: (...args: any[]) => unknown;
}

export interface ReducerDeclaration extends FunctionDeclaration {
  readonly kind: 'reducer';
  readonly params: ParamsObj;
  readonly onSchedule: TableSchema | undefined;
  readonly lifecycle: keyof typeof lifecycles | undefined;
}

export interface ProcedureDeclaration extends FunctionDeclaration {
  readonly kind: 'procedure';
  readonly params: ParamsObj;
  readonly onSchedule: TableSchema | undefined;
  readonly returns: TypeBuilder<any, any>;
}

export interface ViewDeclaration extends FunctionDeclaration {
  readonly kind: 'view';
  readonly isAnonymous: boolean;
  readonly isPublic: boolean;
  readonly params: ParamsObj;
  readonly returns: ViewReturn;
}

export interface HandlerDeclaration extends FunctionDeclaration {
  readonly kind: 'handler';
}

export type Declaration =
  | ReducerDeclaration
  | ProcedureDeclaration
  | ViewDeclaration
  | HandlerDeclaration
  | { readonly kind: 'router'; readonly schema: Schema<any>; readonly router: Router }
  | { readonly kind: 'filter'; readonly schema: Schema<any>; readonly sql: string }
  | { readonly kind: 'group'; readonly schema: Schema<any>; readonly exports: Record<string, ModuleExport> };

/** The declaration behind an exported value, or `undefined` if it is none of a schema. */
export function declarationOf(value: unknown): Declaration | undefined {
  if ((typeof value !== 'function' && typeof value !== 'object') || value === null) return undefined;
  return (value as Partial<ModuleExport>)[DECLARATION];
}

/** A function that can be called and is a declaration, too. */
export function exported<E extends ModuleExport>(declaration: Declaration & FunctionDeclaration): E {
  const { fn } = declaration;
  const call = (ctx: unknown, args: unknown = {}) => fn(ctx, args);
  return Object.defineProperty(call, DECLARATION, { value: declaration }) as unknown as E;
}
