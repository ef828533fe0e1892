// What modules find beside the language itself. Runs once for each isolate, before the module.
((encodeUtf8, decodeUtf8) => {
  'use strict';
  const { defineProperty } = Object;
  const { ArrayBuffer, SharedArrayBuffer, RangeError, TypeError, Uint8Array } = globalThis;

  const define = (name, value) =>
    defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });

  define('TextEncoder', class TextEncoder {
    get encoding() { return 'utf-8'; }

    encode(input = '') { return encodeUtf8(`${input}`); }
  });

  define('TextDecoder', class TextDecoder {
    #fatal;

    constructor(label = 'utf-8', options = {}) {
      if (label !== 'utf-8') throw new RangeError('the only encoding is `utf-8`');
      if (options.ignoreBOM) throw new TypeError('the option `ignoreBOM` is not supported');
      this.#fatal = !!options.fatal;
    }

    get encoding() { return 'utf-8'; }

    get fatal() { return this.#fatal; }

    get ignoreBOM() { return false; }

    decode(input = new Uint8Array(), options = {}) {
      if (options.stream) throw new TypeError('the option `stream` is not supported');
      if (input instanceof ArrayBuffer || input instanceof SharedArrayBuffer) input = new Uint8Array(input);
      return decodeUtf8(input, this.#fatal);
    }
  });

  // A reducer that runs again must do the same again.
  defineProperty(Math, 'random', {
    get() { throw new TypeError('`Math.random` is not available in modules: use `ctx.random`'); },
    enumerable: false,
    configurable: true,
  });
})
