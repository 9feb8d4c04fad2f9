/** Commands about disposal holds. */
import { placeHold, readHolds, type Hold, type NewHold } from '../../db/holds.ts';
import { shortDate } from '../../rules/dates.ts';
import { HOLD_KINDS, HOLD_SCOPES } from '../../rules/workflow.ts';
import type { CommonOptions } from '../context.ts';
import { UsageError } from '../settings.ts';
import { acting, AS, AS_OF, declare, JSON_OUT, reading, readWord, table, type CommandLine } from './commands.ts';
import { readDay } from './decisionCommands.ts';

/** Declares hold add and hold list. */
export function addHoldCommands(line: CommandLine): void {
  const program = line.program.command('hold').description('orders that suspend disposal, whatever the date');
  const holds = { ...line, program };
  declare(
    holds,
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
        (trx, person, { schedule, asOf }) => placeHold(trx, readHold(options, Object.keys(schedule.categories)), { person, asOf }),
        ({ hold, covers }) =>
          covers === 0
            ? `Hold ${hold.id} is in force. It matches nothing yet; it covers whatever arrives later. Check the reference if you expected a match.`
            : `Hold ${hold.id} is in force and covers ${covers} files.`,
        ({ covers }) => (covers === 0 ? 3 : 0),
      ),
    );
  declare(holds, 'list', 'every hold, newest first', 'hold list', [JSON_OUT]).action((options: CommonOptions) =>
    reading(line, options, ({ db }) => readHolds(db), holdsWords),
  );
}

function readHold(options: { kind: string; scope: string; authority: string; reviewOn: string }, categories: string[]): NewHold {
  const [scopeWord = '', ...rest] = options.scope.split(':');
  const scope = readWord(scopeWord, HOLD_SCOPES, 'The scope of a hold');
  const scopeRef = rest.join(':') || null;
  if ((scope === 'everything') !== (scopeRef === null))
    throw new UsageError('Write the scope as everything, category:X, family:REF, person:REF or file:REF.');
  if (scope === 'category' && scopeRef) readWord(scopeRef, categories, 'The category of a hold');
  return {
    kind: readWord(options.kind, HOLD_KINDS, 'The kind of a hold'),
    scope,
    scopeRef,
    authority: options.authority,
    reviewOn: readDay(options.reviewOn, '--review-on'),
  };
}

function holdsWords(holds: Hold[]): string {
  if (holds.length === 0) return 'There are no holds.';
  return table(
    ['hold', 'kind', 'scope', 'authority', 'placed', 'review on', 'state'],
    holds.map((hold) => [
      hold.id,
      hold.kind,
      hold.scope_ref ? `${hold.scope}:${hold.scope_ref}` : hold.scope,
      hold.authority,
      `${shortDate(hold.placed_on)} by ${hold.placed_by}`,
      shortDate(hold.review_on),
      hold.released_on ? `released ${shortDate(hold.released_on)}` : hold.release_asked_on ? 'release asked' : 'in force',
    ]),
  );
}
