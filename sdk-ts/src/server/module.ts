import { DECLARATION, declarationOf } from './exports.ts';
import type {
  Declaration,
  HandlerDeclaration,
  ModuleSettings,
  ProcedureDeclaration,
  ReducerDeclaration,
  ViewDeclaration,
} from './exports.ts';
import { tableHandle } from './db/table-handle.ts';
import type { Route } from './http/router.ts';
import { tableQuery } from './query/query.ts';
import type { Schema } from './schema.ts';
import { TableSchema } from './table.ts';
import type { Submodule } from './table-view.ts';

/** A declared function with the name of its export. */
export interface Named<D> {
  readonly exportName: string;
  readonly declaration: D;
}

/**
 * A module as it is published: a schema and what has been exported along with it. A submodule is one, too, at a path
 * of its own within the module that includes it.
 */
export class Module {
  readonly schema: Schema<any>;
  /** The names under which submodules lead to this one; empty for the module that is published. */
  readonly path: readonly string[];
  readonly tables: ReadonlyMap<string, TableSchema>;
  readonly submodules: ReadonlyMap<string, Module>;

  readonly reducers: Named<ReducerDeclaration>[] = [];
  readonly procedures: Named<ProcedureDeclaration>[] = [];
  readonly views: Named<ViewDeclaration>[] = [];
  readonly handlers: Named<HandlerDeclaration>[] = [];
  readonly filters: string[] = [];
  readonly routes: Route[] = [];
  settings: ModuleSettings;

  #db: object | undefined;
  #from: object | undefined;

  /** @param namespace everything that the module exports, as `import * as` gives it */
  constructor(schema: Schema<any>, namespace: object, path: readonly string[] = []) {
    this.schema = schema;
    this.path = path;
    const { CASE_CONVERSION_POLICY } = schema.settings;
    this.settings =
      CASE_CONVERSION_POLICY === undefined ? {} : { caseConversionPolicy: CASE_CONVERSION_POLICY };
    const entries = Object.entries(schema.entries);
    this.tables = new Map(
      entries.filter((entry): entry is [string, TableSchema] => entry[1] instanceof TableSchema),
    );
    this.submodules = new Map(
      entries
        .filter((entry): entry is [string, Submodule] => !(entry[1] instanceof TableSchema))
        .map(([alias, inner]) => [alias, new Module(inner.default, inner, [...path, alias])]),
    );
    for (const [name, value] of Object.entries(namespace)) {
      if (name !== 'default') this.#addExport(name, value);
    }
  }

  /** This module, then those below it. Functions are numbered in this order. */
  *all(): Generator<Module> {
    yield this;
    for (const submodule of this.submodules.values()) yield* submodule.all();
  }

  /** What the host puts before the names of tables and indexes of this module. */
  get prefix(): string {
    return this.path.map((alias) => `${alias}.`).join('');
  }

  /** `ctx.db`. Tables that no function asks for cost nothing. */
  get db(): object {
    return (this.#db ??= this.#view(
      (key, table) => tableHandle(this.prefix, key, table),
      (submodule) => submodule.db,
    ));
  }

  /** `ctx.from` */
  get from(): object {
    return (this.#from ??= this.#view(
      (key, table) => tableQuery([...this.path, table.options.name ?? key], table),
      (submodule) => submodule.from,
    ));
  }

  /** The function that runs when rows of the table are due, or `undefined`. */
  scheduledBy(key: string, table: TableSchema): string | undefined {
    const functions = [...this.reducers, ...this.procedures];
    const names = functions
      .filter(({ declaration }) => declaration.onSchedule === table)
      .map((fn) => fn.exportName);
    if (table.options.scheduled !== undefined) {
      const target = declarationOf(table.options.scheduled());
      const name = functions.find(({ declaration }) => declaration === target)?.exportName;
      if (name === undefined)
        throw new TypeError(`the function that the table ${key} schedules is not exported`);
      if (!names.includes(name)) names.push(name);
    }
    if (names.length > 1)
      throw new TypeError(`the table ${key} schedules several functions: ${names.join(', ')}`);
    if (names.length === 1 && table.scheduleAtColumn < 0) {
      throw new TypeError(`the table ${key} schedules ${names[0]}, but has no column of type t.scheduleAt()`);
    }
    return names[0];
  }

  /** The name of the export that is a handler. */
  handlerName(handler: unknown): string {
    const target = declarationOf(handler);
    const name = this.handlers.find(({ declaration }) => declaration === target)?.exportName;
    if (name === undefined) throw new TypeError('a route leads to a handler that is not exported');
    return name;
  }

  #addExport(name: string, value: unknown): void {
    const declaration = declarationOf(value);
    if (declaration === undefined) {
      if (isSettings(value)) {
        this.settings = value;
        return;
      }
      throw new TypeError(
        `${this.#label(name)} is exported but no function of the schema; export only what the methods of the schema ` +
          'return, and keep helpers to yourself',
      );
    }
    if (declaration.schema !== this.schema) {
      throw new TypeError(`${this.#label(name)} is exported but belongs to another schema`);
    }
    this.#addDeclaration(name, declaration);
  }

  #addDeclaration(exportName: string, declaration: Declaration): void {
    switch (declaration.kind) {
      case 'reducer':
        this.#checkSchedule(exportName, declaration);
        this.reducers.push({ exportName, declaration });
        break;
      case 'procedure':
        this.#checkSchedule(exportName, declaration);
        this.procedures.push({ exportName, declaration });
        break;
      case 'view':
        this.views.push({ exportName, declaration });
        break;
      case 'handler':
        this.handlers.push({ exportName, declaration });
        break;
      case 'router':
        if (this.path.length === 0) this.routes.push(...declaration.router.routes());
        break;
      case 'filter':
        this.filters.push(declaration.sql);
        break;
      case 'group':
        for (const [name, member] of Object.entries(declaration.exports)) this.#addExport(name, member);
    }
  }

  #checkSchedule(name: string, { onSchedule }: ReducerDeclaration | ProcedureDeclaration): void {
    if (onSchedule !== undefined && ![...this.tables.values()].includes(onSchedule)) {
      throw new TypeError(`${this.#label(name)} runs on the schedule of a table that is not in the schema`);
    }
  }

  #view(
    ofTable: (key: string, table: TableSchema) => object,
    ofSubmodule: (submodule: Module) => object,
  ): Record<string, object> {
    const view = {};
    const lazily = (key: string, make: () => object) => {
      let made: object | undefined;
      Object.defineProperty(view, key, { get: () => (made ??= make()), enumerable: true });
    };
    for (const [key, table] of this.tables) lazily(key, () => ofTable(key, table));
    for (const [alias, submodule] of this.submodules) lazily(alias, () => ofSubmodule(submodule));
    return view;
  }

  #label(exportName: string): string {
    return [...this.path, exportName].join('.');
  }
}

function isSettings(value: unknown): value is ModuleSettings {
  return (
    typeof value === 'object' && value !== null && 'caseConversionPolicy' in value && !(DECLARATION in value)
  );
}
