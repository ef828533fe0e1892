/** Part of every host of modules and clients, but of no library of types that modules may be compiled with. */
declare const TextEncoder: new () => { encode(text: string): Uint8Array };

const utf8 = new TextEncoder();

/** From this many characters on the encoder of the platform is faster than a loop, though it allocates. */
const LONG_STRING_CHARS = 512;

/** A buffer that BSATN is appended to. It grows as needed and is meant to be used again. */
export class BsatnWriter {
  buffer: ArrayBuffer;
  view: DataView;
  bytes: Uint8Array;
  /** The size of the buffer. Asking the buffer itself takes longer than writing a number. */
  capacity: number;
  /** How many bytes have been written; the next ones go here. */
  offset = 0;

  /** @param capacity bytes to begin with */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.buffer = new ArrayBuffer(capacity);
    this.view = new DataView(this.buffer);
    this.bytes = new Uint8Array(this.buffer);
  }

  /** Makes room for `size` more bytes and returns where they go. `view` may be another one afterwards. */
  reserve(size: number): number {
    const needed = this.offset + size;
    if (needed > this.capacity) this.#grow(needed);
    return this.offset;
  }

  u8(value: number): void {
    const at = this.reserve(1);
    this.view.setUint8(at, value);
    this.offset = at + 1;
  }

  u16(value: number): void {
    const at = this.reserve(2);
    this.view.setUint16(at, value, true);
    this.offset = at + 2;
  }

  u32(value: number): void {
    const at = this.reserve(4);
    this.view.setUint32(at, value, true);
    this.offset = at + 4;
  }

  /** A signed integer of 128 bits. */
  i128(value: bigint): void {
    const at = this.reserve(16);
    this.view.setBigUint64(at, BigInt.asUintN(64, value), true);
    this.view.setBigInt64(at + 8, value >> 64n, true);
    this.offset = at + 16;
  }

  /** The length in bytes, then UTF-8. Halves of surrogate pairs become U+FFFD. */
  string(text: string): void {
    if (text.length >= LONG_STRING_CHARS) return this.byteArray(utf8.encode(text));
    const start = this.reserve(4 + 3 * text.length) + 4;
    const { bytes } = this;
    let at = start;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return this.byteArray(utf8.encode(text));
      bytes[at++] = unit;
    }
    this.view.setUint32(this.offset, at - start, true);
    this.offset = at;
  }

  /** The length, then the bytes. */
  byteArray(bytes: ArrayLike<number>): void {
    const at = this.reserve(4 + bytes.length);
    this.view.setUint32(at, bytes.length, true);
    this.bytes.set(bytes, at + 4);
    this.offset = at + 4 + bytes.length;
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
    this.offset = at + bytes.length;
  }

  /** What has been written, in a buffer of its own. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.offset);
  }

  #grow(needed: number): void {
    const old = this.bytes;
    this.capacity = Math.max(needed, 2 * old.length);
    this.buffer = new ArrayBuffer(this.capacity);
    this.view = new DataView(this.buffer);
    this.bytes = new Uint8Array(this.buffer);
    this.bytes.set(old.subarray(0, this.offset));
  }
}
