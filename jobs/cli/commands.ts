/** What all commands share: how they are declared, how they print, and how refusals are recorded. */
import { Command, Option } from 'commander';
import Table from 'cli-table3';
import type { Knex } from 'knex';
import { actAs } from '../../db/acting.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { personOfToken } from '../../db/tokens.ts';
import { requirePermission, type Person } from '../../rules/people.ts';
import { LARGEST_NUMBER, wholeNumber } from '../../rules/wholeNumber.ts';
import { actingPerson, withContext, type CommonOptions, type Context, type Surroundings } from '../context.ts';
import type { ExitCode } from '../main.ts';
import { UsageError } from '../settings.ts';

/** What the groups of commands are given to declare themselves with. */
export interface CommandLine {
  program: Command;
  around: Surroundings;
  exitWith(code: ExitCode): void;
}

export const AS_OF = new Option(
  '--as-of <day>',
  'the business date, yyyy-mm-dd; today in London otherwise (on a live database, for reading only)',
);
export const JSON_OUT = new Option('--json', 'print one JSON value on standard output and nothing else there');
export const AS = new Option('--as <user>', 'who acts, in a rehearsal');

/** Declares a command with its example; every command has one. */
export function declare(
  { program }: Pick<CommandLine, 'program'>,
  nameAndArguments: string,
  description: string,
  example: string,
  options: Option[] = [],
): Command {
  const command = program.command(nameAndArguments).description(description).addHelpText('after', `\nExample:\n  $ retention ${example}`);
  for (const option of options) command.addOption(option);
  return command;
}

/** Prints a result: as JSON, or as the lines that `words` makes of it; a rehearsal says so first. */
export function print<T>(
  { around, rehearsal }: Pick<Context, 'around' | 'rehearsal'>,
  options: CommonOptions,
  result: T,
  words: (result: T) => string,
): void {
  if (options.json) {
    around.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  if (rehearsal) around.stdout.write('REHEARSAL: nothing here is the real register.\n');
  around.stdout.write(`${words(result).trimEnd()}\n`);
}

/** A table for people; cells are made harmless to a terminal. */
export function table(head: string[], rows: (string | number | null)[][]): string {
  const grid = new Table({ head, style: { head: [], border: [] } });
  for (const row of rows) grid.push(row.map((cell) => printable(String(cell ?? ''))));
  return grid.toString();
}

/** Control characters could move a terminal's cursor or change its title, so they are shown as their code. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Opens the context, reads, prints. */
export async function reading<T>(
  line: CommandLine,
  options: CommonOptions,
  read: (context: Context) => Promise<T>,
  words: (result: T, context: Context) => string,
): Promise<void> {
  await withContext(line.around, options, 'read', async (context) => {
    await refuseReader(context);
    print(context, options, await read(context), (result) => words(result, context));
  });
}

/**
 * Refuses a person who may not read, as an admin, or whose token is of no use. The service reads without a token: who runs
 * it holds the password of the database anyway.
 */
export async function refuseReader({ db, rehearsal, settings }: Context): Promise<void> {
  if (!rehearsal && settings.token) requirePermission(await personOfToken(db, settings.token), 'read');
}

/** Opens the context, acts as a person in one transaction, prints. What is refused is an event of the audit too. */
export async function acting<T>(
  line: CommandLine,
  options: CommonOptions,
  what: string,
  act: (trx: Knex.Transaction, person: Person, context: Context) => Promise<T>,
  words: (result: T, context: Context) => string,
  exitCode: (result: T) => ExitCode = () => 0,
): Promise<void> {
  await withContext(line.around, options, 'write', async (context) => {
    const person = await actingPerson(context, options);
    const result = await recordingRefusals(context.db, person, what, () => actAs(context.db, person, (trx) => act(trx, person, context)));
    print(context, options, result, (value) => words(value, context));
    line.exitWith(exitCode(result));
  });
}

/** Reads a whole number, as the number of a list or hold. */
export function readNumber(text: string, what: string): number {
  const number = wholeNumber(text);
  if (number !== undefined) return number;
  throw new UsageError(`${what} is a whole number from 1 to ${LARGEST_NUMBER}; "${printable(text)}" is none.`);
}

/** Reads one of a set of words. */
export function readWord<Word extends string>(text: string | undefined, words: readonly Word[], what: string): Word {
  const word = words.find((candidate) => candidate === text);
  if (word) return word;
  throw new UsageError(`${what} is one of ${words.join(', ')}${text === undefined ? '' : `; "${printable(text)}" is none`}.`);
}
