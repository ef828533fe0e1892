/** Queries of views: built from `ctx.from`, answered by the database without running the module for each row. */
import type { InferTypeOfRow, RowObj } from '../../shared/type-builder.ts';
import type { TableSchema } from '../table.ts';
import type { Submodule } from '../table-view.ts';
import { Column, Condition } from './condition.ts';
import type { Predicate } from './condition.ts';
import { quoteName } from './sql.ts';

/** The columns of a table in a query, by name. */
export type Columns<Row extends RowObj> = { readonly [C in keyof Row]: Column<Row[C]['type']> };

/** A query that answers rows of one table. A view returns it as it is. */
export interface Query<Row> {
  /** Never there at run time. */
  readonly rowOfQuery: Row;
  toSql(): string;
}

/** A query that can be narrowed down. */
export interface RowQuery<Row extends RowObj> extends Query<InferTypeOfRow<Row>> {
  /** Only rows that meet the condition. Of several calls all have to be met. */
  where(condition: (row: Columns<Row>) => Predicate): RowQuery<Row>;
  /** Same as {@link where}. */
  filter(condition: (row: Columns<Row>) => Predicate): RowQuery<Row>;
  /** The finished query, which is this one. */
  build(): RowQuery<Row>;
}

/** A query over one table, which can be joined with another table. */
export interface TableQuery<Row extends RowObj> extends RowQuery<Row> {
  where(condition: (row: Columns<Row>) => Predicate): TableQuery<Row>;
  filter(condition: (row: Columns<Row>) => Predicate): TableQuery<Row>;
  build(): TableQuery<Row>;
  /** The rows of this table that have a partner in the other. Both columns that are compared need an index. */
  leftSemijoin<Other extends RowObj>(
    other: TableQuery<Other>,
    on: (left: Columns<Row>, right: Columns<Other>) => Condition,
  ): RowQuery<Row>;
  /** The rows of the other table that have a partner in this one. Both columns that are compared need an index. */
  rightSemijoin<Other extends RowObj>(
    other: TableQuery<Other>,
    on: (left: Columns<Row>, right: Columns<Other>) => Condition,
  ): RowQuery<Other>;
}

/** `ctx.from`: the tables of the schema as queries. */
export type FromView<Entries> = 0 extends 1 & Entries
  ? any
  : {
      readonly [K in keyof Entries]: Entries[K] extends TableSchema<infer Row, any, any>
        ? TableQuery<Row>
        : Entries[K] extends Submodule<infer Inner>
          ? FromView<Inner>
          : never;
    };

interface Source {
  readonly sqlName: string;
  readonly columns: Columns<RowObj>;
}

/** `ctx.from.<table>`. @param path the name of the table in the database, after those of the submodules around it */
export function tableQuery(path: readonly string[], table: TableSchema): TableQuery<any> {
  const sqlName = quoteName(...path);
  const columns = table.columns.map(({ name }) => [name, new Column(sqlName, name)]);
  return new SelectFrom({ sqlName, columns: Object.fromEntries(columns) }, []) as unknown as TableQuery<any>;
}

/** Whether a view has returned a query. */
export function isQuery(value: unknown): value is Query<unknown> {
  return value instanceof Select;
}

/** Rows of one table, perhaps joined with another. */
class Select {
  readonly source: Source;
  readonly conditions: readonly Condition[];
  /** What follows `FROM`. */
  readonly #from: string;
  /** What precedes it. */
  readonly #what: string;

  constructor(source: Source, conditions: readonly Condition[], what: string, from: string) {
    this.source = source;
    this.conditions = conditions;
    this.#what = what;
    this.#from = from;
  }

  where(condition: (row: Columns<RowObj>) => Predicate): Select {
    return new Select(this.source, this.narrowed(condition), this.#what, this.#from);
  }

  filter(condition: (row: Columns<RowObj>) => Predicate): Select {
    return this.where(condition);
  }

  build(): this {
    return this;
  }

  toSql(): string {
    const select = `SELECT ${this.#what} FROM ${this.#from}`;
    if (this.conditions.length === 0) return select;
    return `${select} WHERE ${Condition.join('and', this.conditions).toSql()}`;
  }

  protected narrowed(condition: (row: Columns<RowObj>) => Predicate): Condition[] {
    return [...this.conditions, Condition.join('and', [condition(this.source.columns)])];
  }
}

class SelectFrom extends Select {
  constructor(source: Source, conditions: readonly Condition[]) {
    super(source, conditions, '*', source.sqlName);
  }

  override where(condition: (row: Columns<RowObj>) => Predicate): SelectFrom {
    return new SelectFrom(this.source, this.narrowed(condition));
  }

  leftSemijoin(other: SelectFrom, on: (left: Columns<RowObj>, right: Columns<RowObj>) => Condition): Select {
    return this.#join(other, on, this.source);
  }

  rightSemijoin(other: SelectFrom, on: (left: Columns<RowObj>, right: Columns<RowObj>) => Condition): Select {
    return this.#join(other, on, other.source);
  }

  #join(
    other: SelectFrom,
    on: (left: Columns<RowObj>, right: Columns<RowObj>) => Condition,
    answer: Source,
  ): Select {
    if (!(other instanceof SelectFrom))
      throw new TypeError('a semijoin is with a table, as in ctx.from.person');
    if (other.source.sqlName === this.source.sqlName) {
      throw new TypeError(`a query cannot join ${this.source.sqlName} with itself`);
    }
    const condition = on(this.source.columns, other.source.columns);
    const from = `${this.source.sqlName} JOIN ${other.source.sqlName} ON ${condition.toSql()}`;
    return new Select(answer, [...this.conditions, ...other.conditions], `${answer.sqlName}.*`, from);
  }
}
