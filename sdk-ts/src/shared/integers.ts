/** The hexadecimal digits of an unsigned integer, most significant first, padded to `digits`. */
export function toHex(value: bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/**
 * Reads exactly `digits` hexadecimal digits, with or without a leading `0x`.
 *
 * @throws SyntaxError if there are more, fewer or other characters; `what` names the value in the message.
 */
export function fromHex(text: string, digits: number, what: string): bigint {
  const hex = text.startsWith('0x') ? text.slice(2) : text;
  if (hex.length !== digits || !/^[0-9a-fA-F]*$/.test(hex)) {
    throw new SyntaxError(`${what} is ${digits} hexadecimal digits, not ${JSON.stringify(text)}`);
  }
  return BigInt(`0x${hex}`);
}

/** The bytes of an unsigned integer, least significant first. */
export function toLittleEndian(value: bigint, byteCount: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  let rest = value;
  for (let i = 0; i < byteCount; i++) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** The value itself; fails if it is none of the kind, so that a mistake shows where it was made. */
export function checkBigInt(value: bigint, what: string): bigint {
  if (typeof value !== 'bigint') throw new TypeError(`${what} is a bigint, not ${String(value)}`);
  return value;
}
