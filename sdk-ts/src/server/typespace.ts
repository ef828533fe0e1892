import type { BsatnWriter } from '../shared/bsatn-writer.ts';
import { isUnit } from '../shared/value-type.ts';
import type { Member, ProductType, SumType, ValueType } from '../shared/value-type.ts';

/** Numbers of the kinds of types in a definition. */
const REF = 0;
const SUM = 1;
const PRODUCT = 2;
const ARRAY = 3;

/** Types without members, in the order of their numbers, which begin with 4. */
const PLAIN = [
  'string',
  'bool',
  'i8',
  'u8',
  'i16',
  'u16',
  'i32',
  'u32',
  'i64',
  'u64',
  'i128',
  'u128',
  'i256',
  'u256',
  'f32',
  'f64',
];
const FIRST_PLAIN = 4;

/** Types that are stored as products with one member of a name that tells them apart. */
const wrappers: Readonly<Record<string, readonly [name: string, kind: string]>> = {
  identity: ['__identity__', 'u256'],
  connectionId: ['__connection_id__', 'u128'],
  timestamp: ['__timestamp_micros_since_unix_epoch__', 'i64'],
  timeDuration: ['__time_duration_micros__', 'i64'],
  uuid: ['__uuid__', 'u128'],
};

const unit: ProductType = { kind: 'product', name: undefined, fields: [] };
const scheduleAt: readonly Member[] = [
  { name: 'Interval', type: { kind: 'timeDuration' } },
  { name: 'Time', type: { kind: 'timestamp' } },
];

/** The named types of a module. Types refer to them by their place. */
export class Typespace {
  readonly #types: (ProductType | SumType)[] = [];
  readonly #places = new Map<ProductType | SumType, number>();
  readonly #byName = new Map<string, ProductType | SumType>();

  /** The place of a named type, which is added if need be. */
  place(type: ProductType | SumType): number {
    const known = this.#places.get(type);
    if (known !== undefined) return known;
    const { name } = type;
    if (name === undefined) {
      throw new TypeError(
        `an object with the members ${memberNames(type)} has no name; use t.object('Name', …) or t.row('Name', …)`,
      );
    }
    const namesake = this.#byName.get(name);
    if (namesake !== undefined) {
      if (JSON.stringify(namesake) !== JSON.stringify(type)) {
        throw new TypeError(`two different types are called ${name}`);
      }
      const place = this.#places.get(namesake)!;
      this.#places.set(type, place);
      return place;
    }
    const place = this.#types.push(type) - 1;
    this.#places.set(type, place);
    this.#byName.set(name, type);
    return place;
  }

  /** Writes a type as it stands in a column, parameter or result. */
  write(writer: BsatnWriter, type: ValueType): void {
    const wrapper = wrappers[type.kind];
    if (wrapper !== undefined) {
      const [name, kind] = wrapper;
      return this.#writeMembers(writer, PRODUCT, [{ name, type: { kind } as ValueType }]);
    }
    switch (type.kind) {
      case 'product':
        if (isUnit(type) && type.name === undefined) return this.#writeMembers(writer, PRODUCT, []);
        return this.#writeRef(writer, type);
      case 'sum':
        return this.#writeRef(writer, type);
      case 'array':
        writer.u8(ARRAY);
        return this.write(writer, type.element);
      case 'option':
        return this.#writeMembers(writer, SUM, [
          { name: 'some', type: type.value },
          { name: 'none', type: unit },
        ]);
      case 'result':
        return this.#writeMembers(writer, SUM, [
          { name: 'ok', type: type.ok },
          { name: 'err', type: type.err },
        ]);
      case 'scheduleAt':
        return this.#writeMembers(writer, SUM, scheduleAt);
      default:
        writer.u8(FIRST_PLAIN + PLAIN.indexOf(type.kind));
    }
  }

  /** Writes the members of a product, as of the parameters of a function. */
  writeElements(writer: BsatnWriter, members: readonly Member[]): void {
    writer.u32(members.length);
    for (const { name, type } of members) {
      writer.u8(0);
      writer.string(name);
      this.write(writer, type);
    }
  }

  /** Writes what the named types are. They may bring along others. */
  writeTypes(writer: BsatnWriter): void {
    const start = writer.offset;
    writer.u32(0);
    for (let i = 0; i < this.#types.length; i++) {
      const type = this.#types[i]!;
      if (type.kind === 'sum') this.#writeMembers(writer, SUM, type.variants);
      else this.#writeMembers(writer, PRODUCT, type.fields);
    }
    writer.view.setUint32(start, this.#types.length, true);
  }

  /** Writes what the named types are called. Dots separate the name from those of its surroundings. */
  writeNames(writer: BsatnWriter): void {
    writer.u32(this.#types.length);
    this.#types.forEach((type, place) => {
      const scope = type.name!.split('.');
      const name = scope.pop()!;
      writer.u32(scope.length);
      for (const part of scope) writer.string(part);
      writer.string(name);
      writer.u32(place);
      // Members stay in the order of their author.
      writer.u8(1);
    });
  }

  #writeRef(writer: BsatnWriter, type: ProductType | SumType): void {
    writer.u8(REF);
    writer.u32(this.place(type));
  }

  #writeMembers(writer: BsatnWriter, kind: number, members: readonly Member[]): void {
    writer.u8(kind);
    this.writeElements(writer, members);
  }
}

function memberNames(type: ProductType | SumType): string {
  return (type.kind === 'sum' ? type.variants : type.fields).map((member) => member.name).join(', ');
}
