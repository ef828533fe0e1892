/** How values look in the log. */

/** Objects within objects are shown to this depth. */
const DEPTH = 4;
/** As many items of a list are shown. */
const ITEMS = 100;

/** One line of a log out of the arguments of `console.log`. */
export function formatMessage(args: readonly unknown[]): string {
  const [first, ...rest] = args;
  if (typeof first !== 'string') return args.map(show).join(' ');
  const text = first.replace(/%[%sdifjoOc]/g, (directive) => {
    if (directive === '%%') return '%';
    if (rest.length === 0) return directive;
    const value = rest.shift();
    switch (directive) {
      case '%s':
        return show(value);
      case '%d':
      case '%f':
        return typeof value === 'bigint' ? `${value}n` : String(Number(value));
      case '%i':
        return typeof value === 'bigint' ? `${value}n` : String(Number.parseInt(String(value), 10));
      case '%c':
        return '';
      default:
        return inspect(value);
    }
  });
  return [text, ...rest.map(show)].join(' ');
}

/** Strings as they are, everything else as {@link inspect} shows it. */
function show(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value);
}

/** A value as text that a developer can read. */
export function inspect(value: unknown, depth = DEPTH, around: readonly object[] = []): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return `[function ${value.name || 'anonymous'}]`;
    case 'object':
      return value === null ? 'null' : inspectObject(value, depth, around);
    default:
      return String(value);
  }
}

function inspectObject(value: object, depth: number, around: readonly object[]): string {
  if (value instanceof Error) return inspectError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (around.includes(value)) return '[circular]';
  const within = [...around, value];
  const inner = (item: unknown) => inspect(item, depth - 1, within);
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    return depth < 0 ? '[…]' : brackets('[', ']', value as ArrayLike<unknown>, inner);
  }
  if (value instanceof Set) return `Set ${brackets('{', '}', [...value], inner)}`;
  if (value instanceof Map) {
    return `Map ${brackets('{', '}', [...value], ([key, item]) => `${inner(key)} => ${inner(item)}`)}`;
  }
  // Values of the database, and whatever else knows how to show itself.
  if (value.toString !== Object.prototype.toString && typeof value.toString === 'function')
    return value.toString();
  if (depth < 0) return '{…}';
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  const entries = Object.entries(value);
  const body = brackets('{', '}', entries, ([key, item]) => `${key}: ${inner(item)}`);
  return name === undefined || name === 'Object' ? body : `${name} ${body}`;
}

function inspectError(error: Error): string {
  const text = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? text : `${text}\ncaused by ${inspect(error.cause)}`;
}

function brackets<T>(open: string, close: string, items: ArrayLike<T>, show: (item: T) => string): string {
  if (items.length === 0) return open + close;
  const shown = Array.from({ length: Math.min(items.length, ITEMS) }, (_, i) => show(items[i]!));
  if (items.length > ITEMS) shown.push(`… ${items.length - ITEMS} more`);
  const [left, right] = open === '{' ? ['{ ', ' }'] : [open, close];
  return left + shown.join(', ') + right;
}
