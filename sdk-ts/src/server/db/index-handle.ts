import { readerOf, writerOf } from '../../shared/codec.ts';
import type { Read, Write } from '../../shared/codec.ts';
import type { BsatnWriter } from '../../shared/bsatn-writer.ts';
import { asRange } from '../range.ts';
import type { Bound } from '../range.ts';
import {
  datastore_delete_by_index_scan_point_bsatn,
  datastore_delete_by_index_scan_range_bsatn,
  datastore_index_scan_point_bsatn,
  datastore_index_scan_range_bsatn,
  index_id_from_name,
  row_iter_bsatn_close,
} from '../sys.ts';
import type { IndexDefinition, TableSchema } from '../table.ts';
import { RowIterator } from './row-iterator.ts';
import { RowBuffer, releaseWriter, takeWriter } from './scratch.ts';

type PointScan = typeof datastore_index_scan_point_bsatn;
type RangeScan = typeof datastore_index_scan_range_bsatn;

/** Rows that are looked up are decoded at once, so they share one buffer. */
const found = new RowBuffer();

/** An index that has at most one row for each key. */
export interface UniqueHandle {
  find(key: unknown): unknown;
  delete(key: unknown): boolean;
  /** Only of primary keys. */
  update?(row: unknown): unknown;
}

/** An index that may have many. */
export interface MultiHandle {
  filter(key: unknown): RowIterator<unknown>;
  delete(key: unknown): number;
}

/** The id of an index, asked for once. It can be asked for in transactions only. */
export function indexId(name: string): () => number {
  let id = -1;
  return () => (id === -1 ? (id = index_id_from_name(name)) : id);
}

/** @param name the index as the host knows it */
export function uniqueHandle(name: string, table: TableSchema, index: IndexDefinition): UniqueHandle {
  const id = indexId(name);
  const read = readerOf(table.rowType.valueType);
  const writeKey = wholeKeyWriter(table, index);
  return {
    find(key) {
      const writer = takeWriter();
      writeKey(writer, key);
      const iter = datastore_index_scan_point_bsatn(id(), writer.buffer, writer.offset);
      releaseWriter(writer);
      return firstRow(iter, read);
    },
    delete(key) {
      const writer = takeWriter();
      writeKey(writer, key);
      const count = datastore_delete_by_index_scan_point_bsatn(id(), writer.buffer, writer.offset);
      releaseWriter(writer);
      return count > 0;
    },
  };
}

/** @param name the index as the host knows it */
export function multiHandle(name: string, table: TableSchema, index: IndexDefinition): MultiHandle {
  const id = indexId(name);
  const read = readerOf(table.rowType.valueType);
  const scan = scanner(table, index);
  return {
    filter: (key) =>
      new RowIterator(
        scan(id(), key, datastore_index_scan_point_bsatn, datastore_index_scan_range_bsatn),
        read,
      ),
    delete: (key) =>
      scan(id(), key, datastore_delete_by_index_scan_point_bsatn, datastore_delete_by_index_scan_range_bsatn),
  };
}

function firstRow(iter: number, read: Read): unknown {
  const answer = found.advance(iter);
  if (answer === 0) return null;
  const row = read(found.reader);
  if (answer > 0) row_iter_bsatn_close(iter);
  return row;
}

function keyTypes(table: TableSchema, index: IndexDefinition): Write[] {
  return index.columns.map((column) => writerOf(table.columns[column]!.type));
}

/** Writes a value for each column of the index; for several columns they come as an array. */
function wholeKeyWriter(table: TableSchema, index: IndexDefinition): Write {
  const writes = keyTypes(table, index);
  const [only] = writes;
  if (writes.length === 1 && only !== undefined) return only;
  return (writer, key) => {
    if (!Array.isArray(key) || key.length !== writes.length) {
      throw new TypeError(`the key of ${describe(table, index)} is an array of ${writes.length} values`);
    }
    for (let i = 0; i < writes.length; i++) writes[i]!(writer, key[i]);
  };
}

/**
 * A function that begins a scan, or deletes, by what `filter` and `delete` accept: one value, or an array with values
 * for the first columns; the last of them may be a range.
 */
function scanner(table: TableSchema, index: IndexDefinition) {
  const writes = keyTypes(table, index);
  return (id: number, key: unknown, point: PointScan, range: RangeScan): number => {
    const values = Array.isArray(key) ? key : [key];
    const last = values.length - 1;
    if (last < 0 || last >= writes.length) {
      throw new TypeError(`${describe(table, index)} has ${writes.length} columns, not ${values.length}`);
    }
    const bounds = asRange(values[last]);
    const isWhole = bounds === null && values.length === writes.length;
    if (index.algorithm === 'hash' && !isWhole) {
      throw new TypeError(`${describe(table, index)} is a hash index: it finds rows by whole keys only`);
    }
    const writer = takeWriter();
    for (let i = 0; i < last; i++) writes[i]!(writer, values[i]);
    const prefixBytes = writer.offset;
    const write = writes[last]!;
    let result: number;
    if (isWhole) {
      write(writer, values[last]);
      result = point(id, writer.buffer, writer.offset);
    } else {
      writeBound(writer, write, bounds?.from ?? { tag: 'included', value: values[last] });
      const startBytes = writer.offset - prefixBytes;
      // No end means the same as the start: all rows with exactly this value.
      if (bounds !== null) writeBound(writer, write, bounds.to);
      const endBytes = writer.offset - prefixBytes - startBytes;
      result = range(id, writer.buffer, prefixBytes, last, startBytes, endBytes);
    }
    releaseWriter(writer);
    return result;
  };
}

function writeBound(writer: BsatnWriter, write: Write, bound: Bound<unknown>): void {
  switch (bound.tag) {
    case 'included':
      writer.u8(0);
      return write(writer, bound.value);
    case 'excluded':
      writer.u8(1);
      return write(writer, bound.value);
    case 'unbounded':
      return writer.u8(2);
    default:
      throw new TypeError(
        `the bound of a range is included, excluded or unbounded, not ${String((bound as any).tag)}`,
      );
  }
}

function describe(table: TableSchema, index: IndexDefinition): string {
  return `the index on ${index.columns.map((column) => table.columns[column]!.name).join(', ')}`;
}
