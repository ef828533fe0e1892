import type { HttpHandlerExport } from '../exports.ts';

/** A route: which handler answers requests for a path. */
export interface Route {
  /** As in `Get`, or `null` for every method. */
  readonly method: 'Get' | 'Head' | 'Options' | 'Put' | 'Delete' | 'Post' | 'Patch' | null;
  /** Exactly this path; empty, or beginning with a slash. */
  readonly path: string;
  readonly handler: HttpHandlerExport<any>;
}

/** Paths of requests with their handlers. Methods return a new router. */
export class Router {
  readonly #routes: readonly Route[];

  constructor(routes: readonly Route[] = []) {
    routes.forEach((route, i) => checkRoute(route, routes.slice(0, i)));
    this.#routes = routes;
  }

  get(path: string, handler: HttpHandlerExport<any>): Router {
    return this.#add('Get', path, handler);
  }

  head(path: string, handler: HttpHandlerExport<any>): Router {
    return this.#add('Head', path, handler);
  }

  options(path: string, handler: HttpHandlerExport<any>): Router {
    return this.#add('Options', path, handler);
  }

  put(path: string, handler: HttpHandlerExport<any>): Router {
    return this.#add('Put', path, handler);
  }

  delete(path: string, handler: HttpHandlerExport<any>): Router {
    return this.#add('Delete', path, handler);
  }

  post(path: string, handler: HttpHandlerExport<any>): Router {
    return this.#add('Post', path, handler);
  }

  patch(path: string, handler: HttpHandlerExport<any>): Router {
    return this.#add('Patch', path, handler);
  }

  /** Every method. */
  any(path: string, handler: HttpHandlerExport<any>): Router {
    return this.#add(null, path, handler);
  }

  /** All routes of `other`, each path behind `prefix`. */
  nest(prefix: string, other: Router): Router {
    return new Router([
      ...this.#routes,
      ...other.#routes.map((route) => ({ ...route, path: prefix + route.path })),
    ]);
  }

  /** The routes of both. */
  merge(other: Router): Router {
    return new Router([...this.#routes, ...other.#routes]);
  }

  /** The routes in the order in which they came. */
  routes(): readonly Route[] {
    return this.#routes;
  }

  #add(method: Route['method'], path: string, handler: HttpHandlerExport<any>): Router {
    return new Router([...this.#routes, { method, path, handler }]);
  }
}

function checkRoute({ method, path }: Route, others: readonly Route[]): void {
  if (!/^(\/[a-z0-9\-_~/]*)?$/.test(path)) {
    throw new TypeError(
      `the path ${JSON.stringify(path)} is neither empty nor a slash followed by a to z, 0 to 9, - _ ~ and slashes`,
    );
  }
  if (others.some((other) => other.path === path && (other.method === method || !other.method || !method))) {
    throw new TypeError(`there are two routes for ${method?.toUpperCase() ?? 'every method'} ${path}`);
  }
}
