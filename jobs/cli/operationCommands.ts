/** Commands of operations: brakes, roots, people, and the embedded database. */
import { actAs } from '../../db/acting.ts';
import { brakesOn, readBrakes, releaseBrake, type Brake } from '../../db/brakes.ts';
import { seenOf } from '../../db/disposalLook.ts';
import { stopEmbedded } from '../../db/embedded.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { markRoots } from '../../db/roots.ts';
import { shortDate } from '../../rules/dates.ts';
import { BRAKES } from '../../rules/workflow.ts';
import { brakeWords } from '../brakeWords.ts';
import { actingPerson, tracesOf, withContext, type CommonOptions } from '../context.ts';
import { readSettings } from '../settings.ts';
import { AS, AS_OF, declare, JSON_OUT, print, reading, readWord, type CommandLine } from './commands.ts';
import { addPeopleCommands } from './peopleCommands.ts';
import { addScheduleCommands } from './scheduleCommands.ts';

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
          actAs(context.db, person, async (trx) =>
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
