/** What the host calls. Functions are numbered in the order of the definition, submodules after their parents. */
import { BsatnReader } from '../shared/bsatn-reader.ts';
import { readerOf, writerOf } from '../shared/codec.ts';
import type { Read, Write } from '../shared/codec.ts';
import type { ValueType } from '../shared/value-type.ts';
import {
  anonymousViewContext,
  checkSync,
  handlerContext,
  procedureContext,
  reducerContext,
  viewContext,
} from './call.ts';
import { takeBytes, takeWriter } from './db/scratch.ts';
import { SenderError, hostErrorClass } from './errors.ts';
import type { ParamsObj } from './exports.ts';
import { decodeRequest, encodeResponse } from './http/message.ts';
import { Request } from './http/request.ts';
import { SyncResponse } from './http/response.ts';
import type { Module } from './module.ts';
import { encodeModule } from './module-definition.ts';
import { isQuery } from './query/query.ts';

/** How the answer of a view begins. */
const ROWS = 0;
const QUERY = 1;

/** A function with the module that it belongs to. */
interface Target {
  readonly name: string;
  readonly module: Module;
  readonly fn: (...args: any[]) => unknown;
}

interface TargetWithParams extends Target {
  /** Compiled when the function is called for the first time. */
  readonly readArgs: () => Read;
}

interface ProcedureTarget extends TargetWithParams {
  readonly writeResult: () => Write;
  readonly returns: ValueType;
}

interface ViewTarget extends TargetWithParams {
  readonly returns: ValueType;
}

/** Frames of a stack from here on are not shown to authors of modules; the host knows this name. */
function __spacetimedb_end_short_backtrace(
  fn: (...args: any[]) => unknown,
  ctx: object,
  args: unknown,
): unknown {
  return fn(ctx, args);
}

export class ModuleHooks {
  readonly #module: Module;
  readonly #reducers: readonly TargetWithParams[];
  readonly #procedures: readonly ProcedureTarget[];
  readonly #views: readonly ViewTarget[];
  readonly #anonymousViews: readonly ViewTarget[];
  readonly #handlers: readonly Target[];
  /** Arguments are read at once, before any function runs, so one reader is enough. */
  readonly #args = new BsatnReader(new DataView(new ArrayBuffer(0)));

  constructor(module: Module) {
    this.#module = module;
    const modules = [...module.all()];
    this.#reducers = modules.flatMap((inner) =>
      inner.reducers.map(({ exportName, declaration: { fn, params } }) => ({
        ...target(inner, exportName, fn),
        readArgs: argsReader(params),
      })),
    );
    this.#procedures = modules.flatMap((inner) =>
      inner.procedures.map(({ exportName, declaration: { fn, params, returns } }) => ({
        ...target(inner, exportName, fn),
        readArgs: argsReader(params),
        writeResult: () => writerOf(returns.valueType),
        returns: returns.valueType,
      })),
    );
    const views = (isAnonymous: boolean) =>
      modules.flatMap((inner) =>
        inner.views
          .filter(({ declaration }) => declaration.isAnonymous === isAnonymous)
          .map(({ exportName, declaration: { fn, params, returns } }) => ({
            ...target(inner, exportName, fn),
            readArgs: argsReader(params),
            returns: returns.valueType,
          })),
      );
    this.#views = views(false);
    this.#anonymousViews = views(true);
    this.#handlers = modules.flatMap((inner) =>
      inner.handlers.map(({ exportName, declaration: { fn } }) => target(inner, exportName, fn)),
    );
  }

  /** Whatever a function throws that is one of these is the fault of the caller. */
  get __sender_error_class__(): typeof SenderError {
    return SenderError;
  }

  get __get_error_constructor__(): (code: number) => new (message: string) => Error {
    return hostErrorClass;
  }

  __describe_module__(): Uint8Array {
    return encodeModule(this.#module);
  }

  __call_reducer__(id: number, sender: bigint, connection: bigint, micros: bigint, args: DataView): void {
    const { module, name, fn, readArgs } = this.#reducers[id]!;
    const values = this.#read(readArgs(), args);
    const ctx = reducerContext(module, sender, connection, micros);
    const result = __spacetimedb_end_short_backtrace(fn, ctx, values);
    if (typeof result === 'object' && result !== null) checkReducerResult(name, result);
  }

  __call_view__(id: number, sender: bigint, args: Uint8Array): { data: Uint8Array } {
    const view = this.#views[id]!;
    return runView(view, viewContext(view.module, sender), this.#read(view.readArgs(), viewOf(args)));
  }

  __call_view_anon__(id: number, args: Uint8Array): { data: Uint8Array } {
    const view = this.#anonymousViews[id]!;
    return runView(view, anonymousViewContext(view.module), this.#read(view.readArgs(), viewOf(args)));
  }

  __call_procedure__(
    id: number,
    sender: bigint,
    connection: bigint,
    micros: bigint,
    args: Uint8Array,
  ): Uint8Array {
    const { module, name, fn, readArgs, writeResult, returns } = this.#procedures[id]!;
    const values = this.#read(readArgs(), viewOf(args));
    const ctx = procedureContext(module, sender, connection, micros);
    const result = checkSync(__spacetimedb_end_short_backtrace(fn, ctx, values), `the procedure ${name}`);
    return encode(
      writeResult(),
      returns.kind === 'product' && returns.fields.length === 0 ? (result ?? {}) : result,
    );
  }

  __call_http_handler__(
    id: number,
    micros: bigint,
    head: Uint8Array,
    body: Uint8Array,
  ): [Uint8Array, Uint8Array] {
    const { module, name, fn } = this.#handlers[id]!;
    const { uri, ...init } = decodeRequest(head);
    const ctx = handlerContext(module, micros);
    const response = checkSync(
      __spacetimedb_end_short_backtrace(fn, ctx, new Request(uri, { ...init, body })),
      `the HTTP handler ${name}`,
    );
    if (!(response instanceof SyncResponse)) {
      throw new TypeError(`the HTTP handler ${name} has returned no SyncResponse`);
    }
    return [encodeResponse(response), response.bytes()];
  }

  #read(read: Read, args: DataView): unknown {
    this.#args.reset(args);
    return read(this.#args);
  }
}

function target(module: Module, exportName: string, fn: Target['fn']): Target {
  return { name: module.prefix + exportName, module, fn };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function argsReader(params: ParamsObj): () => Read {
  const fields = Object.entries(params).map(([name, type]) => ({ name, type: type.valueType }));
  const type: ValueType = { kind: 'product', name: undefined, fields };
  let read: Read | undefined;
  return () => (read ??= readerOf(type));
}

/** Reducers answer nothing, but an error may be returned instead of thrown. */
function checkReducerResult(name: string, result: object): void {
  checkSync(result, `the reducer ${name}`);
  if ((result as { tag?: unknown }).tag === 'err')
    throw new SenderError(String((result as { value?: unknown }).value));
}

function runView({ name, fn, returns }: ViewTarget, ctx: object, args: unknown): { data: Uint8Array } {
  const result = checkSync(__spacetimedb_end_short_backtrace(fn, ctx, args), `the view ${name}`);
  const writer = takeWriter();
  if (isQuery(result)) {
    writer.u8(QUERY);
    writer.string(result.toSql());
  } else {
    writer.u8(ROWS);
    const countAt = writer.reserve(4);
    writer.u32(0);
    let count = 0;
    if (returns.kind === 'array') {
      const write = writerOf(returns.element);
      for (const row of rowsOf(name, result)) {
        write(writer, row);
        count++;
      }
    } else if (returns.kind === 'option' && result !== undefined && result !== null) {
      writerOf(returns.value)(writer, result);
      count = 1;
    }
    writer.view.setUint32(countAt, count, true);
  }
  return { data: takeBytes(writer) };
}

function rowsOf(name: string, result: unknown): Iterable<unknown> {
  if (typeof (result as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function') {
    return result as Iterable<unknown>;
  }
  throw new TypeError(`the view ${name} has returned neither rows nor a query`);
}

function encode(write: Write, value: unknown): Uint8Array {
  const writer = takeWriter();
  write(writer, value);
  return takeBytes(writer);
}
