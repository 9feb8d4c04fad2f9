/** `npm run demo`: sets everything up and lives through a real story in front of the reader, by the public commands. */
import { mkdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { connect } from '../../db/connect.ts';
import { startEmbedded, stopEmbedded } from '../../db/embedded.ts';
import type { RetentionFigures } from '../../db/figures.ts';
import { addDays, longDate } from '../../rules/dates.ts';
import { ROLE_WORDS } from '../../reports/site/words.ts';
import { SAMPLE_PEOPLE } from '../cli/siteCommands.ts';
import { systemClock } from '../clock.ts';
import { run } from '../main.ts';
import { demoDatabase } from './database.ts';
import { writeCouncil, writeNextExtract, type Council } from './council.ts';

/** The day the story begins; the same every time, so that the story is too. */
const FIRST_NIGHT = '2026-11-22';
const COOLING_OFF_DAYS = 7;
const HOME = join(process.cwd(), 'data', 'demo');

/** Lists of so many files are left to the reader: a morning's work to try. */
const MORNINGS_WORK = 20;

/** One list as `retention show --json` prints it, as far as the story needs it. */
interface ShownList {
  id: number;
  rule: string;
  action: string;
  digest: string;
  state: string;
  items: { file_ref: string; cautions: string[]; status: string }[];
}

const env = {
  ...process.env,
  RETENTION_HOME: HOME,
  RETENTION_REHEARSAL: '1',
  DOCUMENT_ROOT: join(HOME, 'documents'),
  ARCHIVE_URL: join(HOME, 'archive'),
  COOLING_OFF_DAYS: String(COOLING_OFF_DAYS),
  LIST_SIZE: '40',
  LOG_LEVEL: 'warn',
};

await tellStory();

async function tellStory(): Promise<void> {
  const began = systemClock().getTime();
  await stopEmbedded(HOME);
  await rm(HOME, { recursive: true, force: true });
  await mkdir(HOME, { recursive: true, mode: 0o700 });
  const given = process.env['DATABASE_URL'];
  if (given) Object.assign(env, { DATABASE_URL: await demoDatabase(given) });
  // Held for the whole story, so that the commands need not start and stop the server each by itself.
  const server = given ? null : await startEmbedded(HOME);
  try {
    const council = await invent();
    await firstNight();
    await decideAndSign(council);
    await secondNight(council);
    await nightAfterCoolingOff();
    await whereToLook(council);
  } finally {
    await server?.release();
  }
  say(
    `\nThe whole story took ${Math.round((systemClock().getTime() - began) / 1000)} s. It is in ${shown(HOME)}; run it again and it begins anew.`,
  );
  howToLook();
}

async function invent(): Promise<Council> {
  chapter('A council, invented: every rule, every block, every caution');
  const council = await writeCouncil(join(HOME, 'extract-1'), env.DOCUMENT_ROOT, { asOf: FIRST_NIGHT });
  say(
    `${council.files} case files about ${council.people} people with ${council.documents} documents, in ${shown(join(HOME, 'extract-1'))}. No name is a real person's.`,
  );
  return council;
}

async function firstNight(): Promise<void> {
  chapter(`The first night, ${longDate(FIRST_NIGHT)}: the extract is imported, every file gets its date, lists are made`);
  await retention(`nightly --import ${join(HOME, 'extract-1')} --as-of ${FIRST_NIGHT}`, 3);
  await retention('lists');
}

async function decideAndSign(council: Council): Promise<void> {
  chapter('In the morning m.jones, a records manager, reads and decides');
  for (const { name, roles } of SAMPLE_PEOPLE) await retention(`users add ${name} --role ${roles.join(' ')}`);
  const lists = await readLists();
  const { decided, toSign, left } = shareOut(lists);
  const [kept, referred, held] = exceptions(decided, council);
  for (const list of [...decided, toSign]) {
    if (list.items.some((item) => item.file_ref === kept)) {
      await retention(
        `decide ${list.id} --keep-until ${addDays(FIRST_NIGHT, 365)} --reason person_asked --files ${kept} --as m.jones --as-of ${FIRST_NIGHT}`,
      );
    }
    if (list.items.some((item) => item.file_ref === referred)) {
      await retention(`decide ${list.id} --refer --note to-the-adoption-team --files ${referred} --as m.jones --as-of ${FIRST_NIGHT}`);
    }
    const rest = list.items.map((item) => item.file_ref).filter((ref) => ref !== kept && ref !== referred);
    if (rest.length > 0)
      await quietly(`decide ${list.id} --approve --acknowledge-cautions --files ${rest.join(' ')} --as m.jones --as-of ${FIRST_NIGHT}`);
  }
  say(`m.jones approved all the others, one list after the other, having read and acknowledged their cautions.`);
  say(`Left for you to decide: ${left.map(({ id, items }) => `list ${id} with ${items.length} files`).join(', ')}.`);
  const signed = (await readLists()).filter(({ id }) => decided.some((list) => list.id === id));
  const [first] = signed;
  chapter('Nobody signs what they decided, and nobody signs what moved');
  await retention(`sign-off ${first?.id ?? 1} --digest ${first?.digest ?? ''} --as m.jones --as-of ${FIRST_NIGHT}`, 1);
  await retention(`sign-off ${first?.id ?? 1} --digest ${'0'.repeat(64)} --as a.khan --as-of ${FIRST_NIGHT}`, 1);
  chapter('a.khan, the head of service, signs');
  say(`All but list ${toSign.id} with ${toSign.items.length} files, which is left for you to sign.`);
  for (const list of signed) await quietly(`sign-off ${list.id} --digest ${list.digest} --as a.khan --as-of ${FIRST_NIGHT}`);
  await retention('lists');
  chapter('The police ask for a file that is signed already');
  await retention(
    `hold add --kind police --scope file:${held} --authority DI-Archer-77/26 --review-on ${addDays(FIRST_NIGHT, 180)} --as m.jones --as-of ${FIRST_NIGHT}`,
  );
}

async function secondNight(council: Council): Promise<void> {
  const asOf = addDays(FIRST_NIGHT, 1);
  chapter(`The second night, ${longDate(asOf)}: the next extract brings changes; what changed comes off its list`);
  const next = await writeNextExtract(join(HOME, 'extract-1'), join(HOME, 'extract-2'), { asOf, edits: council.edits });
  await retention(`nightly --import ${join(HOME, 'extract-2')} --as-of ${asOf}`, 3);
  say('The same night once more: nothing is done twice.');
  await retention(`nightly --import ${join(HOME, 'extract-2')} --as-of ${asOf}`);
  const shortened = Object.entries(next).find(([change]) => change.includes('categor') || change.includes('short'))?.[1];
  if (typeof shortened === 'string') await retention(`explain ${shortened} --as-of ${asOf}`);
}

async function nightAfterCoolingOff(): Promise<void> {
  const asOf = addDays(FIRST_NIGHT, COOLING_OFF_DAYS + 1);
  chapter(`The night after the cooling-off, ${longDate(asOf)}: what was approved and still may go is archived`);
  await retention(`nightly --import ${join(HOME, 'extract-2')} --as-of ${asOf}`);
  await retention('lists');
  await bookkeeping(asOf);
}

/** Listed, excluded and archived, by rule: from the same figures as the report. */
async function bookkeeping(asOf: string): Promise<void> {
  const { retentionFigures } = await import('../../db/figures.ts');
  const { scheduleInForce } = await import('../../db/schedules.ts');
  const database = await connect({ databaseUrl: (env as { DATABASE_URL?: string }).DATABASE_URL ?? null, ownerUrl: null, home: HOME });
  try {
    sayFigures(await retentionFigures(database.db, await scheduleInForce(database.db, asOf), asOf));
  } finally {
    await database.close();
  }
}

function sayFigures(figures: RetentionFigures): void {
  chapter('The account: every file, by rule');
  const head = ['rule', 'files', 'not due', 'due', 'listed', 'excluded', 'archived'];
  const rows = figures.rules.map((row) => [
    row.rule,
    row.files,
    row.notDue,
    row.due,
    row.listed,
    row.blocked - row.blockedBy.listed,
    row.archived,
  ]);
  for (const cells of [head, ...rows])
    say(
      `  ${String(cells[0]).padEnd(32)}${cells
        .slice(1)
        .map((cell) => String(cell).padStart(9))
        .join('')}`,
    );
  for (const row of figures.reasons) say(`  ${`${row.outcome}: ${row.reason}`.padEnd(32)}${String(row.files).padStart(9)}`);
  const excluded = Object.entries(totalBlocks(figures)).filter(([, files]) => files > 0);
  say(`  Due, but excluded: ${excluded.map(([block, files]) => `${block.replaceAll('_', ' ')} ${files}`).join(', ')}.`);
}

function totalBlocks(figures: RetentionFigures): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const row of figures.rules) for (const [block, files] of Object.entries(row.blockedBy)) totals[block] = (totals[block] ?? 0) + files;
  return totals;
}

async function whereToLook(council: Council): Promise<void> {
  chapter('The evidence');
  await retention('audit verify');
  const permanent = council.landmarks['adult-posing-risk']?.[0];
  if (permanent) await retention(`explain ${permanent} --as-of ${addDays(FIRST_NIGHT, COOLING_OFF_DAYS + 1)}`);
  chapter('Where to look');
  say(`  reports of each night   ${shown(join(HOME, 'reports'))}   (open retention-report.html)`);
  say(`  archived bags           ${shown(join(HOME, 'archive'))}   (unzip one: sha256sum -c manifest-sha256.txt)`);
  say(`  the extracts            ${shown(join(HOME, 'extract-1'))}, ${shown(join(HOME, 'extract-2'))}`);
  say(`  go on from here         ${goOn('lists')}`);
}

/** The site shows the story best on its last day, to people whom rehearsals alone have. */
function howToLook(): void {
  const people = SAMPLE_PEOPLE.map(({ name, roles }) => `${name} (${roles.map((role) => ROLE_WORDS[role].toLowerCase()).join(', ')})`);
  say('\nTo look at it in a browser:\n');
  say(`  ${goOn(`serve --as-of ${addDays(FIRST_NIGHT, COOLING_OFF_DAYS + 1)}`)}`);
  say(`\nand sign in, without a password, as ${people.join(', ')}: sample people, of rehearsals on this machine alone.`);
}

function goOn(command: string): string {
  const database = process.env['DATABASE_URL'] ? 'DATABASE_URL=(the same server, database retention_demo) ' : '';
  return `${database}RETENTION_HOME=${shown(HOME)} npx retention ${command}`;
}

/** The long lists are left to the reader, and the longest of the others is decided and left to sign. */
function shareOut(lists: ShownList[]): { left: ShownList[]; toSign: ShownList; decided: ShownList[] } {
  const left = lists.filter(({ items }) => items.length >= MORNINGS_WORK);
  const [toSign, ...decided] = lists.filter(({ items }) => items.length < MORNINGS_WORK).sort((a, b) => b.items.length - a.items.length);
  if (!toSign || left.length === 0) throw new Error('The story broke: no list is left to decide, or to sign.');
  return { left, toSign, decided };
}

/** A file to keep, one to refer, and one the police ask for: of different lists where there are enough. */
function exceptions(lists: ShownList[], council: Council): [kept: string, referred: string, held: string] {
  const changing = new Set(council.edits.map((edit) => edit.ref));
  const refs = [...lists]
    .sort((a, b) => b.items.length - a.items.length)
    .map((list) => list.items.map((item) => item.file_ref).filter((ref) => !changing.has(ref)));
  return [refs[0]?.[0] ?? '', refs[1]?.[0] ?? '', refs[2]?.[0] ?? ''];
}

async function readLists(): Promise<ShownList[]> {
  const lists = JSON.parse(await quietly('lists --json')) as { id: number }[];
  const shownLists: ShownList[] = [];
  for (const { id } of lists) shownLists.push(JSON.parse(await quietly(`show ${id} --json`)) as ShownList);
  return shownLists;
}

/** Runs a command in front of the reader, with time and memory; the story ends where it does not end as it should. */
async function retention(command: string, expected = 0): Promise<void> {
  say(`\n$ retention ${command.replaceAll(`${HOME}/`, '')}`);
  const began = systemClock().getTime();
  const exitCode = await run(words(command), {
    env,
    cwd: process.cwd(),
    stdout: process.stdout,
    stderr: process.stdout,
    clock: systemClock,
  });
  const seconds = ((systemClock().getTime() - began) / 1000).toFixed(1);
  say(`  [exit ${exitCode}, ${seconds} s, ${Math.round(process.memoryUsage.rss() / 1024 / 1024)} MB]`);
  if (exitCode !== expected) throw new Error(`The story broke: exit ${exitCode} where ${expected} was expected.`);
}

async function quietly(command: string): Promise<string> {
  const stdout = new PassThrough();
  const pieces: Buffer[] = [];
  stdout.on('data', (piece: Buffer) => pieces.push(piece));
  const exitCode = await run(words(command), { env, cwd: process.cwd(), stdout, stderr: process.stderr, clock: systemClock });
  if (exitCode !== 0) throw new Error(`The story broke at: retention ${command}`);
  return Buffer.concat(pieces).toString();
}

/** Folders may have spaces in their names, so a path of the demo is put back whole after splitting. */
function words(command: string): string[] {
  return command
    .replaceAll(HOME, '\u0000')
    .split(' ')
    .map((word) => word.replaceAll('\u0000', HOME));
}

function chapter(title: string): void {
  say(`\n== ${title}\n`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function shown(path: string): string {
  return relative(process.cwd(), path);
}
