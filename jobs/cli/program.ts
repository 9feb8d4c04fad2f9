/** The command line: every command, its help and its example. */
import { Command } from 'commander';
import type { Surroundings } from '../context.ts';
import type { ExitCode } from '../main.ts';
import { SETTINGS } from '../settings.ts';
import { addCaseCommands } from './caseCommands.ts';
import { addDecisionCommands } from './decisionCommands.ts';
import { addEvidenceCommands } from './evidenceCommands.ts';
import { addHoldCommands } from './holdCommands.ts';
import { addNightCommands } from './nightCommands.ts';
import { addOperationCommands } from './operationCommands.ts';
import { addOutsideCommands } from './outsideCommands.ts';
import { addReadingCommands } from './readingCommands.ts';
import { addRootCommands } from './rootCommands.ts';
import { addServiceCommands } from './serviceCommands.ts';
import { addSiteCommands } from './siteCommands.ts';

/** Builds the program; `exitWith` receives the exit code of a command that ended well. */
export function buildProgram(around: Surroundings, exitWith: (code: ExitCode) => void): Command {
  const program = new Command('retention')
    .description('Retention and disposal of case files: computes every date, proposes lists for sign-off, archives what was approved.')
    .addHelpText(
      'after',
      '\n"retention help COMMAND" tells more of a command, with an example; "retention help settings" lists every setting.',
    )
    .exitOverride()
    .showHelpAfterError('("retention help" lists the commands)')
    .configureOutput({ writeOut: (text) => around.stdout.write(text), writeErr: (text) => around.stderr.write(text) });
  const line = { program, around, exitWith };
  addNightCommands(line);
  addReadingCommands(line);
  addDecisionCommands(line);
  addHoldCommands(line);
  addCaseCommands(line);
  addOutsideCommands(line);
  addEvidenceCommands(line);
  addOperationCommands(line);
  addRootCommands(line);
  addServiceCommands(line);
  addSiteCommands(line);
  program
    .command('settings')
    .description('every setting, its default and its meaning; read from the environment or from .env')
    .action(() => {
      around.stdout.write(`${settingsHelp()}\n`);
    });
  return program;
}

function settingsHelp(): string {
  const rows = Object.entries(SETTINGS).map(
    ([name, [standard, meaning]]) => `  ${name.padEnd(20)} ${meaning}${standard ? ` (default: ${standard})` : ''}`,
  );
  return `Settings, from the environment or from a file .env in the working folder:\n\n${rows.join('\n')}`;
}
