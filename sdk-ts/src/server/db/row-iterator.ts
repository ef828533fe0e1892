import type { Read } from '../../shared/codec.ts';
import { row_iter_bsatn_close } from '../sys.ts';
import { releaseRowBuffer, takeRowBuffer } from './scratch.ts';
import type { RowBuffer } from './scratch.ts';

/** The built-in prototype that has `map`, `filter`, `toArray` and so on where the engine knows them. */
const Iterators = function () {} as unknown as new () => object;
Iterators.prototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

/**
 * Rows of a scan, fetched from the host in chunks and read one by one. The rows are those of the moment when the
 * scan began. A loop that is left early ends the scan.
 */
export class RowIterator<T> extends Iterators implements Iterator<T, undefined> {
  readonly #iter: number;
  readonly #read: Read;
  #buffer: RowBuffer | null = null;
  /** Bytes of the chunk in the buffer. */
  #end = 0;
  /** Whether the host has, or may have, more rows. */
  #open = true;

  constructor(iter: number, read: Read) {
    super();
    this.#iter = iter;
    this.#read = read;
  }

  next(): IteratorResult<T, undefined> {
    const buffer = this.#buffer;
    if (buffer !== null && buffer.reader.offset < this.#end) {
      return { value: this.#read(buffer.reader), done: false };
    }
    return this.#nextChunk();
  }

  return(): IteratorResult<T, undefined> {
    this.#close();
    return { value: undefined, done: true };
  }

  [Symbol.iterator](): this {
    return this;
  }

  #nextChunk(): IteratorResult<T, undefined> {
    if (!this.#open) {
      this.#close();
      return { value: undefined, done: true };
    }
    const buffer = (this.#buffer ??= takeRowBuffer());
    const answer = buffer.advance(this.#iter);
    this.#open = answer > 0;
    this.#end = Math.abs(answer);
    return this.next();
  }

  #close(): void {
    if (this.#open) row_iter_bsatn_close(this.#iter);
    this.#open = false;
    if (this.#buffer !== null) releaseRowBuffer(this.#buffer);
    this.#buffer = null;
  }
}
