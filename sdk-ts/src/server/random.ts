/**
 * Random numbers that are the same whenever the same call is made again. Not for secrets.
 *
 * `ctx.random()` is a number from 0 up to but not including 1.
 */
export interface Random {
  (): number;
  /** Any integer of 32 bits without a sign. */
  uint32(): number;
  /** An integer from `min` to `max`, both included. */
  integerInRange(min: number, max: number): number;
  /** An integer from `min` to `max`, both included. */
  bigintInRange(min: bigint, max: bigint): bigint;
  /** Fills an array of integers with random bits and returns it. */
  fill<A extends IntegerArray>(array: A): A;
}

/** Arrays that can be filled with random bits. */
export type IntegerArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A generator that begins at `seed`: xoshiro128**, with its state filled by SplitMix64. */
export function randomFrom(seed: bigint): Random {
  const next = generator(seed);
  const random = (() => ((next() >>> 5) * 0x400_0000 + (next() >>> 6)) / 0x20_0000_0000_0000) as Random;
  random.uint32 = next;
  random.integerInRange = (min, max) => {
    if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max)) {
      throw new RangeError(`${min} to ${max} is not a range of integers that a number can hold exactly`);
    }
    return Number(random.bigintInRange(BigInt(min), BigInt(max)));
  };
  random.bigintInRange = (min, max) => {
    if (min > max) throw new RangeError(`${min} to ${max} is an empty range`);
    const last = max - min;
    const bits = last.toString(2).length;
    // As many bits as the range needs; values beyond it are thrown away, so that all others are equally likely.
    for (;;) {
      let value = 0n;
      for (let have = 0; have < bits; have += 32) value = (value << 32n) | BigInt(next());
      value = BigInt.asUintN(bits, value);
      if (value <= last) return min + value;
    }
  };
  random.fill = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0, word = 0; i < bytes.length; i++, word >>>= 8) {
      if (i % 4 === 0) word = next();
      bytes[i] = word;
    }
    return array;
  };
  return random;
}

function generator(seed: bigint): () => number {
  const state = new Uint32Array(4);
  for (let i = 0; i < 4; i += 2) {
    seed = BigInt.asUintN(64, seed + 0x9e3779b97f4a7c15n);
    let z = seed;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    z ^= z >> 31n;
    state[i] = Number(z & 0xffff_ffffn);
    state[i + 1] = Number(z >> 32n);
  }
  let [a, b, c, d] = state as unknown as [number, number, number, number];
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
