import type { BsatnWriter } from '../../shared/bsatn-writer.ts';
import { BsatnReader } from '../../shared/bsatn-reader.ts';
import { readerOf, writerOf } from '../../shared/codec.ts';
import {
  datastore_clear,
  datastore_delete_all_by_eq_bsatn,
  datastore_insert_bsatn,
  datastore_table_row_count,
  datastore_table_scan_bsatn,
  datastore_update_bsatn,
  table_id_from_name,
} from '../sys.ts';
import type { TableSchema } from '../table.ts';
import { indexId, multiHandle, uniqueHandle } from './index-handle.ts';
import { RowIterator } from './row-iterator.ts';
import { releaseWriter, takeWriter } from './scratch.ts';

/**
 * What `ctx.db.<table>` is: functions over the rows of one table, and an object for each index.
 *
 * @param prefix what the host puts before the names of the module that declares the table: empty, or `lib.`
 * @param sourceName the key of the table in its schema
 */
export function tableHandle(prefix: string, sourceName: string, table: TableSchema): object {
  const type = table.rowType.valueType;
  const read = readerOf(type);
  const write = writerOf(type);
  const generated = generatedColumns(table);
  let id = -1;
  const tableId = () => (id === -1 ? (id = table_id_from_name(prefix + sourceName)) : id);
  const iter = () => new RowIterator(datastore_table_scan_bsatn(tableId()), read);

  const methods = {
    count: () => datastore_table_row_count(tableId()),
    iter,
    [Symbol.iterator]: iter,
    insert(row: object) {
      const writer = takeWriter();
      write(writer, row);
      const bytes = datastore_insert_bsatn(tableId(), writer.buffer, writer.offset);
      const stored = bytes === 0 ? row : generated(writer, row);
      releaseWriter(writer);
      return stored;
    },
    delete(row: object) {
      const writer = takeWriter();
      writer.u32(1);
      write(writer, row);
      const count = datastore_delete_all_by_eq_bsatn(tableId(), writer.buffer, writer.offset);
      releaseWriter(writer);
      return count > 0;
    },
    clear: () => datastore_clear(tableId()),
  };

  const indexes: Record<string, object> = {};
  for (const index of table.indexes) {
    if (index.accessor === undefined) continue;
    const name = prefix + index.sourceName(sourceName);
    if (!index.isUnique) {
      indexes[index.accessor] = multiHandle(name, table, index);
      continue;
    }
    const handle = uniqueHandle(name, table, index);
    if (index.isPrimaryKey) {
      const pkIndexId = indexId(name);
      handle.update = (row) => {
        const writer = takeWriter();
        write(writer, row);
        const bytes = datastore_update_bsatn(tableId(), pkIndexId(), writer.buffer, writer.offset);
        const stored = bytes === 0 ? row : generated(writer, row as object);
        releaseWriter(writer);
        return stored;
      };
    }
    indexes[index.accessor] = handle;
  }
  return { ...indexes, ...methods };
}

/** A function that copies a row and puts in what the host has generated: columns that count up and were zero. */
function generatedColumns(table: TableSchema) {
  const columns = table.columns
    .filter((column) => column.options.autoInc)
    .map(({ name, type }) => ({ name, read: readerOf(type) }));
  const reader = new BsatnReader(new DataView(new ArrayBuffer(0)));
  return (writer: BsatnWriter, row: object): object => {
    const stored: Record<string, unknown> = { ...row };
    reader.reset(writer.view);
    for (const { name, read } of columns) {
      // Zero as a number or as a bigint.
      if (stored[name] == 0) stored[name] = read(reader);
    }
    return stored;
  };
}
