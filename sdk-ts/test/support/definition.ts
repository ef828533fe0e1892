/** Raw module definitions of version 10, read into plain objects. */
import { Decoder } from './sats.ts';
import type { Member, Type } from './sats.ts';

export interface Index {
  sourceName: string | null;
  accessorName: string | null;
  algorithm: 'btree' | 'hash' | 'direct';
  columns: number[];
}

export interface TableDefinition {
  sourceName: string;
  rowType: number;
  primaryKey: number[];
  indexes: Index[];
  uniques: number[][];
  /** Columns that count up. */
  sequences: number[];
  isPublic: boolean;
  defaults: { column: number; value: Uint8Array }[];
  isEvent: boolean;
}

export interface FunctionDefinition {
  sourceName: string;
  params: Member[];
}

export interface Definition {
  typespace: Type[];
  types: { scope: string[]; name: string; type: number; customOrdering: boolean }[];
  tables: TableDefinition[];
  reducers: (FunctionDefinition & { visibility: number; ok: Type; err: Type })[];
  procedures: (FunctionDefinition & { returns: Type; visibility: number })[];
  views: (FunctionDefinition & { index: number; isPublic: boolean; isAnonymous: boolean; returns: Type })[];
  schedules: { table: string; column: number; function: string }[];
  lifecycles: { kind: number; function: string }[];
  filters: string[];
  policy: 'None' | 'SnakeCase' | undefined;
  names: { kind: 'Table' | 'Function' | 'Index'; sourceName: string; canonicalName: string }[];
  handlers: string[];
  routes: { handler: string; method: string; path: string }[];
  viewPrimaryKeys: { view: string; columns: string[] }[];
  submodules: { namespace: string; module: Definition }[];
}

const METHODS = ['Get', 'Head', 'Post', 'Put', 'Delete', 'Connect', 'Options', 'Trace', 'Patch'];

export function decodeDefinition(bytes: Uint8Array): Definition {
  const decoder = new Decoder(bytes);
  if (decoder.u8() !== 2) throw new Error('the definition is not of version 10');
  const definition = readModule(decoder);
  if (!decoder.isAtEnd) throw new Error('the definition has more bytes than it needs');
  return definition;
}

function readModule(d: Decoder): Definition {
  const definition: Definition = {
    typespace: [],
    types: [],
    tables: [],
    reducers: [],
    procedures: [],
    views: [],
    schedules: [],
    lifecycles: [],
    filters: [],
    policy: undefined,
    names: [],
    handlers: [],
    routes: [],
    viewPrimaryKeys: [],
    submodules: [],
  };
  d.list(() => readSection(d, definition));
  return definition;
}

function readSection(d: Decoder, into: Definition): void {
  const string = () => d.string();
  switch (d.u8()) {
    case 0:
      into.typespace = d.list(() => d.type());
      break;
    case 1:
      into.types = d.list(() => ({
        scope: d.list(string),
        name: d.string(),
        type: d.u32(),
        customOrdering: d.bool(),
      }));
      break;
    case 2:
      into.tables = d.list(() => readTable(d));
      break;
    case 3:
      into.reducers = d.list(() => ({
        sourceName: d.string(),
        params: d.members(),
        visibility: d.u8(),
        ok: d.type(),
        err: d.type(),
      }));
      break;
    case 4:
      into.procedures = d.list(() => ({
        sourceName: d.string(),
        params: d.members(),
        returns: d.type(),
        visibility: d.u8(),
      }));
      break;
    case 5:
      into.views = d.list(() => ({
        sourceName: d.string(),
        index: d.u32(),
        isPublic: d.bool(),
        isAnonymous: d.bool(),
        params: d.members(),
        returns: d.type(),
      }));
      break;
    case 6:
      into.schedules = d.list(() => {
        d.option(string);
        return { table: d.string(), column: d.u16(), function: d.string() };
      });
      break;
    case 7:
      into.lifecycles = d.list(() => ({ kind: d.u8(), function: d.string() }));
      break;
    case 8:
      into.filters = d.list(string);
      break;
    case 9:
      into.policy = d.u8() === 0 ? 'None' : 'SnakeCase';
      break;
    case 10:
      into.names = d.list(() => ({
        kind: (['Table', 'Function', 'Index'] as const)[d.u8()]!,
        sourceName: d.string(),
        canonicalName: d.string(),
      }));
      break;
    case 11:
      into.handlers = d.list(string);
      break;
    case 12:
      into.routes = d.list(() => ({
        handler: d.string(),
        method: d.u8() === 0 ? 'Any' : METHODS[d.u8()]!,
        path: d.string(),
      }));
      break;
    case 13:
      into.viewPrimaryKeys = d.list(() => ({ view: d.string(), columns: d.list(string) }));
      break;
    case 14:
      into.submodules = d.list(() => ({ namespace: d.string(), module: readModule(d) }));
      break;
    default:
      throw new Error('there is a section that is not known');
  }
}

function readTable(d: Decoder): TableDefinition {
  const columns = () => d.list(() => d.u16());
  const string = () => d.string();
  const sourceName = d.string();
  const rowType = d.u32();
  const primaryKey = columns();
  const indexes = d.list(() => {
    const sourceName = d.option(string);
    const accessorName = d.option(string);
    const algorithm = (['btree', 'hash', 'direct'] as const)[d.u8()]!;
    return { sourceName, accessorName, algorithm, columns: algorithm === 'direct' ? [d.u16()] : columns() };
  });
  const uniques = d.list(() => {
    d.option(string);
    d.u8();
    return columns();
  });
  const sequences = d.list(() => {
    d.option(string);
    const column = d.u16();
    for (let i = 0; i < 3; i++) d.option(() => d.integer(16, true));
    if (d.integer(16, true) !== 1n) throw new Error('the column does not count up by one');
    return column;
  });
  if (d.u8() !== 1) throw new Error('the table is not one of the user');
  const isPublic = d.u8() === 0;
  const defaults = d.list(() => ({ column: d.u16(), value: d.bytes() }));
  return {
    sourceName,
    rowType,
    primaryKey,
    indexes,
    uniques,
    sequences,
    isPublic,
    defaults,
    isEvent: d.bool(),
  };
}
