/** Commands about single files: confirming what is doubted, closing a referral, reviews done, originals handed back. */
import type { Command } from 'commander';
import { confirmFile, type Confirmable, type Confirmed } from '../../db/confirm.ts';
import { readOriginalsHeld, recordOriginals, type OriginalsHeld, type OriginalsRecord } from '../../db/originals.ts';
import { closeReferral, type ClosedReferral } from '../../db/referrals.ts';
import { readDueReviews, reviewDone, type DueReview } from '../../db/reviews.ts';
import { settledWords, settleReference } from '../../db/reusedReferences.ts';
import { longDate, shortDate } from '../../rules/dates.ts';
import { BLOCK_WORDS } from '../../rules/words.ts';
import type { CommonOptions } from '../context.ts';
import { UsageError } from '../settings.ts';
import { acting, AS, AS_OF, declare, JSON_OUT, reading, table, type CommandLine } from './commands.ts';

const ACTING = [AS, AS_OF, JSON_OUT];
const READING = [AS_OF, JSON_OUT];

/** Declares confirm, referral close, review done and list, and originals returned, given, not-traced and list. */
export function addCaseCommands(line: CommandLine): void {
  declare(
    line,
    'confirm <file>',
    'confirm a date that became earlier, a doubtful birth or date, or that a file may go without the hold that covered it',
    'confirm CF-000123 --reason "birth certificate seen" --as m.jones',
    ACTING,
  )
    .requiredOption('--reason <text>', 'why the record is right')
    .action((fileRef: string, options: CommonOptions & { reason: string }) =>
      acting(
        line,
        options,
        'confirm',
        (trx, person, { schedule, asOf }) => confirmFile(trx, schedule, fileRef, options.reason, { person, asOf }),
        confirmedWords,
      ),
    );
  addReferenceCommand(line);
  addReferralCommand({ ...line, program: line.program.command('referral').description('files referred to a person by decision') });
  addReviewCommands({ ...line, program: line.program.command('review').description('Safeguarding Unit reviews') });
  addOriginalsCommands({ ...line, program: line.program.command('originals').description('original documents on files') });
}

function addReferenceCommand(line: CommandLine): void {
  declare(
    line,
    'reference <file>',
    'say which file it is that has the reference of an archived one and is about other people',
    'reference CF-000123 --another-file --reason "the school’s new system numbers from 1 again" --as m.jones',
    ACTING,
  )
    .option('--came-back', 'it is the archived file: it leaves the register, and the source is asked to delete it')
    .option('--another-file', 'it is another file: it keeps the reference, and the archived one is kept apart')
    .requiredOption('--reason <text>', 'how you know')
    .action((fileRef: string, options: CommonOptions & { cameBack?: boolean; anotherFile?: boolean; reason: string }) => {
      if (options.cameBack === options.anotherFile) throw new UsageError('Say one of them: --came-back or --another-file.');
      const said = { verdict: options.cameBack ? 'came_back' : 'another_file', reason: options.reason } as const;
      return acting(
        line,
        options,
        'confirm',
        (trx, person, { asOf }) => settleReference(trx, fileRef, said, { person, asOf }),
        settledWords,
      );
    });
}

function addReferralCommand(line: CommandLine): void {
  declare(line, 'close <file>', 'end a referral; the file may be listed again', 'referral close CF-000123 --as m.jones', ACTING).action(
    (fileRef: string, options: CommonOptions) =>
      acting(line, options, 'close_referral', (trx, person, { asOf }) => closeReferral(trx, fileRef, { person, asOf }), closedWords),
  );
}

function addReviewCommands(line: CommandLine): void {
  declare(
    line,
    'done <file>',
    'record that the review that is due was done',
    'review done CF-000123 --note "two copies of a school report removed" --authorised-by "R. Patel, Safeguarding Unit" --as m.jones',
    ACTING,
  )
    .requiredOption('--note <text>', 'what was removed, or that nothing was')
    .option('--authorised-by <name>', 'who authorised what was removed')
    .action((fileRef: string, options: CommonOptions & { note: string; authorisedBy?: string }) =>
      acting(
        line,
        options,
        'review_done',
        (trx, person, { asOf }) =>
          reviewDone(trx, fileRef, { note: options.note, authorisedBy: options.authorisedBy ?? null }, { person, asOf }),
        ({ review_on }) => `The review of ${fileRef} that was due on ${longDate(review_on)} is recorded as done.`,
      ),
    );
  declare(line, 'list', 'reviews that are due and not done, the longest overdue first', 'review list', READING).action(
    (options: CommonOptions) => reading(line, options, ({ db, asOf }) => readDueReviews(db, asOf), reviewsWords),
  );
}

function addOriginalsCommands(line: CommandLine): void {
  const recording = (command: Command, read: (options: { to: string; note: string }) => OriginalsRecord) =>
    command.action((fileRef: string, options: CommonOptions & { to: string; note: string }) =>
      acting(
        line,
        options,
        'originals',
        (trx, person, { asOf }) => recordOriginals(trx, fileRef, read(options), { person, asOf }),
        () => `Recorded for ${fileRef}. The caution stays until an extract says that no originals are held.`,
      ),
    );
  recording(
    declare(
      line,
      'returned <file>',
      'they went back to the person',
      'originals returned CF-000123 --to "handed over in person" --as m.jones',
      ACTING,
    ).requiredOption('--to <text>', 'who has them now'),
    ({ to }) => ({ outcome: 'returned', to }),
  );
  recording(
    declare(
      line,
      'given <file>',
      'they were given to the adopters',
      'originals given CF-000123 --to "the adopters, by courier" --as m.jones',
      ACTING,
    ).requiredOption('--to <text>', 'who has them now'),
    ({ to }) => ({ outcome: 'given', to }),
  );
  recording(
    declare(
      line,
      'not-traced <file>',
      'nobody was found to give them to',
      'originals not-traced CF-000123 --note "two letters came back" --as m.jones',
      ACTING,
    ).requiredOption('--note <text>', 'how they were looked for'),
    ({ note }) => ({ outcome: 'not_traced', note }),
  );
  declare(line, 'list', 'files with originals of which nothing is recorded, the longest overdue first', 'originals list', READING).action(
    (options: CommonOptions) => reading(line, options, ({ db, asOf }) => readOriginalsHeld(db, asOf), originalsWords),
  );
}

const CONFIRMED: Record<Confirmable, string> = {
  shortened: 'the earlier date',
  doubtful_birth: 'the birth',
  doubtful_date: 'the doubtful date',
  hold_moved: 'the loss of its hold',
};

function confirmedWords({ file_ref, confirmed, eligible_from, blocks }: Confirmed): string {
  const what = confirmed.map((block) => CONFIRMED[block]).join(' and ');
  const date = eligible_from === null ? 'It has no date.' : `It can be considered for disposal from ${longDate(eligible_from)}.`;
  const rest = blocks.length > 0 ? ` Still in the way: ${blocks.map((block) => BLOCK_WORDS[block]).join(' ')}` : '';
  return `You confirmed ${what} of ${file_ref}. ${date}${rest}`;
}

function closedWords({ file_ref, referred_on, action_refers }: ClosedReferral): string {
  const after = action_refers
    ? 'Its action is "refer", so it stays off the lists until its facts change.'
    : 'It goes on a list again when nothing else blocks it.';
  return `The referral of ${file_ref} of ${longDate(referred_on)} is closed. ${after}`;
}

function reviewsWords(reviews: DueReview[]): string {
  if (reviews.length === 0) return 'No review is due.';
  return table(
    ['file', 'review due on', 'days overdue', 'closed on'],
    reviews.map((review) => [
      review.file_ref,
      shortDate(review.review_on),
      review.overdue_days,
      review.closed_on ? shortDate(review.closed_on) : 'open',
    ]),
  );
}

function originalsWords(files: OriginalsHeld[]): string {
  if (files.length === 0) return 'No file has originals of which nothing is recorded.';
  return table(
    ['file', 'to go back on', 'because of', 'overdue'],
    files.map((file) => [
      file.file_ref,
      file.due_on ? shortDate(file.due_on) : 'not known',
      file.because ?? '',
      file.overdue ? 'OVERDUE' : '',
    ]),
  );
}
