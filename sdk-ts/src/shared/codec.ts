/**
 * Functions that read and write values of one type, compiled from the type.
 *
 * A function that knows its fields beforehand is several times as fast as one that looks them up: the engine sees
 * plain property accesses at fixed offsets, and every row gets the same shape. So this writes JavaScript, once for
 * each type that is really used.
 */
import type { BsatnReader } from './bsatn-reader.ts';
import type { BsatnWriter } from './bsatn-writer.ts';
import { readMethods, runtime, scalarBytes, writeMethods } from './codec-runtime.ts';
import { isUnit } from './value-type.ts';
import type { Member, ScalarKind, ValueType } from './value-type.ts';

/** Reads one value and moves the reader behind it. */
export type Read = (reader: BsatnReader) => any;

/**
 * Appends one value.
 *
 * @throws TypeError or RangeError, naming the field, if the value is not of the type
 */
export type Write = (writer: BsatnWriter, value: any) => void;

const readers = new WeakMap<ValueType, Read>();
const writers = new WeakMap<ValueType, Write>();

/** The function that reads values of `type`; compiled the first time. */
export function readerOf(type: ValueType): Read {
  return lookUp(readers, type, compileReader);
}

/** The function that writes values of `type`; compiled the first time. */
export function writerOf(type: ValueType): Write {
  return lookUp(writers, type, compileWriter);
}

function lookUp<F>(cache: WeakMap<ValueType, F>, type: ValueType, compile: (type: ValueType) => F): F {
  let compiled = cache.get(type);
  if (compiled === undefined) cache.set(type, (compiled = compile(type)));
  return compiled;
}

/** How many bytes every value of the type takes, or `null` if that depends on the value. */
export function fixedBytes(type: ValueType): number | null {
  if (type.kind !== 'product') return scalarBytes[type.kind as ScalarKind] ?? null;
  let sum = 0;
  for (const field of type.fields) {
    const bytes = fixedBytes(field.type);
    if (bytes === null) return null;
    sum += bytes;
  }
  return sum;
}

/** Source text under construction, with the values that it refers to. */
class Source {
  readonly lines: string[] = [];
  readonly #captured = new Map<unknown, string>();
  #names = 0;

  add(line: string): void {
    this.lines.push(line);
  }

  /** A name that is not taken. */
  fresh(): string {
    return `t${this.#names++}`;
  }

  /** The name under which the text can use `value`. */
  capture(value: unknown): string {
    let name = this.#captured.get(value);
    if (name === undefined) this.#captured.set(value, (name = this.fresh()));
    return name;
  }

  /** The function with the given parameters and the lines so far as its body. */
  compile(parameters: string): any {
    const body = `'use strict';return function(${parameters}){${this.lines.join('\n')}}`;
    return new Function(...this.#captured.values(), body)(...this.#captured.keys());
  }
}

/** In compiled readers, `r` is the reader, `d` its view, and `o` where the run of fixed fields began. */
function compileReader(type: ValueType): Read {
  const source = new Source();
  source.add('const d=r.view;let o=r.offset;');
  const run = { bytes: 0 };
  const value = readInline(source, type, run);
  source.add(`r.offset=o+${run.bytes};return ${value}`);
  return source.compile('r');
}

/** An expression for a value whose fixed parts lie `run.bytes` after `o`. */
function readInline(source: Source, type: ValueType, run: { bytes: number }): string {
  const at = run.bytes === 0 ? 'o' : `o+${run.bytes}`;
  const bytes = scalarBytes[type.kind as ScalarKind];
  if (bytes !== undefined) {
    run.bytes += bytes;
    return readScalar(source, type.kind as ScalarKind, at);
  }
  if (type.kind === 'product') {
    const fields = type.fields.map((field) => {
      const value = source.fresh();
      source.add(`const ${value}=${readInline(source, field.type, run)};`);
      return `${key(field.name)}:${value}`;
    });
    return `{${fields.join()}}`;
  }
  // Everything else ends the run: it is read through `r`, and a new run begins behind it.
  const value = source.fresh();
  source.add(`r.offset=${at};`);
  readVariable(source, type, value);
  source.add('o=r.offset;');
  run.bytes = 0;
  return value;
}

function readScalar(source: Source, kind: ScalarKind, at: string): string {
  const method = readMethods[kind];
  if (kind === 'bool') return `d.getUint8(${at})!==0`;
  if (typeof method === 'string') return `d.${method}(${at},true)`;
  return `${source.capture(method)}(d,${at})`;
}

/** Declares `value` and reads it through `r`. */
function readVariable(source: Source, type: ValueType, value: string): void {
  switch (type.kind) {
    case 'string':
      source.add(`const ${value}=r.string();`);
      break;
    case 'array':
      if (type.element.kind === 'u8') {
        source.add(`const ${value}=r.bytes();`);
      } else {
        const read = source.capture(readerOf(type.element));
        source.add(`const ${value}=[];for(let n=r.u32();n>0;n--)${value}.push(${read}(r));`);
      }
      break;
    case 'option':
      source.add(`const ${value}=r.u8()===0?${source.capture(readerOf(type.value))}(r):undefined;`);
      break;
    case 'result': {
      const ok = source.capture(readerOf(type.ok));
      const err = source.capture(readerOf(type.err));
      source.add(`const ${value}=r.u8()===0?{ok:${ok}(r)}:{err:${err}(r)};`);
      break;
    }
    default: {
      const variants = variantsOf(type);
      source.add(`let ${value};switch(r.u8()){`);
      variants.forEach((variant, tag) => {
        const payload = isUnit(variant.type) ? '' : `,value:${source.capture(readerOf(variant.type))}(r)`;
        source.add(`case ${tag}:${value}={tag:${JSON.stringify(variant.name)}${payload}};break;`);
      });
      source.add(`default:${source.capture(runtime.badTag)}()}`);
    }
  }
}

/** In compiled writers, `w` is the writer, `v` the value, `d` the view of `w`, and `o` where the run began. */
function compileWriter(type: ValueType): Write {
  const source = new Source();
  source.add('let d,o;');
  const run = { bytes: 0, open: false, pending: [] as string[] };
  writeInline(source, type, 'v', '', run);
  closeRun(source, run);
  return source.compile('w,v');
}

/** Fixed fields next to each other: room for all of them is reserved at once. */
interface WriteRun {
  bytes: number;
  pending: string[];
}

function closeRun(source: Source, run: WriteRun): void {
  if (run.bytes > 0) {
    source.add(`o=w.reserve(${run.bytes});d=w.view;`);
    for (const line of run.pending) source.add(line);
    source.add(`w.offset=o+${run.bytes};`);
  }
  run.bytes = 0;
  run.pending = [];
}

/** Writes the value of the expression `value`; `path` names it in messages. */
function writeInline(source: Source, type: ValueType, value: string, path: string, run: WriteRun): void {
  const bytes = scalarBytes[type.kind as ScalarKind];
  if (bytes !== undefined) {
    const at = run.bytes === 0 ? 'o' : `o+${run.bytes}`;
    run.bytes += bytes;
    run.pending.push(writeScalar(source, type.kind as ScalarKind, value, at, path));
  } else if (type.kind === 'product') {
    if (type.fields.length === 0) return;
    let object = value;
    if (value !== 'v') {
      object = source.fresh();
      source.add(`const ${object}=${value};`);
    }
    source.add(`if(typeof ${object}!=='object'||${object}===null)${bad(source, path, 'an object', object)};`);
    for (const field of type.fields) {
      const inner = path === '' ? field.name : `${path}.${field.name}`;
      writeInline(source, field.type, `${object}[${JSON.stringify(field.name)}]`, inner, run);
    }
  } else {
    closeRun(source, run);
    writeVariable(source, type, value, path);
  }
}

function writeScalar(source: Source, kind: ScalarKind, value: string, at: string, path: string): string {
  const v = source.fresh();
  const method = writeMethods[kind];
  const declare = `const ${v}=${value};`;
  const fail = bad(source, path, runtime.articles[kind], v);
  switch (kind) {
    case 'bool':
      return `${declare}if(typeof ${v}!=='boolean')${fail};d.setUint8(${at},${v}?1:0);`;
    case 'u8':
    case 'u16':
    case 'u32':
    case 'i8':
    case 'i16':
    case 'i32':
      return `${declare}if(typeof ${v}!=='number'||(${v}${runtime.wraps[kind]})!==${v})${fail};d.${method}(${at},${v},true);`;
    case 'f32':
    case 'f64':
      return `${declare}if(typeof ${v}!=='number')${fail};d.${method}(${at},${v},true);`;
    default:
      return `${declare}if(!${source.capture(method)}(d,${at},${v}))${fail};`;
  }
}

function writeVariable(source: Source, type: ValueType, value: string, path: string): void {
  const v = source.fresh();
  source.add(`const ${v}=${value};`);
  const fail = (what: string) => bad(source, path, what, v);
  const payload = (inner: ValueType, expression: string) =>
    isUnit(inner) ? '' : `${source.capture(writerOf(inner))}(w,${expression});`;
  switch (type.kind) {
    case 'string':
      source.add(`if(typeof ${v}!=='string')${fail('a string')};w.string(${v});`);
      break;
    case 'array':
      source.add(`if(${v}==null||typeof ${v}!=='object'||typeof ${v}.length!=='number')${fail('an array')};`);
      if (type.element.kind === 'u8') {
        source.add(
          `if(!${source.capture(runtime.areBytes)}(${v}))${fail('an array of bytes')};w.byteArray(${v});`,
        );
      } else {
        const i = source.fresh();
        source.add(`w.u32(${v}.length);`);
        source.add(`for(let ${i}=0;${i}<${v}.length;${i}++)${payload(type.element, `${v}[${i}]`) || ';'}`);
      }
      break;
    case 'option':
      source.add(`if(${v}==null)w.u8(1);else{w.u8(0);${payload(type.value, v)}}`);
      break;
    case 'result':
      source.add(`if(${v}==null||typeof ${v}!=='object')${fail('a result')};`);
      source.add(`if('ok' in ${v}){w.u8(0);${payload(type.ok, `${v}.ok`)}}`);
      source.add(`else if('err' in ${v}){w.u8(1);${payload(type.err, `${v}.err`)}}`);
      source.add(`else ${fail('{ ok } or { err }')};`);
      break;
    default: {
      const variants = variantsOf(type);
      source.add(`if(${v}==null)${fail('an object with a tag')};switch(${v}.tag){`);
      variants.forEach((variant, tag) => {
        source.add(
          `case ${JSON.stringify(variant.name)}:w.u8(${tag});${payload(variant.type, `${v}.value`)}break;`,
        );
      });
      const names = variants.map((variant) => variant.name).join(', ');
      source.add(`default:${bad(source, path, `tagged as one of ${names}`, v)}}`);
    }
  }
}

function bad(source: Source, path: string, expected: string, value: string): string {
  return `${source.capture(runtime.bad)}(${JSON.stringify(path)},${JSON.stringify(expected)},${value})`;
}

function variantsOf(type: ValueType): readonly Member[] {
  if (type.kind === 'sum') return type.variants;
  if (type.kind === 'scheduleAt') return runtime.scheduleAtVariants;
  throw new TypeError(`${type.kind} has no variants`);
}

/** A key of an object literal. `__proto__` must be computed to be an ordinary one. */
function key(name: string): string {
  return name === '__proto__' ? '["__proto__"]' : JSON.stringify(name);
}
