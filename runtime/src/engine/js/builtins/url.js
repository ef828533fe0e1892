// `URL` and `URLSearchParams`, as the WHATWG's standard has them. Texts are read and written by the host.
((parse, change, parseQuery, writeQuery) => {
  'use strict';
  const { defineProperty } = Object;

  const define = (name, value) =>
    defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });

  /** Lets an object of parameters tell its URL what they are now. */
  let link;
  /** Gives it other parameters, without telling anybody. */
  let refresh;

  class URLSearchParams {
    /** Names and values, each a string. */
    #pairs = [];
    #tell = undefined;

    static {
      link = (params, tell) => { params.#tell = tell; };
      refresh = (params, text) => { params.#pairs = pairsOf(text); };
    }

    constructor(init = '') {
      const isObject = (typeof init === 'object' && init !== null) || typeof init === 'function';
      if (!isObject) {
        const text = `${init}`;
        this.#pairs = pairsOf(text.startsWith('?') ? text.slice(1) : text);
      } else if (init[Symbol.iterator] != null) {
        for (const pair of init) {
          const [name, value, ...rest] = pair;
          if (value === undefined || rest.length > 0) throw new TypeError('a parameter is a name and a value');
          this.#pairs.push([`${name}`, `${value}`]);
        }
      } else {
        for (const name of Object.keys(init)) this.#pairs.push([name, `${init[name]}`]);
      }
    }

    get size() { return this.#pairs.length; }

    append(name, value) {
      this.#pairs.push([`${name}`, `${value}`]);
      this.#changed();
    }

    delete(name, value) {
      this.#pairs = this.#pairs.filter(pair => !matches(pair, `${name}`, value));
      this.#changed();
    }

    get(name) {
      const found = this.#pairs.find(pair => matches(pair, `${name}`));
      return found === undefined ? null : found[1];
    }

    getAll(name) { return this.#pairs.filter(pair => matches(pair, `${name}`)).map(([, value]) => value); }

    has(name, value) { return this.#pairs.some(pair => matches(pair, `${name}`, value)); }

    set(name, value) {
      name = `${name}`;
      const place = this.#pairs.findIndex(pair => matches(pair, name));
      if (place < 0) {
        this.#pairs.push([name, `${value}`]);
      } else {
        this.#pairs = this.#pairs.filter((pair, at) => at <= place || !matches(pair, name));
        this.#pairs[place] = [name, `${value}`];
      }
      this.#changed();
    }

    sort() {
      this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      this.#changed();
    }

    forEach(callback, self = undefined) {
      for (const [name, value] of this) callback.call(self, value, name, this);
    }

    *entries() {
      // What is added meanwhile comes too.
      for (let at = 0; at < this.#pairs.length; at++) yield [...this.#pairs[at]];
    }

    *keys() { for (const [name] of this.entries()) yield name; }

    *values() { for (const [, value] of this.entries()) yield value; }

    [Symbol.iterator]() { return this.entries(); }

    toString() { return writeQuery(this.#pairs.flat()); }

    #changed() { this.#tell?.(this.toString()); }
  }

  const pairsOf = text => {
    const flat = parseQuery(text);
    return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at], flat[2 * at + 1]]);
  };

  const matches = (pair, name, value) => pair[0] === name && (value === undefined || pair[1] === `${value}`);

  /** The parts of a URL, in the host's order. */
  const HREF = 0;
  const SEARCH = 1;
  const PARTS = [
    'href', 'search', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'hash', 'origin',
  ];

  class URL {
    #parts;
    #params = undefined;

    static {
      for (const [index, name] of PARTS.entries()) {
        const get = function () { return this.#parts[index]; };
        const set = function (value) { this.#change(index, `${value}`); };
        const isFixed = name === 'origin';
        const property = { get, set: isFixed ? undefined : set, enumerable: true, configurable: true };
        defineProperty(this.prototype, name, property);
      }
    }

    constructor(url, base = undefined) {
      this.#parts = parse(`${url}`, base === undefined ? undefined : `${base}`);
      if (this.#parts === undefined) throw new TypeError(`\`${url}\` is not a valid URL`);
    }

    static canParse(url, base = undefined) {
      return parse(`${url}`, base === undefined ? undefined : `${base}`) !== undefined;
    }

    static parse(url, base = undefined) { return this.canParse(url, base) ? new this(url, base) : null; }

    get searchParams() {
      if (this.#params === undefined) {
        this.#params = new URLSearchParams(this.#parts[SEARCH]);
        link(this.#params, text => { this.#parts = change(this.#parts[HREF], SEARCH, text); });
      }
      return this.#params;
    }

    toString() { return this.#parts[HREF]; }

    toJSON() { return this.#parts[HREF]; }

    #change(index, value) {
      const parts = change(this.#parts[HREF], index, value);
      if (parts === undefined) throw new TypeError(`\`${value}\` is not a valid URL`);
      this.#parts = parts;
      if (this.#params !== undefined && index <= SEARCH) refresh(this.#params, parts[SEARCH].slice(1));
    }
  }

  for (const [type, name] of [[URL, 'URL'], [URLSearchParams, 'URLSearchParams']]) {
    defineProperty(type.prototype, Symbol.toStringTag, { value: name, configurable: true });
    define(name, type);
  }
})
