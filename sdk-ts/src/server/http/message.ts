/** Requests and responses as the host sends them: the head as BSATN, the body beside it as bytes. */
import { readerOf, writerOf } from '../../shared/codec.ts';
import { TimeDuration } from '../../shared/time-duration.ts';
import type { Member, ValueType } from '../../shared/value-type.ts';
import { BsatnReader } from '../../shared/bsatn-reader.ts';
import { takeBytes, takeWriter } from '../db/scratch.ts';
import { Headers } from './headers.ts';

/** Part of every host of modules, but of no library of types that modules may be compiled with. */
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };
declare const TextEncoder: new () => { encode(text: string): Uint8Array };

/** Versions of HTTP. */
export type HttpVersion = { tag: 'Http09' | 'Http10' | 'Http11' | 'Http2' | 'Http3' };

/** Methods with a number of their own. */
export const METHODS = [
  'Get',
  'Head',
  'Post',
  'Put',
  'Delete',
  'Connect',
  'Options',
  'Trace',
  'Patch',
] as const;

export interface RequestHead {
  method: string;
  headers: Headers;
  timeout: TimeDuration | undefined;
  uri: string;
  version: HttpVersion;
}

export interface ResponseHead {
  headers: Headers;
  version: HttpVersion;
  status: number;
}

const unit: ValueType = { kind: 'product', name: undefined, fields: [] };
const string: ValueType = { kind: 'string' };
const product = (fields: Member[]): ValueType => ({ kind: 'product', name: undefined, fields });
const sum = (name: string, variants: Member[]): ValueType => ({ kind: 'sum', name, variants });
const units = (names: readonly string[]) => names.map((name) => ({ name, type: unit }));

const method = sum('HttpMethod', [...units(METHODS), { name: 'Extension', type: string }]);
const version = sum('HttpVersion', units(['Http09', 'Http10', 'Http11', 'Http2', 'Http3']));
const header = product([
  { name: 'name', type: string },
  { name: 'value', type: { kind: 'array', element: { kind: 'u8' } } },
]);
const headers: ValueType = { kind: 'array', element: header };

const request = product([
  { name: 'method', type: method },
  { name: 'headers', type: headers },
  { name: 'timeout', type: { kind: 'option', value: { kind: 'timeDuration' } } },
  { name: 'uri', type: string },
  { name: 'version', type: version },
]);
const response = product([
  { name: 'headers', type: headers },
  { name: 'version', type: version },
  { name: 'code', type: { kind: 'u16' } },
]);

export function encodeRequest(head: RequestHead): Uint8Array {
  const tag = METHODS.find((name) => name.toUpperCase() === head.method);
  return encode(request, {
    ...head,
    method: tag === undefined ? { tag: 'Extension', value: head.method } : { tag },
    headers: encodeHeaders(head.headers),
  });
}

export function decodeRequest(bytes: Uint8Array): RequestHead {
  const head = decode(request, bytes);
  const { tag, value } = head.method;
  return {
    ...head,
    method: tag === 'Extension' ? value : tag.toUpperCase(),
    headers: decodeHeaders(head.headers),
  };
}

export function encodeResponse(head: ResponseHead): Uint8Array {
  return encode(response, { version: head.version, code: head.status, headers: encodeHeaders(head.headers) });
}

export function decodeResponse(bytes: Uint8Array): ResponseHead {
  const head = decode(response, bytes);
  return { version: head.version, status: head.code, headers: decodeHeaders(head.headers) };
}

function encode(type: ValueType, value: unknown): Uint8Array {
  const writer = takeWriter();
  writerOf(type)(writer, value);
  return takeBytes(writer);
}

function decode(type: ValueType, bytes: Uint8Array): any {
  return readerOf(type)(new BsatnReader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
}

function encodeHeaders(headers: Headers): { name: string; value: Uint8Array }[] {
  const encoder = new TextEncoder();
  return Array.from(headers, ([name, value]) => ({ name, value: encoder.encode(value) }));
}

function decodeHeaders(entries: { name: string; value: Uint8Array }[]): Headers {
  const decoder = new TextDecoder();
  return new Headers(entries.map(({ name, value }) => [name, decoder.decode(value)] as const));
}
