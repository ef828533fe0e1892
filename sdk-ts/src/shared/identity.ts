import { checkBigInt, fromHex, toHex, toLittleEndian } from './integers.ts';

/**
 * Who somebody is: a user, or a database. 256 bits, the same in every session of that user.
 *
 * Identities come from the context of a call (`ctx.sender`, `ctx.identity`) or from columns of type `t.identity()`.
 */
export class Identity {
  /** The identity as an unsigned integer. */
  readonly __identity__: bigint;

  /** @param value the identity as an unsigned integer, or as 64 hexadecimal digits */
  constructor(value: bigint | string) {
    this.__identity__ =
      typeof value === 'string' ? fromHex(value, 64, 'an identity') : checkBigInt(value, 'an identity');
  }

  /** Reads the 64 hexadecimal digits that `toHexString` writes. */
  static fromString(hex: string): Identity {
    return new Identity(hex);
  }

  /** The identity that belongs to nobody. */
  static zero(): Identity {
    return new Identity(0n);
  }

  /** Whether both are the same user or database. */
  isEqual(other: Identity): boolean {
    return this.__identity__ === other.__identity__;
  }

  /** Same as {@link isEqual}. */
  equals(other: Identity): boolean {
    return this.isEqual(other);
  }

  /** 64 hexadecimal digits, as shown in logs and used in URLs. */
  toHexString(): string {
    return toHex(this.__identity__, 64);
  }

  /** 32 bytes, least significant first, as stored. */
  toUint8Array(): Uint8Array {
    return toLittleEndian(this.__identity__, 32);
  }

  toString(): string {
    return this.toHexString();
  }

  toJSON(): string {
    return this.toHexString();
  }
}
