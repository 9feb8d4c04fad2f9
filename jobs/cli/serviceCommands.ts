/** Commands of who runs the service: backups and what is wrong with this installation. */
import { backUp, restoreBackup, type RestoreOptions } from '../backups.ts';
import { CONFIRM_BEFORE_RELEASE } from '../brakeWords.ts';
import { withContext, type CommonOptions } from '../context.ts';
import { examine, type DoctorOptions } from '../doctor/doctor.ts';
import type { Finding } from '../doctor/findings.ts';
import type { Backup } from '../../db/backup.ts';
import { connect } from '../../db/connect.ts';
import { prepareAnew } from '../../db/prepare.ts';
import { readSettings } from '../settings.ts';
import type { Restored } from '../../db/fromBackup.ts';
import type { TakenOver } from '../../db/takeOver.ts';
import { longDate, shortDate } from '../../rules/dates.ts';
import { AS_OF, declare, JSON_OUT, print, printable, type CommandLine } from './commands.ts';

/** Declares migrate, backup, restore-backup and doctor. */
export function addServiceCommands(line: CommandLine): void {
  declare(line, 'migrate', 'make the database ready for this release: tables, guards, and what the run-time role may do', 'migrate', [])
    .addHelpText(
      'after',
      `
Every command does so by itself where its role may. Where DATABASE_URL names a role that owns nothing, as it should, set
DATABASE_OWNER_URL to the role that owns the tables and run this at each release and after each "schedule adopt".`,
    )
    .action(async () => {
      const database = await connect(readSettings(line.around.env, line.around.cwd));
      try {
        const role = await prepareAnew(database);
        line.around.stdout.write(`The database is ready for this release, and ${role} may use it.\n`);
      } finally {
        await database.close();
      }
    });

  declare(line, 'backup <file>', 'copy the whole database into a new file, read back and verified', 'backup /srv/backups/2026-11-22.zip', [
    JSON_OUT,
  ])
    .addHelpText(
      'after',
      `
It is one zip with every table as text, readable by its owner alone, and holds names and births: keep it as safe as the
database. It does not hold the bags of the archive nor the documents; back those folders up as well.
Backups in RETENTION_HOME/backups older than KEEP_DAYS are deleted by the night; those elsewhere are yours to delete.`,
    )
    .action((file: string, options: CommonOptions) =>
      withContext(line.around, options, 'read', async (context) => print(context, options, await backUp(context, file), backupWords)),
    );

  declare(line, 'restore-backup <file>', 'restore a backup into an empty database', 'restore-backup /srv/backups/2026-11-22.zip', [
    AS_OF,
    JSON_OUT,
  ])
    .addHelpText(
      'after',
      `
The database is the one that DATABASE_URL names, or the embedded one of a new RETENTION_HOME; it may be another version of
PostgreSQL (15 or later) than the one backed up. Set DOCUMENT_ROOT and ARCHIVE_URL as they were: bags of files that were
archived after the backup are taken over. Then nothing is listed or archived until an authoriser releases the brake.`,
    )
    .option('--document-root-is-right', 'go on though none of the documents is under DOCUMENT_ROOT: they are truly gone')
    .action(async (file: string, options: RestoreOptions) => {
      const restored = await restoreBackup(line.around, options, file);
      print({ around: line.around, rehearsal: restored.installation.kind === 'rehearsal' }, options, restored, restoredWords);
      line.exitWith(3);
    });

  declare(line, 'doctor', 'what is wrong with this installation, and what to do next; writes nothing', 'doctor --bags', [AS_OF, JSON_OUT])
    .option('--bags', 'read every bag of the archive back and verify it, however long that takes')
    .addHelpText('after', '\nExit 0 when all is well, 3 with warnings, 1 with faults.')
    .action(async (options: DoctorOptions) => {
      const { findings, rehearsal } = await examine(line.around, options);
      print({ around: line.around, rehearsal }, options, findings, findingsWords);
      const worst = (level: Finding['level']) => findings.some((finding) => finding.level === level);
      line.exitWith(worst('fault') ? 1 : worst('warning') ? 3 : 0);
    });
}

function findingsWords(findings: Finding[]): string {
  return findings
    .map(
      ({ check, level, says, next }) => `${level.padEnd(7)}  ${check}: ${printable(says)}${next ? `\n         -> ${printable(next)}` : ''}`,
    )
    .join('\n');
}

function backupWords({ file, sha256, size, tables, rows, audit }: Backup): string {
  return `Written to ${file}: ${tables} tables, ${rows} rows, ${size} bytes, read back and verified.\nSHA-256: ${sha256}\nAudit head: ${audit.head} (${audit.events} events)`;
}

function restoredWords(restored: Restored): string {
  const { installation, backup_as_of, backup_made_at, tables, rows, audit, migrated, taken_over, left, not_in_store } = restored;
  return [
    `Restored the ${installation.kind} database ${installation.id} as it was on ${longDate(backup_as_of)} (${backup_made_at}): ${tables} tables, ${rows} rows.`,
    `Its audit chain is whole: ${audit.events} events, head ${audit.head}.`,
    ...(migrated.length > 0 ? [`Brought up to this release by ${migrated.join(', ')}.`] : []),
    taken_over.length === 0
      ? 'No bag in the archive is newer than the backup.'
      : `Bags of the archive that are newer than the backup, taken over: ${taken_over.length}`,
    ...taken_over.map(takenOverWords),
    ...left.map(({ bag, why }) => `Left as it is: ${bag}: ${why}.`),
    ...not_in_store.map((bag) => `Not in the archive store, though the database names it: ${bag}.`),
    'Everybody is signed out: tokens, one-time codes and recovery codes have ended. People sign in again on the site; an admin who has no password there is let in by "retention users recover". Accounts closed, and roles and passwords changed, since the backup are as they were before: look through the people first.',
    'The brake "restored" is on. Before it is released, confirm:',
    ...CONFIRM_BEFORE_RELEASE.map((one) => `  - ${one};`),
    'Then an authoriser runs: retention brake release restored --reason "…". Import the latest extract with the next night.',
  ].join('\n');
}

function takenOverWords({ file_ref, bag, archived_on, as, list, list_from_bags, was_registered, sources, holds }: TakenOver): string {
  const details = [
    as === 'archived' ? `archived on ${shortDate(archived_on)}` : `${as.replaceAll('_', ' ')} since ${shortDate(archived_on)}`,
    `on list ${list}${list_from_bags ? ' (its signature is known from the bags alone)' : ''}`,
    `sources: ${sources.gone} gone, ${sources.still_there} still there`,
    ...(was_registered ? [] : ['the register of the backup did not have the file']),
    ...(holds.length > 0 ? [`COVERED BY HOLD ${holds.join(', ')} of the backup: find out how it was archived`] : []),
  ];
  return `  ${file_ref} (${bag}): ${details.join('; ')}`;
}
