/** Cautions that are said when a file is listed: acknowledged as the others are, and said of no file that is not listed. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { addDays } from '../rules/dates.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const TODAY = '2026-11-22';
let council: Council;

beforeEach(async () => {
  council = await rehearsal({ COOLING_OFF_DAYS: '1' });
});

afterEach(() => council.close());

it('an adopters or foster carer file of which nobody has said whether its subject poses a risk: listed with that caution, archived once it is acknowledged', async () => {
  const fostering = { categories: 'foster_carer', approval_ended_on: '2010-01-01' };
  council.register.child('FC-1', fostering, { date_of_birth: '1960-01-01', poses_risk_to_children: '' });
  council.register.child('FC-2', fostering, { date_of_birth: '1960-01-01' });
  council.register.child('CF-1', {}, { poses_risk_to_children: '' });
  for (const file of ['FC-1', 'FC-2', 'CF-1']) await council.document(file, `${file}.txt`);
  await council.night(TODAY);
  const { list, cautions } = await council.itemOf('FC-1');
  expect(cautions).toEqual(['risk_unknown']);
  expect([(await council.itemOf('FC-2')).cautions, (await council.itemOf('CF-1')).cautions]).toEqual([[], []]);
  await council.done(['determinations', '--out', path.join(council.folder, 'd.csv')]);
  expect(await readFile(path.join(council.folder, 'd.csv'), 'utf8')).not.toContain('risk_unknown');

  const careless = { as: 's.lee', asOf: TODAY };
  await council.refused(`decide ${list} --approve --all`, careless, 'cautions_open', /FC-1/);
  await council.approveAndSign(list, TODAY);
  await council.night(addDays(TODAY, 2));
  expect((await council.show(list)).items.map(({ status }) => status)).toEqual(['archived', 'archived']);
});
