/** Extracts as hostile, careless or foreign systems write them: each is refused whole, or every row of it is accounted for. */
import { expect, it } from 'vitest';
import { KNOWN_FILES, plainName } from '../../db/extractNames.ts';
import { rehearsal } from '../setup/commands.ts';
import { HostileImports, type How } from '../setup/hostileImports.ts';
import { FILE_NAMES, NOTES } from '../setup/hostileWords.ts';
import { mutations, VALID } from '../setup/mutatedExtract.ts';
import { fc, SEED } from '../setup/seed.ts';
import { tally, times } from '../setup/tally.ts';

const EXTRACTS = times(200, 10_000);
/** A register grows by what hostile extracts bring; a new one now and then keeps every import as fast as the first. */
const TO_A_REGISTER = 200;
const LONGEST = 2 * 60 * 60 * 1000;

const how = fc.oneof<fc.WeightedArbitrary<How>[]>(
  { weight: 37, arbitrary: fc.constant('step') },
  { weight: 2, arbitrary: fc.constant('import') },
  { weight: 1, arbitrary: fc.constant('nightly') },
);

it(
  'whatever the extract, the process goes on, nothing outside is touched, and every row lands or is in quarantine',
  { timeout: LONGEST },
  async () => {
    const total = { tried: 0, accepted: 0, nights: 0, rows: 0, rejected: 0, bags: 0 };
    for (let done = 0; done < EXTRACTS; done += TO_A_REGISTER) {
      const council = await rehearsal();
      for (const [, name = ''] of VALID['documents.csv'].slice(1)) await council.document('', name);
      await HostileImports.into(council, async (imports) => {
        await imports.tryOne('nightly', []);
        const property = fc.asyncProperty(how, mutations(), (chosen, mutated) => imports.tryOne(chosen, mutated));
        await fc.assert(property, { numRuns: Math.min(TO_A_REGISTER, EXTRACTS - done), seed: SEED + done });
        total.bags += await imports.archiveAll();
        total.tried += imports.accepted + imports.refused;
        total.accepted += imports.accepted;
        total.nights += imports.nights;
        total.rows += imports.rows;
        total.rejected += imports.rejected;
      });
      await council.close();
    }
    // A mutator that only makes rubbish, or nothing but good extracts, would prove nothing.
    expect(total.accepted / total.tried).toBeGreaterThan(0.4);
    expect(total.accepted / total.tried).toBeLessThan(0.95);
    expect(total.rejected / total.rows).toBeGreaterThan(0.05);
    expect(total.bags).toBeGreaterThan(0);
    console.info('Mutated extracts:', total);
    tally({
      what: 'mutated extracts: rows unaccounted for, anything outside the roots touched',
      tried: total.tried,
    });
  },
);

it('a night is recorded whatever words the extract puts into its refusal or its notices', { timeout: LONGEST }, async () => {
  const council = await rehearsal();
  await HostileImports.into(council, async (imports) => {
    await imports.tryOne('nightly', [
      ...FILE_NAMES.filter((name) => !KNOWN_FILES.some((file) => file === plainName(name))).map(
        (name) => ({ on: 'other file', name }) as const,
      ),
    ]);
    // Half a character, a NUL and an escape sequence, as names of files.
    for (const text of NOTES.filter((note) => note.includes('\\u'))) await imports.tryOne('nightly', [{ on: 'note', text }]);
    expect([imports.accepted, imports.refused]).toEqual([1, 1]);
  });
  expect(await council.db('runs').where({ outcome: 'failed' }).pluck('error')).toEqual([
    expect.stringMatching(/^The extract was not imported/),
  ]);
  await council.close();
});
