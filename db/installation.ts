/** Which database this is: live or rehearsal, fixed when it is made; and whose the folders are that it works on. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Knex } from 'knex';
import { addDays, longDate, type IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import { systemCode } from './fileIo.ts';

export interface Installation {
  id: string;
  kind: 'live' | 'rehearsal';
}

/** The installation of this database; made on first use, a rehearsal if asked for at that moment. */
export async function openInstallation(db: Knex, rehearsal: boolean): Promise<Installation> {
  await db('installation')
    .insert({ kind: rehearsal ? 'rehearsal' : 'live' })
    .onConflict('only_row')
    .ignore();
  const installation = await db<Installation>('installation').first<Installation>('id', 'kind');
  if (rehearsal && installation.kind === 'live') {
    throw new Refusal(
      'database_is_live',
      'RETENTION_REHEARSAL=1 is set, but this is a live database, and what a database is never changes. Unset it to work on the live one, or name another RETENTION_HOME or DATABASE_URL to rehearse.',
    );
  }
  return installation;
}

/** The folders a database works on; paths, which need not exist yet. */
export interface Roots {
  documentRoot: string;
  archiveRoot: string;
}

/** Refuses folders that belong to another database, or that lie one in the other; a live database marks its own. */
export async function claimRoots(db: Knex, installation: Installation, roots: Roots): Promise<void> {
  await db.transaction(async (trx) => {
    // One at a time: of two first starts the second must see the mark whole, and on record.
    if (installation.kind === 'live') await trx.raw("select pg_advisory_xact_lock(hashtext('roots'))");
    await refuseOthersRoots(trx, installation, roots);
    if (installation.kind === 'live') for (const root of [roots.documentRoot, roots.archiveRoot]) await markRoot(trx, installation, root);
  });
}

/** The same without marking anything. */
export async function refuseOthersRoots(db: Knex, installation: Installation, { documentRoot, archiveRoot }: Roots): Promise<void> {
  if (isWithin(documentRoot, archiveRoot) || isWithin(archiveRoot, documentRoot)) {
    throw new Refusal('roots_nested', 'DOCUMENT_ROOT and ARCHIVE_URL lie one inside the other. Give the archive a folder of its own.');
  }
  for (const root of [documentRoot, archiveRoot]) await refuseOthersRoot(db, installation, root);
}

/**
 * Refuses a business date ahead of the database's own clock: a machine whose clock runs ahead must not archive early. Behind it may
 * be by a day, as a night is that began before midnight; one further behind would sign and list as of days gone by.
 */
export async function requireClocksAgree(db: Knex, asOf: IsoDate): Promise<void> {
  const result = await db.raw<{ rows: { today: IsoDate }[] }>("select (now() at time zone 'Europe/London')::date as today");
  const today = result.rows[0]?.today ?? '';
  if (addDays(today, -1) <= asOf && asOf <= today) return;
  throw new Refusal(
    asOf > today ? 'clock_ahead' : 'clock_behind',
    `This machine says it is ${longDate(asOf)}, but for the database it is ${longDate(today)}. Nothing was done; set the clocks right.`,
  );
}

/** Throws the Refusal of `claimRoots` when a folder that a live database marked bears its mark no more; a share can go at any moment. */
export async function requireMark(db: Knex, root: string): Promise<void> {
  const installation = await db<Installation>('installation').first<Installation | undefined>('id', 'kind');
  if (installation?.kind === 'live') await refuseOthersRoot(db, installation, root);
}

async function refuseOthersRoot(db: Knex, installation: Installation, root: string): Promise<void> {
  const owner = await readMarker(root);
  if (owner !== null && owner !== installation.id) {
    throw new Refusal(
      'root_is_anothers',
      `The folder ${root} belongs to another, live database (${markerOf(root)} says so). Nothing was read. Set DOCUMENT_ROOT and ARCHIVE_URL to folders of this database.`,
    );
  }
  if (owner !== null || installation.kind === 'rehearsal') return;
  if (await db('claimed_roots').where({ path: root }).first<object | undefined>('path')) {
    throw new Refusal(
      'root_lost_its_mark',
      `The folder ${root} was marked as this database's, and ${markerOf(root)} is gone: perhaps the share is not mounted. Nothing was done. Mount it; if the folder is truly the right one, write ${installation.id} into ${markerOf(root)}.`,
    );
  }
}

async function markRoot(db: Knex, installation: Installation, root: string): Promise<void> {
  if ((await readMarker(root)) !== null) return;
  await mkdir(root, { recursive: true, mode: 0o700 });
  await writeFile(markerOf(root), `${installation.id}\n`, { mode: 0o600 });
  await db('claimed_roots').insert({ path: root });
}

function markerOf(root: string): string {
  return join(root, '.retention');
}

async function readMarker(root: string): Promise<string | null> {
  try {
    return (await readFile(markerOf(root), 'utf8')).trim();
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** True when a folder is another one, or lies in it. */
export function isWithin(inner: string, outer: string): boolean {
  const path = relative(outer, inner);
  return path === '' || (path !== '..' && !path.startsWith(`..${sep}`) && !path.startsWith(sep));
}
