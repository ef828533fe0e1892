/** One end of a range. */
export type Bound<T> = { tag: 'included'; value: T } | { tag: 'excluded'; value: T } | { tag: 'unbounded' };

/** Values between two bounds, for `filter` and `delete` of indexes that keep rows in order. */
export class Range<T> {
  readonly from: Bound<T>;
  readonly to: Bound<T>;

  /** Without bounds it holds every value. */
  constructor(from?: Bound<T> | null, to?: Bound<T> | null) {
    this.from = from ?? { tag: 'unbounded' };
    this.to = to ?? { tag: 'unbounded' };
  }
}

/** A range in short: at most one of `gt` and `gte`, at most one of `lt` and `lte`. */
export interface RangeBounds<T> {
  gt?: T;
  gte?: T;
  lt?: T;
  lte?: T;
}

const BOUND_NAMES: readonly string[] = ['gt', 'gte', 'lt', 'lte'];

/** The range that `value` is, or `null` if it is a value to look up. */
export function asRange(value: unknown): Range<unknown> | null {
  if (value instanceof Range) return value;
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return null;
  const names = Object.keys(value);
  if (names.length === 0 || !names.every((name) => BOUND_NAMES.includes(name))) return null;
  const bounds = value as RangeBounds<unknown>;
  return new Range(bound(bounds, 'gte', 'gt'), bound(bounds, 'lte', 'lt'));
}

function bound(
  bounds: RangeBounds<unknown>,
  included: keyof RangeBounds<unknown>,
  excluded: keyof RangeBounds<unknown>,
): Bound<unknown> {
  if (included in bounds && excluded in bounds) {
    throw new TypeError(`a range has either ${included} or ${excluded}, not both`);
  }
  if (included in bounds) return { tag: 'included', value: bounds[included] };
  if (excluded in bounds) return { tag: 'excluded', value: bounds[excluded] };
  return { tag: 'unbounded' };
}
