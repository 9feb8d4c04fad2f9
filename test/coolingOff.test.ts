/** However long the cooling-off is, there are nights after it in which what was signed is archived before the sign-off lapses. */
import { expect, it } from 'vitest';
import { addDays } from '../rules/dates.ts';
import { rehearsal } from './setup/commands.ts';

it('a sign-off lasts 90 days, or a month after a longer cooling-off, as fixed when it was signed', async () => {
  const listed = '2026-11-22';
  const council = await rehearsal({ LIST_SIZE: '1', MAX_AGE_DAYS: '365', COOLING_OFF_DAYS: '90' });
  try {
    council.register.child('CF-1').child('CF-2');
    await council.night(listed);
    await council.approveAndSign(1, listed);
    await council.done('decide 2 --approve --all', { asOf: listed, as: 'm.jones' });
    const signing = `sign-off 2 --digest ${(await council.show(2)).digest}`;
    await council.done(signing, { asOf: listed, as: 'a.khan', COOLING_OFF_DAYS: '100' });
    await council.done('archive', { asOf: addDays(listed, 90) });
    expect(await council.bags()).toEqual([]);
    await council.done('archive', { asOf: addDays(listed, 91) });
    expect(await council.bags()).toEqual(['CF-1.zip']);
    await council.done('archive', { asOf: addDays(listed, 131) });
    expect(await council.itemOf('CF-2')).toMatchObject({
      status: 'withdrawn',
      status_reason: 'the sign-off of 22/11/2026 lapsed: nothing was archived for 130 days',
    });
  } finally {
    await council.close();
  }
});
