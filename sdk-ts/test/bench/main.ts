/** Calls the reducers again and again and prints how long each operation took, as JSON. */
import * as module from './module.ts';
import { ROWS, moduleHooks } from './host.ts';

declare const performance: { now(): number };

const ROUNDS = 9;
const out = globalThis as unknown as { process: { stdout: { write(text: string): void } } };
const hooks = (module.default as any)[moduleHooks](module);
hooks.__describe_module__();
const args = new DataView(new ArrayBuffer(4096));
const call = (id: number) => hooks.__call_reducer__(id, 7n, 9n, 5n, args);

/** Nanoseconds for one of `count` operations: the median of several rounds. */
function measure(count: number, body: () => void): number {
  const times: number[] = [];
  for (let round = -3; round < ROUNDS; round++) {
    const start = performance.now();
    body();
    if (round >= 0) times.push((1e6 * (performance.now() - start)) / count);
  }
  return Math.round(times.sort((a, b) => a - b)[ROUNDS >> 1]!);
}

const repeat = (count: number, body: (i: number) => void) => {
  for (let i = 0; i < count; i++) body(i);
};

const results: Record<string, number> = {};
results['empty reducer'] = measure(ROWS, () => repeat(ROWS, () => call(0)));
results['transfer: two finds, two updates'] = measure(ROWS, () =>
  repeat(ROWS, (i) => {
    args.setUint32(0, i, true);
    args.setUint32(4, (7 * i + 1) % ROWS, true);
    args.setBigInt64(8, 1n, true);
    call(1);
  }),
);
args.setUint32(0, ROWS, true);
results['find a row of 12 bytes'] = measure(ROWS, () => call(2));
results['update a row of 12 bytes'] = measure(ROWS, () => call(3));
results['insert a row of 57 bytes'] = measure(ROWS, () => call(4));
results['scan: each row of 12 bytes'] = measure(ROWS, () => call(5));
out.process.stdout.write(JSON.stringify(results));
