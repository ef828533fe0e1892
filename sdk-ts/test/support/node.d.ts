/** As much of Node as tests use. */
declare module 'node:test' {
  export function test(name: string, body: () => void | Promise<void>): void;
}

declare module 'node:assert/strict' {
  export function equal(actual: unknown, expected: unknown, message?: string): void;
  export function deepEqual(actual: unknown, expected: unknown, message?: string): void;
  export function notEqual(actual: unknown, expected: unknown, message?: string): void;
  export function ok(value: unknown, message?: string): void;
  export function match(text: string, pattern: RegExp, message?: string): void;
  export function throws(
    body: () => unknown,
    expected: RegExp | object | (new (...args: any[]) => Error),
  ): void;
}

declare module 'node:fs' {
  export function readFileSync(path: string, encoding: 'utf8'): string;
  export function writeFileSync(path: string, text: string): void;
}

declare const process: { env: Record<string, string | undefined>; cwd(): string };

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean });
  decode(bytes: Uint8Array): string;
}

declare const console: Record<
  | 'error'
  | 'warn'
  | 'info'
  | 'log'
  | 'debug'
  | 'trace'
  | 'assert'
  | 'dir'
  | 'table'
  | 'count'
  | 'countReset'
  | 'time'
  | 'timeEnd'
  | 'group'
  | 'groupEnd'
  | 'clear',
  (...args: any[]) => void
>;
