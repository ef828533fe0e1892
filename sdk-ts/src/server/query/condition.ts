import { literal, quoteName } from './sql.ts';
import type { Literal } from './sql.ts';

type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** Each comparison with the one that holds exactly when it does not. */
const opposites: Readonly<Record<Comparison, Comparison>> = {
  '=': '<>',
  '<>': '=',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
};

type Node =
  | { kind: 'compare'; left: string; operator: Comparison; right: string }
  | { kind: 'and' | 'or'; parts: readonly Node[] };

/** What rows of a query have to meet. */
export class Condition {
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  /** Both have to be met. */
  and(other: Predicate): Condition {
    return new Condition({ kind: 'and', parts: [this.#node, asCondition(other).#node] });
  }

  /** One of both has to be met. */
  or(other: Predicate): Condition {
    return new Condition({ kind: 'or', parts: [this.#node, asCondition(other).#node] });
  }

  /** It must not be met. */
  not(): Condition {
    return new Condition(negate(this.#node));
  }

  toSql(): string {
    return print(this.#node);
  }

  /** All of them have to be met, or one of them. */
  static join(kind: 'and' | 'or', conditions: readonly Predicate[]): Condition {
    const parts = conditions.map((condition) => asCondition(condition).#node);
    const [only] = parts;
    if (only === undefined) throw new TypeError(`${kind}() needs a condition`);
    return new Condition(parts.length === 1 ? only : { kind, parts });
  }
}

/** A column of a table in a query. */
export class Column<Value> {
  /** The table as named in SQL. */
  readonly tableName: string;
  /** The column as named in SQL, with its table. */
  readonly sqlName: string;
  /** Keeps columns of different types apart. Never there at run time. */
  declare readonly valueType: Value;

  constructor(tableName: string, columnName: string) {
    this.tableName = tableName;
    this.sqlName = `${tableName}.${quoteName(columnName)}`;
  }

  /** Equal to a value or to another column. */
  eq(other: Comparable<Value>): Condition {
    return this.#compare('=', other);
  }

  /** Not equal. */
  ne(other: Comparable<Value>): Condition {
    return this.#compare('<>', other);
  }

  /** Less than. */
  lt(other: Comparable<Value>): Condition {
    return this.#compare('<', other);
  }

  /** Less than or equal. */
  lte(other: Comparable<Value>): Condition {
    return this.#compare('<=', other);
  }

  /** Greater than. */
  gt(other: Comparable<Value>): Condition {
    return this.#compare('>', other);
  }

  /** Greater than or equal. */
  gte(other: Comparable<Value>): Condition {
    return this.#compare('>=', other);
  }

  #compare(operator: Comparison, other: unknown): Condition {
    const right = other instanceof Column ? other.sqlName : literal(other);
    return new Condition({ kind: 'compare', left: this.sqlName, operator, right });
  }
}

/** What a column with values of type `Value` can be compared with. */
export type Comparable<Value> =
  (Value & Literal) | (number extends Value ? never : NumberFor<Value>) | Column<Value>;
type NumberFor<Value> = bigint extends Value ? number : never;

/** What `where` accepts: a condition, a column of booleans, or a plain boolean. */
export type Predicate = Condition | Column<boolean> | boolean;

/** All conditions have to be met. */
export function and(...conditions: Predicate[]): Condition {
  return Condition.join('and', conditions);
}

/** At least one condition has to be met. */
export function or(...conditions: Predicate[]): Condition {
  return Condition.join('or', conditions);
}

/** The condition must not be met. */
export function not(condition: Predicate): Condition {
  return asCondition(condition).not();
}

export function asCondition(predicate: Predicate): Condition {
  if (predicate instanceof Condition) return predicate;
  if (predicate instanceof Column) return predicate.eq(true);
  if (typeof predicate === 'boolean') {
    return new Condition({ kind: 'compare', left: literal(predicate), operator: '=', right: literal(true) });
  }
  throw new TypeError(`${String(predicate)} is no condition; compare a column, as in row.name.eq('Ada')`);
}

/** SQL of the database has no NOT, but every comparison has an opposite. */
function negate(node: Node): Node {
  if (node.kind === 'compare') return { ...node, operator: opposites[node.operator] };
  return { kind: node.kind === 'and' ? 'or' : 'and', parts: node.parts.map(negate) };
}

function print(node: Node): string {
  if (node.kind === 'compare') return `${node.left} ${node.operator} ${node.right}`;
  return node.parts.map((part) => `(${print(part)})`).join(node.kind === 'and' ? ' AND ' : ' OR ');
}
