import { isUnit } from './value-type.ts';
import type { ProductType, ScalarKind, SumType, ValueType } from './value-type.ts';

/** How an index finds its rows: in order, by hash, or directly by a small unsigned integer. */
export type IndexAlgorithm = 'btree' | 'hash' | 'direct';

/** What the methods of a type have said about a column of it. */
export interface ColumnOptions {
  primaryKey?: true;
  unique?: true;
  autoInc?: true;
  index?: IndexAlgorithm;
  default?: true;
}

/** Appears in messages of the compiler: the method cannot be called, for the reason given. */
export interface NotAllowed<Reason extends string> {
  reason: Reason;
}

/** Fails where a method is called that would let the database fill a column that has a default value. */
type Unless<Options, Name extends keyof ColumnOptions, Reason extends string> = Options extends {
  [K in Name]: unknown;
}
  ? NotAllowed<Reason>
  : unknown;
type WithoutDefault<Options> = Unless<
  Options,
  'default',
  'a column with a default value cannot be a primary key, unique or counted up'
>;
type WithoutKey<Options> = Unless<Options, 'primaryKey', 'a primary key cannot have a default value'> &
  Unless<Options, 'unique', 'a unique column cannot have a default value'> &
  Unless<Options, 'autoInc', 'a column that counts up cannot have a default value'>;

/**
 * The type of a column, a parameter or a member, with values of the JavaScript type `T`.
 *
 * Methods return a new builder, so a type can be used in several places.
 */
export interface TypeBuilder<T, Options extends ColumnOptions = {}> {
  /** Never there at run time; the JavaScript type of values. */
  readonly type: T;
  /** Never there at run time; what the methods have said. */
  readonly optionTypes: Options;
  /** What values are stored as. */
  readonly valueType: ValueType;
  /** What the methods have said, with the values. */
  readonly columnOptions: RuntimeColumnOptions;

  /** A value of this type, or `undefined`. */
  optional(): OptionBuilder<T>;

  /** What existing rows get in this column when it is added to a table that has rows. */
  default(this: WithoutKey<Options>, value: T): TypeBuilder<T, Options & { default: true }>;

  /** The name of the column in the database. It is the key of the column and need not be given. */
  name(name: string): TypeBuilder<T, Options>;
}

/** A type whose values can be looked up. */
export interface KeyBuilder<T, Options extends ColumnOptions = {}> extends TypeBuilder<T, Options> {
  /** Rows can be found quickly by this column. Without an argument the rows are kept in order (`btree`). */
  index(): KeyBuilder<T, Options & { index: 'btree' }>;
  index<const A extends IndexAlgorithm>(algorithm: A): KeyBuilder<T, Options & { index: A }>;

  /** No two rows have the same value in this column. */
  unique(this: WithoutDefault<Options>): KeyBuilder<T, Options & { unique: true }>;

  /** The column that says which row it is. At most one column of a table. */
  primaryKey(this: WithoutDefault<Options>): KeyBuilder<T, Options & { primaryKey: true }>;

  default(this: WithoutKey<Options>, value: T): KeyBuilder<T, Options & { default: true }>;
  name(name: string): KeyBuilder<T, Options>;
}

/** A type of integers. */
export interface IntegerBuilder<
  T extends number | bigint,
  Options extends ColumnOptions = {},
> extends KeyBuilder<T, Options> {
  /** Zero in an inserted row is replaced by the next number, beginning with 1. */
  autoInc(this: WithoutDefault<Options>): IntegerBuilder<T, Options & { autoInc: true }>;

  index(): IntegerBuilder<T, Options & { index: 'btree' }>;
  index<const A extends IndexAlgorithm>(algorithm: A): IntegerBuilder<T, Options & { index: A }>;
  unique(this: WithoutDefault<Options>): IntegerBuilder<T, Options & { unique: true }>;
  primaryKey(this: WithoutDefault<Options>): IntegerBuilder<T, Options & { primaryKey: true }>;
  default(this: WithoutKey<Options>, value: T): IntegerBuilder<T, Options & { default: true }>;
  name(name: string): IntegerBuilder<T, Options>;
}

/** A value or `undefined`. `null` is written like `undefined`. */
export interface OptionBuilder<T> extends TypeBuilder<T | undefined> {
  readonly kind: 'option';
}

/** Any number of values of one type. */
export interface ArrayBuilder<T> extends TypeBuilder<T> {
  readonly kind: 'array';
}

/** An object with named members. */
export interface ObjectBuilder<Members extends MembersObj> extends TypeBuilder<InferTypeOfRow<Members>> {
  readonly elements: Members;
}

/** A row: an object whose members are columns. */
export interface RowBuilder<Row extends RowObj> extends TypeBuilder<InferTypeOfRow<Row>> {
  /** The columns as given. */
  readonly row: Row;
}

/** Types of members by name. */
export type MembersObj = { readonly [name: string]: TypeBuilder<any, any> };

/** Types of columns by name. */
export type RowObj = MembersObj;

/** The JavaScript type of the values of a type: `Infer<typeof player.rowType>`. */
export type Infer<B> = B extends { readonly type: infer T }
  ? T
  : B extends RowObj
    ? InferTypeOfRow<B>
    : never;

/** The JavaScript type of the rows with the given columns. */
export type InferTypeOfRow<Row extends RowObj> = { -readonly [Column in keyof Row]: Row[Column]['type'] };

/** A row to be stored: like {@link InferTypeOfRow}, but columns that may be `undefined` can be left out. */
export type RowInput<Row extends RowObj> = {
  -readonly [
    Column in keyof Row as undefined extends Row[Column]['type'] ? never : Column
  ]: Row[Column]['type'];
} & {
  -readonly [
    Column in keyof Row as undefined extends Row[Column]['type'] ? Column : never
  ]?: Row[Column]['type'];
};

/** Values of an enum: an object with a tag, and a value unless the variant is `t.unit()`. */
export type EnumValue<Variants extends MembersObj> = {
  [V in keyof Variants & string]: Variants[V] extends UnitBuilder
    ? { tag: V }
    : { tag: V; value: Variants[V]['type'] };
}[keyof Variants & string];

/** Functions that make values of an enum; variants without a value are values already. */
export type EnumConstructors<Variants extends MembersObj> = {
  readonly [V in keyof Variants & string]: Variants[V] extends UnitBuilder
    ? { tag: V }
    : (value: Variants[V]['type']) => { tag: V; value: Variants[V]['type'] };
};

/** The type without information. */
export interface UnitBuilder extends TypeBuilder<{}> {
  readonly kind: 'unit';
}

/** An enum whose variants have values. */
export type EnumBuilder<Variants extends MembersObj> = TypeBuilder<EnumValue<Variants>> &
  EnumConstructors<Omit<Variants, keyof TypeBuilder<unknown>>>;

/** An enum of names only. It can be looked up. */
export type SimpleEnumBuilder<Name extends string> = KeyBuilder<{ [N in Name]: { tag: N } }[Name]> & {
  readonly [N in Exclude<Name, keyof KeyBuilder<unknown>>]: { tag: N };
};

/** The same as {@link ColumnOptions}, with the values. */
export interface RuntimeColumnOptions {
  readonly primaryKey?: boolean;
  readonly unique?: boolean;
  readonly autoInc?: boolean;
  readonly index?: IndexAlgorithm;
  readonly default?: { readonly value: unknown };
  readonly name?: string;
}

/** What a builder is at run time. Which methods a type offers is told by the interfaces. */
export class ColumnType {
  declare readonly type: any;
  declare readonly optionTypes: any;
  readonly valueType: ValueType;
  readonly columnOptions: RuntimeColumnOptions;

  constructor(valueType: ValueType, columnOptions: RuntimeColumnOptions = {}) {
    this.valueType = valueType;
    this.columnOptions = columnOptions;
  }

  optional(): ColumnType {
    return new ColumnType({ kind: 'option', value: this.valueType });
  }

  default(value: unknown): ColumnType {
    return withOptions(this, { default: { value } });
  }

  name(name: string): ColumnType {
    return withOptions(this, { name });
  }

  index(algorithm: IndexAlgorithm = 'btree'): ColumnType {
    return withOptions(asKey(this, 'index'), { index: algorithm });
  }

  unique(): ColumnType {
    return withOptions(asKey(this, 'unique'), { unique: true });
  }

  primaryKey(): ColumnType {
    return withOptions(asKey(this, 'primaryKey'), { primaryKey: true });
  }

  autoInc(): ColumnType {
    const { kind } = this.valueType;
    if (!INTEGERS.has(kind))
      throw new TypeError(`autoInc() is for integers, not for a column of type ${kind}`);
    return withOptions(this, { autoInc: true });
  }
}

/** A copy of a type with more options. */
function withOptions(type: ColumnType, more: RuntimeColumnOptions): ColumnType {
  const options = { ...type.columnOptions, ...more };
  if (options.default && (options.primaryKey || options.unique || options.autoInc)) {
    throw new TypeError('a column with a default value cannot be a primary key, unique or counted up');
  }
  const copy: ColumnType = Object.create(Object.getPrototypeOf(type), Object.getOwnPropertyDescriptors(type));
  return Object.defineProperty(copy, 'columnOptions', { value: options, enumerable: true });
}

function asKey(type: ColumnType, method: string): ColumnType {
  if (isKey(type.valueType)) return type;
  throw new TypeError(`${method}() cannot be called on a column of type ${type.valueType.kind}`);
}

const INTEGERS: ReadonlySet<string> = new Set<ScalarKind>([
  'i8',
  'u8',
  'i16',
  'u16',
  'i32',
  'u32',
  'i64',
  'u64',
  'i128',
  'u128',
  'i256',
  'u256',
]);

/** Whether rows can be looked up by values of the type. */
function isKey(type: ValueType): boolean {
  switch (type.kind) {
    case 'f32':
    case 'f64':
    case 'scheduleAt':
    case 'array':
    case 'option':
    case 'result':
    case 'product':
      return false;
    case 'sum':
      return type.variants.every((variant) => isUnit(variant.type));
    default:
      return true;
  }
}

/** The run-time side of {@link RowBuilder} and {@link ObjectBuilder}. */
export class MembersType extends ColumnType {
  declare readonly valueType: ProductType;
  readonly row: RowObj;

  constructor(name: string | undefined, row: RowObj) {
    const fields = Object.entries(row).map(([field, type]) => ({ name: field, type: type.valueType }));
    const primaryKey = Object.keys(row).find((field) => row[field]!.columnOptions.primaryKey);
    super({ kind: 'product', name, primaryKey, fields });
    this.row = row;
  }

  get elements(): RowObj {
    return this.row;
  }
}

/** The run-time side of {@link EnumBuilder}: a type with a property for each variant. */
export class EnumType extends ColumnType {
  declare readonly valueType: SumType;

  constructor(name: string, variants: MembersObj) {
    const members = Object.entries(variants).map(([tag, type]) => ({ name: tag, type: type.valueType }));
    super({ kind: 'sum', name, variants: members });
    for (const { name: tag, type } of members) {
      if (tag in this) continue;
      const value = isUnit(type) ? { get: () => ({ tag }) } : { value: (value: unknown) => ({ tag, value }) };
      Object.defineProperty(this, tag, { ...value, enumerable: true });
    }
  }
}
