/** Commands of the schedule: the table, its versions, taking one over and taking one back. */
import { requireStillActs } from '../../db/acting.ts';
import { adoptSchedule, tryAdoption, type Adopted, type Compared } from '../../db/adoption.ts';
import { hasDatabase } from '../../db/connect.ts';
import { withGuardsAfter } from '../../db/prepare.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { askWithdrawal, confirmWithdrawal, type Withdrawal } from '../../db/scheduleWithdrawal.ts';
import { readVersions, type StoredVersion } from '../../db/schedules.ts';
import { longDate, shortDate, type IsoDate } from '../../rules/dates.ts';
import { clauseWords, loadSchedule, scheduleText, type Schedule } from '../../rules/schedule.ts';
import { actingPerson, withContext, type CommonOptions } from '../context.ts';
import { readSettings, UsageError } from '../settings.ts';
import { acting, AS, AS_OF, declare, JSON_OUT, print, reading, table, type CommandLine } from './commands.ts';
import { readDay } from './decisionCommands.ts';

/** Declares schedule show, versions, check, adopt and withdraw. */
export function addScheduleCommands(line: CommandLine): void {
  declare(line, 'show', 'the table in force, rule by rule', 'schedule show', [AS_OF, JSON_OUT]).action((options: CommonOptions) =>
    reading(line, options, ({ schedule }) => Promise.resolve(schedule), scheduleWords),
  );
  declare(line, 'versions', 'every version taken over: which decides, which wait, which were withdrawn', 'schedule versions', [
    AS_OF,
    JSON_OUT,
  ]).action((options: CommonOptions) =>
    reading(line, options, async ({ db, asOf }) => shownVersions(await readVersions(db), asOf), versionsWords),
  );
  addCheck(line);
  addAdopt(line);
  addWithdraw(line);
}

function addCheck(line: CommandLine): void {
  declare(
    line,
    'check <file>',
    'check a schedule file: every mistake with its line, and what the register and the version in force say to it',
    'schedule check recording-policy-2027.yaml',
    [AS_OF],
  ).action(async (file: string, options: CommonOptions) => {
    const schedule = loadSchedule(file);
    const valid = `${file} is a valid schedule: version ${schedule.version}, ${schedule.rules.length} rules.`;
    if (!(await hasDatabase(readSettings(line.around.env, line.around.cwd)))) {
      line.around.stdout.write(`${valid} There is no database yet to compare it with.\n`);
      return;
    }
    await withContext(line.around, options, 'read', async ({ db, asOf, around }) => {
      around.stdout.write(`${valid} ${tryWords(await tryAdoption(db, schedule, asOf))}\n`);
    });
  });
}

function tryWords(tried: Awaited<ReturnType<typeof tryAdoption>>): string {
  if (tried === null) return 'This version was taken over already.';
  const { givenUp, compared } = tried;
  const register = `${comparedWords(compared)} Every file in the register can be determined by it.`;
  if (givenUp.length === 0) return `${register} It gives up no protection of the version before it.`;
  return `${register} It gives up, as it says itself: ${givenUp.map(({ words }) => words).join('; ')}. Two people take it over.`;
}

function comparedWords({ before, as_of }: Compared): string {
  const version = before ? `version ${before.version}, in force from ${shortDate(before.from)}` : 'no earlier version';
  return `It was compared with ${version}, and with the register as of ${longDate(as_of)}.`;
}

function addAdopt(line: CommandLine): void {
  declare(
    line,
    'adopt <file>',
    'take a schedule file over, in force from a day; what gives up a protection takes another person, who confirms',
    'schedule adopt recording-policy-2027.yaml --from 2027-01-01 --as m.jones',
    [AS, AS_OF, JSON_OUT],
  )
    .requiredOption('--from <day>', 'first day it decides')
    .option('--confirm', 'confirm what another person asked for, with the same file and day')
    .action((file: string, options: CommonOptions & { from: string; confirm?: true }) =>
      withContext(line.around, options, 'write', async (context) => {
        const { db, database, asOf } = context;
        const person = await actingPerson(context, options);
        const draft = { content: scheduleText(file), name: file, from: readDay(options.from, '--from'), confirm: options.confirm === true };
        const adopted = await recordingRefusals(db, person, 'adopt_schedule', () =>
          withGuardsAfter(database, async (trx) => {
            const done = await adoptSchedule(trx, draft, { person, asOf });
            await requireStillActs(trx, person);
            return done;
          }),
        );
        print(context, options, adopted, adoptedWords);
      }),
    );
}

function addWithdraw(line: CommandLine): void {
  declare(
    line,
    'withdraw <version>',
    'take back a version that waits for its day or cannot be read: one person asks, another confirms',
    'schedule withdraw 2029-a --reason "20 years was a slip" --as m.jones',
    [AS, AS_OF, JSON_OUT],
  )
    .option('--reason <text>', 'why it must not decide')
    .option('--confirm', 'confirm what another person asked for')
    .action((version: string, options: CommonOptions & { reason?: string; confirm?: true }) => {
      if ((options.reason === undefined) === (options.confirm === undefined))
        throw new UsageError('Say why with --reason "…", or confirm what another person asked for with --confirm.');
      return acting(
        line,
        options,
        'withdraw_schedule',
        (trx, person, { asOf }) =>
          options.confirm
            ? confirmWithdrawal(trx, version, { person, asOf })
            : askWithdrawal(trx, version, options.reason ?? '', { person, asOf }),
        withdrawalWords,
      );
    });
}

function adoptedWords({
  version,
  from,
  file_says: fileSays,
  later,
  gives_up: givesUp,
  lapses_after: lapsesAfter,
  compared,
}: Adopted): string {
  if (lapsesAfter !== null) {
    return `Version ${version} gives up ${givesUp.join(', ')}. ${comparedWords(compared)} Nothing is taken over until another person confirms with the same file, by ${longDate(lapsesAfter)}: retention schedule adopt FILE --from ${from} --confirm`;
  }
  const after = later.map(
    (one) => ` Version ${one.version} follows it on ${shortDate(one.from)}; "retention schedule withdraw" takes it back.`,
  );
  const other = fileSays === from ? '' : ` The file itself says in_force_from: ${fileSays}; the day of --from decides, and is shown.`;
  return `Version ${version} decides from ${from} on. ${comparedWords(compared)}${other}${after.join('')} The night of that day determines every file anew; dates that become earlier wait for confirmation. Where the database has two roles, run "retention migrate" with that of the owner before: nothing is listed or archived under a version without its guard.`;
}

function withdrawalWords({ version, lapses_after, instead }: Withdrawal): string {
  const decides = `On ${longDate(instead.on)} version ${instead.version}, in force from ${shortDate(instead.from)}, decides instead`;
  if (lapses_after === null) return `Version ${version} is withdrawn and never decides. ${decides}.`;
  return `Asked. ${decides}, once another person confirms by ${longDate(lapses_after)}: retention schedule withdraw ${version} --confirm`;
}

interface ShownVersion {
  version: string;
  from: IsoDate;
  adopted_by: string;
  state: 'in force' | 'waits' | 'was in force' | 'withdrawn';
  unreadable: string | null;
  withdrawal: StoredVersion['withdrawal'];
}

function shownVersions(versions: readonly StoredVersion[], asOf: IsoDate): ShownVersion[] {
  const inForce = versions.find((one) => one.in_force_from <= asOf && !one.withdrawal?.confirmed_by);
  const state = (one: StoredVersion): ShownVersion['state'] => {
    if (one.withdrawal?.confirmed_by) return 'withdrawn';
    if (one === inForce) return 'in force';
    return one.in_force_from > asOf ? 'waits' : 'was in force';
  };
  return versions.map((one) => ({
    version: one.version,
    from: one.in_force_from,
    adopted_by: one.adopted_by,
    state: state(one),
    unreadable: one.unreadable,
    withdrawal: one.withdrawal,
  }));
}

function versionsWords(versions: ShownVersion[]): string {
  const rows = versions.map(({ version, from, adopted_by, state, unreadable, withdrawal }) => [
    version,
    shortDate(from),
    adopted_by,
    unreadable === null ? state : `${state}, and cannot be read: ${unreadable}`,
    withdrawal
      ? `${withdrawal.asked_by}: ${withdrawal.reason}${withdrawal.confirmed_by ? ` (confirmed by ${withdrawal.confirmed_by})` : ''}`
      : '',
  ]);
  return table(['version', 'from', 'taken over by', 'state', 'withdrawal asked'], rows);
}

function scheduleWords(schedule: Schedule): string {
  const rows = schedule.rules.map((rule) => [
    rule.id,
    rule.category,
    clauseWords(rule),
    rule.interpretation ? (rule.interpretation.confirmed ? 'confirmed' : 'not confirmed') : '',
  ]);
  return `${schedule.title}, version ${schedule.version}, in force from ${shortDate(schedule.in_force_from)}\n${table(['rule', 'category', 'the policy’s words', 'our reading'], rows)}`;
}
