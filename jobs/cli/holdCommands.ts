/** Commands about disposal holds. */
import { readHoldFile, readScope, type RejectedHold } from '../../db/holdFile.ts';
import { importHolds, type HoldImport } from '../../db/holdImport.ts';
import {
  askRelease,
  confirmRelease,
  placeHold,
  readHolds,
  readHoldsDue,
  type HoldState,
  type HoldSummary,
  type NewHold,
} from '../../db/holds.ts';
import { withLostCover, type LostCover } from '../../db/lostCover.ts';
import { writeCsv } from '../../reports/csv.ts';
import { knownCategories } from '../../rules/categories.ts';
import { longDate, shortDate } from '../../rules/dates.ts';
import { HOLD_KINDS } from '../../rules/workflow.ts';
import type { CommonOptions } from '../context.ts';
import { UsageError } from '../settings.ts';
import { acting, AS, AS_OF, declare, JSON_OUT, printable, reading, readNumber, readWord, table, type CommandLine } from './commands.ts';
import { readDay } from './decisionCommands.ts';

/** Declares hold add, hold import, hold list and hold release. */
export function addHoldCommands(line: CommandLine): void {
  const program = line.program.command('hold').description('orders that suspend disposal, whatever the date');
  const holds = { ...line, program };
  addPlacingCommands(holds);
  declare(holds, 'list', 'every hold, newest first; those due for review are marked', 'hold list --due', [AS_OF, JSON_OUT])
    .option('--due', 'only holds in force whose review is due, the longest overdue first')
    .action((options: CommonOptions & { due?: boolean }) =>
      reading(
        holds,
        options,
        async ({ db, asOf }) => withLostCover(db, await (options.due ? readHoldsDue(db, asOf) : readHolds(db, asOf))),
        (found) => (found.length > 0 ? holdsTable(found) : options.due ? 'No hold is due for review.' : 'There are no holds.'),
      ),
    );
  addReleaseCommand(holds);
}

function addPlacingCommands(line: CommandLine): void {
  declare(
    line,
    'add',
    'place a hold; it is in force at once',
    'hold add --kind police --scope person:P-004711 --authority "DI Archer, ref 77/26" --review-on 2027-05-22 --as m.jones',
    [AS, AS_OF, JSON_OUT],
  )
    .requiredOption('--kind <kind>', HOLD_KINDS.join(', '))
    .requiredOption('--scope <scope>', 'everything, category:X, family:REF, person:REF or file:REF')
    .requiredOption('--authority <text>', 'who ordered it')
    .requiredOption('--review-on <day>', 'when somebody must look at it again')
    .action((options: CommonOptions & { kind: string; scope: string; authority: string; reviewOn: string }) =>
      acting(
        line,
        options,
        'hold',
        (trx, person, { schedule, asOf }) => placeHold(trx, readHold(options, knownCategories(schedule)), { person, asOf }),
        ({ hold, covers }) =>
          covers === 0
            ? `Hold ${hold.id} is in force. It matches nothing yet; it covers whatever arrives later. Check the reference if you expected a match.`
            : `Hold ${hold.id} is in force and covers ${covers} files.`,
        ({ covers }) => (covers === 0 ? 3 : 0),
      ),
    );
  declare(
    line,
    'import <file>',
    'place the holds of a CSV file with the columns kind, scope, authority, review_on; none is placed twice',
    'hold import inquiry.csv --as m.jones',
    [AS, AS_OF, JSON_OUT],
  ).action((path: string, options: CommonOptions) =>
    acting(
      line,
      options,
      'hold',
      async (trx, person, { schedule, asOf }) => {
        const imported = await importHolds(trx, await readHoldFile(path, knownCategories(schedule)), { person, asOf });
        return { ...imported, rejects_file: await writeRejects(path, imported.rejects) };
      },
      importWords,
      ({ rejected, matching_nothing }) => (rejected > 0 || matching_nothing.length > 0 ? 3 : 0),
    ),
  );
}

function addReleaseCommand(line: CommandLine): void {
  declare(
    line,
    'release <hold>',
    'ask for the release of a hold with --reason, or with --confirm confirm what another person asked',
    'hold release 12 --reason "the inquiry closed on 3 March" --as m.jones',
    [AS, AS_OF, JSON_OUT],
  )
    .option('--reason <text>', 'why it may be released: asks for the release')
    .option('--confirm', 'confirms the release that another person asked for')
    .action((hold: string, options: CommonOptions & { reason?: string; confirm?: boolean }) => {
      const id = readNumber(hold, 'The number of a hold');
      const { reason, confirm = false } = options;
      if ((reason !== undefined) === confirm)
        throw new UsageError('Say one of --reason TEXT, to ask for the release, and --confirm, to confirm it.');
      if (reason === undefined) return confirmAsked(line, id, options);
      return acting(
        line,
        options,
        'release_hold',
        (trx, person, { asOf }) => askRelease(trx, id, reason, { person, asOf }),
        ({ lapses_after }) =>
          `The release of hold ${id} is asked for. It stays in force until another person confirms ("retention hold release ${id} --confirm"), through ${longDate(lapses_after)}; then it must be asked for anew.`,
      );
    });
}

function confirmAsked(line: CommandLine, id: number, options: CommonOptions): Promise<void> {
  return acting(
    line,
    options,
    'release_hold',
    (trx, person, { asOf }) => confirmRelease(trx, id, { person, asOf }),
    ({ covered }) =>
      `Hold ${id} is released. It covered ${covered} files; those that are due and that nothing else blocks go on lists from the next night on.`,
  );
}

function readHold(options: { kind: string; scope: string; authority: string; reviewOn: string }, categories: string[]): NewHold {
  const kind = readWord(options.kind, HOLD_KINDS, 'The kind of a hold');
  const scope = readScope(options.scope, categories);
  if ('problem' in scope) throw new UsageError(`The scope of a hold: ${scope.problem}.`);
  return { kind, ...scope, authority: options.authority, reviewOn: readDay(options.reviewOn, '--review-on') };
}

/** Beside the file that was imported, for its owner alone; returns where, null when nothing was rejected. */
async function writeRejects(path: string, rejects: readonly RejectedHold[]): Promise<string | null> {
  if (rejects.length === 0) return null;
  const rejectsPath = `${path.replace(/\.csv$/i, '')}.rejects.csv`;
  await writeCsv(
    rejectsPath,
    ['line', 'column', 'reason'],
    rejects.map((reject) => ({ ...reject })),
  );
  return rejectsPath;
}

function importWords(imported: HoldImport & { rejects_file: string | null }): string {
  const { read, placed, already_in_force, rejected, rejects, matching_nothing, ignored_columns, rejects_file } = imported;
  const lines = [`${read} rows read: ${placed} holds placed, ${already_in_force} in force already, ${rejected} rejected.`];
  if (ignored_columns.length > 0) lines.push(`Unknown columns, ignored: ${ignored_columns.join(', ')}.`);
  if (matching_nothing.length > 0) {
    lines.push(
      `${matching_nothing.length} match nothing yet; they cover whatever arrives later. Check the references if you expected a match:`,
      firstOf(matching_nothing.map(({ hold, scope }) => `  hold ${hold}: ${scope}`)),
    );
  }
  if (rejects_file !== null) {
    lines.push(
      `These rows were not placed. Mend them and import the file again; what is in force is not placed twice. All of them: ${rejects_file}`,
      firstOf(rejects.map(({ line, column, reason }) => `  line ${line}${column ? `, ${column}` : ''}: ${reason}`)),
    );
  }
  return printable(lines.join('\n'));
}

function firstOf(lines: readonly string[]): string {
  const most = 20;
  return [...lines.slice(0, most), ...(lines.length > most ? [`  and ${lines.length - most} more`] : [])].join('\n');
}

const STATE_WORDS: Record<HoldState, (hold: HoldSummary) => string> = {
  in_force: () => 'in force',
  release_asked: (hold) => `in force; release asked by ${hold.release_asked_by} on ${shortDate(hold.release_asked_on ?? '')}`,
  release_lapsed: () => 'in force; the ask for release lapsed',
  released: (hold) => `released ${shortDate(hold.released_on ?? '')} by ${hold.released_by}`,
};

function holdsTable(holds: (HoldSummary & LostCover)[]): string {
  return table(
    ['hold', 'kind', 'scope', 'authority', 'placed', 'review on', 'state'],
    holds.map((hold) => [
      hold.id,
      hold.kind,
      hold.scope_ref ? `${hold.scope}:${hold.scope_ref}` : hold.scope,
      hold.authority,
      `${shortDate(hold.placed_on)} by ${hold.placed_by}`,
      `${shortDate(hold.review_on)}${hold.review_due ? '\nDUE' : ''}`,
      [STATE_WORDS[hold.state](hold), ...lostWords(hold)].join('\n'),
    ]),
  );
}

function lostWords({ emptied_on, files_lost }: LostCover): string[] {
  return [
    ...(emptied_on === null ? [] : [`COVERS NOTHING ANY MORE\nsince ${shortDate(emptied_on)}`]),
    ...(files_lost === 0 ? [] : [`LOST ${files_lost} ${files_lost === 1 ? 'FILE' : 'FILES'}\nnot confirmed yet`]),
  ];
}
