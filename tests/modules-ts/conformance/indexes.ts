/** Every kind of index, over every kind of key, asked in every way. */
import { ConnectionId, Identity, Timestamp, Uuid } from 'spacetimedb';
import { Range, type Bound } from 'spacetimedb/server';
import { saw, say } from './notes';
import db, { type Ctx } from './schema';

const including = <T>(value: T): Bound<T> => ({ tag: 'included', value });
const excluding = <T>(value: T): Bound<T> => ({ tag: 'excluded', value });
const unbounded = { tag: 'unbounded' } as const;

const I32_MIN = -(2 ** 31);
const I32_MAX = 2 ** 31 - 1;
const U32_MAX = 2 ** 32 - 1;
const U64_MAX = 2n ** 64n - 1n;
const U256_MAX = 2n ** 256n - 1n;

export const numberRanges = db.reducer((ctx) => {
  const keys = [I32_MIN, -7, -1, 0, 1, 5, 5, 5, 9, 1 << 20, I32_MAX];
  keys.forEach((key, tag) => ctx.db.byNumber.insert({ key, tag }));
  const range = (what: string, range: number | Range<number>) => {
    saw(ctx, what, [...ctx.db.byNumber.key.filter(range)].map((row) => row.key));
  };
  range('5', 5);
  range('5 again', new Range(including(5), including(5)));
  range('6', 6);
  range('[0, 5)', new Range(including(0), excluding(5)));
  range('[0, 5]', new Range(including(0), including(5)));
  range('[1, ∞)', new Range(including(1)));
  range('(-∞, 0)', new Range<number>(null, excluding(0)));
  range('(-∞, 0]', new Range<number>(unbounded, including(0)));
  range('from the least to the greatest', new Range(including(I32_MIN), including(I32_MAX)));
  range('[-1, 1)', new Range(including(-1), excluding(1)));
  range('(5, ∞)', new Range(excluding(5), unbounded));
  range('(-7, 5)', new Range(excluding(-7), excluding(5)));
  range('(0, 5]', new Range(excluding(0), including(5)));
  range('(-∞, ∞)', new Range<number>());
  range('(-∞, -1)', new Range<number>(unbounded, excluding(-1)));
  range('[9, 1)', new Range(including(9), excluding(1)));
  say(ctx, `deleted 5: ${ctx.db.byNumber.key.delete(5)}`);
  say(ctx, `deleted 5 again: ${ctx.db.byNumber.key.delete(5)}`);
  say(ctx, `deleted below 0: ${ctx.db.byNumber.key.delete(new Range<number>(unbounded, excluding(0)))}`);
  range('(-∞, ∞)', new Range<number>(unbounded, unbounded));
  say(ctx, `left: ${ctx.db.byNumber.count()}`);
});

export const textRanges = db.reducer((ctx) => {
  const keys = ['', 'a', 'aa', 'ab', 'b', 'ba', 'z', 'é', '日本', '\0', 'a\0b'];
  keys.forEach((key, tag) => ctx.db.byText.insert({ key, hashed: key, tag }));
  const range = (what: string, range: string | Range<string>) => {
    saw(ctx, what, [...ctx.db.byText.key.filter(range)].map((row) => row.tag));
  };
  range("'a'", 'a');
  range("'ab'", 'ab');
  range("['a', 'b')", new Range(including('a'), excluding('b')));
  range("['a', 'b']", new Range(including('a'), including('b')));
  range("['b', ∞)", new Range(including('b')));
  range("(-∞, 'aa')", new Range<string>(unbounded, excluding('aa')));
  range("(-∞, '']", new Range<string>(unbounded, including('')));
  range("['é', ∞)", new Range(including('é'), unbounded));
  const hashed = { a: 'a', nothing: '', 日本: '日本', 'a, null, b': 'a\0b', missing: 'missing' };
  for (const [what, key] of Object.entries(hashed)) {
    saw(ctx, `hash of ${what}`, [...ctx.db.byText.hashed.filter(key)].map((row) => row.tag));
  }
  say(ctx, `deleted by hash: ${ctx.db.byText.hashed.delete('z')}`);
  say(ctx, `deleted by range: ${ctx.db.byText.key.delete(new Range(including('a'), excluding('b')))}`);
  range("['', ∞)", new Range(including('')));
});

export const prefixRanges = db.reducer((ctx) => {
  let tag = 0;
  for (const x of [-2, 0, 7]) {
    for (const y of [0, 1, 255]) {
      for (const z of ['', 'm', 'mm']) ctx.db.grid.insert({ x, y, z, tag: tag++ });
    }
  }
  const range = (what: string, range: Parameters<Ctx['db']['grid']['byXyz']['filter']>[0]) => {
    saw(ctx, what, [...ctx.db.grid.byXyz.filter(range)].map((row) => row.tag));
  };
  range('0', 0);
  range('0 again', new Range(including(0), including(0)));
  range('[-2, 1)', new Range(including(-2), excluding(1)));
  range('[1, ∞)', new Range(including(1)));
  range('0 1', [0, 1]);
  range('0 [1, ∞)', [0, new Range(including(1))]);
  range('0 (-∞, 1)', [0, new Range<number>(unbounded, excluding(1))]);
  range('7 [0, 1]', [7, new Range(including(0), including(1))]);
  range('7 (0, ∞)', [7, new Range(excluding(0))]);
  range("7 255 'm'", [7, 255, 'm']);
  range("7 255 ['', 'm']", [7, 255, new Range(including(''), including('m'))]);
  range("7 255 ('', ∞)", [7, 255, new Range(excluding(''))]);
  range("7 255 (-∞, 'm')", [7, 255, new Range<string>(unbounded, excluding('m'))]);
  range('8 0', [8, 0]);
  const byZx = (z: string, x: number) => tags([...ctx.db.grid.byZx.filter([z, x])]).sort((a, b) => a - b);
  saw(ctx, 'hash m 7', byZx('m', 7));
  saw(ctx, 'hash m 8', byZx('m', 8));
  say(ctx, `deleted by prefix: ${ctx.db.grid.byXyz.delete([0, 1])}`);
  say(ctx, `deleted by hash: ${ctx.db.grid.byZx.delete(['m', 0])}`);
  range('0', 0);
});

export const directKeys = db.reducer((ctx) => {
  const small = ctx.db.directSmall;
  for (const [id, day] of [[0, 'Wednesday'], [255, 'Monday'], [7, 'Tuesday']] as const) {
    small.insert({ id, day: { tag: day }, tag: id * 2 });
  }
  saw(ctx, 'ids 0 7 8 255', [0, 7, 8, 255].map((id) => one(small.id.find(id))));
  say(ctx, `id 7 deleted: ${small.id.delete(7)}`);
  say(ctx, `id 7 deleted again: ${small.id.delete(7)}`);
  saw(ctx, 'ids 7 255', [7, 255].map((id) => one(small.id.find(id))));

  const large = ctx.db.directLarge;
  for (const [id, other] of [[1n, U32_MAX], [1n << 40n, 0], [U64_MAX, 70_000]] as const) {
    large.insert({ id, other, tag: other & 0xffff });
  }
  const ids = [0n, 1n, 1n << 40n, U64_MAX];
  saw(ctx, 'large ids', ids.map((id) => one(large.id.find(id))));
  saw(ctx, 'others', [0, 1, 70_000, U32_MAX].map((key) => one(large.other.find(key))));
  say(ctx, `other 0 deleted: ${large.other.delete(0)}`);
  saw(ctx, 'large ids', ids.map((id) => one(large.id.find(id))));
});

export const otherKeys = db.reducer((ctx) => {
  const identity = (number: number) => new Identity(BigInt(number));
  const connection = (number: number) => new ConnectionId(BigInt(number));
  const uuid = (number: number) => new Uuid(BigInt(number) << 100n);
  const timestamp = (number: number) => new Timestamp(BigInt(number) - 3n);
  const days = ['Monday', 'Tuesday', 'Wednesday'] as const;
  const wide = (number: number) => U256_MAX - BigInt(number);
  const { keyring } = ctx.db;
  for (let tag = 0; tag < 8; tag++) {
    keyring.insert({
      identity: identity(tag),
      connection: connection(tag),
      uuid: uuid(tag),
      timestamp: timestamp(tag),
      day: { tag: days[tag % 3]! },
      flag: tag % 2 === 1,
      wide: wide(tag),
      signed: BigInt(tag) - 4n,
      long: BigInt(tag) - 4n,
      tiny: tag - 4,
      tag,
    });
  }
  saw(ctx, 'identity 3 9', [3, 9].map((number) => one(keyring.identity.find(identity(number)))));
  saw(ctx, 'connection 3 9', [3, 9].map((number) => one(keyring.connection.find(connection(number)))));
  saw(ctx, 'uuid 3 9', [3, 9].map((number) => one(keyring.uuid.find(uuid(number)))));
  const ordered = (what: string, found: Iterable<{ tag: number }>) => saw(ctx, what, tags(found));
  const unordered = (what: string, found: Iterable<{ tag: number }>) => {
    saw(ctx, what, tags(found).sort((a, b) => a - b));
  };
  ordered('timestamp from -1', keyring.timestamp.filter(new Range(including(timestamp(2)))));
  const upTo0 = new Range<Timestamp>(unbounded, including(timestamp(3)));
  ordered('timestamp to 0', keyring.timestamp.filter(upTo0));
  unordered('tuesdays', keyring.day.filter({ tag: 'Tuesday' }));
  unordered('flag', keyring.flag.filter(true));
  unordered('flag up to false', keyring.flag.filter(new Range<boolean>(unbounded, including(false))));
  ordered('wide, descending tags', keyring.wide.filter(new Range(including(wide(5)), excluding(wide(1)))));
  ordered('signed from -2 to 1', keyring.signed.filter(new Range(including(-2n), including(1n))));
  unordered('long -4', keyring.long.filter(-4n));
  ordered('tiny below 0', keyring.tiny.filter(new Range<number>(unbounded, excluding(0))));
  ordered('tiny from -1', keyring.tiny.filter(new Range(including(-1))));
});

function one(row: { tag: number } | null): string {
  return row === null ? 'none' : row.tag.toString();
}

function tags(rows: Iterable<{ tag: number }>): number[] {
  return [...rows].map((row) => row.tag);
}
