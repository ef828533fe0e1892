/** Calls of the host that packages do not make, or do not make like this. */
import {
  procedure_abort_mut_tx,
  procedure_commit_mut_tx,
  procedure_http_request,
  procedure_start_mut_tx,
  table_id_from_name,
  volatile_nonatomic_schedule_immediate,
} from 'spacetime:sys@2.0';
import { errors, SenderError, t } from 'spacetimedb/server';
import db from './schema';

/** The number of the error that a call throws, or 0. */
function code(call: () => unknown): number {
  try {
    call();
    return 0;
  } catch (error) {
    if (error instanceof errors.NotInTransaction) return 2;
    // What cannot be decoded is said in JavaScript's own way.
    if (error instanceof TypeError) return 3;
    if (error instanceof errors.WouldBlockTransaction) return 17;
    if (error instanceof errors.TransactionNotAnonymous) return 18;
    throw error;
  }
}

const start = () => code(procedure_start_mut_tx);
const commit = () => code(procedure_commit_mut_tx);
const abort = () => code(procedure_abort_mut_tx);
const look = () => code(() => table_id_from_name('entry'));

/** The codes of calls that make no sense where they are made. */
export const codes = db.procedure(t.array(t.u16()), () => [
  commit(),
  abort(),
  look(),
  start(),
  start(),
  look(),
  abort(),
  abort(),
  start(),
  commit(),
  commit(),
]);

/** The same from a reducer, which has a transaction that is not its own to end. */
export const codesInReducer = db.reducer(() => {
  throw new SenderError(`${start()} [${commit()}, ${abort()}]`);
});

/** The code for a request in a transaction, and for one that is not one. */
export const fetchWrongly = db.procedure(t.array(t.u16()), () => {
  const url = new TextEncoder().encode('http://127.0.0.1:1/');
  // GET, no headers, no timeout, the address, HTTP/1.1
  const request = Uint8Array.of(0, 0, 0, 0, 0, 1, url.length, 0, 0, 0, ...url, 2);
  procedure_start_mut_tx();
  const inTransaction = code(() => procedure_http_request(request, 'x'));
  const malformed = code(() => procedure_http_request(Uint8Array.of(77), 'x'));
  procedure_abort_mut_tx();
  return [inTransaction, malformed];
});

/** Has a reducer and a procedure write. */
export const callSoon = db.procedure({ texts: t.array(t.string()) }, t.unit(), (_ctx, { texts }) => {
  schedule(texts);
  return {};
});

/** The same, and then fails. */
export const callSoonAndFail = db.reducer({ texts: t.array(t.string()) }, (_ctx, { texts }) => {
  schedule(texts);
  throw new SenderError('told to fail');
});

/** One is written by a reducer, the next by a procedure, and so on. */
function schedule(texts: string[]): void {
  texts.forEach((text, place) => {
    const bytes = new TextEncoder().encode(text);
    const args = new Uint8Array(4 + bytes.length);
    new DataView(args.buffer).setUint32(0, bytes.length, true);
    args.set(bytes, 4);
    volatile_nonatomic_schedule_immediate(place % 2 === 0 ? 'write_in_reducer' : 'write_and_commit', args);
  });
  volatile_nonatomic_schedule_immediate('no_such_function', new Uint8Array());
}
