/**
 * `npm run prove`: every fault and attack of test/faults in full, then one table of what was tried and what came of it. Takes
 * the same words as vitest to choose files: `npm run prove -- crash`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import type { Tally } from './setup/tally.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'retention-prove-'));
const tallies = path.join(folder, 'tally.jsonl');
writeFileSync(tallies, '');

const chosen = process.argv.slice(2);
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
const args = [vitest, 'run', '--config', 'test/vitest.config.ts', '--root', '.', '--testTimeout', '7200000'];
const ran = spawnSync(process.execPath, [...args, ...(chosen.length > 0 ? chosen.map((word) => `test/faults/${word}`) : ['test/faults'])], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, RETENTION_PROVE: 'full', RETENTION_TALLY: tallies },
});

const lines = readFileSync(tallies, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Tally);
rmSync(folder, { recursive: true });
const table = new Table({ head: ['fault or attack', 'tried', 'lost', 'early', 'twice', 'leaked'], style: { head: [], border: [] } });
const NOT_COUNTED = '–';
for (const { what, tried, lost, early, twice, leaked } of lines)
  table.push([what, tried, ...[lost, early, twice, leaked].map((count) => count ?? NOT_COUNTED)]);
console.info(table.toString());
process.exitCode = ran.status === 0 ? 0 : 1;
