// Puts the examples of the README into files of their own, for the compiler and the tests.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

/** The names of the files are the first lines of the examples. */
export function extractExamples(root) {
  const out = `${root}.build/readme`;
  mkdirSync(out, { recursive: true });
  const readme = readFileSync(`${root}README.md`, 'utf8');
  for (const [, name, code] of readme.matchAll(/^```ts\n\/\/ (?:src\/)?(\S+)\n(.*?)^```/gms)) {
    writeFileSync(`${out}/${name}`, code);
  }
}
