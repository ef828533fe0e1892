// Checks the types of sources and tests, then runs the tests. Arguments are passed on to `node --test`.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { extractExamples } from './readme.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}.build`;

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync(out, { recursive: true, force: true });
extractExamples(root);
run('node', ['node_modules/typescript/bin/tsc', '-p', 'test']);

await build({
  absWorkingDir: root,
  entryPoints: readdirSync(`${root}test`)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${name}`),
  outdir: out,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: 'inline',
  outExtension: { '.js': '.mjs' },
  conditions: ['source'],
  alias: { 'spacetime:sys@2.0': './test/support/sys.ts', 'spacetime:sys@2.1': './test/support/sys.ts' },
  logLevel: 'warning',
});

const tests = readdirSync(out)
  .filter((name) => name.endsWith('.test.mjs'))
  .map((name) => `${out}/${name}`);
run('node', ['--enable-source-maps', '--test', ...process.argv.slice(2), ...tests]);
