import { TimeDuration } from '../../shared/time-duration.ts';
import { procedure_http_request } from '../sys.ts';
import { bodyBytes } from './body.ts';
import type { BodyInit } from './body.ts';
import { Headers } from './headers.ts';
import type { HeadersInit } from './headers.ts';
import { decodeResponse, encodeRequest } from './message.ts';
import { SyncResponse } from './response.ts';

/** How to send a request. */
export interface RequestOptions {
  /** `GET` if left out. */
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit;
  /** 30 seconds if left out, and 180 seconds at most. */
  timeout?: TimeDuration;
}

/** The way out to other servers. */
export interface HttpClient {
  /**
   * Sends a request and waits for the whole answer. Any status is an answer. Not possible while a transaction is
   * open.
   *
   * @param url a string, or anything that reads as one, like a `URL`
   * @throws errors.HttpError if there is no answer, or the address is not allowed
   */
  fetch(url: string | { toString(): string }, options?: RequestOptions): SyncResponse;
}

export const httpClient: HttpClient = {
  fetch(url, options = {}) {
    const { timeout } = options;
    if (timeout !== undefined && !(timeout instanceof TimeDuration)) {
      throw new TypeError('the timeout of a request is a TimeDuration, as in TimeDuration.fromMillis(500)');
    }
    const head = encodeRequest({
      method: (options.method ?? 'GET').toUpperCase(),
      headers: new Headers(options.headers),
      timeout,
      uri: String(url),
      version: { tag: 'Http11' },
    });
    const [answer, body] = procedure_http_request(head, bodyBytes(options.body));
    return new SyncResponse(body, decodeResponse(answer));
  },
};
