/** Nights and decisions where rows are in quarantine and references look like anything. */
import { expect } from 'vitest';
import type { NightResult } from '../../jobs/night.ts';
import type { Council } from './commands.ts';

/** The night with the register as it stands; what is in quarantine needs a person, which is no failure. */
export async function nightOf(council: Council, asOf: string): Promise<NightResult> {
  await council.writeExtract();
  const night = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf });
  expect([0, 3], night.stderr).toContain(night.exitCode);
  return night.json();
}

/** As `approveAndSign`, for references that begin like options; whatever else is on the list is referred. */
export async function approveOnly(council: Council, list: number, files: readonly string[], asOf: string): Promise<void> {
  const chosen = files.map((ref) => `--files=${ref}`);
  await council.done(['decide', String(list), '--approve', '--acknowledge-cautions', ...chosen], { asOf, as: 'm.jones' });
  const pending = (await council.show(list)).items.filter((item) => item.status === 'pending').map((item) => `--files=${item.file_ref}`);
  if (pending.length > 0) await council.done(['decide', String(list), '--refer', ...pending], { asOf, as: 'm.jones' });
  await council.sign(list, asOf);
}
