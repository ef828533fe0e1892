/** Requests that procedures send. */
import { TimeDuration } from 'spacetimedb';
import { errors, t } from 'spacetimedb/server';
import db, { write } from './schema';

/** What a request gave. */
const fetched = t.object('Fetched', { status: t.u16(), headers: t.array(t.string()), body: t.string() });

const request = {
  method: t.string(),
  url: t.string(),
  headers: t.array(t.string()),
  body: t.string(),
  timeoutMs: t.option(t.u64()),
};

/** The answer, or why there is none. */
const outcome = t.enum('Outcome', { Answer: fetched, Failure: t.string() });

/** Sends a request. */
export const fetch = db.procedure(
  request,
  outcome,
  (ctx, { method, url, headers, body, timeoutMs }) => {
    const pairs = headers.map((header) => header.split(': ', 2) as [string, string]);
    const timeout = timeoutMs === undefined ? undefined : new TimeDuration(timeoutMs * 1000n);
    try {
      const response = ctx.http.fetch(url, { method, headers: pairs, body, timeout });
      const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`);
      return outcome.Answer({ status: response.status, headers: lines, body: response.text() });
    } catch (error) {
      if (error instanceof errors.HttpError) return outcome.Failure(error.message);
      throw error;
    }
  },
);

/** Writes, then sends a request, then writes what came of it. */
export const fetchBetweenWrites = db.procedure({ url: t.string() }, t.unit(), (ctx, { url }) => {
  ctx.withTx((tx) => write(tx, 'before'));
  const text = ctx.http.fetch(url).text();
  ctx.withTx((tx) => write(tx, text));
  return {};
});
