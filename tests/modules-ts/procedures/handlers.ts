/** HTTP handlers. */
import { Router, SyncResponse } from 'spacetimedb/server';
import db, { write } from './schema';

const text = (status: number, text: string) => new SyncResponse(text, { status });

/** What came, line by line. */
export const echo = db.httpHandler((_ctx, request) => {
  const headers = [...request.headers].map(([name, value]) => `${name}: ${value}`);
  return text(200, [`${request.method} ${request.uri}`, ...headers, '', request.text()].join('\n'));
});

export const teapot = db.httpHandler(() => text(418, 'short and stout'));

export const withHeaders = db.httpHandler(
  () =>
    new SyncResponse('made', {
      status: 201,
      headers: [
        ['x-one', '1'],
        ['connection', 'x-hop'],
        ['content-length', '99'],
        ['content-type', 'text/x-test'],
        ['access-control-allow-origin', 'here'],
      ],
    }),
);

/** The body in reverse. */
export const reverse = db.httpHandler((_ctx, request) => new SyncResponse(request.bytes().slice().reverse()));

export const insert = db.httpHandler((ctx, request) => {
  const body = request.text();
  ctx.withTx((tx) => write(tx, body));
  return text(200, ctx.withTx((tx) => tx.db.entry.count()).toString());
});

export const count = db.httpHandler((ctx) => text(200, ctx.withTx((tx) => tx.db.entry.count()).toString()));

/** Who asks, as the database sees it. */
export const caller = db.httpHandler((ctx) =>
  text(200, ctx.withTx((tx) => `${tx.sender.toHexString()} ${tx.connectionId === null ? 'None' : 'Some'}`)),
);

export const none = db.httpHandler(() => new SyncResponse(null, { status: 204 }));

export const breaks = db.httpHandler((ctx) =>
  ctx.withTx((tx) => {
    write(tx, 'never');
    throw new Error('a secret');
  }),
);

export const hangs = db.httpHandler(() => {
  console.info('hanging');
  for (;;);
});

/** No status that an answer may have. */
export const continues = db.httpHandler(() => text(100, ''));

export const root = db.httpHandler(() => text(200, 'root'));

export const slash = db.httpHandler(() => text(200, 'slash'));

export const below = db.httpHandler(() => text(200, 'below'));

export const allowed = db.httpHandler(
  () => new SyncResponse(null, { status: 204, headers: { allow: 'GET' } }),
);

export const routes = db.httpRouter(
  new Router()
    .get('', root)
    .get('/', slash)
    .get('/a/b', below)
    .get('/a/b/', teapot)
    .any('/echo', echo)
    .get('/with-headers', withHeaders)
    .post('/reverse', reverse)
    .post('/insert', insert)
    .get('/insert', count)
    .get('/caller', caller)
    .delete('/nothing', none)
    .get('/panics', breaks)
    .get('/hangs', hangs)
    .get('/continues', continues)
    .options('/options', allowed)
    .get('/options', root),
);
