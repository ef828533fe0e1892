/** What modules that look behind their package ask the host for themselves. */
declare module 'spacetime:sys@2.0' {
  export function procedure_start_mut_tx(): bigint;
  export function procedure_commit_mut_tx(): void;
  export function procedure_abort_mut_tx(): void;
  export function procedure_http_request(request: Uint8Array, body: string): [Uint8Array, Uint8Array];
  export function table_id_from_name(name: string): number;
  export function volatile_nonatomic_schedule_immediate(name: string, args: Uint8Array): void;
}
