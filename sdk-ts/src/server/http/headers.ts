/** What headers can be made of. */
export type HeadersInit = Headers | Iterable<readonly [string, string]> | { readonly [name: string]: string };

/** A name of a header: letters, digits and some signs. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The headers of a request or response. Names are the same in capitals and small letters. */
export class Headers {
  /** Values by name in small letters, in the order in which the names came. */
  readonly #values = new Map<string, string[]>();

  constructor(init: HeadersInit = {}) {
    const isIterable = typeof (init as any)[Symbol.iterator] === 'function';
    for (const [name, value] of isIterable
      ? (init as Iterable<readonly [string, string]>)
      : Object.entries(init)) {
      this.append(name, value);
    }
  }

  /** The value, several values joined by commas, or `null`. */
  get(name: string): string | null {
    return this.#values.get(name.toLowerCase())?.join(', ') ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  /** Replaces all values of the name. */
  set(name: string, value: string): void {
    this.#values.set(checkName(name), [checkValue(value)]);
  }

  /** Adds a value to those of the name. */
  append(name: string, value: string): void {
    const key = checkName(name);
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, [checkValue(value)]);
    else values.push(checkValue(value));
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }

  /** The values of `Set-Cookie`, which cannot be joined. */
  getSetCookie(): string[] {
    return [...(this.#values.get('set-cookie') ?? [])];
  }

  /** Names in alphabetical order, each with its values joined; `set-cookie` once for each value. */
  *entries(): Generator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name)!;
      if (name === 'set-cookie') for (const value of values) yield [name, value];
      else yield [name, values.join(', ')];
    }
  }

  *keys(): Generator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void): void {
    for (const [name, value] of this.entries()) callback(value, name, this);
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }
}

function checkName(name: string): string {
  if (!NAME.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name of a header`);
  return name.toLowerCase();
}

function checkValue(value: string): string {
  const trimmed = String(value).trim();
  if (/[\0\r\n]/.test(trimmed)) throw new TypeError(`${JSON.stringify(trimmed)} is no value of a header`);
  return trimmed;
}
