/** What faults and attacks did: each test of `test/faults` adds a line, and `npm run prove` prints them as one table. */
import { appendFileSync } from 'node:fs';
import { expect } from 'vitest';

/** A line of the table. What a test does not count is left out, and the table says so. */
export interface Tally {
  /** The fault or attack, in words. */
  what: string;
  tried: number;
  /** Files, documents or records that were gone without being archived. */
  lost?: number;
  /** Files archived before their day, or past a condition; nights begun too soon; what was let through that is refused. */
  early?: number;
  /** Files archived, listed or counted more than once, and what else may happen once. */
  twice?: number;
  /** What was read, written or shown outside its place: roots, logs, process lists, other eyes. */
  leaked?: number;
}

/** How often a fault is tried: little in every test run, in full by `npm run prove`. */
export function times(inEveryRun: number, inFull: number): number {
  return process.env['RETENTION_PROVE'] === 'full' ? inFull : inEveryRun;
}

/** Adds a line to the table and fails the test unless nothing was lost, early, twice or leaked, and something was tried. */
export function tally(line: Tally): void {
  const file = process.env['RETENTION_TALLY'];
  if (file) appendFileSync(file, `${JSON.stringify(line)}\n`);
  expect(line.tried, `${line.what}: nothing was tried`).toBeGreaterThan(0);
  const { lost = 0, early = 0, twice = 0, leaked = 0 } = line;
  expect({ lost, early, twice, leaked }, line.what).toEqual({ lost: 0, early: 0, twice: 0, leaked: 0 });
}
