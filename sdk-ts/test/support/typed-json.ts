import type { ValueType } from '../../src/shared/value-type.ts';
import { isUnit } from '../../src/shared/value-type.ts';

/** A value as typed SATS-JSON, as the database writes it. */
export function typedJson(type: ValueType, value: any): string {
  switch (type.kind) {
    case 'string':
      return JSON.stringify(value);
    case 'bool':
    case 'f32':
    case 'f64':
      return String(value);
    case 'i256':
    case 'u256':
      return hex(value);
    case 'identity':
      return `{"__identity__":${hex(value.__identity__)}}`;
    case 'connectionId':
      return `{"__connection_id__":${value.__connection_id__}}`;
    case 'timestamp':
      return `{"__timestamp_micros_since_unix_epoch__":${value.microsSinceUnixEpoch}}`;
    case 'timeDuration':
      return `{"__time_duration_micros__":${value.micros}}`;
    case 'uuid':
      return `{"__uuid__":${value.asBigInt()}}`;
    case 'array':
      if (value instanceof Uint8Array) return `"${Array.from(value, byteHex).join('')}"`;
      return `[${value.map((item: unknown) => typedJson(type.element, item)).join()}]`;
    case 'option':
      return value === undefined ? '{"none":[]}' : `{"some":${typedJson(type.value, value)}}`;
    case 'result':
      return 'ok' in value
        ? `{"ok":${typedJson(type.ok, value.ok)}}`
        : `{"err":${typedJson(type.err, value.err)}}`;
    case 'product': {
      if (type.fields.length === 0) return '[]';
      const fields = type.fields.map(
        ({ name, type }) => `${JSON.stringify(name)}:${typedJson(type, value[name])}`,
      );
      return `{${fields.join()}}`;
    }
    case 'sum': {
      const variant = type.variants.find((variant) => variant.name === value.tag)!;
      const payload = isUnit(variant.type) ? '[]' : typedJson(variant.type, value.value);
      return `{${JSON.stringify(variant.name)}:${payload}}`;
    }
    default:
      return String(value);
  }
}

function hex(value: bigint): string {
  return value < 0n ? `"-0x${(-value).toString(16)}"` : `"0x${value.toString(16)}"`;
}

function byteHex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
