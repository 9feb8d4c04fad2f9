/** Nights as a machine of its own clock runs them, without a day given, and what they determined. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import type { NightResult } from '../../jobs/night.ts';
import { rehearsal, type Council } from './commands.ts';

/** Begins rehearsals, and with one signed list, that `close` ends together. */
export class Rehearsals {
  readonly #begun: Council[] = [];

  async begin(settings: Record<string, string> = {}): Promise<Council> {
    const council = await rehearsal(settings);
    this.#begun.push(council);
    return council;
  }

  /** One with one file, listed and signed on that day, with seven days of cooling-off. */
  async signed(on: string): Promise<Council> {
    const council = await this.begin();
    council.register.child('CF-1');
    await council.document('CF-1', 'CF-1.txt');
    await council.night(on);
    await council.approveAndSign(1, on);
    return council;
  }

  async close(): Promise<void> {
    await Promise.all(this.#begun.splice(0).map((council) => council.close()));
  }
}

/** The night as a machine runs it whose clock says this. */
export async function nightAt(council: Council, instant: string): Promise<NightResult> {
  council.clock = () => new Date(instant);
  const night = await council.retention(['nightly', '--import', council.extract, '--json']);
  expect([0, 3], night.stderr).toContain(night.exitCode);
  return night.json();
}

/** All that `determinations` says, as CSV. */
export async function determinationsCsv(council: Council): Promise<string> {
  const file = path.join(council.folder, 'determinations.csv');
  await council.done(['determinations', '--out', file]);
  return readFile(file, 'utf8');
}
