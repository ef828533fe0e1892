import { ColumnType, EnumType, MembersType } from './type-builder.ts';
import type {
  ArrayBuilder,
  EnumBuilder,
  IntegerBuilder,
  KeyBuilder,
  MembersObj,
  ObjectBuilder,
  OptionBuilder,
  RowBuilder,
  RowObj,
  SimpleEnumBuilder,
  TypeBuilder,
  UnitBuilder,
} from './type-builder.ts';
import type { ConnectionId } from './connection-id.ts';
import type { Identity } from './identity.ts';
import type { ScheduleAt } from './schedule-at.ts';
import type { TimeDuration } from './time-duration.ts';
import type { Timestamp } from './timestamp.ts';
import type { Uuid } from './uuid.ts';
import type { ValueType } from './value-type.ts';

/** The types of columns, parameters and results. */
export const t = {
  /** `boolean` */
  bool: () => scalar<KeyBuilder<boolean>>('bool'),
  /** Text of any length. */
  string: () => scalar<KeyBuilder<string>>('string'),
  /** A floating-point number of 64 bits; same as {@link t.f64}. */
  number: () => scalar<TypeBuilder<number>>('f64'),
  /** A floating-point number of 32 bits. */
  f32: () => scalar<TypeBuilder<number>>('f32'),
  /** A floating-point number of 64 bits. */
  f64: () => scalar<TypeBuilder<number>>('f64'),

  /** −128 to 127 */
  i8: () => scalar<IntegerBuilder<number>>('i8'),
  /** 0 to 255 */
  u8: () => scalar<IntegerBuilder<number>>('u8'),
  /** −32,768 to 32,767 */
  i16: () => scalar<IntegerBuilder<number>>('i16'),
  /** 0 to 65,535 */
  u16: () => scalar<IntegerBuilder<number>>('u16'),
  /** −2,147,483,648 to 2,147,483,647 */
  i32: () => scalar<IntegerBuilder<number>>('i32'),
  /** 0 to 4,294,967,295 */
  u32: () => scalar<IntegerBuilder<number>>('u32'),
  /** A signed integer of 64 bits, as a `bigint`. */
  i64: () => scalar<IntegerBuilder<bigint>>('i64'),
  /** An unsigned integer of 64 bits, as a `bigint`. */
  u64: () => scalar<IntegerBuilder<bigint>>('u64'),
  /** A signed integer of 128 bits, as a `bigint`. */
  i128: () => scalar<IntegerBuilder<bigint>>('i128'),
  /** An unsigned integer of 128 bits, as a `bigint`. */
  u128: () => scalar<IntegerBuilder<bigint>>('u128'),
  /** A signed integer of 256 bits, as a `bigint`. */
  i256: () => scalar<IntegerBuilder<bigint>>('i256'),
  /** An unsigned integer of 256 bits, as a `bigint`. */
  u256: () => scalar<IntegerBuilder<bigint>>('u256'),

  /** A user or a database. */
  identity: () => scalar<KeyBuilder<Identity>>('identity'),
  /** One connection of a client. */
  connectionId: () => scalar<KeyBuilder<ConnectionId>>('connectionId'),
  /** A point in time. */
  timestamp: () => scalar<KeyBuilder<Timestamp>>('timestamp'),
  /** A span of time. */
  timeDuration: () => scalar<KeyBuilder<TimeDuration>>('timeDuration'),
  /** A universally unique identifier. */
  uuid: () => scalar<KeyBuilder<Uuid>>('uuid'),
  /** When a row of a schedule table is due. */
  scheduleAt: () => scalar<TypeBuilder<ScheduleAt>>('scheduleAt'),

  /** No information. */
  unit: () => build<UnitBuilder>({ kind: 'product', name: undefined, fields: [] }),

  /** Bytes, as a `Uint8Array`. */
  byteArray: (): TypeBuilder<Uint8Array> => build({ kind: 'array', element: { kind: 'u8' } }),

  /**
   * Any number of values of one type.
   *
   * Arrays of `t.u8()` are read as a `Uint8Array`, which can be indexed, counted and iterated like a `number[]` but
   * not appended to; {@link t.byteArray} is the same type under a truer name.
   */
  array: <B extends TypeBuilder<any, any>>(element: B) =>
    build<ArrayBuilder<B['type'][]>>({ kind: 'array', element: element.valueType }),

  /** A value or `undefined`. Same as `.optional()` on the type. */
  option: <B extends TypeBuilder<any, any>>(value: B) =>
    build<OptionBuilder<B['type']>>({ kind: 'option', value: value.valueType }),

  /** Either a result, `{ ok }`, or an error, `{ err }`. */
  result: <Ok extends TypeBuilder<any, any>, Err extends TypeBuilder<any, any>>(ok: Ok, err: Err) =>
    build<TypeBuilder<{ ok: Ok['type'] } | { err: Err['type'] }>>({
      kind: 'result',
      ok: ok.valueType,
      err: err.valueType,
    }),

  /** An object with named members. The name is that of the type in the schema and in clients. */
  object: <Members extends MembersObj>(name: string, members: Members) =>
    new MembersType(name, members) as unknown as ObjectBuilder<Members>,

  /** A row, whose members are columns. Without a name it is called like its table. */
  row: row,

  /**
   * One of several variants. Given as a list of names, the variants have no values, and the type can be looked up.
   * Values look like `{ tag: 'Circle', value: 5 }`.
   */
  enum: enumeration,
};

function row<Row extends RowObj>(columns: Row): RowBuilder<Row>;
function row<Row extends RowObj>(name: string, columns: Row): RowBuilder<Row>;
function row(...args: [RowObj] | [string, RowObj]): RowBuilder<RowObj> {
  const [name, columns] = args.length === 1 ? [undefined, args[0]] : args;
  return new MembersType(name, columns) as unknown as RowBuilder<RowObj>;
}

function enumeration<const Name extends string>(
  name: string,
  variants: readonly Name[],
): SimpleEnumBuilder<Name>;
function enumeration<Variants extends { readonly [variant: string]: UnitBuilder }>(
  name: string,
  variants: Variants,
): SimpleEnumBuilder<keyof Variants & string>;
function enumeration<Variants extends MembersObj>(name: string, variants: Variants): EnumBuilder<Variants>;
function enumeration(name: string, variants: readonly string[] | MembersObj): any {
  const members = Array.isArray(variants)
    ? Object.fromEntries(variants.map((variant) => [variant, t.unit()]))
    : (variants as MembersObj);
  return new EnumType(name, members);
}

function scalar<B>(kind: ValueType['kind']): B {
  return build<B>({ kind } as ValueType);
}

function build<B>(valueType: ValueType): B {
  return new ColumnType(valueType) as unknown as B;
}
