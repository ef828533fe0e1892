/** What a module says in its log. */
import { SenderError } from 'spacetimedb/server';
import db from './schema';

export const logLevels = db.reducer(() => {
  console.error('an error');
  console.warn('a warning');
  console.info('an info');
  console.debug('a debug line');
  console.trace('a trace line');
});

export const logOddText = db.reducer(() => {
  console.info('');
  console.info('two\nlines');
  console.info('"quoted" \\ and \t tabbed, é 日本 \u{1F600}');
  console.info('long '.repeat(2000).trimEnd());
});

export const logAndFail = db.reducer(() => {
  console.warn('about to fail');
  throw new SenderError('failed');
});

export const logTimer = db.reducer(() => {
  console.time('outer');
  console.time('inner');
  console.timeEnd('inner');
  console.timeEnd('outer');
});
