import { formatMessage, inspect } from './inspect.ts';
import { console_log, console_timer_end, console_timer_start } from './sys.ts';

/** Levels of messages, as the host numbers them. */
const ERROR = 0;
const WARN = 1;
const INFO = 2;
const DEBUG = 3;
const TRACE = 4;

/**
 * The host notes the line from which a function that logs has been called. So each method calls the host by itself.
 */
function logger(level: number): (...args: unknown[]) => void {
  return (...args) => console_log(level, formatMessage(args));
}

const timers = new Map<string, number>();
const counts = new Map<string, number>();

/** What `console` is in a module. */
export const moduleConsole = {
  error: logger(ERROR),
  warn: logger(WARN),
  info: logger(INFO),
  log: logger(INFO),
  debug: logger(DEBUG),
  trace: logger(TRACE),
  dir: (value: unknown) => console_log(INFO, inspect(value)),
  table: (value: unknown) => console_log(INFO, inspect(value)),
  assert(condition: unknown, ...args: unknown[]) {
    if (condition) return;
    console_log(ERROR, args.length === 0 ? 'Assertion failed' : `Assertion failed: ${formatMessage(args)}`);
  },
  count(label = 'default') {
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    console_log(INFO, `${label}: ${count}`);
  },
  countReset(label = 'default') {
    counts.delete(label);
  },
  time(label = 'default') {
    if (timers.has(label)) console_log(WARN, `there is a timer ${label} already`);
    else timers.set(label, console_timer_start(label));
  },
  timeEnd(label = 'default') {
    const timer = timers.get(label);
    if (timer === undefined) return console_log(WARN, `there is no timer ${label}`);
    timers.delete(label);
    console_timer_end(timer);
  },
  group() {},
  groupCollapsed() {},
  groupEnd() {},
  clear() {},
};

/** Lets `console` write to the log of the database. */
export function installConsole(): void {
  Object.defineProperty(globalThis, 'console', { value: moduleConsole, writable: true, configurable: true });
}
