/** A brake in words for the command line, the ledger and the doctor: what happened, and what to do before it is released. */
import { extractChangeWords } from '../db/extractLosses.ts';
import type { BrakeName } from '../rules/workflow.ts';

/** What a person makes sure of before a database goes on that is a copy, or comes from before: it does not know what happened since. */
export const CONFIRM_BEFORE_RELEASE = [
  'holds placed or released since the copy was made: none of them is here. Place them again',
  'decisions, sign-offs and confirmations since: lists have gone back to where they were',
  'bags in the archive that this database does not know ("retention doctor" names them), and that the archive store and the document root are the right ones',
  'that the database this one takes the place of, if it is still there, runs no night any more: both bear the same id',
  'people and tokens: who was added, changed or taken back since',
];

const FIRST: Partial<Record<BrakeName, string>> = {
  restored: `Before it is released, confirm: ${CONFIRM_BEFORE_RELEASE.join('; ')}.`,
  guards:
    'Run "retention migrate" with the role that owns the tables, and find out who switched it off and why; it goes on again while anything is off.',
  schedule: 'Withdraw the version that cannot be read ("retention schedule versions" shows it), or adopt a corrected one.',
};

/** The brake in words: what happened, and what to do. */
export function brakeWords(name: BrakeName, details: object): string {
  const counts = name === 'extract' ? extractChangeWords(details) : detailWords(details);
  const first = FIRST[name];
  return `The brake "${name}" is on (${counts}). Nothing is listed or archived until it is put right and an authoriser says why to go on: retention brake release ${name} --reason "…".${first ? ` ${first}` : ''}`;
}

function detailWords(details: object): string {
  return Object.entries(details)
    .map(
      ([what, count]) =>
        `${what
          .replace(/([A-Z])/g, ' $1')
          .replaceAll('_', ' ')
          .toLowerCase()}: ${String(count)}`,
    )
    .join(', ');
}
