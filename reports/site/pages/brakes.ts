/** Brakes: what stopped listing and archiving, and the form by which an authoriser lets it go on. */
import { brakesOn, readBrakes, releaseBrake, type Brake } from '../../../db/brakes.ts';
import { countDisagreements, openDisagreements } from '../../../db/disagreements.ts';
import { seenOf } from '../../../db/disposalLook.ts';
import { markRoots } from '../../../db/roots.ts';
import { longDate } from '../../../rules/dates.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { wholeNumber } from '../../../rules/wholeNumber.ts';
import type { BrakeName } from '../../../rules/workflow.ts';
import { brakeInWords } from '../../retentionReport.ts';
import { actingOnForm, shownErrors, type FieldError } from '../acting.ts';
import { may, page, redirect, seesNames, type Answer, type Route, type SignedVisit } from '../page.ts';
import { ON_A_PAGE } from '../tables.ts';
import { refText } from '../workKeys.ts';

export const brakeRoutes: readonly Route[] = [
  { method: 'GET', url: '/brakes', needs: 'read', handler: (visit) => brakesPage(visit) },
  { method: 'POST', url: '/brakes/:brake/release', needs: 'release_brake', handler: release },
];

/** What to do about it, before or instead of going on. */
const ADVICE: Record<BrakeName, string> = {
  volume:
    'Find out why so many became due: a change of the schedule, many closed cases, or wrong dates. Correct the extract, or continue and say why.',
  disagreement:
    'Have it explained: the page of each file says what stands in its way. Those files stay blocked until both calculations agree.',
  extract: 'Correct the extract and import it again, or continue and say why it is right.',
  stale: 'Import the latest extract and let a night run, or continue and say why what we have is recent enough.',
  restored:
    'Confirm the holds, the decisions and the archived files since the copy was made, and that no other copy runs nights. Then continue and say who confirmed them.',
  guards:
    'Have the owner of the database run “retention migrate”, find out who switched it off and why, then continue. It goes on again while anything is off.',
  schedule: 'Withdraw the version that cannot be read, or adopt a corrected one, then continue.',
};

interface Typed {
  brake: number;
  reason: string;
  errors: FieldError[];
}

async function brakesPage(visit: SignedVisit, typed: Typed | null = null): Promise<Answer> {
  const all = await readBrakes(visit.db);
  const names = seesNames(visit);
  const data = {
    on: all.filter((brake) => brake.released_on === null).map((brake) => ({ ...shown(brake), advice: ADVICE[brake.name] })),
    released: all
      .filter((brake) => brake.released_on !== null)
      .map((brake) => ({ ...shown(brake), by: brake.released_by, on: brake.released_on, reason: names ? brake.reason : null })),
    differing: await countDisagreements(visit.db),
    disagreements: (await openDisagreements(visit.db, ON_A_PAGE)).map((one) => ({ ...one, refText: refText(one.file_ref) })),
    releases: may(visit, 'release_brake'),
    names,
    typed,
    errors: shownErrors(typed?.errors ?? []),
  };
  return page('brakes', 'Brakes', data, typed ? 422 : 200);
}

function shown({ id, name, tripped_on, details }: Brake) {
  return { id, name, tripped_on, since: longDate(tripped_on), words: brakeInWords(name, details) };
}

async function release(visit: SignedVisit): Promise<Answer> {
  const { body, params, person, asOf } = visit;
  const id = wholeNumber(params['brake']);
  const reason = body.one('reason');
  const gone = `This brake is not on any more. Nothing more was released.`;
  const refusals = { reason_missing: { field: `reason-${id}`, words: 'Say why it is safe to go on' } };
  if (id === undefined) return page('error', 'Not found', { paragraphs: [gone] }, 404);
  if (/\p{Cc}/u.test(reason.replace(/[\r\n\t]/g, '')))
    return brakesPage(visit, {
      brake: id,
      reason,
      errors: [{ field: `reason-${id}`, text: 'Say why it is safe to go on, in plain text' }],
    });
  const traces = await visit.site.archive.traces();
  const outcome = await actingOnForm(visit, 'brake release', refusals, async (trx) => {
    // One of the same name that went on since the page was opened has other counts, which nobody has read.
    const brake = (await brakesOn(trx)).find((one) => one.id === id);
    if (!brake) throw new Refusal('brake_is_off', gone, { brake: id });
    await releaseBrake(trx, brake.name, reason, { person, asOf, seen: await seenOf(traces) });
    return { released: brake.name, stillOn: (await brakesOn(trx)).map(({ name }) => name) };
  });
  if ('done' in outcome && outcome.done.released === 'restored') await markRoots(visit.db, traces.roots);
  if ('errors' in outcome) return brakesPage(visit, { brake: id, reason, errors: outcome.errors });
  const { released, stillOn } = outcome.done;
  const then = stillOn.length > 0 ? `Still on: ${stillOn.join(', ')}.` : 'The next night lists and archives again.';
  return redirect('/brakes', `The brake “${released}” is released. ${then}`);
}
