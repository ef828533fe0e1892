import { checkBigInt, fromHex, toHex, toLittleEndian } from './integers.ts';

/** One connection of a client. A user with two open tabs has one {@link Identity} and two connections. */
export class ConnectionId {
  /** The id as an unsigned integer of 128 bits. */
  readonly __connection_id__: bigint;

  /** @param value the id as an unsigned integer of 128 bits */
  constructor(value: bigint) {
    this.__connection_id__ = checkBigInt(value, 'a connection id');
  }

  /** Reads the 32 hexadecimal digits that `toHexString` writes. */
  static fromString(hex: string): ConnectionId {
    return new ConnectionId(fromHex(hex, 32, 'a connection id'));
  }

  /** Like `fromString`, but `null` for the id zero, which stands for no connection. */
  static fromStringOrNull(hex: string): ConnectionId | null {
    return ConnectionId.nullIfZero(ConnectionId.fromString(hex));
  }

  /** The id itself, or `null` for the id zero, which stands for no connection. */
  static nullIfZero(id: ConnectionId): ConnectionId | null {
    return id.isZero() ? null : id;
  }

  /** Whether this stands for no connection. */
  isZero(): boolean {
    return this.__connection_id__ === 0n;
  }

  /** Whether both are the same connection. */
  isEqual(other: ConnectionId): boolean {
    return this.__connection_id__ === other.__connection_id__;
  }

  /** Same as {@link isEqual}. */
  equals(other: ConnectionId): boolean {
    return this.isEqual(other);
  }

  /** 32 hexadecimal digits. */
  toHexString(): string {
    return toHex(this.__connection_id__, 32);
  }

  /** 16 bytes, least significant first, as stored. */
  toUint8Array(): Uint8Array {
    return toLittleEndian(this.__connection_id__, 16);
  }

  toString(): string {
    return this.toHexString();
  }

  toJSON(): string {
    return this.toHexString();
  }
}
