/** What modules are made of: tables, functions, and what functions work with. */
export type { AuthCtx, JsonValue, JwtClaims } from './auth.ts';
export type {
  AnonymousViewCtx,
  HandlerContext,
  ProcedureCtx,
  ReducerCtx,
  SchemaType,
  TransactionCtx,
  ViewCtx,
} from './contexts.ts';
export { SenderError, SpacetimeHostError, errors } from './errors.ts';
export type {
  FunctionOptions,
  HttpHandlerExport,
  InferParams,
  ModuleExport,
  ModuleSettings,
  ParamsObj,
  ProcedureExport,
  ReducerExport,
  ReducerResult,
  ViewExport,
  ViewOptions,
} from './exports.ts';
export { Headers } from './http/headers.ts';
export type { HttpClient, RequestOptions } from './http/fetch.ts';
export type { HttpVersion } from './http/message.ts';
export { Request } from './http/request.ts';
export { SyncResponse } from './http/response.ts';
export { Router } from './http/router.ts';
export { and, not, or } from './query/condition.ts';
export type { Column, Condition, Predicate } from './query/condition.ts';
export type { FromView, Query, RowQuery, TableQuery } from './query/query.ts';
export type { Random } from './random.ts';
export { Range } from './range.ts';
export type { Bound, RangeBounds } from './range.ts';
export { schema } from './schema.ts';
export type { InferSchema, Schema, SchemaSettings } from './schema.ts';
export { CaseConversionPolicy } from './settings.ts';
export { table } from './table.ts';
export type { ConstraintOptions, IndexOptions, TableOptions, TableSchema } from './table.ts';
export type {
  DbView,
  Index,
  PrimaryKeyIndex,
  ReadonlyDbView,
  ReadonlyTable,
  SchemaEntries,
  Submodule,
  Table,
  UniqueIndex,
} from './table-view.ts';
export { ScheduleAt } from '../shared/schedule-at.ts';
export { t } from '../shared/t.ts';
export type {
  IndexAlgorithm,
  Infer,
  InferTypeOfRow,
  RowBuilder,
  RowObj,
  TypeBuilder,
} from '../shared/type-builder.ts';
