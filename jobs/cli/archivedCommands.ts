/** Commands about archived files: finding a person's, bringing one back, and the certificates. */
import { apartWords } from '../../db/archivedReference.ts';
import { readFile, writeFile } from 'node:fs/promises';
import { actAs } from '../../db/acting.ts';
import { checkCertificate, type CheckedCertificate } from '../../db/certificateCheck.ts';
import { readCertificate, type ShownCertificate } from '../../db/certificates.ts';
import { systemCode } from '../../db/fileIo.ts';
import { findFiles, type FoundFile, type LookedFor } from '../../db/find.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { askRestore, confirmRestore, type Restored } from '../../db/restore.ts';
import { longDate, readPartialDate, shortDate } from '../../rules/dates.ts';
import type { Person } from '../../rules/people.ts';
import { certificateCounts, COVERED_HEADS, coveredFiles } from '../../reports/certificateTables.ts';
import { actingPerson, withContext, type CommonOptions, type Context } from '../context.ts';
import { UsageError } from '../settings.ts';
import { actingOnArchive, followedWords, type Followed } from './archiving.ts';
import { acting, AS, AS_OF, declare, JSON_OUT, print, reading, readNumber, refuseReader, table, type CommandLine } from './commands.ts';
import { readDay } from './decisionCommands.ts';

interface RestoreOptions extends CommonOptions {
  keepUntil?: string;
  reason?: string;
  confirm?: boolean;
}

/** Declares find, restore, certificate verify and certificate show. */
export function addArchivedCommands(line: CommandLine): void {
  declare(
    line,
    'find',
    'which files, archived ones too, are about a person; each look-up is an event of the audit',
    'find --name "rose marlow" --born 1998-04 --as c.ward',
    [AS, JSON_OUT],
  )
    .option('--name <text>', 'words of the name or parts of them, in any order; case, accents, apostrophes, hyphens and blanks aside')
    .option('--born <date>', 'yyyy-mm-dd, or as much of it as is known: yyyy, yyyy-mm')
    .action((options: CommonOptions & { name?: string; born?: string }) => find(line, options));

  declare(
    line,
    'restore <file>',
    'bring an archived file back: one person asks, another confirms',
    'restore CF-000123 --keep-until 2031-12-31 --reason "claim 77/26" --as m.jones\n  $ retention restore CF-000123 --confirm --as a.khan',
    [AS, AS_OF, JSON_OUT],
  )
    .option('--keep-until <day>', 'through which day it is kept once it is back')
    .option('--reason <text>', 'why it is needed again')
    .option('--confirm', 'confirm what another person asked for')
    .action((fileRef: string, options: RestoreOptions) =>
      options.confirm ? confirm(line, fileRef, options) : ask(line, fileRef, options),
    );

  addCertificateCommands({ ...line, program: line.program.command('certificate').description('the evidence of completed lists') });
}

function addCertificateCommands(line: CommandLine): void {
  declare(
    line,
    'verify <file>',
    'prove that a certificate is as it was issued and adds up; needs no database',
    'certificate verify certificate-12.json',
    [JSON_OUT],
  ).action(async (file: string, options: CommonOptions) => {
    const checked = checkCertificate(await textOf(file));
    if (!checked)
      throw new UsageError(`${file} is not a certificate. Give the file that "retention certificate show LIST --out FILE" wrote.`);
    print({ around: line.around, rehearsal: checked.rehearsal }, options, checked, checkedWords);
    line.exitWith(checked.faults.length === 0 ? 0 : 1);
  });

  declare(
    line,
    'show <list>',
    'the certificate of a list, and what has become of its sources',
    'certificate show 12 --out certificate-12.json',
    [JSON_OUT],
  )
    .option('--out <file>', 'write the certificate with its digest, as "certificate verify" reads it')
    .action((list: string, options: CommonOptions & { out?: string }) => {
      const id = readNumber(list, 'The number of a list');
      const { out } = options;
      if (out === undefined) return reading(line, options, ({ db }) => readCertificate(db, id), certificateWords);
      return withContext(line.around, options, 'read', async (context) => {
        await refuseReader(context);
        const shown = await readCertificate(context.db, id);
        await writeNew(out, `${JSON.stringify({ certificate: shown.certificate, digest: shown.digest }, null, 2)}\n`);
        print(context, options, shown, () => `Written to ${out}. Digest: ${shown.digest}`);
      });
    });
}

/** Reads, but for the event that somebody looked; so a live database takes it on any day. */
async function find(line: CommandLine, options: CommonOptions & { name?: string; born?: string }): Promise<void> {
  const wanted = readWanted(options);
  await withContext(line.around, options, 'read', async (context) => {
    const person = await whoLooks(context, options);
    const files = await recordingRefusals(context.db, person, 'find', () =>
      actAs(context.db, person, (trx) => findFiles(trx, wanted, person)),
    );
    print(context, options, files, foundWords);
  });
}

/** What was typed is repeated nowhere: it is a name or a birth. */
function readWanted({ name, born }: { name?: string; born?: string }): LookedFor {
  if (name === undefined && born === undefined) throw new UsageError('Say who is looked for: --name TEXT, --born DATE, or both.');
  if (name?.trim() === '') throw new UsageError('--name takes at least one letter of the name.');
  const birth = born === undefined ? null : readPartialDate(born.trim());
  if (born !== undefined && birth === null)
    throw new UsageError('--born takes a day that exists, as yyyy-mm-dd, or yyyy-mm or yyyy if no more is known.');
  return { name: name ?? null, born: birth };
}

async function whoLooks(context: Context, options: CommonOptions): Promise<Person> {
  if (context.rehearsal && !options.as) return { name: 'rehearsal', roles: null };
  return actingPerson(context, options);
}

function ask(line: CommandLine, fileRef: string, options: RestoreOptions): Promise<void> {
  const { keepUntil, reason } = options;
  if (keepUntil === undefined || reason === undefined)
    throw new UsageError('Ask with --keep-until DAY --reason "…"; another person then confirms with --confirm.');
  const asked = { keepUntil: readDay(keepUntil, '--keep-until'), reason };
  return acting(
    line,
    options,
    'restore',
    (trx, person, { asOf }) => askRestore(trx, fileRef, asked, { person, asOf }),
    ({ file_ref, lapses_after, kept_apart }) =>
      `Asked for ${file_ref}. ${apartWords(kept_apart)}It stays in the archive until another person confirms, by ${longDate(lapses_after)}: retention restore ${file_ref} --confirm`,
  );
}

function confirm(line: CommandLine, fileRef: string, options: RestoreOptions): Promise<void> {
  if (options.keepUntil !== undefined || options.reason !== undefined)
    throw new UsageError('--confirm takes nothing else: what is confirmed is what the other person asked for.');
  return actingOnArchive(line, options, {
    what: 'restore',
    fileRef,
    act: (person, { db, schedule, settings: { documentRoot }, asOf }, store) =>
      confirmRestore(db, fileRef, { schedule, store, documentRoot, person, asOf }),
    words: restoredWords,
    exitCode: () => 0,
  });
}

function restoredWords(result: Restored & Followed): string {
  const { file_ref, keep_until, documents, people } = result;
  const otherwise =
    people.registered_otherwise.length > 0
      ? ` ${people.registered_otherwise.join(', ')}: registered meanwhile with other facts than the bag has; the register's were left as they are.`
      : '';
  return `${file_ref} is in the register again, and is kept through ${longDate(keep_until)}. ${documents.written} documents were written back, ${documents.already_there} were there.${otherwise} ${followedWords(result)}`;
}

function foundWords(files: FoundFile[]): string {
  if (files.length === 0)
    return 'Nothing was found this way, in the register or in the archive. Before you say that there is no file, look again: by a part of the name (four letters of the surname), by an earlier name, by the name alone, and by the date of birth alone.';
  return table(
    ['file', 'where', 'person', 'name', 'born', 'archived', 'bag', 'received as', 'paper'],
    files.map((file) => [
      file.file_ref,
      file.where,
      file.person_ref,
      file.name,
      file.date_of_birth ? shortDate(file.date_of_birth) : null,
      file.archived_on ? shortDate(file.archived_on) : null,
      file.bag_location,
      file.adult_file_ref,
      file.paper_moved_to,
    ]),
  );
}

function checkedWords({ list, digest, faults }: CheckedCertificate): string {
  if (faults.length > 0) return `The certificate of list ${list} is not right:\n${faults.join('\n')}`;
  return `The certificate of list ${list} is whole and adds up. Digest: ${digest}\nThat it was issued so, and when, the audit proves: its event certificate.issued of list ${list} names this digest.`;
}

function certificateWords({ certificate, digest, sources, restored_since }: ShownCertificate): string {
  const { list, clause, issued_on, statement, documents, does_not_cover } = certificate;
  return [
    `Disposal certificate ${certificate.certificate}, issued on ${longDate(issued_on)}`,
    statement,
    `Rule ${list.rule}, schedule ${list.schedule_version}: ${clause}`,
    `Signed off by ${list.signed_by} on ${longDate(list.signed_on ?? '')}; what was signed: ${list.signed_digest}`,
    table(['of the list', 'files'], certificateCounts(certificate)),
    `Documents: ${documents.expected} expected, ${documents.packed} packed.`,
    table([...COVERED_HEADS], coveredFiles(certificate)),
    `It does not cover:\n${does_not_cover.map((sentence) => `- ${sentence}`).join('\n')}`,
    `Digest: ${digest}`,
    `Since it was issued: ${sources.removed} source documents removed, ${sources.already_gone} were gone already, ${sources.waiting} still to be removed, ${sources.restored} kept because their file was brought back.`,
    ...(sources.lying_there_again > 0
      ? [
          `${sources.lying_there_again} of the source documents removed lie under the document root again: find out how they came back, and remove them.`,
        ]
      : []),
    ...restored_since.map((file) => `${file.file_ref} was brought back on ${longDate(file.restored_on)}.`),
  ].join('\n');
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${systemCode(error) ?? 'no code'}). Check its name.`);
  }
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new UsageError(`${file} cannot be written (${systemCode(error) ?? 'no code'}). Name a file that is not there yet.`);
  }
}
