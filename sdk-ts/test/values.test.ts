import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionId, Identity, ScheduleAt, TimeDuration, Timestamp, Uuid } from 'orrery';
import { t } from 'orrery/server';
import { randomFrom } from '../src/server/random.ts';

test('identities are read and shown as 64 digits', () => {
  const hex = 'c20035600353a2e93544d898c6ed0eac323e200c0468300f22958f8b472a265d';
  const identity = Identity.fromString(hex);
  assert.equal(identity.toHexString(), hex);
  assert.equal(`${identity}`, hex);
  assert.equal(JSON.stringify({ identity }), `{"identity":"${hex}"}`);
  assert.ok(identity.equals(new Identity(`0x${hex}`)));
  assert.ok(!identity.isEqual(Identity.zero()));
  const bytes = identity.toUint8Array();
  assert.deepEqual([bytes.length, bytes[0], bytes[31]], [32, 0x5d, 0xc2]);
  assert.throws(() => Identity.fromString('c2'), /an identity is 64 hexadecimal digits/);
  assert.throws(() => Identity.fromString('g'.repeat(64)), /an identity is 64 hexadecimal digits/);
  assert.throws(() => new Identity(5 as any), /an identity is a bigint, not 5/);
});

test('connection ids are read and shown as 32 digits', () => {
  const id = new ConnectionId(255n);
  assert.equal(id.toHexString(), 'ff'.padStart(32, '0'));
  assert.ok(ConnectionId.fromString(`${id}`).equals(id));
  assert.equal(id.toUint8Array()[0], 255);
  assert.equal(ConnectionId.fromStringOrNull('0'.repeat(32)), null);
  assert.equal(ConnectionId.nullIfZero(id), id);
  assert.equal(JSON.stringify(id), `"${id.toHexString()}"`);
});

test('timestamps are exact to the microsecond, before 1970 too', () => {
  const at = new Timestamp(1_234_567_890_123_456n);
  assert.equal(at.toISOString(), '2009-02-13T23:31:30.123456Z');
  assert.equal(at.toMillis(), 1_234_567_890_123n);
  assert.equal(at.toDate().getTime(), 1_234_567_890_123);
  assert.equal(new Timestamp(-1n).toISOString(), '1969-12-31T23:59:59.999999Z');
  assert.equal(new Timestamp(-1000n).toISOString(), '1969-12-31T23:59:59.999000Z');
  assert.equal(at.since(new Timestamp(456n)).micros, 1_234_567_890_123_000n);
  assert.equal(Timestamp.fromDate(new Date(5)).microsSinceUnixEpoch, 5000n);
  assert.ok(Timestamp.now() > Timestamp.UNIX_EPOCH);
  assert.ok(new Timestamp(1n) < new Timestamp(2n));
  assert.equal(JSON.stringify(at), '"2009-02-13T23:31:30.123456Z"');
  assert.throws(() => new Timestamp((1n << 63n) - 1n).toDate(), RangeError);
});

test('durations are compared and shown', () => {
  assert.equal(new TimeDuration(1_999n).millis, 1);
  assert.ok(TimeDuration.fromMillis(1) < TimeDuration.fromMillis(2));
  assert.deepEqual(ScheduleAt.interval(5n), ScheduleAt.interval(new TimeDuration(5n)));
  assert.deepEqual(ScheduleAt.time(5n), { tag: 'Time', value: new Timestamp(5n) });
});

test('UUIDs have the usual text and bytes', () => {
  const text = '01890a5d-ac96-774b-bcce-b302099a8057';
  const uuid = Uuid.parse(text);
  assert.equal(`${uuid}`, text);
  assert.equal(uuid.toHexString(), text.replaceAll('-', ''));
  assert.equal(uuid.getVersion(), 'V7');
  assert.equal(uuid.getCounter(), 635_918_721);
  assert.equal(Uuid.bytesToBigInt(uuid.toBytes()), uuid.asBigInt());
  assert.ok(Uuid.NIL < Uuid.MAX);
  assert.deepEqual([Uuid.NIL.getVersion(), Uuid.MAX.getVersion()], ['Nil', 'Max']);
  assert.equal(JSON.stringify(uuid), `"${text}"`);
  assert.throws(() => Uuid.parse('x'), /a UUID is 32 hexadecimal digits/);
  assert.equal(
    `${Uuid.fromRandomBytesV4(new Uint8Array(16).fill(0x11))}`,
    '11111111-1111-4111-9111-111111111111',
  );
});

test('UUIDs of version 7 count up, and begin again after the last number', () => {
  const now = new Timestamp(1_700_000_000_123_000n);
  const random = new Uint8Array(4).fill(0xab);
  const counter = { value: 5 };
  assert.equal(`${Uuid.fromCounterV7(counter, now, random)}`, '018bcfe5-687b-7000-8000-000a2bababab');
  assert.equal(counter.value, 6);
  counter.value = 0x7fff_ffff;
  const last = Uuid.fromCounterV7(counter, now, random);
  assert.equal(`${last}`, '018bcfe5-687b-70ff-80ff-fffe2bababab');
  assert.deepEqual([last.getCounter(), counter.value], [0x7fff_ffff, 0]);
});

test('random integers stay within their range and reach both ends', () => {
  const random = randomFrom(5n);
  const seen = new Set(Array.from({ length: 1000 }, () => random.integerInRange(-2, 3)));
  assert.deepEqual(
    [...seen].sort((a, b) => a - b),
    [-2, -1, 0, 1, 2, 3],
  );
  for (let i = 0; i < 1000; i++) {
    const fraction = random();
    assert.ok(fraction >= 0 && fraction < 1);
    const big = random.bigintInRange(-(1n << 70n), 1n << 70n);
    assert.ok(big >= -(1n << 70n) && big <= 1n << 70n);
  }
  assert.equal(random.integerInRange(4, 4), 4);
  assert.ok(Number.isSafeInteger(random.integerInRange(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)));
  assert.throws(() => random.integerInRange(2, 1), /2 to 1 is an empty range/);
  assert.throws(() => random.integerInRange(0, 1.5), /is not a range of integers/);
});

test('random bits are even, and the same for the same seed', () => {
  const random = randomFrom(-1n);
  const words = random.fill(new Uint32Array(20_000));
  const ones = words.reduce((sum, word) => sum + word.toString(2).replaceAll('0', '').length, 0);
  assert.ok(Math.abs(ones / (32 * words.length) - 0.5) < 0.01);
  assert.deepEqual(randomFrom(-1n).fill(new Uint32Array(20_000)), words);
  assert.equal(new Set(randomFrom(1n).fill(new BigUint64Array(1000))).size, 1000);
});

test('enums make their values', () => {
  const shape = t.enum('Shape', { Dot: t.unit(), Circle: t.u32() });
  assert.deepEqual(shape.Dot, { tag: 'Dot' });
  assert.deepEqual(shape.Circle(5), { tag: 'Circle', value: 5 });
  assert.notEqual(shape.Dot, shape.Dot, 'each is an object of its own');
  const color = t.enum('Color', ['Red', 'Green']);
  assert.deepEqual(color.Red, { tag: 'Red' });
});
