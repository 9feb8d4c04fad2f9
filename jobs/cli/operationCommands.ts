/** Commands of operations: the schedule, brakes, people, and the embedded database. */
import { readFileSync } from 'node:fs';
import { brakesOn, readBrakes, releaseBrake, type Brake } from '../../db/brakes.ts';
import { seenOf } from '../../db/disposalLook.ts';
import { stopEmbedded } from '../../db/embedded.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { markRoots } from '../../db/roots.ts';
import { adoptSchedule } from '../../db/schedules.ts';
import { shortDate } from '../../rules/dates.ts';
import { clauseWords, loadSchedule, type Schedule } from '../../rules/schedule.ts';
import { BRAKES } from '../../rules/workflow.ts';
import { brakeWords } from '../brakeWords.ts';
import { actingPerson, tracesOf, withContext, type CommonOptions } from '../context.ts';
import { readSettings } from '../settings.ts';
import { acting, AS, AS_OF, declare, JSON_OUT, print, reading, readWord, table, type CommandLine } from './commands.ts';
import { readDay } from './decisionCommands.ts';
import { addPeopleCommands } from './peopleCommands.ts';

/** Declares schedule, brake, users and stop. */
export function addOperationCommands(line: CommandLine): void {
  addScheduleCommands({ ...line, program: line.program.command('schedule').description('the retention table') });
  addBrakeCommands({ ...line, program: line.program.command('brake').description('what stopped listing and archiving') });
  addPeopleCommands({ ...line, program: line.program.command('users').description('people and their roles') });
  declare(line, 'stop', 'stop the embedded database', 'stop').action(async () => {
    const stopped = await stopEmbedded(readSettings(line.around.env, line.around.cwd).home);
    line.around.stdout.write(stopped === 'stopped' ? 'The embedded database is stopped.\n' : 'The embedded database was not running.\n');
  });
}

function addScheduleCommands(line: CommandLine): void {
  declare(line, 'show', 'the table in force, rule by rule', 'schedule show', [AS_OF, JSON_OUT]).action((options: CommonOptions) =>
    reading(line, options, ({ schedule }) => Promise.resolve(schedule), scheduleWords),
  );
  declare(line, 'check <file>', 'check a schedule file: every mistake with its line', 'schedule check recording-policy-2027.yaml').action(
    (file: string) => {
      const schedule = loadSchedule(file);
      line.around.stdout.write(`${file} is a valid schedule: version ${schedule.version}, ${schedule.rules.length} rules.\n`);
    },
  );
  declare(
    line,
    'adopt <file>',
    'take a schedule file over, in force from a day',
    'schedule adopt recording-policy-2027.yaml --from 2027-01-01 --as m.jones',
    [AS, AS_OF, JSON_OUT],
  )
    .requiredOption('--from <day>', 'first day it decides')
    .action((file: string, options: CommonOptions & { from: string }) =>
      acting(
        line,
        options,
        'adopt_schedule',
        async (trx, person) => {
          const { version } = await adoptSchedule(
            trx,
            { content: readFileSync(file, 'utf8'), name: file, from: readDay(options.from, '--from') },
            person,
          );
          return { version, from: options.from };
        },
        ({ version, from }) =>
          `Version ${version} decides from ${from} on. The night of that day determines every file anew; dates that become earlier wait for confirmation. Where the database has two roles, run "retention migrate" with that of the owner before: nothing is listed or archived under a version without its guard.`,
      ),
    );
}

function addBrakeCommands(line: CommandLine): void {
  declare(line, 'list', 'brakes, newest first', 'brake list', [JSON_OUT]).action((options: CommonOptions) =>
    reading(line, options, ({ db }) => readBrakes(db), brakesWords),
  );
  declare(
    line,
    'release <name>',
    'let listing and archiving go on',
    'brake release volume --reason "two schools were merged; dates checked" --as h.grant',
    [AS, AS_OF, JSON_OUT],
  )
    .requiredOption('--reason <text>', 'why it is safe to go on')
    .action((name: string, options: CommonOptions & { reason: string }) => {
      const brake = readWord(name, BRAKES, 'A brake');
      return withContext(line.around, options, 'write', async (context) => {
        const person = await actingPerson(context, options);
        const traces = await tracesOf(context);
        await recordingRefusals(context.db, person, 'release_brake', () =>
          context.db.transaction(async (trx) =>
            releaseBrake(trx, brake, options.reason, { person, asOf: context.asOf, seen: await seenOf(traces) }),
          ),
        );
        // Once it has committed, for the mark has the end of the audit.
        if (brake === 'restored') await markRoots(context.db, traces.roots);
        print(
          context,
          options,
          { released: brake, still_on: (await brakesOn(context.db)).map((other) => other.name) },
          ({ released, still_on }) =>
            `The brake ${released} is released. ${still_on.length > 0 ? `Still on: ${still_on.join(', ')}.` : 'The next night lists and archives again.'}`,
        );
      });
    });
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

function brakesWords(brakes: Brake[]): string {
  if (brakes.length === 0) return 'No brake was ever on.';
  return brakes
    .map((brake) =>
      brake.released_on
        ? `${shortDate(brake.tripped_on)}: the brake "${brake.name}" was on; released by ${brake.released_by} on ${shortDate(brake.released_on)}: ${brake.reason}`
        : `${shortDate(brake.tripped_on)}: ${brakeWords(brake.name, brake.details)}`,
    )
    .join('\n');
}
