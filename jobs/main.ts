/** The command line's outermost layer: arguments in, exit code out, errors in words. */
import { CommanderError } from 'commander';
import { ExtractRefused } from '../db/extract.ts';
import { systemCode } from '../db/fileIo.ts';
import { isWithin } from '../db/roots.ts';
import { isOfConnecting } from '../db/unreachable.ts';
import { LONGEST_WORDS, TOO_LONG } from '../rules/limits.ts';
import { Refusal } from '../rules/refusal.ts';
import { ScheduleError } from '../rules/schedule.ts';
import { buildProgram } from './cli/program.ts';
import { systemClock } from './clock.ts';
import type { Surroundings } from './context.ts';
import { describeError } from './log.ts';
import { noteLostOutput } from './output.ts';
import { databasePlace, readSettings, UsageError } from './settings.ts';

/** 0 done · 1 failed, nothing half-done · 2 wrong use · 3 done, but something new needs a person. */
export type ExitCode = 0 | 1 | 2 | 3;

const OUTPUT = 'standard output';

/** Commands whose work is in the database, whatever becomes of what they print. */
const SAY_WHAT_THEY_DID = ['nightly', 'import', 'compute', 'recheck', 'list', 'archive', 'report', 'scheduler', 'serve'];

/** Runs one command as this process. */
export async function main(argv: string[]): Promise<ExitCode> {
  const { env, stdin, stdout, stderr } = process;
  const lostOutput = noteLostOutput({ [OUTPUT]: stdout, 'standard error': stderr });
  const exitCode = await run(argv, { env, cwd: process.cwd(), stdin, stdout, stderr, lostOutput, clock: systemClock });
  // An error of the last write comes after it.
  await new Promise((resolve) => setImmediate(resolve));
  const lost = lostOutput[OUTPUT];
  // Who closed the pipe, as head does, had read enough.
  if (lost === undefined || lost === 'EPIPE' || SAY_WHAT_THEY_DID.includes(argv[0] ?? '')) return exitCode;
  stderr.write(
    `retention: What was to be printed could not be written to standard output (${lost}). Make room where it goes, then run again.\n`,
  );
  return 1;
}

/** Runs one command in the surroundings given. Never throws: an error becomes a sentence on standard error and an exit code. */
export async function run(argv: string[], around: Surroundings): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = buildProgram(around, (code) => {
    exitCode = code;
  });
  try {
    if (argv.some((word) => word.length > LONGEST_WORDS)) throw new UsageError(TOO_LONG);
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    around.stderr.write(`retention: ${[describeError(error), ...whereAsked(error, around), ...whoseFolder(error, around)].join(' ')}\n`);
    if (!isExpected(error) && around.env['RETENTION_TRACE'] && error instanceof Error) around.stderr.write(`${error.stack ?? ''}\n`);
    return error instanceof UsageError || error instanceof ScheduleError ? 2 : 1;
  }
}

/** Which database it was that could not be reached or refused to let us in; a server's own words leave out the half of it. */
function whereAsked(error: unknown, { env, cwd }: Surroundings): string[] {
  if (!isOfConnecting(error)) return [];
  const { databaseUrl } = readSettings(env, cwd);
  return databaseUrl === null ? [] : [databasePlace(databaseUrl)];
}

/** The setting that leads to a folder which this account may not use. */
function whoseFolder(error: unknown, { env, cwd }: Surroundings): string[] {
  if (!['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '') || !(error instanceof Error && 'path' in error)) return [];
  const { home, documentRoot } = readSettings(env, cwd);
  const [setting] = Object.entries({ DOCUMENT_ROOT: documentRoot, RETENTION_HOME: home }).filter(([, folder]) =>
    isWithin(String(error.path), folder),
  );
  return setting ? [`${setting[0]} is ${setting[1]}: set it to a folder that this account may write to, or give it this one.`] : [];
}

function isExpected(error: unknown): boolean {
  return error instanceof UsageError || error instanceof Refusal || error instanceof ExtractRefused || error instanceof ScheduleError;
}
