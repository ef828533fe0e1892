import * as assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Compares text with a file of `test/golden`. With `UPDATE_EXPECT=1` in the environment the file is written instead;
 * read the difference before you keep it.
 */
export function compareWithGolden(file: string, actual: string): void {
  const path = `${process.cwd()}/test/golden/${file}`;
  if (process.env['UPDATE_EXPECT'] !== undefined) writeFileSync(path, actual);
  assert.equal(actual, readFileSync(path, 'utf8'), `${file} has changed; UPDATE_EXPECT=1 npm test writes it`);
}

/** The contents of a file of `test/golden`. */
export function golden(file: string): string {
  return readFileSync(`${process.cwd()}/test/golden/${file}`, 'utf8');
}
