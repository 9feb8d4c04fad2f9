/** Commands of the service: the night, its steps, and the scheduler. */
import type { RunKind } from '../../db/runs.ts';
import { withContext, type CommonOptions } from '../context.ts';
import { runNight, runStep, type NightResult } from '../night.ts';
import { runScheduler } from '../scheduler.ts';
import { nightWords } from './nightWords.ts';
import { AS_OF, declare, JSON_OUT, print, type CommandLine } from './commands.ts';

/** Declares nightly, import, compute, recheck, list, archive, report and scheduler. */
export function addNightCommands(line: CommandLine): void {
  declare(line, 'nightly', 'the whole night: import, compute, re-check, list, archive, report', 'nightly --import /srv/extract', [
    AS_OF,
    JSON_OUT,
  ])
    .option('--import <folder>', 'the extract to import first')
    .action((options: CommonOptions & { import?: string }) =>
      runAndPrint(line, options, (context) => runNight(context, options.import ?? null)),
    );

  declare(line, 'import <folder>', 'import an extract: the whole register as CSV files', 'import /srv/extract', [AS_OF, JSON_OUT]).action(
    (folder: string, options: CommonOptions) => runAndPrint(line, options, (context) => runStep(context, 'import', folder)),
  );
  const steps: [Exclude<RunKind, 'nightly' | 'import' | 'report'>, string][] = [
    ['compute', 'determine the retention of every file'],
    ['recheck', 'take changed files off their lists'],
    ['list', 'make disposal lists of the candidates'],
    ['archive', 'archive what was signed off and is past its cooling-off'],
  ];
  for (const [kind, description] of steps) {
    declare(line, kind, description, kind, [AS_OF, JSON_OUT]).action((options: CommonOptions) =>
      runAndPrint(line, options, (context) => runStep(context, kind)),
    );
  }
  declare(line, 'report', 'write the reports and lists of the day', 'report --out ./reports-today', [AS_OF, JSON_OUT])
    .option('--out <folder>', 'where to write; RETENTION_HOME/reports/yyyy-mm-dd otherwise')
    .action((options: CommonOptions & { out?: string }) =>
      runAndPrint(line, options, (context) => runStep(context, 'report', options.out)),
    );

  declare(
    line,
    'scheduler',
    'stay up and run the night when NIGHT says, in London time; catch up after missed nights',
    'scheduler --import /srv/extract',
  )
    .option('--import <folder>', 'the extract that each night imports first')
    .action(async (options: { import?: string }) => {
      await runScheduler(line.around, options.import ?? null);
    });
}

async function runAndPrint(
  line: CommandLine,
  options: CommonOptions,
  work: (context: Parameters<typeof runNight>[0]) => Promise<NightResult>,
): Promise<void> {
  await withContext(line.around, options, 'write', async (context) => {
    const result = await work(context);
    print(context, options, result, nightWords);
    line.exitWith(result.outcome === 'failed' ? 1 : result.attention.length > 0 ? 3 : 0);
  });
}
