/** What compiled readers and writers call. */
import { ConnectionId } from './connection-id.ts';
import { Identity } from './identity.ts';
import { TimeDuration } from './time-duration.ts';
import { Timestamp } from './timestamp.ts';
import { Uuid } from './uuid.ts';
import type { Member, ScalarKind } from './value-type.ts';

/** Bytes of a value of each scalar type. */
export const scalarBytes: Readonly<Record<ScalarKind, number>> = {
  bool: 1,
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  i128: 16,
  u128: 16,
  i256: 32,
  u256: 32,
  f32: 4,
  f64: 8,
  identity: 32,
  connectionId: 16,
  timestamp: 8,
  timeDuration: 8,
  uuid: 16,
};

type ReadScalar = (view: DataView, at: number) => unknown;
/** Returns whether the value was one of the type. */
type WriteScalar = (view: DataView, at: number, value: any) => boolean;

const u128: (view: DataView, at: number) => bigint = (d, at) =>
  (d.getBigUint64(at + 8, true) << 64n) | d.getBigUint64(at, true);
const i128: ReadScalar = (d, at) => (d.getBigInt64(at + 8, true) << 64n) | d.getBigUint64(at, true);
const u256: (view: DataView, at: number) => bigint = (d, at) => (u128(d, at + 16) << 128n) | u128(d, at);
const i256: ReadScalar = (d, at) => BigInt.asIntN(256, u256(d, at));

/** How to read each scalar: a method of `DataView`, or a function. */
export const readMethods: Readonly<Record<ScalarKind, string | ReadScalar>> = {
  bool: 'getUint8',
  i8: 'getInt8',
  u8: 'getUint8',
  i16: 'getInt16',
  u16: 'getUint16',
  i32: 'getInt32',
  u32: 'getUint32',
  i64: 'getBigInt64',
  u64: 'getBigUint64',
  i128,
  u128,
  i256,
  u256,
  f32: 'getFloat32',
  f64: 'getFloat64',
  identity: (d, at) => new Identity(u256(d, at)),
  connectionId: (d, at) => new ConnectionId(u128(d, at)),
  timestamp: (d, at) => new Timestamp(d.getBigInt64(at, true)),
  timeDuration: (d, at) => new TimeDuration(d.getBigInt64(at, true)),
  uuid: (d, at) => new Uuid(u128(d, at)),
};

const u64: WriteScalar = (d, at, value) => {
  const wide = toBigInt(value);
  if (wide === null || BigInt.asUintN(64, wide) !== wide) return false;
  d.setBigUint64(at, wide, true);
  return true;
};
const i64: WriteScalar = (d, at, value) => {
  const wide = toBigInt(value);
  if (wide === null || BigInt.asIntN(64, wide) !== wide) return false;
  d.setBigInt64(at, wide, true);
  return true;
};

/** Integers of 128 and 256 bits, as words of 64 bits. */
function wide(bits: 128 | 256, wrap: (bits: number, value: bigint) => bigint): WriteScalar {
  return (d, at, value) => {
    let rest = toBigInt(value);
    if (rest === null || wrap(bits, rest) !== rest) return false;
    for (let i = 0; i < bits / 8; i += 8) {
      d.setBigUint64(at + i, BigInt.asUintN(64, rest), true);
      rest >>= 64n;
    }
    return true;
  };
}

const u128Into = wide(128, BigInt.asUintN);
const u256Into = wide(256, BigInt.asUintN);

/** Values of the named class, written as the integer in their only field. */
function wrapped(type: Function, field: string, write: WriteScalar): WriteScalar {
  return (d, at, value) => value instanceof type && write(d, at, (value as any)[field]);
}

/** How to write each scalar: a method of `DataView`, or a function. */
export const writeMethods: Readonly<Record<ScalarKind, string | WriteScalar>> = {
  bool: 'setUint8',
  i8: 'setInt8',
  u8: 'setUint8',
  i16: 'setInt16',
  u16: 'setUint16',
  i32: 'setInt32',
  u32: 'setUint32',
  i64,
  u64,
  i128: wide(128, BigInt.asIntN),
  u128: u128Into,
  i256: wide(256, BigInt.asIntN),
  u256: u256Into,
  f32: 'setFloat32',
  f64: 'setFloat64',
  identity: wrapped(Identity, '__identity__', u256Into),
  connectionId: wrapped(ConnectionId, '__connection_id__', u128Into),
  timestamp: wrapped(Timestamp, '__timestamp_micros_since_unix_epoch__', i64),
  timeDuration: wrapped(TimeDuration, '__time_duration_micros__', i64),
  uuid: wrapped(Uuid, '__uuid__', u128Into),
};

const scheduleAtVariants: readonly Member[] = [
  { name: 'Interval', type: { kind: 'timeDuration' } },
  { name: 'Time', type: { kind: 'timestamp' } },
];

export const runtime = {
  scheduleAtVariants,

  /** What makes a number out of any value that a type can hold, and out of no other. */
  wraps: { u8: '&255', u16: '&65535', u32: '>>>0', i8: '<<24>>24', i16: '<<16>>16', i32: '|0' },

  /** Each scalar type as the end of "is not ...". */
  articles: {
    bool: 'a boolean',
    i8: 'an i8 (-128 to 127)',
    u8: 'a u8 (0 to 255)',
    i16: 'an i16 (-32768 to 32767)',
    u16: 'a u16 (0 to 65535)',
    i32: 'an i32 (-2147483648 to 2147483647)',
    u32: 'a u32 (0 to 4294967295)',
    i64: 'an i64',
    u64: 'a u64',
    i128: 'an i128',
    u128: 'a u128',
    i256: 'an i256',
    u256: 'a u256',
    f32: 'a number',
    f64: 'a number',
    identity: 'an Identity',
    connectionId: 'a ConnectionId',
    timestamp: 'a Timestamp',
    timeDuration: 'a TimeDuration',
    uuid: 'a Uuid',
  } satisfies Record<ScalarKind, string>,

  areBytes(values: ArrayLike<number>): boolean {
    if (values instanceof Uint8Array) return true;
    for (let i = 0; i < values.length; i++) {
      if ((values[i]! & 255) !== values[i]) return false;
    }
    return true;
  },

  bad(path: string, expected: string, value: unknown): never {
    const message = `${path === '' ? '' : `${path}: `}${show(value)} is not ${expected}`;
    const isNumber = typeof value === 'number' || typeof value === 'bigint';
    throw isNumber ? new RangeError(message) : new TypeError(message);
  },

  badTag(): never {
    throw new RangeError('the tag of a variant is out of range');
  },
};

/** Integers may be given as numbers where they are exact. */
function toBigInt(value: unknown): bigint | null {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : null;
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) {
    return typeof (value as any).tag === 'string'
      ? `{ tag: ${JSON.stringify((value as any).tag)} }`
      : 'an object';
  }
  return typeof value === 'function' ? 'a function' : String(value);
}
