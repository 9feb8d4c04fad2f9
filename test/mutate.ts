/**
 * `npm run mutate`: changes one thing at a time in the code on which a child's file depends, and sees whether a test fails. Prints a
 * table of what was tried; ends with 1 when a change was let through that test/survivors.json does not explain.
 *
 * `npm run mutate -- --sample 40 --seed 7` tries so many, chosen by that seed; `--only db/import.ts` those of one file.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import ts from 'typescript';

/** Safety-critical code, and the tests that must notice a change in it. */
const WATCHED: Readonly<Record<string, readonly string[]>> = {
  'rules/dates.ts': ['dates', 'cases'],
  'rules/determine.ts': ['cases', 'dates', 'council'],
  'rules/doubts.ts': ['cases', 'confirmations', 'council'],
  'db/calculate.ts': ['cases', 'council'],
  'db/compile.ts': ['cases', 'council'],
  'db/candidacy.ts': ['council', 'guards-commands', 'holds'],
  'db/import.ts': ['council', 'extractsCompared', 'rejectedDocuments', 'guards-commands'],
  'db/lists.ts': ['decisions', 'listing', 'guards-commands'],
  'db/recheck.ts': ['guards-commands', 'listedCautions', 'waiting', 'brakes'],
  'db/holds.ts': ['holds', 'holdCover', 'guards-commands'],
  'db/holdMatching.ts': ['holds', 'holdCover'],
  'db/lastCheck.ts': ['guards-archive', 'transfer', 'versions', 'faults/crash'],
  'db/archive.ts': ['guards-archive', 'transfer', 'coolingOff', 'faults/crash', 'faults/archivers'],
  'db/lastCopy.ts': ['lastCopy', 'transfer'],
  'db/sources.ts': ['sources', 'comeback', 'guards-archive'],
};

const IN_CODE: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '&&': '||',
  '||': '&&',
  '??': '&&',
};

/** What a template holds is taken for SQL when it has one of these words. */
const IS_SQL = /\b(select|where|and|or|from|exists|update|delete|insert)\b/;
const IN_SQL: readonly (readonly [pattern: RegExp, to: string])[] = [
  [/ and not /g, ' and '],
  [/\bnot exists\b/g, 'exists'],
  [/ is not null/g, ' is null'],
  [/ is null/g, ' is not null'],
  [/ and (?=\w)/g, ' or '],
  [/ or (?=\w)/g, ' and '],
  [/ <= /g, ' < '],
  [/ >= /g, ' > '],
  [/ < /g, ' <= '],
  [/ > /g, ' >= '],
];

interface Mutation {
  file: string;
  line: number;
  at: number;
  from: string;
  to: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({
  options: { sample: { type: 'string', default: '24' }, seed: { type: 'string', default: '1' }, only: { type: 'string' } },
});

const all = Object.keys(WATCHED)
  .filter((file) => options.only === undefined || file === options.only)
  .flatMap(mutationsOf);
const chosen = sampleOf(all, Number(options.sample), Number(options.seed));
const explained = JSON.parse(readFileSync(path.join(root, 'test', 'survivors.json'), 'utf8')) as Record<string, string>;

const copy = mkdtempSync(path.join(tmpdir(), 'retention-mutate-'));
const LEFT_OUT = ['node_modules', '.git', '.build'];
cpSync(root, copy, { recursive: true, filter: (source) => !LEFT_OUT.includes(path.relative(root, source).split(path.sep)[0] ?? '') });
symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));

const table = new Table({ head: ['place', 'change', 'what came of it'], style: { head: [], border: [] } });
let survived = 0;
for (const mutation of chosen) {
  const place = `${mutation.file}:${mutation.line}`;
  const change = `${mutation.from.trim()} → ${mutation.to.trim() || '(left out)'}`;
  const why = explained[`${place} ${change}`];
  const caught = isCaught(mutation);
  if (!caught && why === undefined) survived++;
  const outcome = caught ? 'caught' : (why ?? 'LET THROUGH');
  table.push([place, change, outcome]);
  console.info(`${place}  ${change}  ${outcome}`);
}
rmSync(copy, { recursive: true });
console.info(table.toString());
console.info(`${chosen.length} of ${all.length} possible changes tried; ${survived} let through that nobody has explained.`);
process.exitCode = survived > 0 ? 1 : 0;

/** Every change of one operator, or of one word of a statement, that the file allows. */
function mutationsOf(file: string): Mutation[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: Mutation[] = [];
  const add = (at: number, from: string, to: string) =>
    found.push({ file, line: source.getLineAndCharacterOfPosition(at).line + 1, at, from, to });
  const visit = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node)) {
      const operator = node.operatorToken.getText(source);
      const other = IN_CODE[operator];
      if (other !== undefined) add(node.operatorToken.getStart(source), operator, other);
    }
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) add(node.getStart(source), '!', '');
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      const words = node.getText(source);
      if (IS_SQL.test(words))
        for (const [pattern, to] of IN_SQL)
          for (const match of words.matchAll(pattern)) add(node.getStart(source) + match.index, match[0], to);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Whether one of the tests of that file fails once the change is made; the copy is put back as it was. */
function isCaught({ file, at, from, to }: Mutation): boolean {
  const target = path.join(copy, file);
  const text = readFileSync(target, 'utf8');
  writeFileSync(target, `${text.slice(0, at)}${to}${text.slice(at + from.length)}`);
  const tests = (WATCHED[file] ?? []).map((name) => `test/${name}.test.ts`);
  const vitest = path.join('node_modules', 'vitest', 'vitest.mjs');
  const ran = spawnSync(process.execPath, [vitest, 'run', '--config', 'test/vitest.config.ts', '--root', '.', '--bail', '1', ...tests], {
    cwd: copy,
    encoding: 'utf8',
  });
  writeFileSync(target, text);
  return ran.status !== 0;
}

/** The same ones for the same seed, from all over the list. */
function sampleOf(mutations: readonly Mutation[], size: number, seed: number): Mutation[] {
  let state = seed;
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  return mutations
    .map((mutation) => ({ mutation, order: random() }))
    .sort((a, b) => a.order - b.order)
    .slice(0, size)
    .map(({ mutation }) => mutation);
}
