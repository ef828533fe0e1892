/** Tables in memory: rows as bytes, looked up by walking through all of them. */
import { Decoder, encode, toHex } from './sats.ts';
import type { Member, Type } from './sats.ts';
import type { Index, TableDefinition } from './definition.ts';

/** What a scan goes by: the first columns equal to `prefix`, the next one within bounds. */
export interface Scan {
  prefix: Uint8Array;
  prefixColumns: number;
  from: ScanBound;
  to: ScanBound;
}
export type ScanBound = { kind: 'included' | 'excluded'; value: Uint8Array } | { kind: 'unbounded' };

export class StoredTable {
  readonly definition: TableDefinition;
  readonly columns: readonly Member[];
  readonly #typespace: readonly Type[];
  readonly #nextValues: bigint[];
  rows: Uint8Array[] = [];

  constructor(definition: TableDefinition, typespace: readonly Type[]) {
    this.definition = definition;
    this.#typespace = typespace;
    this.columns = (typespace[definition.rowType] as { product: Member[] }).product;
    this.#nextValues = definition.sequences.map(() => 1n);
  }

  get rowType(): Type {
    return { product: this.columns };
  }

  decode(row: Uint8Array): any {
    return new Decoder(row).value(this.rowType, this.#typespace);
  }

  encode(row: object): Uint8Array {
    return encode(this.rowType, row, this.#typespace);
  }

  /** Fails if the bytes are no row. */
  check(row: Uint8Array): void {
    const decoder = new Decoder(row);
    decoder.value(this.rowType, this.#typespace);
    if (!decoder.isAtEnd)
      throw new Error(`there are bytes left behind a row of ${this.definition.sourceName}`);
  }

  /** The row with generated columns filled in, and the bytes of these columns. */
  fillIn(row: Uint8Array): [row: Uint8Array, generated: Uint8Array] {
    const values = this.decode(row);
    const generated: number[] = [];
    this.definition.sequences.forEach((column, sequence) => {
      const { name, type } = this.columns[column]!;
      if (BigInt(values[name!]) !== 0n) return;
      const next = this.#nextValues[sequence]!++;
      values[name!] = typeof values[name!] === 'bigint' ? next : Number(next);
      generated.push(...encode(type, values[name!], this.#typespace));
    });
    return [this.encode(values), Uint8Array.from(generated)];
  }

  /** The bytes of some columns of a row, one behind the other. */
  project(row: Uint8Array, columns: readonly number[]): Uint8Array {
    const values = this.decode(row);
    return Uint8Array.from(
      columns.flatMap((column) => {
        const { name, type } = this.columns[column]!;
        return [...encode(type, values[name!], this.#typespace)];
      }),
    );
  }

  /** Whether another row than `except` has the same values in unique columns. */
  violates(row: Uint8Array, except?: Uint8Array): boolean {
    return this.definition.uniques.some((columns) => {
      const key = toHex(this.project(row, columns));
      return this.rows.some((other) => other !== except && toHex(this.project(other, columns)) === key);
    });
  }

  isUnique(index: Index): boolean {
    return this.definition.uniques.some(
      (columns) => columns.toSorted().join() === index.columns.toSorted().join(),
    );
  }

  /** Rows whose key is `key`, in the order in which they came. */
  point(index: Index, key: Uint8Array): Uint8Array[] {
    return this.rows.filter((row) => toHex(this.project(row, index.columns)) === toHex(key));
  }

  /** Rows within a range, in the order of the index. */
  range(index: Index, scan: Scan): Uint8Array[] {
    const prefix = index.columns.slice(0, scan.prefixColumns);
    const column = index.columns[scan.prefixColumns]!;
    const value = (row: Uint8Array) => this.decode(row)[this.columns[column]!.name!];
    const bound = (bound: ScanBound) =>
      bound.kind === 'unbounded'
        ? undefined
        : new Decoder(bound.value).value(this.columns[column]!.type, this.#typespace);
    const [from, to] = [bound(scan.from), bound(scan.to)];
    return this.rows
      .filter((row) => toHex(this.project(row, prefix)) === toHex(scan.prefix))
      .filter(
        (row) =>
          scan.from.kind === 'unbounded' ||
          compare(value(row), from) >= (scan.from.kind === 'included' ? 0 : 1),
      )
      .filter(
        (row) =>
          scan.to.kind === 'unbounded' || compare(value(row), to) <= (scan.to.kind === 'included' ? 0 : -1),
      )
      .sort((a, b) => this.#compareByKey(index, a, b));
  }

  remove(rows: readonly Uint8Array[]): number {
    const gone = new Set(rows.map(toHex));
    const before = this.rows.length;
    this.rows = this.rows.filter((row) => !gone.has(toHex(row)));
    return before - this.rows.length;
  }

  #compareByKey(index: Index, a: Uint8Array, b: Uint8Array): number {
    const [left, right] = [this.decode(a), this.decode(b)];
    for (const column of index.columns) {
      const name = this.columns[column]!.name!;
      const order = compare(left[name], right[name]);
      if (order !== 0) return order;
    }
    return 0;
  }
}

/** −1, 0 or 1; objects by their first field that differs. */
function compare(a: any, b: any): number {
  if (typeof a === 'object') {
    for (const field of Object.keys(a)) {
      const order = compare(a[field], b[field]);
      if (order !== 0) return order;
    }
    return 0;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}
