/** Commands by which people decide: on items, on whole lists. */
import type { Command } from 'commander';
import { cancelList, decideItems, withdrawFiles, type DecisionAsked, type ListAfter, type WhichItems } from '../../db/decide.ts';
import { sendBack, signOff } from '../../db/signOff.ts';
import { longDate, readDate, type IsoDate } from '../../rules/dates.ts';
import { REASON_CODES } from '../../rules/workflow.ts';
import type { CommonOptions } from '../context.ts';
import { UsageError } from '../settings.ts';
import { acting, AS, AS_OF, declare, JSON_OUT, readNumber, readWord, type CommandLine } from './commands.ts';

interface DecideOptions extends CommonOptions {
  approve?: boolean;
  keepUntil?: string;
  reason?: string;
  note?: string;
  refer?: boolean;
  all?: boolean;
  files?: string[];
  acknowledgeCautions?: boolean;
}

/** Declares decide, sign-off, send-back, cancel and withdraw. */
export function addDecisionCommands(line: CommandLine): void {
  const common = [AS, AS_OF, JSON_OUT];
  declare(
    line,
    'decide <list>',
    'decide on files of a list: approve, keep through a date, or refer',
    'decide 12 --approve --files CF-000123 CF-000124 --acknowledge-cautions --as m.jones',
    common,
  )
    .option('--approve', 'approve disposal')
    .option('--keep-until <day>', 'keep through this day, with --reason')
    .option('--refer', 'refer to a person, named in --note')
    .option('--reason <code>', `why it is kept: ${REASON_CODES.join(', ')}`)
    .option('--note <text>', 'free text, shown to who signs; needed with the reason other')
    .option('--all', 'every file still undecided (refused where the rule asks to appraise one by one)')
    .option('--files <ref...>', 'these files')
    .option('--acknowledge-cautions', 'I have read the cautions of these files')
    .action((list: string, options: DecideOptions) => {
      const id = readNumber(list, 'The number of a list');
      const which = whichFiles(options);
      const asked = readDecision(options);
      return acting(
        line,
        options,
        'decide',
        (trx, person, { schedule, asOf }) => decideItems(trx, schedule, id, which, asked, { person, asOf }),
        (after) => `${after.decided} files ${asked.decision}. ${replacedWords(after.replaced)}${afterWords(after)}`,
      );
    });

  declare(line, 'sign-off <list>', 'authorise exactly the list of that digest', 'sign-off 12 --digest 4f1c… --as a.khan', common)
    .requiredOption('--digest <digest>', 'the digest that "retention show" printed')
    .action((list: string, options: CommonOptions & { digest: string }) => {
      const id = readNumber(list, 'The number of a list');
      return acting(
        line,
        options,
        'sign_off',
        (trx, person, { schedule, settings, asOf }) =>
          signOff(trx, id, options.digest, { schedule, coolingOffDays: settings.coolingOffDays }, { person, asOf }),
        (signed) =>
          signed.approved === 0
            ? `Signed. ${signed.kept} files are kept and ${signed.referred} referred; none is disposed of.`
            : `You authorised disposal of ${signed.approved} files. Nothing happens before ${longDate(signed.archivedFrom)}. To stop it, place a hold or withdraw a file. ${signed.kept} files are kept and ${signed.referred} referred; they are not affected.`,
      );
    });

  withReason(
    declare(
      line,
      'send-back <list>',
      'return a list to those who decide',
      'send-back 12 --reason "two siblings are still open" --as a.khan',
      common,
    ),
  ).action((list: string, options: CommonOptions & { reason: string }) => {
    const id = readNumber(list, 'The number of a list');
    return acting(line, options, 'send_back', (trx, person, { asOf }) => sendBack(trx, id, options.reason, { person, asOf }), afterWords);
  });
  withReason(
    declare(
      line,
      'cancel <list>',
      'end a list; what is not archived yet comes off it',
      'cancel 12 --reason "listed under the wrong rule" --as a.khan',
      common,
    ),
  ).action((list: string, options: CommonOptions & { reason: string }) => {
    const id = readNumber(list, 'The number of a list');
    return acting(line, options, 'cancel', (trx, person, { asOf }) => cancelList(trx, id, options.reason, { person, asOf }), afterWords);
  });
  withReason(
    declare(
      line,
      'withdraw <list>',
      'take files off a list, signed or not',
      'withdraw 12 --files CF-000123 --reason "wrong child" --as m.jones',
      common,
    ),
  )
    .requiredOption('--files <ref...>', 'these files')
    .action((list: string, options: CommonOptions & { reason: string; files: string[] }) => {
      const id = readNumber(list, 'The number of a list');
      return acting(
        line,
        options,
        'withdraw',
        (trx, person, { asOf }) => withdrawFiles(trx, id, options.files, options.reason, { person, asOf }),
        afterWords,
      );
    });
}

function withReason(command: Command): Command {
  return command.requiredOption('--reason <text>', 'why');
}

function whichFiles({ all, files }: DecideOptions): WhichItems {
  if (all === true && files === undefined) return 'all';
  if (files !== undefined && all !== true) return files;
  throw new UsageError('Say which files: either --all or --files REF…');
}

function readDecision(options: DecideOptions): DecisionAsked {
  const asked = [options.approve, options.keepUntil !== undefined, options.refer].filter(Boolean).length;
  if (asked !== 1) throw new UsageError('Say what is decided: one of --approve, --keep-until DAY --reason CODE, --refer.');
  if (options.approve)
    return { decision: 'approved', acknowledgeCautions: options.acknowledgeCautions === true, note: options.note ?? null };
  if (options.refer) return { decision: 'referred', note: options.note ?? null };
  return {
    decision: 'kept',
    keepUntil: readDay(options.keepUntil ?? '', '--keep-until'),
    reasonCode: readWord(options.reason, REASON_CODES, 'The reason code'),
    note: options.note ?? null,
  };
}

/** Reads a day that was typed. */
export function readDay(text: string, what: string): IsoDate {
  const day = readDate(text);
  if (!day) throw new UsageError(`${what} takes a day that exists, as yyyy-mm-dd.`);
  return day;
}

function replacedWords({ files, of }: { files: number; of: string[] }): string {
  return files === 0 ? '' : `This replaces what ${of.join(' and ')} decided on ${files} of them. `;
}

function afterWords({ list, state, digest }: ListAfter): string {
  return `List ${list} is ${state.replaceAll('_', ' ')}.${state === 'for_sign_off' ? ` Its digest: ${digest}` : ''}`;
}
