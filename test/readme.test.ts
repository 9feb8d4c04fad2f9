/** The README says what the product does: its tables of rules, settings and commands are those of the code. */
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { buildProgram } from '../jobs/cli/program.ts';
import { systemClock } from '../jobs/clock.ts';
import { SETTINGS } from '../jobs/settings.ts';
import { clauseWords, shippedSchedule, type Rule } from '../rules/schedule.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the table of rules in the README is the schedule', () => {
  const rows = shippedSchedule().rules.map((rule) =>
    `| \`${rule.id}\` | ${clauseWords(rule)} | ${kept(rule)} | ${from(rule)} | ${reading(rule)} |`.replace(/ {2,}/g, ' '),
  );
  expect(tableOf('rules')).toEqual(rows);
});

test('the table of settings in the README is what the settings are checked against', () => {
  const rows = Object.entries(SETTINGS).map(
    ([name, [standard, meaning]]) => `| \`${name}\` |${standard ? ` \`${standard}\`` : ''} | ${meaning} |`,
  );
  expect(tableOf('settings')).toEqual(rows);
});

test('the README names every command, and no command is without an example in its help', () => {
  const around = { env: {}, cwd: '.', stdout: new PassThrough(), stderr: new PassThrough(), clock: systemClock };
  const program = buildProgram(around, () => undefined);
  const table = tableOf('commands').join('\n');
  const leaves = leafCommands(program).filter((name) => name !== 'settings');
  expect(leaves.filter((name) => !table.includes(`\`${name}`))).toEqual([]);
  for (const name of leaves) {
    const before = around.stdout.readableLength;
    const command = name
      .split(' ')
      .reduce<Command>((parent, word) => parent.commands.find((child) => child.name() === word) ?? parent, program);
    command.outputHelp();
    expect(String(around.stdout.read(around.stdout.readableLength - before) as Buffer), name).toContain(`$ retention ${name}`);
  }
});

function tableOf(name: string): string[] {
  const [, block = ''] = README.split(new RegExp(`<!-- /?${name} -->`));
  // The cells are padded to line up; only what stands in them counts.
  return block
    .trim()
    .split('\n')
    .slice(2)
    .map((row) => row.replace(/ {2,}/g, ' '));
}

function leafCommands(command: Command, path = ''): string[] {
  return command.commands.flatMap((child) =>
    child.commands.length > 0 ? leafCommands(child, `${path}${child.name()} `) : [`${path}${child.name()}`],
  );
}

function kept(rule: Rule): string {
  if ('permanent' in rule) return 'permanently';
  return rule.keep_years === 1 ? '1 year' : `${rule.keep_years} years`;
}

function from(rule: Rule): string {
  if ('permanent' in rule) return '';
  if (typeof rule.from === 'string') return rule.from;
  return 'latest_of' in rule.from
    ? `latest of ${rule.from.latest_of.join(', ')}`
    : `latest known of ${rule.from.latest_known_of.join(', ')}`;
}

function reading(rule: Rule): string {
  return rule.interpretation ? (rule.interpretation.confirmed ? 'confirmed' : 'not confirmed') : '';
}
