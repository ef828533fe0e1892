/** Writes what a module declares, in the form in which the host reads it: version 10 of the raw definition. */
import type { BsatnWriter } from '../shared/bsatn-writer.ts';
import { isUnit } from '../shared/value-type.ts';
import type { ProductType, ValueType } from '../shared/value-type.ts';
import { takeBytes, takeWriter } from './db/scratch.ts';
import { lifecycles } from './exports.ts';
import type { ParamsObj } from './exports.ts';
import { METHODS } from './http/message.ts';
import type { Module, Named } from './module.ts';
import type { IndexDefinition, TableSchema } from './table.ts';
import { Typespace } from './typespace.ts';

const VERSION_10 = 2;
const CLIENT_CALLABLE = 1;
const USER_TABLE = 1;

/** The numbers of the parts of a definition. */
const Section = {
  Typespace: 0,
  Types: 1,
  Tables: 2,
  Reducers: 3,
  Procedures: 4,
  Views: 5,
  Schedules: 6,
  LifeCycleReducers: 7,
  RowLevelSecurity: 8,
  CaseConversionPolicy: 9,
  ExplicitNames: 10,
  HttpHandlers: 11,
  HttpRoutes: 12,
  ViewPrimaryKeys: 13,
  Submodules: 14,
};

/** The definition of a module as bytes. */
export function encodeModule(module: Module): Uint8Array {
  const writer = takeWriter();
  writer.u8(VERSION_10);
  writeDefinition(writer, module);
  return takeBytes(writer);
}

function writeDefinition(writer: BsatnWriter, module: Module): void {
  const typespace = new Typespace();
  const names = new ExplicitNames();
  const sections: [section: number, write: () => void][] = [
    [Section.Tables, () => writeTables(writer, module, typespace, names)],
    [Section.Reducers, () => writeReducers(writer, module, typespace, names)],
    [Section.Procedures, () => writeProcedures(writer, module, typespace, names)],
    [Section.Views, () => writeViews(writer, module, typespace, names)],
    [Section.ViewPrimaryKeys, () => writeViewPrimaryKeys(writer, module)],
    [Section.Schedules, () => writeSchedules(writer, module)],
    [Section.LifeCycleReducers, () => writeLifecycles(writer, module)],
    [Section.RowLevelSecurity, () => writeEach(writer, module.filters, (sql) => writer.string(sql))],
    [Section.HttpHandlers, () => writeHandlers(writer, module, names)],
    [Section.HttpRoutes, () => writeRoutes(writer, module)],
    [Section.Submodules, () => writeSubmodules(writer, module)],
    // All of the above may name types and objects, so these come last.
    [Section.Typespace, () => typespace.writeTypes(writer)],
    [Section.Types, () => typespace.writeNames(writer)],
    [Section.ExplicitNames, () => names.write(writer)],
  ];
  const policy = module.settings.caseConversionPolicy;
  if (policy !== undefined) {
    sections.push([Section.CaseConversionPolicy, () => writer.u8(policy.tag === 'None' ? 0 : 1)]);
  }
  writeEach(writer, sections, ([section, write]) => {
    writer.u8(section);
    write();
  });
}

function writeTables(writer: BsatnWriter, module: Module, typespace: Typespace, names: ExplicitNames): void {
  writeEach(writer, [...module.tables], ([key, table]) => {
    names.add('Table', key, table.options.name);
    writer.string(key);
    writer.u32(typespace.place(table.rowType.valueType));
    writeColumns(writer, table.primaryKey < 0 ? [] : [table.primaryKey]);
    writeIndexes(writer, key, table, names);
    writeEach(writer, table.uniques, (columns) => {
      writeNone(writer);
      writer.u8(0);
      writeColumns(writer, columns);
    });
    writeSequences(writer, table);
    writer.u8(USER_TABLE);
    writer.u8(table.options.public ? 0 : 1);
    writeEach(writer, table.defaults(), ([column, value]) => {
      writer.u16(column);
      writer.byteArray(value);
    });
    writer.u8(table.options.event ? 1 : 0);
  });
}

/** Two indexes that differ in nothing but their accessors are one. */
function writeIndexes(writer: BsatnWriter, key: string, table: TableSchema, names: ExplicitNames): void {
  const indexes = new Map<string, IndexDefinition>();
  for (const index of table.indexes) {
    const sourceName = index.sourceName(key);
    names.add('Index', sourceName, index.name);
    if (!indexes.has(sourceName)) indexes.set(sourceName, index);
  }
  writeEach(writer, [...indexes], ([sourceName, index]) => {
    writeSome(writer, sourceName);
    if (index.accessor === undefined) writeNone(writer);
    else writeSome(writer, index.accessor);
    writer.u8(['btree', 'hash', 'direct'].indexOf(index.algorithm));
    if (index.algorithm === 'direct') writer.u16(index.columns[0]!);
    else writeColumns(writer, index.columns);
  });
}

function writeSequences(writer: BsatnWriter, table: TableSchema): void {
  const columns = table.columns.flatMap(({ options }, position) => (options.autoInc ? [position] : []));
  writeEach(writer, columns, (column) => {
    writeNone(writer);
    writer.u16(column);
    // The first value, the least and the greatest are those that the database has chosen.
    for (let i = 0; i < 3; i++) writeNone(writer);
    writer.i128(1n);
  });
}

function writeReducers(
  writer: BsatnWriter,
  module: Module,
  typespace: Typespace,
  names: ExplicitNames,
): void {
  writeEach(writer, module.reducers, ({ exportName, declaration }) => {
    writeFunction(writer, exportName, declaration.name, declaration.params, typespace, names);
    writer.u8(CLIENT_CALLABLE);
    typespace.write(writer, { kind: 'product', name: undefined, fields: [] });
    typespace.write(writer, { kind: 'string' });
  });
}

function writeProcedures(
  writer: BsatnWriter,
  module: Module,
  typespace: Typespace,
  names: ExplicitNames,
): void {
  writeEach(writer, module.procedures, ({ exportName, declaration }) => {
    writeFunction(writer, exportName, declaration.name, declaration.params, typespace, names);
    typespace.write(writer, declaration.returns.valueType);
    writer.u8(CLIENT_CALLABLE);
  });
}

function writeViews(writer: BsatnWriter, module: Module, typespace: Typespace, names: ExplicitNames): void {
  // Views for everybody and views for one caller are numbered separately.
  const counts = { anonymous: 0, sender: 0 };
  writeEach(writer, module.views, ({ exportName, declaration }) => {
    names.add('Function', exportName, declaration.name);
    writer.string(exportName);
    writer.u32(declaration.isAnonymous ? counts.anonymous++ : counts.sender++);
    writer.u8(declaration.isPublic ? 1 : 0);
    writer.u8(declaration.isAnonymous ? 1 : 0);
    writeParams(writer, declaration.params, typespace);
    rowOfView(exportName, declaration.returns.valueType);
    typespace.write(writer, declaration.returns.valueType);
  });
}

function writeViewPrimaryKeys(writer: BsatnWriter, module: Module): void {
  const keyed = module.views.flatMap(({ exportName, declaration }) => {
    const { primaryKey } = rowOfView(exportName, declaration.returns.valueType);
    return primaryKey === undefined ? [] : [{ exportName, primaryKey }];
  });
  writeEach(writer, keyed, ({ exportName, primaryKey }) => {
    writer.string(exportName);
    writeEach(writer, [primaryKey], (column) => writer.string(column));
  });
}

function writeSchedules(writer: BsatnWriter, module: Module): void {
  const schedules = [...module.tables].flatMap(([key, table]) => {
    const fn = module.scheduledBy(key, table);
    return fn === undefined ? [] : [{ key, table, fn }];
  });
  writeEach(writer, schedules, ({ key, table, fn }) => {
    writeNone(writer);
    writer.string(key);
    writer.u16(table.scheduleAtColumn);
    writer.string(fn);
  });
}

function writeLifecycles(writer: BsatnWriter, module: Module): void {
  const hooks = module.reducers.flatMap(({ exportName, declaration: { lifecycle } }) =>
    lifecycle === undefined ? [] : [{ exportName, lifecycle }],
  );
  writeEach(writer, hooks, ({ exportName, lifecycle }) => {
    writer.u8(lifecycles[lifecycle]);
    writer.string(exportName);
  });
}

function writeHandlers(writer: BsatnWriter, module: Module, names: ExplicitNames): void {
  writeEach(writer, module.handlers, ({ exportName, declaration }: Named<{ name: string | undefined }>) => {
    names.add('Function', exportName, declaration.name);
    writer.string(exportName);
  });
}

function writeRoutes(writer: BsatnWriter, module: Module): void {
  writeEach(writer, module.routes, ({ handler, method, path }) => {
    writer.string(module.handlerName(handler));
    if (method === null) {
      writer.u8(0);
    } else {
      writer.u8(1);
      writer.u8(METHODS.indexOf(method));
    }
    writer.string(path);
  });
}

function writeSubmodules(writer: BsatnWriter, module: Module): void {
  writeEach(writer, [...module.submodules], ([alias, submodule]) => {
    writer.string(alias);
    writeDefinition(writer, submodule);
  });
}

/** What reducers and procedures begin with. */
function writeFunction(
  writer: BsatnWriter,
  exportName: string,
  name: string | undefined,
  params: ParamsObj,
  typespace: Typespace,
  names: ExplicitNames,
): void {
  names.add('Function', exportName, name);
  writer.string(exportName);
  writeParams(writer, params, typespace);
}

function writeParams(writer: BsatnWriter, params: ParamsObj, typespace: Typespace): void {
  typespace.writeElements(
    writer,
    Object.entries(params).map(([param, type]) => ({ name: param, type: type.valueType })),
  );
}

/** The type of the rows of a view. */
function rowOfView(exportName: string, returns: ValueType): ProductType {
  const row =
    returns.kind === 'array' ? returns.element : returns.kind === 'option' ? returns.value : returns;
  if (row.kind === 'product' && !isUnit(row)) return row;
  throw new TypeError(
    `the view ${exportName} returns no rows; declare t.array(…) or t.option(…) of a row or object`,
  );
}

/** Names in the database that were given, by names in the code. */
class ExplicitNames {
  readonly #entries: [kind: 'Table' | 'Function' | 'Index', sourceName: string, canonicalName: string][] = [];

  add(kind: 'Table' | 'Function' | 'Index', sourceName: string, canonicalName: string | undefined): void {
    if (canonicalName !== undefined) this.#entries.push([kind, sourceName, canonicalName]);
  }

  write(writer: BsatnWriter): void {
    writeEach(writer, this.#entries, ([kind, sourceName, canonicalName]) => {
      writer.u8(['Table', 'Function', 'Index'].indexOf(kind));
      writer.string(sourceName);
      writer.string(canonicalName);
    });
  }
}

function writeEach<T>(writer: BsatnWriter, items: readonly T[], write: (item: T) => void): void {
  writer.u32(items.length);
  for (const item of items) write(item);
}

function writeColumns(writer: BsatnWriter, columns: readonly number[]): void {
  writeEach(writer, columns, (column) => writer.u16(column));
}

function writeSome(writer: BsatnWriter, text: string): void {
  writer.u8(0);
  writer.string(text);
}

function writeNone(writer: BsatnWriter): void {
  writer.u8(1);
}
