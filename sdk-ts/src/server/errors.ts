/**
 * Thrown by a reducer, view, procedure or handler when the caller is to blame. The caller is told the message, and
 * all changes are undone. Any other error is a bug of the module: it is logged, and the caller learns no details.
 */
export class SenderError extends Error {
  override get name(): string {
    return 'SenderError';
  }
}

/** The host refused a call of this module. */
export class SpacetimeHostError extends Error {
  override get name(): string {
    return 'SpacetimeHostError';
  }
}

function hostError(name: string): typeof SpacetimeHostError {
  return class extends SpacetimeHostError {
    override get name(): string {
      return name;
    }
  };
}

/** What the host may refuse a call with, as classes to be used with `instanceof`. */
export const errors = {
  /** The host failed for a reason of its own. */
  HostCallFailure: hostError('HostCallFailure'),
  /** Tables can only be touched in a reducer, in a view or in `withTx`. */
  NotInTransaction: hostError('NotInTransaction'),
  /** Bytes given to the host are no value of the expected type. */
  BsatnDecodeError: hostError('BsatnDecodeError'),
  NoSuchTable: hostError('NoSuchTable'),
  NoSuchIndex: hostError('NoSuchIndex'),
  /** The rows of this iterator are gone: the call or transaction in which it was made is over. */
  NoSuchIter: hostError('NoSuchIter'),
  NoSuchConsoleTimer: hostError('NoSuchConsoleTimer'),
  NoSuchBytes: hostError('NoSuchBytes'),
  NoSpace: hostError('NoSpace'),
  BufferTooSmall: hostError('BufferTooSmall'),
  /** Another row has the same value in a unique column. */
  UniqueAlreadyExists: hostError('UniqueAlreadyExists'),
  /** A row of a schedule table is due too far in the future (about 2.18 years). */
  ScheduleAtDelayTooLong: hostError('ScheduleAtDelayTooLong'),
  /** Rows can only be updated through a unique index. */
  IndexNotUnique: hostError('IndexNotUnique'),
  /** There is no row to update. */
  NoSuchRow: hostError('NoSuchRow'),
  /** A column that counts up has reached its end. */
  AutoIncOverflow: hostError('AutoIncOverflow'),
  /** Not possible while a transaction is open. */
  WouldBlockTransaction: hostError('WouldBlockTransaction'),
  TransactionNotAnonymous: hostError('TransactionNotAnonymous'),
  /** Views cannot change anything. */
  TransactionIsReadOnly: hostError('TransactionIsReadOnly'),
  TransactionIsMut: hostError('TransactionIsMut'),
  /** A request over HTTP has failed; the message says why. */
  HttpError: hostError('HttpError'),
};

const byCode: Readonly<Record<number, typeof SpacetimeHostError>> = {
  1: errors.HostCallFailure,
  2: errors.NotInTransaction,
  3: errors.BsatnDecodeError,
  4: errors.NoSuchTable,
  5: errors.NoSuchIndex,
  6: errors.NoSuchIter,
  7: errors.NoSuchConsoleTimer,
  8: errors.NoSuchBytes,
  9: errors.NoSpace,
  11: errors.BufferTooSmall,
  12: errors.UniqueAlreadyExists,
  13: errors.ScheduleAtDelayTooLong,
  14: errors.IndexNotUnique,
  15: errors.NoSuchRow,
  16: errors.AutoIncOverflow,
  17: errors.WouldBlockTransaction,
  18: errors.TransactionNotAnonymous,
  19: errors.TransactionIsReadOnly,
  20: errors.TransactionIsMut,
  21: errors.HttpError,
};

/** The class that stands for an error code of the host. */
export function hostErrorClass(code: number): typeof SpacetimeHostError {
  return byCode[code] ?? SpacetimeHostError;
}
