import { checkBigInt } from './integers.ts';

const MICROS_PER_MILLIS = 1000n;

/** A span of time in microseconds; negative spans are allowed. */
export class TimeDuration {
  static readonly MICROS_PER_MILLIS = MICROS_PER_MILLIS;

  /** The span in microseconds. */
  readonly __time_duration_micros__: bigint;

  /** @param micros the span in microseconds */
  constructor(micros: bigint) {
    this.__time_duration_micros__ = checkBigInt(micros, 'a duration in microseconds');
  }

  /** @param millis the span in milliseconds, a whole number */
  static fromMillis(millis: number): TimeDuration {
    return new TimeDuration(BigInt(millis) * MICROS_PER_MILLIS);
  }

  /** The span in microseconds. */
  get micros(): bigint {
    return this.__time_duration_micros__;
  }

  /** The span in milliseconds, rounded towards zero. */
  get millis(): number {
    return Number(this.micros / MICROS_PER_MILLIS);
  }

  /** So that `a < b` compares spans. */
  valueOf(): bigint {
    return this.micros;
  }

  /** Seconds with six decimals and a sign, as in `+1.500000`. */
  toString(): string {
    const sign = this.micros < 0n ? '-' : '+';
    const micros = this.micros < 0n ? -this.micros : this.micros;
    return `${sign}${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, '0')}`;
  }

  toJSON(): string {
    return this.toString();
  }
}
