/** Part of every host of modules and clients, but of no library of types that modules may be compiled with. */
declare const TextDecoder: new (
  label: 'utf-8',
  options: { fatal: boolean },
) => { decode(bytes: Uint8Array): string };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Up to this many bytes a loop over characters is faster than the decoder of the platform. */
const SHORT_STRING_BYTES = 32;

/** A place in a buffer of BSATN. It is passed from one read function to the next and moves on with each. */
export class BsatnReader {
  view: DataView;
  offset = 0;
  #bytes: Uint8Array | null = null;

  constructor(view: DataView) {
    this.view = view;
  }

  /** Starts over at the beginning of a buffer: another one, or the same with something else in it. */
  reset(view: DataView): void {
    this.offset = 0;
    if (view === this.view) return;
    this.view = view;
    this.#bytes = null;
  }

  /** Whether something is left to read. */
  get hasMore(): boolean {
    return this.offset < this.view.byteLength;
  }

  u8(): number {
    return this.view.getUint8(this.offset++);
  }

  u32(): number {
    const value = this.view.getUint32(this.offset, true);
    this.offset += 4;
    return value;
  }

  /** A length in bytes and as many bytes, as text. */
  string(): string {
    const length = this.u32();
    const start = this.offset;
    const bytes = this.#take(length);
    if (length <= SHORT_STRING_BYTES) {
      const text = shortAscii(bytes, start, start + length);
      if (text !== null) return text;
    }
    return utf8.decode(bytes.subarray(start, start + length));
  }

  /** A length and as many bytes, copied. */
  bytes(): Uint8Array {
    const length = this.u32();
    const start = this.offset;
    return this.#take(length).slice(start, start + length);
  }

  /** Moves on by `length` bytes and returns the whole buffer as bytes. */
  #take(length: number): Uint8Array {
    const end = this.offset + length;
    if (end > this.view.byteLength) throw new RangeError('the value is longer than its buffer');
    this.offset = end;
    return (this.#bytes ??= new Uint8Array(this.view.buffer, this.view.byteOffset, this.view.byteLength));
  }
}

/** The text if it is ASCII, else `null`. Takes eight characters at a time. */
function shortAscii(bytes: Uint8Array, start: number, end: number): string | null {
  let text = '';
  let at = start;
  for (; at + 8 <= end; at += 8) {
    const a = bytes[at]!,
      b = bytes[at + 1]!,
      c = bytes[at + 2]!,
      d = bytes[at + 3]!;
    const e = bytes[at + 4]!,
      f = bytes[at + 5]!,
      g = bytes[at + 6]!,
      h = bytes[at + 7]!;
    if ((a | b | c | d | e | f | g | h) > 0x7f) return null;
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; at < end; at++) {
    const byte = bytes[at]!;
    if (byte > 0x7f) return null;
    text += String.fromCharCode(byte);
  }
  return text;
}
