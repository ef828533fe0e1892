import { Body } from './body.ts';
import type { BodyInit } from './body.ts';
import { Headers } from './headers.ts';
import type { HeadersInit } from './headers.ts';
import type { HttpVersion } from './message.ts';

/** What a request is, besides where it goes. */
export interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit;
  version?: HttpVersion;
}

/** A request that somebody has sent to an HTTP handler. The body is there in full. */
export class Request extends Body {
  /** In capital letters. */
  readonly method: string;
  /** Where it went, with the query: `http://host/v1/database/name/route/path?query`. */
  readonly uri: string;
  readonly headers: Headers;
  readonly version: HttpVersion;

  constructor(uri: string, init: RequestInit = {}) {
    super(init.body ?? null);
    this.uri = uri;
    this.method = (init.method ?? 'GET').toUpperCase();
    this.headers = new Headers(init.headers);
    this.version = init.version ?? { tag: 'Http11' };
  }

  /** Same as {@link uri}. */
  get url(): string {
    return this.uri;
  }
}
