import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScheduleAt } from 'orrery';
import { BsatnReader } from '../src/shared/bsatn-reader.ts';
import { BsatnWriter } from '../src/shared/bsatn-writer.ts';
import { readerOf, writerOf } from '../src/shared/codec.ts';
import { t } from '../src/shared/t.ts';
import type { TypeBuilder } from '../src/shared/type-builder.ts';
import type { ScalarKind, ValueType } from '../src/shared/value-type.ts';
import { golden } from './support/golden.ts';
import { Decoder, fromHex, toHex } from './support/sats.ts';
import type { Member, Type } from './support/sats.ts';
import { typedJson } from './support/typed-json.ts';

function encode(type: ValueType, value: unknown): string {
  const writer = new BsatnWriter(1);
  writerOf(type)(writer, value);
  return toHex(writer.copy());
}

function decode(type: ValueType, hex: string): any {
  const bytes = fromHex(hex);
  const reader = new BsatnReader(new DataView(bytes.buffer));
  const value = readerOf(type)(reader);
  assert.equal(reader.hasMore, false, 'all bytes are read');
  return value;
}

const SPECIAL: Record<string, ScalarKind> = {
  __identity__: 'identity',
  __connection_id__: 'connectionId',
  __timestamp_micros_since_unix_epoch__: 'timestamp',
  __time_duration_micros__: 'timeDuration',
  __uuid__: 'uuid',
};

/** The type as its author would have written it. */
function toValueType(type: Type): ValueType {
  if (typeof type === 'string') return { kind: type.toLowerCase() } as ValueType;
  if ('array' in type) return { kind: 'array', element: toValueType(type.array) };
  const members = (list: readonly Member[]) =>
    list.map(({ name, type }) => ({ name: name!, type: toValueType(type) }));
  if ('product' in type) {
    const special = SPECIAL[type.product[0]?.name ?? ''];
    if (special !== undefined) return { kind: special };
    return {
      kind: 'product',
      name: type.product.length === 0 ? undefined : 'Some',
      fields: members(type.product),
    };
  }
  if ('ref' in type) throw new Error('no type here refers to another one');
  const variants = members(type.sum);
  switch (variants.map((variant) => variant.name).join()) {
    case 'some,none':
      return { kind: 'option', value: variants[0]!.type };
    case 'ok,err':
      return { kind: 'result', ok: variants[0]!.type, err: variants[1]!.type };
    default:
      return { kind: 'sum', name: 'Some', variants };
  }
}

/** Options within options cannot be told apart in JavaScript. */
function isAmbiguous(type: ValueType): boolean {
  switch (type.kind) {
    case 'option':
      return type.value.kind === 'option' || isAmbiguous(type.value);
    case 'array':
      return isAmbiguous(type.element);
    case 'result':
      return isAmbiguous(type.ok) || isAmbiguous(type.err);
    case 'product':
      return type.fields.some((field) => isAmbiguous(field.type));
    case 'sum':
      return type.variants.some((variant) => isAmbiguous(variant.type));
    default:
      return false;
  }
}

test('values have the bytes that the database gives them', () => {
  const cases: [type: string, json: string, bsatn: string][] = JSON.parse(golden('values.json'));
  assert.ok(cases.length > 300);
  let count = 0;
  for (const [typeHex, json, bsatn] of cases) {
    const type = toValueType(new Decoder(fromHex(typeHex)).type());
    if (isAmbiguous(type)) continue;
    const value = decode(type, bsatn);
    assert.equal(typedJson(type, value), json);
    assert.equal(encode(type, value), bsatn, json);
    count++;
  }
  assert.ok(count > 250, `${count} cases are too few`);
});

test('a schedule is an interval or a time', () => {
  const { valueType } = t.scheduleAt();
  const interval = ScheduleAt.interval(5n);
  const time = ScheduleAt.time(-1n);
  assert.equal(encode(valueType, interval), '000500000000000000');
  assert.equal(encode(valueType, time), '01ffffffffffffffff');
  assert.deepEqual(decode(valueType, '000500000000000000'), interval);
  assert.deepEqual(decode(valueType, '01ffffffffffffffff'), time);
});

test('64-bit integers may be given as numbers where these are exact', () => {
  assert.equal(encode(t.u64().valueType, 5), '0500000000000000');
  assert.equal(encode(t.i128().valueType, -1), 'ff'.repeat(16));
  assert.throws(() => encode(t.u64().valueType, 2 ** 53), /9007199254740992 is not a u64/);
});

test('null is written like undefined', () => {
  const { valueType } = t.option(t.u8());
  assert.equal(encode(valueType, null), '01');
  assert.equal(encode(valueType, undefined), '01');
  assert.equal(decode(valueType, '01'), undefined);
});

test('bytes may be given as any array of numbers', () => {
  const { valueType } = t.array(t.u8());
  assert.equal(encode(valueType, [1, 2]), '020000000102');
  assert.equal(encode(valueType, Uint8Array.of(1, 2)), '020000000102');
  assert.deepEqual(decode(valueType, '020000000102'), Uint8Array.of(1, 2));
});

test('text of every length and alphabet survives', () => {
  const { valueType } = t.string();
  for (const piece of ['a', 'é', '日', '🦀']) {
    for (const count of [0, 1, 7, 8, 9, 31, 32, 33, 511, 512, 513, 5000]) {
      const text = piece.repeat(count);
      assert.equal(decode(valueType, encode(valueType, text)), text);
    }
  }
  assert.equal(decode(valueType, encode(valueType, 'half \ud800 a pair')), 'half \ufffd a pair');
});

test('members may have any name', () => {
  const { valueType } = t.object('Odd', {
    __proto__x: t.u8(),
    'a-b': t.u8(),
    ['__proto__']: t.u8(),
    'quote"': t.u8(),
  });
  const value = decode(valueType, '01020304');
  assert.deepEqual(Object.entries(value), [
    ['__proto__x', 1],
    ['a-b', 2],
    ['__proto__', 3],
    ['quote"', 4],
  ]);
  assert.equal(encode(valueType, value), '01020304');
});

test('variants without a value have a tag only', () => {
  const { valueType } = t.enum('Shape', { Dot: t.unit(), Nothing: t.object('Nothing', {}), Circle: t.u8() });
  assert.deepEqual(decode(valueType, '00'), { tag: 'Dot' });
  assert.deepEqual(decode(valueType, '01'), { tag: 'Nothing', value: {} });
  assert.deepEqual(decode(valueType, '0205'), { tag: 'Circle', value: 5 });
});

const wrong: [type: TypeBuilder<any, any>, value: unknown, message: RegExp][] = [
  [t.u8(), 256, /: 256 is not a u8 \(0 to 255\)$/],
  [t.u8(), -1, /-1 is not a u8/],
  [t.u8(), 1.5, /1.5 is not a u8/],
  [t.u8(), '1', /"1" is not a u8/],
  [t.u8(), undefined, /undefined is not a u8/],
  [t.i8(), 128, /128 is not an i8/],
  [t.u16(), 65536, /65536 is not a u16/],
  [t.i16(), 32768, /32768 is not an i16/],
  [t.u32(), 2 ** 32, /4294967296 is not a u32/],
  [t.i32(), 2 ** 31, /2147483648 is not an i32/],
  [t.u64(), -1n, /-1n is not a u64/],
  [t.i64(), 1n << 63n, /9223372036854775808n is not an i64/],
  [t.u128(), 1n << 128n, /is not a u128/],
  [t.i128(), -(1n << 127n) - 1n, /is not an i128/],
  [t.u256(), 1n << 256n, /is not a u256/],
  [t.i256(), 1n << 255n, /is not an i256/],
  [t.u32(), 5n, /5n is not a u32/],
  [t.f64(), '1', /"1" is not a number/],
  [t.bool(), 1, /1 is not a boolean/],
  [t.string(), 5, /5 is not a string/],
  [t.identity(), 'c200', /"c200" is not an Identity/],
  [t.timestamp(), 5n, /5n is not a Timestamp/],
  [t.array(t.u8()), [1, 256], /an array is not an array of bytes/],
  [t.array(t.u16()), 5, /5 is not an array/],
  [t.array(t.u16()), [1, 'x'], /"x" is not a u16/],
  [
    t.object('P', { x: t.u8(), q: t.object('Q', { y: t.string() }) }),
    { x: 1, q: { y: 2 } },
    /: q\.y: 2 is not a string$/,
  ],
  [t.object('P', { x: t.u8() }), null, /null is not an object/],
  [
    t.object('P', { x: t.u8(), q: t.object('Q', { y: t.u8() }) }),
    { x: 1 },
    /: q: undefined is not an object$/,
  ],
  [t.enum('E', ['A', 'B']), { tag: 'C' }, /\{ tag: "C" \} is not tagged as one of A, B/],
  [t.enum('E', ['A', 'B']), 'A', /"A" is not tagged as one of A, B/],
  [t.result(t.u8(), t.string()), {}, /is not \{ ok \} or \{ err \}/],
];

for (const [{ valueType }, value, message] of wrong) {
  const shown = JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));
  test(`${valueType.kind} refuses ${shown}`, () => assert.throws(() => encode(valueType, value), message));
}
