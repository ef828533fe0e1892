/** The types of `ctx.db`: what can be done with each table, by its columns and indexes. */
import type { InferTypeOfRow, RowInput, RowObj } from '../shared/type-builder.ts';
import type { Range, RangeBounds } from './range.ts';
import type { Schema } from './schema.ts';
import type { TableSchema } from './table.ts';

/** Rows of a scan, as they were when it began. */
export type Rows<Row> = IteratorObject<Row, undefined, unknown>;

/** What views can do with a table. */
export interface ReadonlyTableMethods<Row> {
  /** The number of rows. */
  count(): bigint;
  /** All rows, in no particular order. */
  iter(): Rows<Row>;
  [Symbol.iterator](): Rows<Row>;
}

/** What reducers and transactions can do with a table. */
export interface TableMethods<Row, Input = Row> extends ReadonlyTableMethods<Row> {
  /**
   * Adds a row and returns it, with the numbers that the database has given to columns that count up.
   *
   * @throws errors.UniqueAlreadyExists if another row has the same value in a unique column
   */
  insert(row: Input): Row;
  /** Removes the row that equals `row` in all columns. Returns whether there was one. */
  delete(row: Input): boolean;
  /** Removes all rows and returns how many there were. */
  clear(): bigint;
}

/** Looks up the one row with a key. The key of several columns is an array. */
export interface ReadonlyUniqueIndex<Row, Key> {
  find(key: Key): Row | null;
}

/** Looks up or removes the one row with a key. */
export interface UniqueIndex<Row, Key> extends ReadonlyUniqueIndex<Row, Key> {
  /** Returns whether there was such a row. */
  delete(key: Key): boolean;
}

/** Looks up, removes or replaces the one row with a primary key. */
export interface PrimaryKeyIndex<Row, Key, Input = Row> extends UniqueIndex<Row, Key> {
  /**
   * Replaces the row that has the same primary key as `row`, and returns the new one.
   *
   * @throws errors.NoSuchRow if there is none
   */
  update(row: Input): Row;
}

/** Looks up the rows with a key. */
export interface ReadonlyIndex<Row, Key> {
  /** In the order of the index if it has one. */
  filter(key: Key): Rows<Row>;
}

/** Looks up or removes the rows with a key. */
export interface Index<Row, Key> extends ReadonlyIndex<Row, Key> {
  /** Returns how many rows there were. */
  delete(key: Key): number;
}

/** A value, or a range of values, of a column that an index keeps in order. */
export type ValueOrRange<Value> = Value | Range<Value> | RangeBounds<Value>;

/**
 * What an index over columns of the types `Values` accepts: a value for the first column, or an array with values for
 * the first few. The last one may be a range.
 */
export type OrderedKey<Values extends readonly unknown[]> = Values extends readonly [
  infer First,
  ...unknown[],
]
  ? ValueOrRange<First> | OrderedPrefix<Values>
  : never;
type OrderedPrefix<Values extends readonly unknown[]> = Values extends readonly [...infer Before, infer Last]
  ? Before extends readonly []
    ? readonly [ValueOrRange<Last>]
    : readonly [...Before, ValueOrRange<Last>] | OrderedPrefix<Before>
  : never;

/** A key with a value for every column: the value itself if there is one column, else an array. */
export type WholeKey<Values extends readonly unknown[]> = Values extends readonly [infer Only]
  ? Only
  : Values;

type ColumnValues<Row extends RowObj, Columns extends readonly unknown[]> = {
  [I in keyof Columns]: Columns[I] extends keyof Row ? Row[Columns[I]]['type'] : never;
};

type OptionsOf<Column> = Column extends { readonly optionTypes: infer Options } ? Options : {};

type IsUnique<Options> = Options extends { primaryKey: true } | { unique: true } ? true : false;

/** The index of a column, by what its methods have said; `never` if it has none. */
type ColumnIndex<Row extends RowObj, Column extends keyof Row, Writable> =
  OptionsOf<Row[Column]> extends infer Options
    ? Options extends { primaryKey: true }
      ? Choose<
          Writable,
          PrimaryKeyIndex<InferTypeOfRow<Row>, Row[Column]['type'], RowInput<Row>>,
          ReadonlyUnique<Row, Column>
        >
      : Options extends { unique: true }
        ? Choose<Writable, UniqueIndex<InferTypeOfRow<Row>, Row[Column]['type']>, ReadonlyUnique<Row, Column>>
        : Options extends { index: infer Algorithm }
          ? MultiIndex<InferTypeOfRow<Row>, Algorithm, [Row[Column]['type']], Writable>
          : never
    : never;

type ReadonlyUnique<Row extends RowObj, Column extends keyof Row> = ReadonlyUniqueIndex<
  InferTypeOfRow<Row>,
  Row[Column]['type']
>;

type MultiIndex<Row, Algorithm, Values extends readonly unknown[], Writable> = Algorithm extends 'hash'
  ? Choose<Writable, Index<Row, WholeKey<Values>>, ReadonlyIndex<Row, WholeKey<Values>>>
  : Choose<Writable, Index<Row, OrderedKey<Values>>, ReadonlyIndex<Row, OrderedKey<Values>>>;

type Choose<Writable, Yes, No> = Writable extends true ? Yes : No;

type ColumnIndexes<Row extends RowObj, Writable> = {
  readonly [
    Column in keyof Row as ColumnIndex<Row, Column, Writable> extends never
      ? never
      : Exclude<Column, keyof TableMethods<unknown>>
  ]: ColumnIndex<Row, Column, Writable>;
};

/** The columns of an entry of `indexes`. */
type ColumnsOf<Entry> = Entry extends { columns: infer Columns extends readonly unknown[] }
  ? Columns
  : Entry extends { column: infer Column }
    ? readonly [Column]
    : never;

type AlgorithmOf<Entry> = Entry extends { algorithm: infer Algorithm } ? Algorithm : 'btree';

/** Whether some unique column or constraint lies within the columns. */
type CoversUnique<
  Row extends RowObj,
  Columns extends readonly unknown[],
  Constraints extends readonly unknown[],
> =
  | (true extends {
      [I in keyof Columns]: Columns[I] extends keyof Row ? IsUnique<OptionsOf<Row[Columns[I]]>> : never;
    }[number]
      ? true
      : never)
  | (Constraints[number] extends infer Constraint
      ? Constraint extends { columns: infer Unique extends readonly unknown[] }
        ? [Unique[number]] extends [Columns[number]]
          ? true
          : never
        : never
      : never);

type NamedIndex<Row extends RowObj, Entry, Constraints extends readonly unknown[], Writable> =
  ColumnsOf<Entry> extends infer Columns extends readonly unknown[]
    ? ColumnValues<Row, Columns> extends infer Values extends readonly unknown[]
      ? [CoversUnique<Row, Columns, Constraints>] extends [never]
        ? MultiIndex<InferTypeOfRow<Row>, AlgorithmOf<Entry>, Mutable<Values>, Writable>
        : Choose<
            Writable,
            UniqueIndex<InferTypeOfRow<Row>, WholeKey<Mutable<Values>>>,
            ReadonlyUniqueIndex<InferTypeOfRow<Row>, WholeKey<Mutable<Values>>>
          >
      : never
    : never;

type Mutable<Values extends readonly unknown[]> = Values extends readonly [...infer Items] ? Items : never;

type NamedIndexes<
  Row extends RowObj,
  Indexes extends readonly unknown[],
  Constraints extends readonly unknown[],
  Writable,
> = {
  readonly [
    Entry in Indexes[number] as Entry extends { accessor: infer Accessor extends string }
      ? Exclude<Accessor, keyof TableMethods<unknown>>
      : never
  ]: NamedIndex<Row, Entry, Constraints, Writable>;
};

/** `ctx.db.<table>` where rows can be changed. */
export type Table<T> =
  T extends TableSchema<infer Row, infer Indexes, infer Constraints>
    ? TableMethods<InferTypeOfRow<Row>, RowInput<Row>> &
        ColumnIndexes<Row, true> &
        NamedIndexes<Row, Indexes, Constraints, true>
    : never;

/** `ctx.db.<table>` in views. */
export type ReadonlyTable<T> =
  T extends TableSchema<infer Row, infer Indexes, infer Constraints>
    ? ReadonlyTableMethods<InferTypeOfRow<Row>> &
        ColumnIndexes<Row, false> &
        NamedIndexes<Row, Indexes, Constraints, false>
    : never;

/** Another module, imported with `import * as`, to be passed to `schema` under a name of its own. */
export interface Submodule<Tables = any> {
  readonly default: Schema<Tables>;
}

/** What `schema` accepts: tables and submodules by name. */
export type SchemaEntries = { readonly [name: string]: TableSchema | Submodule };

/** `ctx.db`: the tables of the schema by their keys, and those of submodules below their names. */
export type DbView<Entries> = 0 extends 1 & Entries
  ? any
  : {
      readonly [K in keyof Entries]: Entries[K] extends TableSchema
        ? Table<Entries[K]>
        : Entries[K] extends Submodule<infer Inner>
          ? DbView<Inner>
          : never;
    };

/** `ctx.db` in views. */
export type ReadonlyDbView<Entries> = 0 extends 1 & Entries
  ? any
  : {
      readonly [K in keyof Entries]: Entries[K] extends TableSchema
        ? ReadonlyTable<Entries[K]>
        : Entries[K] extends Submodule<infer Inner>
          ? ReadonlyDbView<Inner>
          : never;
    };
