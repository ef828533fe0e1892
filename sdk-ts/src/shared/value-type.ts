/** Types that are written in a fixed number of bytes and hold no other type. */
export type ScalarKind =
  | 'bool'
  | 'i8'
  | 'u8'
  | 'i16'
  | 'u16'
  | 'i32'
  | 'u32'
  | 'i64'
  | 'u64'
  | 'i128'
  | 'u128'
  | 'i256'
  | 'u256'
  | 'f32'
  | 'f64'
  | 'identity'
  | 'connectionId'
  | 'timestamp'
  | 'timeDuration'
  | 'uuid';

/** A named member of a product or a sum. */
export interface Member {
  readonly name: string;
  readonly type: ValueType;
}

/** An object with the same fields every time. Without fields it is the unit type. */
export interface ProductType {
  readonly kind: 'product';
  /** What it is called in the schema. A row gets its name from its table if it has none. */
  name: string | undefined;
  /** The member that says which row it is, if it is a row that has one. */
  readonly primaryKey?: string | undefined;
  readonly fields: readonly Member[];
}

/** One of several variants. */
export interface SumType {
  readonly kind: 'sum';
  readonly name: string;
  readonly variants: readonly Member[];
}

/** The type of a value as its author wrote it: what it is stored as, and how it looks in JavaScript. */
export type ValueType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'string' }
  | { readonly kind: 'scheduleAt' }
  | { readonly kind: 'array'; readonly element: ValueType }
  | { readonly kind: 'option'; readonly value: ValueType }
  | { readonly kind: 'result'; readonly ok: ValueType; readonly err: ValueType }
  | ProductType
  | SumType;

/** Whether it is the type without information, rather than an object that happens to have no members. */
export function isUnit(type: ValueType): boolean {
  return type.kind === 'product' && type.fields.length === 0 && type.name === undefined;
}
