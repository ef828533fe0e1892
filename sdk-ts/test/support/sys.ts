/**
 * Stands in for the modules `spacetime:sys@2.x`: every function asks the database that is current. Names, arguments
 * and errors are those of the host.
 */
import type { Host } from './host.ts';

let host: Host | undefined;

/** From now on modules talk to this database. */
export function setHost(next: Host): void {
  host = next;
}

function ask<Name extends keyof Host>(name: Name): Host[Name] {
  const call = (...args: unknown[]) => {
    if (host === undefined) throw new Error('no database is running');
    return (host[name] as (...args: unknown[]) => unknown)(...args);
  };
  return call as Host[Name];
}

export const moduleHooks: unique symbol = Symbol('moduleHooks');

export const console_log = ask('console_log');
export const console_timer_end = ask('console_timer_end');
export const console_timer_start = ask('console_timer_start');
export const datastore_clear = ask('datastore_clear');
export const datastore_delete_all_by_eq_bsatn = ask('datastore_delete_all_by_eq_bsatn');
export const datastore_delete_by_index_scan_point_bsatn = ask('datastore_delete_by_index_scan_point_bsatn');
export const datastore_delete_by_index_scan_range_bsatn = ask('datastore_delete_by_index_scan_range_bsatn');
export const datastore_index_scan_point_bsatn = ask('datastore_index_scan_point_bsatn');
export const datastore_index_scan_range_bsatn = ask('datastore_index_scan_range_bsatn');
export const datastore_insert_bsatn = ask('datastore_insert_bsatn');
export const datastore_table_row_count = ask('datastore_table_row_count');
export const datastore_table_scan_bsatn = ask('datastore_table_scan_bsatn');
export const datastore_update_bsatn = ask('datastore_update_bsatn');
export const get_jwt_payload = ask('get_jwt_payload');
export const identity = ask('identity');
export const index_id_from_name = ask('index_id_from_name');
export const procedure_abort_mut_tx = ask('procedure_abort_mut_tx');
export const procedure_commit_mut_tx = ask('procedure_commit_mut_tx');
export const procedure_http_request = ask('procedure_http_request');
export const procedure_start_mut_tx = ask('procedure_start_mut_tx');
export const row_iter_bsatn_advance = ask('row_iter_bsatn_advance');
export const row_iter_bsatn_close = ask('row_iter_bsatn_close');
export const table_id_from_name = ask('table_id_from_name');
