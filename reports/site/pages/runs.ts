/** The ledger: each night in one line with every file accounted for, and on a run's own page what it counted and why it stopped. */
import { brakesOn } from '../../../db/brakes.ts';
import { oneRun, runPage, type RunsWanted } from '../../../db/runPages.ts';
import { wholeNumber } from '../../../rules/wholeNumber.ts';
import { brakeInWords } from '../../retentionReport.ts';
import { page, type Answer, type Route, type SignedVisit } from '../page.ts';
import { runLine, runStory } from '../runWords.ts';
import { addressOf, ON_A_PAGE } from '../tables.ts';

export const runRoutes: readonly Route[] = [
  { method: 'GET', url: '/runs', needs: 'read', handler: runsPage },
  { method: 'GET', url: '/runs/:run', needs: 'read', handler: oneRunPage },
];

const WANTED: readonly { wanted: RunsWanted; text: string }[] = [
  { wanted: 'nights', text: 'Nights' },
  { wanted: 'steps', text: 'Steps alone' },
  { wanted: 'all', text: 'All' },
];

async function runsPage({ db, query }: SignedVisit): Promise<Answer> {
  const wanted = WANTED.find((one) => one.wanted === query.one('show'))?.wanted ?? 'nights';
  const before = query.number('before');
  const { rows, more } = await runPage(db, { wanted, before }, ON_A_PAGE);
  const address = (which: RunsWanted, key?: number) => addressOf('/runs', { show: which === 'nights' ? undefined : which, before: key });
  return page('runs', 'Runs', {
    runs: rows.map(runLine),
    brakes: (await brakesOn(db)).map(({ name, details }) => brakeInWords(name, details)),
    filters: WANTED.map((one) => ({ text: one.text, href: address(one.wanted), current: one.wanted === wanted })),
    newest: before === undefined ? null : address(wanted),
    older: more ? address(wanted, rows.at(-1)?.id) : null,
  });
}

async function oneRunPage({ db, params }: SignedVisit): Promise<Answer> {
  const number = wholeNumber(params['run']);
  const run = number === undefined ? undefined : await oneRun(db, number);
  if (!run) return page('error', 'Not found', { paragraphs: ['There is no run of that number. The page of runs has all of them.'] }, 404);
  return page('run', `Run ${run.id}`, { run: runLine(run), error: run.error, story: runStory(run) });
}
