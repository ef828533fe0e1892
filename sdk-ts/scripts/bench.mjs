// Measures the time that a module spends in the SDK, and the size of an empty module.
//
//   npm run bench [-- DIRECTORY]
//
// With a directory that has the package `spacetimedb` in its `node_modules`, that package is measured beside it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, transform } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}.build`;
mkdirSync(out, { recursive: true });

/** Packages by name: where they are looked for, and what stands in for `orrery/server`. */
const packages = [{ name: 'orrery', alias: {}, nodePaths: [] }];
const [directory] = process.argv.slice(2);
if (directory !== undefined) {
  packages.push({
    name: 'spacetimedb',
    alias: { 'orrery/server': 'spacetimedb/server' },
    nodePaths: [`${directory}/node_modules`],
  });
}

const EMPTY = `import { schema } from 'orrery/server'; export default schema({});`;

// What Node does not know yet, for packages that use it.
const BANNER = `Set.prototype.isSubsetOf ??= function (other) { for (const x of this) if (!other.has(x)) return false; return true; };`;

function bundle({ alias, nodePaths }, options) {
  return build({
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'esnext',
    write: false,
    conditions: ['source'],
    nodePaths,
    logLevel: 'error',
    ...options,
    alias: { ...alias, ...options.alias },
  });
}

async function size(it, minify) {
  const stdin = { contents: EMPTY, resolveDir: root, loader: 'ts' };
  const { outputFiles } = await bundle(it, { stdin, minify, external: ['spacetime:sys*'] });
  return outputFiles[0].contents;
}

async function times(it) {
  const host = './test/bench/host.ts';
  const { outputFiles } = await bundle(it, {
    entryPoints: ['test/bench/main.ts'],
    alias: { 'spacetime:sys@2.0': host, 'spacetime:sys@2.1': host },
  });
  const { code } = await transform(outputFiles[0].text, { target: 'node20', format: 'esm', banner: BANNER });
  const file = `${out}/bench-${it.name}.mjs`;
  writeFileSync(file, code);
  const { stdout, stderr, status } = spawnSync('node', [file], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const rows = new Map();
const add = (what, name, value) => rows.set(what, { ...rows.get(what), [name]: value });
for (const it of packages) {
  const [plain, minified] = [await size(it, false), await size(it, true)];
  add('empty module (bytes)', it.name, plain.length);
  add('empty module, minified (bytes)', it.name, minified.length);
  add('empty module, minified, gzip (bytes)', it.name, gzipSync(minified).length);
  for (const [what, nanos] of Object.entries(await times(it))) add(`${what} (ns)`, it.name, nanos);
}
console.table(Object.fromEntries(rows));
