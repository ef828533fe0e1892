/** Buffers that are used again and again, so that host calls allocate nothing. */
import { BsatnReader } from '../../shared/bsatn-reader.ts';
import { BsatnWriter } from '../../shared/bsatn-writer.ts';
import { row_iter_bsatn_advance } from '../sys.ts';

/** The host hands rows over in chunks that end with the first row beyond 32 KiB. */
const READ_BYTES = 64 * 1024;
const WRITE_BYTES = 8 * 1024;
/** Buffers that had to grow beyond this are not kept. */
const KEPT_BYTES = 1024 * 1024;
/** Nested loops over tables need a buffer each; more than this many are not kept. */
const KEPT_BUFFERS = 8;

let spareWriter: BsatnWriter | null = null;

/**
 * An empty writer. Give it back with {@link releaseWriter}; a writer that is not given back, because of an error, is
 * simply replaced. So code that runs in the meantime (getters of a row, say) can take one, too.
 */
export function takeWriter(): BsatnWriter {
  const writer = spareWriter;
  if (writer === null) return new BsatnWriter(WRITE_BYTES);
  spareWriter = null;
  writer.offset = 0;
  return writer;
}

export function releaseWriter(writer: BsatnWriter): void {
  if (writer.capacity <= KEPT_BYTES) spareWriter = writer;
}

/** What has been written, as bytes that nobody writes to any more. Gives the writer back. */
export function takeBytes(writer: BsatnWriter): Uint8Array {
  // A buffer that would not be kept can as well be given away.
  if (writer.capacity > KEPT_BYTES) return writer.bytes.subarray(0, writer.offset);
  const bytes = writer.copy();
  releaseWriter(writer);
  return bytes;
}

/** A buffer that the host writes rows into, and the reader that takes them out. */
export class RowBuffer {
  #buffer = new ArrayBuffer(READ_BYTES);
  readonly reader = new BsatnReader(new DataView(this.#buffer));

  get byteLength(): number {
    return this.#buffer.byteLength;
  }

  /**
   * Fetches the next rows of a scan and moves the reader to the first of them. The answer is that of the host: the
   * number of bytes, positive if more rows may follow, negative or zero if these were the last ones.
   */
  advance(iter: number): number {
    for (;;) {
      try {
        const answer = row_iter_bsatn_advance(iter, this.#buffer);
        this.reader.offset = 0;
        return answer;
      } catch (error) {
        const needed = (error as { __buffer_too_small__?: number } | null)?.__buffer_too_small__;
        if (typeof needed !== 'number') throw error;
        this.#buffer = new ArrayBuffer(needed);
        this.reader.reset(new DataView(this.#buffer));
      }
    }
  }
}

const spareBuffers: RowBuffer[] = [];

/** A buffer for as long as a scan takes. Give it back with {@link releaseRowBuffer}. */
export function takeRowBuffer(): RowBuffer {
  return spareBuffers.pop() ?? new RowBuffer();
}

export function releaseRowBuffer(buffer: RowBuffer): void {
  if (spareBuffers.length < KEPT_BUFFERS && buffer.byteLength <= KEPT_BYTES) spareBuffers.push(buffer);
}
