import { checkBigInt } from './integers.ts';
import { TimeDuration } from './time-duration.ts';

const MICROS_PER_MILLIS = 1000n;

/** A point in time: microseconds since the start of 1970 in UTC. */
export class Timestamp {
  static readonly MICROS_PER_MILLIS = MICROS_PER_MILLIS;

  /** 1970-01-01T00:00:00Z */
  static readonly UNIX_EPOCH = new Timestamp(0n);

  /** Microseconds since the Unix epoch. */
  readonly __timestamp_micros_since_unix_epoch__: bigint;

  /** @param micros microseconds since the Unix epoch; negative before 1970 */
  constructor(micros: bigint) {
    this.__timestamp_micros_since_unix_epoch__ = checkBigInt(micros, 'a time in microseconds');
  }

  /** The time on the clock of this machine. In a module prefer `ctx.timestamp`, which is the same on every replay. */
  static now(): Timestamp {
    return Timestamp.fromDate(new Date());
  }

  /** The same point in time, to the millisecond. */
  static fromDate(date: Date): Timestamp {
    return new Timestamp(BigInt(date.getTime()) * MICROS_PER_MILLIS);
  }

  /** Microseconds since the Unix epoch. */
  get microsSinceUnixEpoch(): bigint {
    return this.__timestamp_micros_since_unix_epoch__;
  }

  /** Milliseconds since the Unix epoch, rounded down. */
  toMillis(): bigint {
    const micros = this.microsSinceUnixEpoch;
    const millis = micros / MICROS_PER_MILLIS;
    return micros < 0n && millis * MICROS_PER_MILLIS !== micros ? millis - 1n : millis;
  }

  /**
   * The same point in time, rounded down to the millisecond.
   *
   * @throws RangeError outside of the years that a `Date` can hold
   */
  toDate(): Date {
    const date = new Date(Number(this.toMillis()));
    if (Number.isNaN(date.getTime())) {
      throw new RangeError(`${this.microsSinceUnixEpoch} microseconds are outside of the range of a Date`);
    }
    return date;
  }

  /** RFC 3339 in UTC with microseconds, as in `2009-02-13T23:31:30.123456Z`. */
  toISOString(): string {
    const date = this.toDate().toISOString();
    const micros = ((this.microsSinceUnixEpoch % 1000n) + 1000n) % 1000n;
    return `${date.slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
  }

  /** The time that has passed between `earlier` and this. */
  since(earlier: Timestamp): TimeDuration {
    return new TimeDuration(this.microsSinceUnixEpoch - earlier.microsSinceUnixEpoch);
  }

  /** So that `a < b` compares points in time. */
  valueOf(): bigint {
    return this.microsSinceUnixEpoch;
  }

  toString(): string {
    return this.toISOString();
  }

  toJSON(): string {
    return this.toISOString();
  }
}
