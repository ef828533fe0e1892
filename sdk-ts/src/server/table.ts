import { writerOf } from '../shared/codec.ts';
import { MembersType } from '../shared/type-builder.ts';
import type { IndexAlgorithm, RowBuilder, RowObj, RuntimeColumnOptions } from '../shared/type-builder.ts';
import type { ProductType, ValueType } from '../shared/value-type.ts';
import { pascalCase, sameWords } from './names.ts';
import { takeBytes, takeWriter } from './db/scratch.ts';

/** An index over the columns of a table, in the options of the table. */
export type IndexOptions<Column extends string> = {
  /** What the index is called in code: `ctx.db.<table>.<accessor>`. */
  readonly accessor?: string;
  /** What it is called in the database; made from the columns if left out. */
  readonly name?: string;
} & (
  | { readonly algorithm?: 'btree'; readonly columns: readonly Column[] }
  | { readonly algorithm: 'hash'; readonly columns: readonly Column[] }
  | { readonly algorithm: 'direct'; readonly column: Column }
  | { readonly algorithm: 'direct'; readonly columns: readonly [Column] }
);

/** A rule over several columns, in the options of a table. */
export interface ConstraintOptions<Column extends string> {
  readonly name?: string;
  /** No two rows have the same values in all of these columns. An index over them is needed. */
  readonly constraint: 'unique';
  readonly columns: readonly Column[];
}

/** What a table is, besides its columns. */
export interface TableOptions<Column extends string = string> {
  /** The name in the database. Without it, the key of the table in the schema, in snake case. */
  readonly name?: string;
  /** Clients may read the table. */
  readonly public?: boolean;
  /** Rows are gone at the end of the transaction that inserted them; clients see them come. */
  readonly event?: boolean;
  /** The reducer or procedure to run when a row is due: a function that returns it. Prefer `onSchedule` there. */
  readonly scheduled?: () => unknown;
  readonly indexes?: readonly IndexOptions<Column>[];
  readonly constraints?: readonly ConstraintOptions<Column>[];
}

/** A column of a table. */
export interface ColumnDefinition {
  readonly name: string;
  readonly type: ValueType;
  readonly options: RuntimeColumnOptions;
}

/** An index of a table. */
export interface IndexDefinition {
  readonly accessor: string | undefined;
  readonly name: string | undefined;
  readonly algorithm: IndexAlgorithm;
  /** Positions of the columns. */
  readonly columns: readonly number[];
  /** Whether its key leads to one row at most. */
  readonly isUnique: boolean;
  /** Whether it is the index of the primary key. */
  readonly isPrimaryKey: boolean;
  /** The name under which the host finds it. @param table the key of the table in its schema */
  sourceName(table: string): string;
}

/** A table, to be passed to `schema`. Made by {@link table}. */
export class TableSchema<
  Row extends RowObj = any,
  Indexes extends readonly unknown[] = any,
  Constraints extends readonly unknown[] = any,
> {
  /** The type of the rows, for parameters, results of views, and `Infer`. */
  readonly rowType: RowBuilder<Row> & { readonly valueType: ProductType };
  /** Never there at run time. */
  declare readonly indexTypes: Indexes;
  /** Never there at run time. */
  declare readonly constraintTypes: Constraints;

  readonly options: TableOptions;
  readonly columns: readonly ColumnDefinition[];
  readonly indexes: readonly IndexDefinition[];
  /** Positions of the columns of each unique constraint. */
  readonly uniques: readonly (readonly number[])[];

  constructor(options: TableOptions, rowType: MembersType) {
    this.options = options;
    this.rowType = rowType as any;
    this.columns = Object.entries(rowType.row).map(([name, { valueType, columnOptions }]) => ({
      name,
      type: valueType,
      options: columnOptions,
    }));
    this.#checkColumns();
    this.uniques = this.#uniques();
    this.indexes = this.#indexes();
  }

  /** The position of the primary key, or -1. */
  get primaryKey(): number {
    return this.columns.findIndex((column) => column.options.primaryKey);
  }

  /** The position of the column that says when a row is due, or -1. */
  get scheduleAtColumn(): number {
    return this.columns.findIndex((column) => column.type.kind === 'scheduleAt');
  }

  /** Gives the type of the rows a name if it has none. @param key the key of the table in its schema */
  nameRowType(key: string): void {
    this.rowType.valueType.name ??= pascalCase(this.options.name ?? key);
  }

  /** Values for rows that are older than a column: position and bytes. */
  defaults(): [column: number, value: Uint8Array][] {
    const defaults: [number, Uint8Array][] = [];
    this.columns.forEach((column, position) => {
      if (column.options.default === undefined) return;
      const writer = takeWriter();
      try {
        writerOf(column.type)(writer, column.options.default.value);
      } catch (error) {
        throw new TypeError(`the default value of the column ${column.name}: ${(error as Error).message}`);
      }
      defaults.push([position, takeBytes(writer)]);
    });
    return defaults;
  }

  #checkColumns(): void {
    if (this.columns.filter((column) => column.options.primaryKey).length > 1) {
      throw new TypeError(`${this.#label} has more than one primary key`);
    }
    for (const { name, options } of this.columns) {
      if (options.name !== undefined && !sameWords(name, options.name)) {
        throw new TypeError(
          `a column is named by its key: call it ${options.name} instead of ${name} in ${this.#label}`,
        );
      }
    }
  }

  #uniques(): number[][] {
    const uniques: number[][] = [];
    this.columns.forEach(({ options }, position) => {
      if (options.primaryKey || options.unique) uniques.push([position]);
    });
    for (const constraint of this.options.constraints ?? [])
      uniques.push(this.#positions(constraint.columns));
    return uniques;
  }

  #indexes(): IndexDefinition[] {
    const indexes: IndexDefinition[] = [];
    this.columns.forEach(({ name, options }, position) => {
      if (!options.primaryKey && !options.unique && !options.index) return;
      indexes.push(this.#index(name, undefined, options.index ?? 'btree', [position]));
    });
    for (const index of this.options.indexes ?? []) {
      const columns = this.#positions('column' in index ? [index.column] : index.columns);
      indexes.push(this.#index(index.accessor, index.name, index.algorithm ?? 'btree', columns));
    }
    return indexes;
  }

  #index(
    accessor: string | undefined,
    name: string | undefined,
    algorithm: IndexAlgorithm,
    columns: number[],
  ): IndexDefinition {
    const columnNames = columns.map((column) => this.columns[column]!.name).join('_');
    return {
      accessor,
      name,
      algorithm,
      columns,
      isUnique: this.uniques.some((unique) => unique.every((column) => columns.includes(column))),
      isPrimaryKey: columns.length === 1 && columns[0] === this.primaryKey,
      sourceName: (table) => `${table}_${columnNames}_idx_${algorithm}`,
    };
  }

  #positions(names: readonly string[]): number[] {
    return names.map((name) => {
      const position = this.columns.findIndex((column) => column.name === name);
      if (position < 0) throw new TypeError(`${this.#label} has no column ${name}`);
      return position;
    });
  }

  get #label(): string {
    return this.options.name === undefined ? 'the table' : `the table ${this.options.name}`;
  }
}

type IndexesOf<Options> = Options extends { readonly indexes: infer Indexes extends readonly unknown[] }
  ? Indexes
  : [];
type ConstraintsOf<Options> = Options extends { readonly constraints: infer C extends readonly unknown[] }
  ? C
  : [];

/**
 * Declares a table.
 *
 * ```ts
 * const player = table({ public: true }, { id: t.u64().primaryKey().autoInc(), name: t.string() });
 * const spacetimedb = schema({ player });
 * ```
 *
 * @param options what the table is; `{}` for a private table without further indexes
 * @param columns the columns in the order in which they are stored, or a type made by `t.row`
 */
export function table<Row extends RowObj, const Options extends TableOptions<keyof Row & string>>(
  options: Options,
  columns: Row | RowBuilder<Row>,
): TableSchema<Row, IndexesOf<Options>, ConstraintsOf<Options>> {
  const rowType = columns instanceof MembersType ? columns : new MembersType(undefined, columns as RowObj);
  return new TableSchema(options, rowType) as any;
}
