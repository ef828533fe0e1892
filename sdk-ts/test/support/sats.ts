/**
 * A second, plain implementation of the value encoding and of the raw module definition. Tests compare it with what
 * the SDK does.
 */

/** A type as the definition has it. */
export type Type =
  { ref: number } | { sum: readonly Member[] } | { product: readonly Member[] } | { array: Type } | Plain;
export interface Member {
  name: string | null;
  type: Type;
}
export type Plain = (typeof PLAIN)[number];

const PLAIN = [
  'String',
  'Bool',
  'I8',
  'U8',
  'I16',
  'U16',
  'I32',
  'U32',
  'I64',
  'U64',
  'I128',
  'U128',
  'I256',
  'U256',
  'F32',
  'F64',
] as const;

/** Reads values and definitions from bytes. */
export class Decoder {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  u8(): number {
    return this.#view.getUint8(this.#at++);
  }

  u16(): number {
    return Number(this.integer(2, false));
  }

  u32(): number {
    return Number(this.integer(4, false));
  }

  bool(): boolean {
    return this.u8() === 1;
  }

  integer(byteCount: number, isSigned: boolean): bigint {
    let value = 0n;
    for (let i = byteCount - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[this.#at + i]!);
    if (this.#at + byteCount > this.#bytes.length) throw new RangeError('the bytes end too early');
    this.#at += byteCount;
    return isSigned ? BigInt.asIntN(8 * byteCount, value) : value;
  }

  bytes(): Uint8Array {
    const length = this.u32();
    if (this.#at + length > this.#bytes.length) throw new RangeError('the bytes end too early');
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  string(): string {
    return new TextDecoder('utf-8', { fatal: true }).decode(this.bytes());
  }

  option<T>(read: () => T): T | null {
    return this.u8() === 0 ? read() : null;
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.u32() }, read);
  }

  type(): Type {
    const tag = this.u8();
    switch (tag) {
      case 0:
        return { ref: this.u32() };
      case 1:
        return { sum: this.members() };
      case 2:
        return { product: this.members() };
      case 3:
        return { array: this.type() };
      default:
        if (PLAIN[tag - 4] === undefined) throw new RangeError(`${tag} is no type`);
        return PLAIN[tag - 4]!;
    }
  }

  members(): Member[] {
    return this.list(() => ({ name: this.option(() => this.string()), type: this.type() }));
  }

  /** A value. Integers up to 32 bits are numbers, options values or `undefined`, units `{}`. */
  value(type: Type, typespace: readonly Type[]): any {
    if (typeof type === 'string') return this.#plain(type);
    if ('ref' in type) return this.value(typespace[type.ref]!, typespace);
    if ('array' in type) return this.list(() => this.value(type.array, typespace));
    if ('product' in type) {
      return Object.fromEntries(type.product.map(({ name, type }) => [name, this.value(type, typespace)]));
    }
    const variant = type.sum[this.u8()]!;
    const value = this.value(variant.type, typespace);
    if (isOption(type.sum)) return variant.name === 'some' ? value : undefined;
    if (isResult(type.sum)) return { [variant.name!]: value };
    return isUnit(variant.type) ? { tag: variant.name } : { tag: variant.name, value };
  }

  #plain(type: Plain): unknown {
    switch (type) {
      case 'String':
        return this.string();
      case 'Bool':
        return this.bool();
      case 'F32':
        this.#at += 4;
        return this.#view.getFloat32(this.#at - 4, true);
      case 'F64':
        this.#at += 8;
        return this.#view.getFloat64(this.#at - 8, true);
      default: {
        const bits = Number(type.slice(1));
        const value = this.integer(bits / 8, type.startsWith('I'));
        return bits <= 32 ? Number(value) : value;
      }
    }
  }
}

/** Writes a value as bytes. Takes what {@link Decoder.value} returns, and objects with the same fields. */
export function encode(type: Type, value: any, typespace: readonly Type[] = []): Uint8Array {
  const bytes: number[] = [];
  write(bytes, type, value, typespace);
  return Uint8Array.from(bytes);
}

function write(out: number[], type: Type, value: any, typespace: readonly Type[]): void {
  if (typeof type === 'string') return writePlain(out, type, value);
  if ('ref' in type) return write(out, typespace[type.ref]!, value, typespace);
  if ('array' in type) {
    integer(out, 4, BigInt(value.length));
    for (const item of value) write(out, type.array, item, typespace);
  } else if ('product' in type) {
    for (const member of type.product) write(out, member.type, value[member.name!], typespace);
  } else if (isOption(type.sum)) {
    out.push(value === undefined ? 1 : 0);
    if (value !== undefined) write(out, type.sum[0]!.type, value, typespace);
  } else {
    const name = isResult(type.sum) ? Object.keys(value)[0] : value.tag;
    const tag = type.sum.findIndex((variant) => variant.name === name);
    out.push(tag);
    const inner = isResult(type.sum) ? value[name] : value.value;
    if (!isUnit(type.sum[tag]!.type)) write(out, type.sum[tag]!.type, inner, typespace);
  }
}

function writePlain(out: number[], type: Plain, value: any): void {
  switch (type) {
    case 'String': {
      const bytes = new TextEncoder().encode(value);
      integer(out, 4, BigInt(bytes.length));
      for (const byte of bytes) out.push(byte);
      break;
    }
    case 'Bool':
      out.push(value ? 1 : 0);
      break;
    case 'F32':
      out.push(...new Uint8Array(Float32Array.of(value).buffer));
      break;
    case 'F64':
      out.push(...new Uint8Array(Float64Array.of(value).buffer));
      break;
    default:
      integer(out, Number(type.slice(1)) / 8, BigInt(value));
  }
}

function integer(out: number[], byteCount: number, value: bigint): void {
  for (let i = 0; i < byteCount; i++) out.push(Number((value >> BigInt(8 * i)) & 0xffn));
}

function isUnit(type: Type): boolean {
  return typeof type === 'object' && 'product' in type && type.product.length === 0;
}

function isOption(variants: readonly Member[]): boolean {
  return names(variants) === 'some,none' && isUnit(variants[1]!.type);
}

function isResult(variants: readonly Member[]): boolean {
  return names(variants) === 'ok,err';
}

function names(variants: readonly Member[]): string {
  return variants.map((variant) => variant.name).join();
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
