/** A host that does next to nothing: one table of accounts in an array, so that the time is that of the module. */

export const ROWS = 100_000;
const ROW_BYTES = 12;
const CHUNK_ROWS = 2_730;

const store = new Uint8Array(ROWS * ROW_BYTES);
const storeView = new DataView(store.buffer);
for (let id = 0; id < ROWS; id++) {
  storeView.setUint32(id * ROW_BYTES, id, true);
  storeView.setBigInt64(id * ROW_BYTES + 4, 1_000_000n, true);
}

/** Views of the buffers that came last, since looking at a buffer anew takes long. */
let lastKey: ArrayBuffer | undefined;
let keyView = storeView;
let lastRead: ArrayBuffer | undefined;
let readBytes = store;
let lastWrite: ArrayBuffer | undefined;
let writeBytes = store;
let writeView = storeView;

let next = 0;
const POINT = 1;
const SCAN = 2;

export const moduleHooks: unique symbol = Symbol('moduleHooks');

export const datastore_index_scan_point_bsatn = (_index: number, key: ArrayBuffer): number => {
  if (key !== lastKey) keyView = new DataView((lastKey = key));
  next = keyView.getUint32(0, true);
  return POINT;
};

export const datastore_table_scan_bsatn = (): number => {
  next = 0;
  return SCAN;
};

export const row_iter_bsatn_advance = (iter: number, buffer: ArrayBuffer): number => {
  if (buffer !== lastRead) readBytes = new Uint8Array((lastRead = buffer));
  const from = next * ROW_BYTES;
  if (iter === POINT) {
    for (let i = 0; i < ROW_BYTES; i++) readBytes[i] = store[from + i]!;
    return -ROW_BYTES;
  }
  const rows = Math.min(ROWS - next, CHUNK_ROWS);
  readBytes.set(store.subarray(from, from + rows * ROW_BYTES));
  next += rows;
  return next === ROWS ? -rows * ROW_BYTES : rows * ROW_BYTES;
};

export const datastore_update_bsatn = (_table: number, _index: number, row: ArrayBuffer): number => {
  if (row !== lastWrite) {
    writeBytes = new Uint8Array((lastWrite = row));
    writeView = new DataView(row);
  }
  const to = writeView.getUint32(0, true) * ROW_BYTES;
  for (let i = 0; i < ROW_BYTES; i++) store[to + i] = writeBytes[i]!;
  return 0;
};

const zero = (): number => 0;
export const console_log = zero;
export const console_timer_end = zero;
export const console_timer_start = zero;
export const datastore_clear = () => 0n;
export const datastore_delete_all_by_eq_bsatn = zero;
export const datastore_delete_by_index_scan_point_bsatn = zero;
export const datastore_delete_by_index_scan_range_bsatn = zero;
export const datastore_index_scan_range_bsatn = zero;
export const datastore_insert_bsatn = zero;
export const datastore_table_row_count = () => 0n;
export const get_jwt_payload = zero;
export const identity = () => 0n;
export const index_id_from_name = zero;
export const procedure_abort_mut_tx = zero;
export const procedure_commit_mut_tx = zero;
export const procedure_http_request = zero;
export const procedure_start_mut_tx = () => 0n;
export const row_iter_bsatn_close = zero;
export const table_id_from_name = zero;
export const volatile_nonatomic_schedule_immediate = zero;
