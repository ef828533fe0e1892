/// <reference path="./spacetime-sys.d.ts" preserve="true" />
/** The host's functions under one roof. Named one by one, so that bundlers bind calls to them directly. */
export {
  console_log,
  console_timer_end,
  console_timer_start,
  datastore_delete_all_by_eq_bsatn,
  datastore_delete_by_index_scan_point_bsatn,
  datastore_delete_by_index_scan_range_bsatn,
  datastore_index_scan_point_bsatn,
  datastore_index_scan_range_bsatn,
  datastore_insert_bsatn,
  datastore_table_row_count,
  datastore_table_scan_bsatn,
  datastore_update_bsatn,
  get_jwt_payload,
  identity,
  index_id_from_name,
  moduleHooks,
  procedure_abort_mut_tx,
  procedure_commit_mut_tx,
  procedure_http_request,
  procedure_start_mut_tx,
  row_iter_bsatn_advance,
  row_iter_bsatn_close,
  table_id_from_name,
} from 'spacetime:sys@2.0';
export { datastore_clear } from 'spacetime:sys@2.1';
