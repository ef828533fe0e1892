import { Body } from './body.ts';
import type { BodyInit } from './body.ts';
import { Headers } from './headers.ts';
import type { HeadersInit } from './headers.ts';
import type { HttpVersion } from './message.ts';

/** What a response is, besides its body. */
export interface ResponseInit {
  /** 200 if left out. */
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
  version?: HttpVersion;
}

/** The answer to a request: what a handler returns, and what `ctx.http.fetch` brings. The body is there in full. */
export class SyncResponse extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly version: HttpVersion;
  readonly type = 'default';

  constructor(body: BodyInit = null, init: ResponseInit = {}) {
    super(body);
    const { status = 200 } = init;
    if (!Number.isInteger(status) || status < 100 || status > 999) {
      throw new RangeError(`${status} is no status of a response`);
    }
    this.status = status;
    this.statusText = init.statusText ?? '';
    this.headers = new Headers(init.headers);
    this.version = init.version ?? { tag: 'Http11' };
  }

  /** Whether the status is one of success: 200 to 299. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** Where it came from is not known. */
  get url(): string {
    return '';
  }
}
