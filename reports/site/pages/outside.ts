/** To do outside the computer: receipts, paper, originals and what the source system still owes, each a table of its own. */
import { scheduleInForce } from '../../../db/schedules.ts';
import { countWork, workPage, type WorkRows } from '../../../db/workPages.ts';
import { may, page, type Answer, type Route, type SignedVisit } from '../page.ts';
import { readWorkKey, refText, workKeyText } from '../workKeys.ts';
import { clauseOf, ON_A_PAGE } from '../tables.ts';

export const outsideRoutes: readonly Route[] = [{ method: 'GET', url: '/outside', needs: 'read', handler: outsidePage }];

/** In the order in which they are shown; each with where a person records one, null where the next extract does. */
const KINDS = {
  receipts: {
    text: 'Transfers to be received',
    about:
      'Adult Services take these files into the person’s file. They stay in the register until somebody records which file received them.',
    empty: 'No file waits for a receipt.',
    record: { path: '/outside/receipt', text: 'Record the receipt' },
  },
  paper: {
    text: 'Paper to be moved',
    about: 'The electronic part of these files is in its bag. They are archived when somebody records where the paper is now.',
    empty: 'No file waits for its paper.',
    record: { path: '/outside/paper', text: 'Record where it went' },
  },
  originals: {
    text: 'Originals to go back',
    about: 'Original documents go back to the person at 18, or to the adopters after the adoption order, whichever came first.',
    empty: 'No originals have to go back now.',
    record: { path: '/outside/originals', text: 'Record what became of them' },
  },
  originals_later: {
    text: 'Originals kept for now',
    about: 'These originals go back on a day to come. Where no day is known, a birth is missing, or the person died before 18.',
    empty: 'No file has originals that go back later.',
    record: { path: '/outside/originals', text: 'Record what became of them' },
  },
  removals: {
    text: 'Removals the source system owes',
    about:
      'These files are archived, and the latest extract still had them. Have them deleted in the source system. Nobody records that here: the first extract without a file takes it off this page. The file removals.csv of each night has them all.',
    empty: 'The source system owes no removal: no archived file was in the latest extract.',
    record: null,
  },
} as const satisfies Partial<Record<keyof WorkRows, object>>;
export type OutsideKind = keyof typeof KINDS;
const ORDER = Object.keys(KINDS) as OutsideKind[];

/** The kind that is asked for; otherwise the first of which there is anything. */
async function outsidePage(visit: SignedVisit): Promise<Answer> {
  const { db, asOf, query } = visit;
  const counts = await countWork(db, ORDER, asOf);
  const kind = ORDER.find((word) => word === query.one('what')) ?? ORDER.find((word) => counts[word] > 0) ?? 'receipts';
  const after = readWorkKey(query);
  const schedule = await scheduleInForce(db, asOf);
  const { rows, next } = await workPage(db, kind, { asOf, after }, ON_A_PAGE);
  return page('outside', 'To do outside', {
    kind,
    ...KINDS[kind],
    record: may(visit, 'record_outside') ? KINDS[kind].record : null,
    forOthers: KINDS[kind].record !== null && !may(visit, 'record_outside'),
    rows: rows.map((row) => ({
      ...row,
      refText: refText(row.file_ref),
      ...('rule' in row ? { clause: clauseOf(schedule, row.rule) } : {}),
    })),
    filters: ORDER.map((word) => ({
      text: `${KINDS[word].text} (${counts[word].toLocaleString('en-GB')})`,
      href: outsideAddress(word),
      current: word === kind,
    })),
    first: after === null ? null : outsideAddress(kind),
    next: next && `${outsideAddress(kind)}&${workKeyText(next)}`,
  });
}

/** The address of the table of that kind. */
export function outsideAddress(kind: OutsideKind): string {
  return `/outside?what=${kind}`;
}
