/** The functions that the host offers to modules, over tables in memory. */
import { Decoder, encode, fromHex, toHex } from './sats.ts';
import type { Index } from './definition.ts';
import { StoredTable } from './store.ts';
import type { ScanBound } from './store.ts';

/** Rows are handed over in chunks that end with the first row beyond this many bytes. */
const CHUNK_BYTES = 32_768;

/** What errors of the host are made of. */
export type ErrorClass = (code: number) => new (message: string) => Error;

export interface StoredIndex {
  table: StoredTable;
  index: Index;
}

/** Ids stay the same as long as the tests run, since modules remember them. */
const ids = new Map<string, number>();
function idOf(name: string): number {
  if (!ids.has(name)) ids.set(name, 4096 + ids.size);
  return ids.get(name)!;
}

export class Host {
  readonly tables = new Map<string, StoredTable>();
  readonly indexes = new Map<string, StoredIndex>();
  /** What has been logged: level and message. */
  readonly log: [level: number, message: string][] = [];
  /** Names of the functions that were called, for tests that count them. */
  readonly calls: string[] = [];
  /** Iterators that were neither read to their end nor closed. */
  readonly openIterators = new Map<number, Uint8Array[]>();
  readonly jwtPayloads = new Map<bigint, string>();
  /** Answers requests over HTTP. */
  onRequest: ((request: Uint8Array, body: Uint8Array) => [Uint8Array, Uint8Array]) | undefined;
  /** Called before a transaction of a procedure is committed; may throw. */
  onCommit: (() => void) | undefined;
  /** Microseconds since the Unix epoch at which transactions of procedures begin. */
  now = 1_700_000_000_000_000n;
  databaseIdentity = 0xdb_0000n;
  isInTransaction = false;
  errorClass: ErrorClass = () => Error;

  #nextIterator = 1;
  #nextTimer = 1;
  readonly #timers = new Map<number, string>();
  #saved: Uint8Array[][] | undefined;

  /** Runs `body` in a transaction; if it throws, tables are as before. */
  transaction<R>(body: () => R): R {
    this.#begin();
    try {
      const result = body();
      this.isInTransaction = false;
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  table_id_from_name = (name: string): number => {
    this.#called('table_id_from_name');
    if (!this.tables.has(name)) throw this.#error(4, `no such table: ${name}`);
    return idOf(name);
  };

  index_id_from_name = (name: string): number => {
    this.#called('index_id_from_name');
    if (!this.indexes.has(name)) throw this.#error(5, `no such index: ${name}`);
    return idOf(name);
  };

  datastore_table_row_count = (table: number): bigint => {
    this.#called('datastore_table_row_count');
    return BigInt(this.#table(table).rows.length);
  };

  datastore_table_scan_bsatn = (table: number): number => {
    this.#called('datastore_table_scan_bsatn');
    return this.#iterate(this.#table(table).rows);
  };

  datastore_index_scan_point_bsatn = (index: number, point: ArrayBuffer, pointLen: number): number => {
    this.#called('datastore_index_scan_point_bsatn');
    const { table, index: definition } = this.#index(index);
    return this.#iterate(table.point(definition, head(point, pointLen)));
  };

  datastore_index_scan_range_bsatn = (...args: RangeArgs): number => {
    this.#called('datastore_index_scan_range_bsatn');
    return this.#iterate(this.#range(args));
  };

  row_iter_bsatn_advance = (iter: number, buffer: ArrayBuffer): number => {
    this.#called('row_iter_bsatn_advance');
    const rows = this.openIterators.get(iter);
    if (rows === undefined) throw this.#error(6, 'no such iterator');
    const into = new Uint8Array(buffer);
    let filled = 0;
    while (rows.length > 0) {
      const chunk = nextChunk(rows);
      const bytes = chunk.reduce((sum, row) => sum + row.length, 0);
      if (filled + bytes > into.length) {
        if (filled === 0) throw { __buffer_too_small__: bytes };
        return filled;
      }
      for (const row of chunk) {
        into.set(row, filled);
        filled += row.length;
      }
      rows.splice(0, chunk.length);
    }
    this.openIterators.delete(iter);
    return -filled;
  };

  row_iter_bsatn_close = (iter: number): void => {
    this.#called('row_iter_bsatn_close');
    if (!this.openIterators.delete(iter)) throw this.#error(6, 'no such iterator');
  };

  datastore_insert_bsatn = (tableId: number, buffer: ArrayBuffer, length: number): number => {
    this.#called('datastore_insert_bsatn');
    const table = this.#table(tableId);
    const bytes = head(buffer, length);
    table.check(bytes);
    const [row, generated] = table.fillIn(bytes);
    if (!table.rows.some((other) => toHex(other) === toHex(row))) {
      if (table.violates(row)) throw this.#error(12, 'a unique column has the value already');
      table.rows.push(row);
    }
    new Uint8Array(buffer).set(generated);
    return generated.length;
  };

  datastore_update_bsatn = (
    tableId: number,
    indexId: number,
    buffer: ArrayBuffer,
    length: number,
  ): number => {
    this.#called('datastore_update_bsatn');
    const table = this.#table(tableId);
    const { index } = this.#index(indexId);
    if (!table.isUnique(index)) throw this.#error(14, 'the index is not unique');
    const bytes = head(buffer, length);
    table.check(bytes);
    const [row, generated] = table.fillIn(bytes);
    const [old] = table.point(index, table.project(row, index.columns));
    if (old === undefined) throw this.#error(15, 'there is no such row');
    if (table.violates(row, old)) throw this.#error(12, 'a unique column has the value already');
    table.rows[table.rows.indexOf(old)] = row;
    new Uint8Array(buffer).set(generated);
    return generated.length;
  };

  datastore_delete_by_index_scan_point_bsatn = (
    index: number,
    point: ArrayBuffer,
    pointLen: number,
  ): number => {
    this.#called('datastore_delete_by_index_scan_point_bsatn');
    const { table, index: definition } = this.#index(index);
    return table.remove(table.point(definition, head(point, pointLen)));
  };

  datastore_delete_by_index_scan_range_bsatn = (...args: RangeArgs): number => {
    this.#called('datastore_delete_by_index_scan_range_bsatn');
    return this.#index(args[0]).table.remove(this.#range(args));
  };

  datastore_delete_all_by_eq_bsatn = (tableId: number, buffer: ArrayBuffer, length: number): number => {
    this.#called('datastore_delete_all_by_eq_bsatn');
    const table = this.#table(tableId);
    const decoder = new Decoder(head(buffer, length));
    const rows = decoder.list(() => decoder.value(table.rowType, []));
    return table.remove(rows.map((row) => encode(table.rowType, row)));
  };

  datastore_clear = (tableId: number): bigint => {
    this.#called('datastore_clear');
    const table = this.#table(tableId);
    return BigInt(table.remove(table.rows));
  };

  console_log = (level: number, message: string): void => {
    this.log.push([level, message]);
  };

  console_timer_start = (name: string): number => {
    this.#timers.set(this.#nextTimer, name);
    return this.#nextTimer++;
  };

  console_timer_end = (timer: number): void => {
    const name = this.#timers.get(timer);
    if (name === undefined) throw this.#error(7, 'no such timer');
    this.#timers.delete(timer);
    this.log.push([2, `Timing span ${name}`]);
  };

  identity = (): bigint => this.databaseIdentity;

  get_jwt_payload = (connection: bigint): Uint8Array => {
    this.#called('get_jwt_payload');
    return new TextEncoder().encode(this.jwtPayloads.get(connection) ?? '');
  };

  procedure_start_mut_tx = (): bigint => {
    this.#called('procedure_start_mut_tx');
    if (this.isInTransaction) throw this.#error(17, 'a transaction is open already');
    this.#begin();
    return this.now++;
  };

  procedure_commit_mut_tx = (): void => {
    this.#called('procedure_commit_mut_tx');
    if (!this.isInTransaction) throw this.#error(18, 'no transaction is open');
    try {
      this.onCommit?.();
      this.isInTransaction = false;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  };

  procedure_abort_mut_tx = (): void => {
    this.#called('procedure_abort_mut_tx');
    if (!this.isInTransaction) throw this.#error(18, 'no transaction is open');
    this.#rollBack();
  };

  procedure_http_request = (request: Uint8Array, body: Uint8Array): [Uint8Array, Uint8Array] => {
    this.#called('procedure_http_request');
    if (this.isInTransaction) throw this.#error(17, 'a transaction is open');
    if (this.onRequest === undefined) throw this.#error(21, 'nobody answers');
    return this.onRequest(request, body);
  };

  #called(name: string): void {
    this.calls.push(name);
  }

  #begin(): void {
    this.isInTransaction = true;
    this.#saved = Array.from(this.tables.values(), (table) => [...table.rows]);
  }

  #rollBack(): void {
    this.isInTransaction = false;
    [...this.tables.values()].forEach((table, i) => (table.rows = this.#saved![i]!));
  }

  #error(code: number, message: string): Error {
    return new (this.errorClass(code))(message);
  }

  #table(id: number): StoredTable {
    if (!this.isInTransaction) throw this.#error(2, 'there is no transaction');
    const found = [...this.tables].find(([name]) => idOf(name) === id);
    if (found === undefined) throw this.#error(4, `no such table: ${id}`);
    return found[1];
  }

  #index(id: number): StoredIndex {
    if (!this.isInTransaction) throw this.#error(2, 'there is no transaction');
    const found = [...this.indexes].find(([name]) => idOf(name) === id);
    if (found === undefined) throw this.#error(5, `no such index: ${id}`);
    return found[1];
  }

  #iterate(rows: readonly Uint8Array[]): number {
    this.openIterators.set(this.#nextIterator, [...rows]);
    return this.#nextIterator++;
  }

  #range([id, buffer, prefixLen, prefixColumns, startLen, endLen]: RangeArgs): Uint8Array[] {
    const { table, index } = this.#index(id);
    if (index.algorithm === 'hash') throw new Error('this would end the call: a range over a hash index');
    if (prefixColumns >= index.columns.length) throw this.#error(3, 'the prefix is too long');
    const bytes = new Uint8Array(buffer);
    const start = bytes.slice(prefixLen, prefixLen + startLen);
    const end = endLen === 0 ? start : bytes.slice(prefixLen + startLen, prefixLen + startLen + endLen);
    return table.range(index, {
      prefix: bytes.slice(0, prefixLen),
      prefixColumns,
      from: toBound(start),
      to: toBound(end),
    });
  }
}

type RangeArgs = [
  index: number,
  buffer: ArrayBuffer,
  prefixLen: number,
  prefixElems: number,
  startLen: number,
  endLen: number,
];

function toBound(bytes: Uint8Array): ScanBound {
  const kind = (['included', 'excluded', 'unbounded'] as const)[bytes[0]!];
  if (kind === undefined) throw new Error(`a bound cannot begin with ${bytes[0]}`);
  return kind === 'unbounded' ? { kind } : { kind, value: bytes.slice(1) };
}

function head(buffer: ArrayBuffer, length: number): Uint8Array {
  if (length > buffer.byteLength) throw new RangeError('the length goes beyond the buffer');
  return fromHex(toHex(new Uint8Array(buffer, 0, length)));
}

function nextChunk(rows: readonly Uint8Array[]): Uint8Array[] {
  const chunk: Uint8Array[] = [];
  let bytes = 0;
  for (const row of rows) {
    chunk.push(row);
    bytes += row.length;
    if (bytes > CHUNK_BYTES) break;
  }
  return chunk;
}
