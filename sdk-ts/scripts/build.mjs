// Makes dist/, which is what a package holds: JavaScript and declarations of types.
import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
const { status } = spawnSync('node', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);
// The compiler leaves declarations alone that were written by hand.
copyFileSync(`${root}src/server/spacetime-sys.d.ts`, `${root}dist/server/spacetime-sys.d.ts`);
