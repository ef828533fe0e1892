/** Parts of every host of modules, but of no library of types that modules may be compiled with. */
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };
declare const TextEncoder: new () => { encode(text: string): Uint8Array };

/** What a body can be made of. */
export type BodyInit = string | Uint8Array | ArrayBuffer | null;

/** The bytes of a request or response, all there at once. */
export class Body {
  readonly #bytes: Uint8Array;

  constructor(body: BodyInit) {
    this.#bytes = bodyBytes(body);
  }

  /** The body as bytes, in a buffer of their own. */
  bytes(): Uint8Array {
    return this.#bytes.slice();
  }

  /** The body as a buffer. */
  arrayBuffer(): ArrayBuffer {
    return this.bytes().buffer as ArrayBuffer;
  }

  /** The body as text; bytes that are not UTF-8 become U+FFFD. */
  text(): string {
    return new TextDecoder().decode(this.#bytes);
  }

  /** The body as JSON. @throws SyntaxError if it is none */
  json(): any {
    return JSON.parse(this.text());
  }
}

export function bodyBytes(body: BodyInit | undefined): Uint8Array {
  if (body === null || body === undefined) return new Uint8Array(0);
  if (typeof body === 'string') return new TextEncoder().encode(body);
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0));
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  }
  throw new TypeError('a body is a string, bytes, an ArrayBuffer or null');
}
