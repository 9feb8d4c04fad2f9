/** Attacks over a plain connection as the run-time role: every one refused, by a message that names the rule. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveByHand, attempt } from '../setup/attacker.ts';
import { ARCHIVED, archivingAttacks, COOLED, SIGNED } from '../setup/attacks/archiving.ts';
import { powerAttacks } from '../setup/attacks/power.ts';
import { decisionAttacks, factAttacks, historyAttacks } from '../setup/attacks/records.ts';
import { liveAttacks, signingAttacks } from '../setup/attacks/signing.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { tally } from '../setup/tally.ts';

let council: Council;

beforeAll(async () => {
  council = await rehearsal();
  const { register } = council;
  register.child('CF-A');
  await council.document('CF-A', 'CF-A/letter.txt');
  await council.night('2026-11-10');
  await council.approveAndSign(ARCHIVED, '2026-11-10');
  await council.night('2026-11-18');
  register.files.delete('CF-A');
  for (const ref of ['CF-1', 'CF-held', 'CF-kept', 'CF-early', 'CF-changed', 'CF-twice', 'CF-undated']) register.child(ref);
  register.child('CF-paper', { medium: 'paper' }).child('CF-documents');
  await council.document('CF-documents', 'CF-documents/letter.txt');
  register.child('CF-risk', {}, { poses_risk_to_children: 'yes' }).child('CF-young', {}, { date_of_birth: '2015-01-01' });
  await council.night('2026-11-22');
  await council.approveAndSign(SIGNED, '2026-11-22');
  register.child('CF-3');
  await council.night('2026-11-23');
  await council.done(['decide', '3', '--approve', '--all'], { asOf: '2026-11-23', as: 'm.jones' });
  register.child('CF-4', { medium: 'both' });
  await council.night('2026-11-24');
  const hold = ['hold', 'add', '--kind', 'inquiry', '--scope', 'file:CF-held', '--authority', 'Judge', '--review-on', '2027-11-22'];
  await council.done(hold, { asOf: '2026-11-24', as: 'm.jones' });
  // Facts that changed since the sign-off, and no night since has looked at them.
  register.change('CF-changed', { closed_on: '2010-02-01' });
  await council.writeExtract();
  await council.done(['import', council.extract], { asOf: '2026-11-25' });
}, 120_000);

afterAll(() => council.close());

describe('over a plain connection as the run-time role', () => {
  const counted = { tried: 0, early: 0 };

  it('what the archive step does is not refused, so that a refusal below is of what it lacks', async () => {
    expect(await attempt(council.env['DATABASE_URL'] ?? '', archiveByHand('CF-1', SIGNED, COOLED))).toBeNull();
  });

  it.each([...archivingAttacks(), ...signingAttacks(), ...historyAttacks(), ...decisionAttacks(), ...factAttacks(), ...powerAttacks()])(
    '$what',
    async ({ statements, refusal }) => {
      await expectRefused(council, statements, refusal, counted);
    },
  );

  it('leave everything as it was', async () => {
    await council.expectAccounted();
    expect(await council.db('residual_records').pluck('file_ref')).toEqual(['CF-A']);
    expect(await council.db('disposal_lists').orderBy('id').pluck('state')).toEqual([
      'complete',
      'cooling_off',
      'for_sign_off',
      'for_decision',
    ]);
    tally({ what: 'attacks over a plain connection as the run-time role', ...counted });
  });
});

describe('over a plain connection to a live database', () => {
  let live: Council;
  const counted = { tried: 0, early: 0 };
  const today = new Date().toLocaleDateString('en-CA', { timeZone: 'Europe/London' });

  beforeAll(async () => {
    live = await rehearsal({ RETENTION_REHEARSAL: '' });
    live.register.child('CF-1').child('CF-2', {}, { date_of_birth: '2020-01-01' });
    await live.document('CF-1', 'CF-1/letter.txt');
    await live.writeExtract();
    await live.done(['nightly', '--import', live.extract]);
  });
  afterAll(() => live.close());

  it.each(liveAttacks(today))('$what', async ({ statements, refusal }) => {
    await expectRefused(live, statements, refusal, counted);
  });

  it('leave everything as it was', async () => {
    await live.expectAccounted();
    expect(await live.lists()).toMatchObject([{ state: 'for_decision', signed_by: null }]);
    tally({ what: 'attacks on a live database', ...counted });
  });
});

/** Counts what was tried, and as early what no guard refused. */
async function expectRefused(
  { env }: Council,
  statements: Parameters<typeof attempt>[1],
  refusal: RegExp,
  counted: { tried: number; early: number },
): Promise<void> {
  const refused = await attempt(env['DATABASE_URL'] ?? '', statements);
  counted.tried++;
  if (refused === null) counted.early++;
  expect(refused).toMatch(refusal);
}
