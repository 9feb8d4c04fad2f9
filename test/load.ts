/**
 * `npm run load`: a council of a million files on a PostgreSQL of its own, the real site over it, every page asked for by one
 * person alone, then twenty people at once; one table of how long they waited. Ends with 1 where a page's median is over 100 ms
 * or anything was refused to the twenty. `--home FOLDER` keeps what was prepared, and uses it again.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { letWork, type Crowd } from './setup/load/crowd.ts';
import { findPages, isDownload, measureFind, measurePages, type Measured } from './setup/load/pages.ts';
import { LIST_SIZE, openTown, SECOND, type Town } from './setup/load/town.ts';
import { Visitor } from './setup/load/visitor.ts';

const MOST_MS = 100;

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '1000000' },
    home: { type: 'string' },
    times: { type: 'string', default: '30' },
    people: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '60' },
  },
});

const home = values.home === undefined ? mkdtempSync(path.join(tmpdir(), 'retention-load-')) : path.resolve(values.home);
if (values.home === undefined) chmodSync(home, 0o711);
const town = await openTown(home, Number(values.files));
try {
  const site = await serve(town);
  try {
    process.exitCode = (await measure(town, site.address)) ? 0 : 1;
  } finally {
    await site.stop();
  }
} finally {
  await town.close();
  if (values.home === undefined) rmSync(home, { recursive: true });
}

/** The site as a process of its own, on the day after the second night. */
async function serve({ env }: Town): Promise<{ address: string; stop: () => Promise<void> }> {
  const retention = fileURLToPath(new URL('../jobs/retention.mjs', import.meta.url));
  const child = spawn(process.execPath, [retention, 'serve', '--port', '0', '--as-of', SECOND], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let said = '';
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const [, at] = /The site is at (http:\/\/127\.0\.0\.1:\d+)/.exec(said) ?? [];
      if (at !== undefined) resolve(at);
    });
    void ended.then(() => reject(new Error(`The site did not start: ${said}`)));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return { address, stop };
}

/** Measures and prints; true when everything was fast enough and nothing was refused. */
async function measure({ db, files }: Town, address: string): Promise<boolean> {
  const manager = await Visitor.signedIn(address, 'm.jones', '10.30.1');
  const authoriser = await Visitor.signedIn(address, 'a.khan', '10.30.2');
  const admin = await Visitor.signedIn(address, 's.lee', '10.30.3');
  const times = Number(values.times);
  const found = await findPages([authoriser, manager, admin]);
  const measured = [...(await measurePages(found, times)), ...(await measureFind(authoriser, times))];
  for (const visitor of [manager, authoriser, admin]) visitor.close();
  const lists = await db('disposal_lists')
    .where({ state: 'for_decision' })
    .whereRaw('(select count(*) from disposal_list_items i where i.list_id = disposal_lists.id) = ?', [LIST_SIZE])
    .orderBy('id')
    .pluck<number[]>('id');
  const crowd = await letWork(address, { people: Number(values.people), seconds: Number(values.seconds), lists });
  const slow = print(measured, crowd, files);
  return slow === 0 && crowd.errors.size === 0;
}

/** Returns how many pages were too slow. */
function print(measured: readonly Measured[], crowd: Crowd, files: number): number {
  const pages = measured.filter(({ page }) => !isDownload(page)).sort((a, b) => b.median - a.median);
  const table = new Table({ head: ['asked for', 'times', 'median ms', 'p95 ms', 'longest ms', 'kB'], style: { head: [], border: [] } });
  const row = ({ page, asked, median, p95, longest, bytes }: Measured) =>
    table.push([page, asked, median.toFixed(1), p95.toFixed(1), longest.toFixed(1), (bytes / 1000).toFixed(0)]);
  for (const one of [...pages, ...measured.filter(({ page }) => isDownload(page)), crowd.all, crowd.decided]) row(one);
  console.info(table.toString());
  const slow = pages.filter(({ median }) => median > MOST_MS);
  console.info(`${files.toLocaleString('en-GB')} files; ${pages.length} pages, ${slow.length} of them over ${MOST_MS} ms at the median.`);
  console.info(
    `${values.people} people in ${crowd.seconds.toFixed(0)} s: ${crowd.requests} requests, ${crowd.decisions} decisions, ${[...crowd.errors.values()].reduce((a, b) => a + b, 0)} errors.`,
  );
  for (const [what, count] of crowd.errors) console.info(`${count} times ${what}`);
  return slow.length;
}
