import { checkBigInt, fromHex, toHex } from './integers.ts';
import type { Timestamp } from './timestamp.ts';

const LAST_COUNTER = 0x7fff_ffff;

/** A universally unique identifier (RFC 9562). In a module make them with `ctx.newUuidV4()` and `ctx.newUuidV7()`. */
export class Uuid {
  static readonly MAX_UUID_BIGINT = (1n << 128n) - 1n;
  static readonly NIL = new Uuid(0n);
  static readonly MAX = new Uuid(Uuid.MAX_UUID_BIGINT);

  /** The 16 bytes read as one integer, most significant first. */
  readonly __uuid__: bigint;

  /** @param value the 16 bytes read as one integer, most significant first */
  constructor(value: bigint) {
    this.__uuid__ = checkBigInt(value, 'a UUID');
  }

  /** Reads the usual text, as in `01890a5d-ac96-774b-bcce-b302099a8057`; hyphens may be left out. */
  static parse(text: string): Uuid {
    return new Uuid(fromHex(text.replaceAll('-', ''), 32, 'a UUID'));
  }

  /** A UUID of version 4 from 16 random bytes. */
  static fromRandomBytesV4(bytes: Uint8Array): Uuid {
    return fromBytes(bytes, 4);
  }

  /**
   * A UUID of version 7: the milliseconds of `now`, then 31 bits of a counter, then 4 random bytes. Those of one
   * millisecond sort in the order in which they were made. Counts up `counter.value`.
   */
  static fromCounterV7(counter: { value: number }, now: Timestamp, random: Uint8Array): Uuid {
    const count = counter.value;
    counter.value = count >= LAST_COUNTER ? 0 : count + 1;
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt.asUintN(48, now.toMillis()) << 16n);
    bytes[7] = count >>> 23;
    bytes[9] = count >>> 15;
    bytes[10] = count >>> 7;
    bytes[11] = count << 1;
    bytes.set(random.subarray(0, 4), 12);
    bytes[12]! &= 0x7f;
    return fromBytes(bytes, 7);
  }

  static bytesToBigInt(bytes: Uint8Array): bigint {
    if (bytes.length !== 16) throw new RangeError(`a UUID has 16 bytes, not ${bytes.length}`);
    let value = 0n;
    for (const byte of bytes) value = (value << 8n) | BigInt(byte);
    return value;
  }

  /** The 16 bytes, most significant first. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, this.__uuid__ >> 64n);
    view.setBigUint64(8, BigInt.asUintN(64, this.__uuid__));
    return bytes;
  }

  asBigInt(): bigint {
    return this.__uuid__;
  }

  /** How it was made, or `null` for a version that has no name here. */
  getVersion(): 'Nil' | 'V4' | 'V7' | 'Max' | null {
    if (this.__uuid__ === 0n) return 'Nil';
    if (this.__uuid__ === Uuid.MAX_UUID_BIGINT) return 'Max';
    const version = this.toBytes()[6]! >>> 4;
    return version === 4 ? 'V4' : version === 7 ? 'V7' : null;
  }

  /** The counter of a UUID that `fromCounterV7` made. */
  getCounter(): number {
    const bytes = this.toBytes();
    return ((bytes[7]! << 23) | (bytes[9]! << 15) | (bytes[10]! << 7) | (bytes[11]! >>> 1)) & LAST_COUNTER;
  }

  /** Negative, zero or positive, in the order in which UUIDs are stored. */
  compareTo(other: Uuid): number {
    return this.__uuid__ < other.__uuid__ ? -1 : this.__uuid__ > other.__uuid__ ? 1 : 0;
  }

  isEqual(other: Uuid): boolean {
    return this.__uuid__ === other.__uuid__;
  }

  equals(other: Uuid): boolean {
    return this.isEqual(other);
  }

  /** 32 hexadecimal digits. */
  toHexString(): string {
    return toHex(this.__uuid__, 32);
  }

  /** The usual text with hyphens. */
  toString(): string {
    return this.toHexString().replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  toJSON(): string {
    return this.toString();
  }
}

/** Sets the bits that say which version and variant it is. */
function fromBytes(bytes: Uint8Array, version: number): Uuid {
  const marked = Uint8Array.from(bytes);
  marked[6] = (marked[6]! & 0x0f) | (version << 4);
  marked[8] = (marked[8]! & 0x3f) | 0x80;
  return new Uuid(Uuid.bytesToBigInt(marked));
}
