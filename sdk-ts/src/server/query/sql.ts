/** How names and values are written in SQL. */
import { ConnectionId } from '../../shared/connection-id.ts';
import { Identity } from '../../shared/identity.ts';
import { Timestamp } from '../../shared/timestamp.ts';
import { Uuid } from '../../shared/uuid.ts';

/** Values that a column can be compared with. */
export type Literal =
  boolean | number | bigint | string | Uint8Array | Identity | ConnectionId | Timestamp | Uuid;

/** A name in quotes. The parts of a name within a submodule are quoted one by one. */
export function quoteName(...parts: readonly string[]): string {
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}

/** @throws TypeError if values of this kind cannot be written in SQL */
export function literal(value: unknown): string {
  switch (typeof value) {
    case 'boolean':
      return value ? 'TRUE' : 'FALSE';
    case 'bigint':
      return String(value);
    case 'number':
      if (Number.isFinite(value)) return String(value);
      break;
    case 'string':
      return quoteText(value);
  }
  if (value instanceof Identity || value instanceof ConnectionId) return `0x${value.toHexString()}`;
  if (value instanceof Timestamp) return quoteText(value.toISOString());
  if (value instanceof Uuid) return quoteText(value.toString());
  if (value instanceof Uint8Array) {
    return `0x${Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  }
  throw new TypeError(`a query cannot compare with ${String(value)}: there is no SQL for such values`);
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
