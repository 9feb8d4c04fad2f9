/** Whose the folders are that a database works on: a live one marks its own, refuses any other, and takes a new one at a person's word alone. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Knex } from 'knex';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { openArchiveStore, type ArchiveStore } from './archiveStore.ts';
import { auditHead, recordEvent } from './audit.ts';
import { brakesOn } from './brakes.ts';
import { readIdentity, whatDiffers, type Seen } from './identity.ts';
import type { Installation } from './installation.ts';
import { markOf, readMark, ROOT_KINDS, writeMark, type RootKind, type RootMark } from './rootMark.ts';

/** The folders a database works on; paths, which need not exist yet. */
export interface Roots {
  documentRoot: string;
  archiveRoot: string;
}

/** A folder that bears, or bore, the mark of this database. */
export interface ClaimedRoot {
  path: string;
  kind: RootKind | null;
  claimed_at: Date;
  claimed_by: string | null;
  reason: string | null;
}

const ROOTS: Record<RootKind, { setting: string; words: string }> = {
  documents: { setting: 'DOCUMENT_ROOT', words: 'document root' },
  archive: { setting: 'ARCHIVE_URL', words: 'archive' },
};

export function rootsOf(store: Pick<ArchiveStore, 'url'>, documentRoot: string): Roots {
  return { documentRoot, archiveRoot: fileURLToPath(store.url) };
}

/**
 * Refuses folders that belong to another database, that lie one in the other, or that a live database has not marked although it has
 * marked others; its first ones it marks here. Returns in words what was made for it: default folders lie under `home` and need none.
 */
export async function claimRoots(db: Knex, installation: Installation, roots: Roots, home: string): Promise<string[]> {
  return db.transaction(async (trx) => {
    // One at a time: of two first starts the second must see the mark whole, and on record.
    if (installation.kind === 'live') await lockRoots(trx);
    refuseNested(roots);
    for (const kind of ROOT_KINDS) await refuseOthersRoot(trx, installation, kind, pathOf(roots, kind));
    if (installation.kind === 'rehearsal') return [];
    const made: string[] = [];
    for (const kind of ROOT_KINDS) made.push(...(await claimFirst(trx, installation, kind, pathOf(roots, kind), home)));
    return made;
  });
}

/** Refuses what bears the mark of another database, or lies one in the other, and asks nothing more: a restored database is asked by its next command. */
export async function refuseRootsOfOthers(installation: Installation, roots: Roots): Promise<void> {
  refuseNested(roots);
  for (const kind of ROOT_KINDS) await refuseMarkOfAnother(installation, kind, pathOf(roots, kind));
}

/**
 * Marks a folder as this database's in place of the one it had, at a person's word. Throws a Refusal where the folder is not there, is
 * another database's, or is the other root of this one.
 */
export async function claimRoot(
  trx: Knex.Transaction,
  installation: Installation,
  { kind, roots, reason }: { kind: RootKind; roots: Roots; reason: string },
  person: Person,
): Promise<{ root: RootKind; path: string; before: string | null }> {
  requirePermission(person, 'claim_root');
  const path = pathOf(roots, kind);
  if (reason.trim() === '') throw new Refusal('reason_missing', 'Say why this folder is the right one with --reason "…".');
  if (installation.kind === 'rehearsal')
    throw new Refusal('rehearsal_marks_nothing', 'This is a rehearsal, and only a live database marks its folders.');
  await lockRoots(trx);
  refuseNested(roots);
  if (!(await isFolder(path))) throw notThere(kind, path);
  await refuseMarkOfAnother(installation, kind, path);
  const [before] = await claimedOf(trx, kind);
  await trx('claimed_roots').insert({ path, kind, claimed_by: person.name, reason: reason.trim() }).onConflict('path').ignore();
  await recordEvent(trx, person.name, 'root.claimed', { root: kind });
  // A mark that is there already says which database was last at work on it, and that stays to be seen.
  if ((await readMark(path)) === null) await mark(trx, installation, kind, path, null);
  return { root: kind, path, before: before && before.path !== path ? before.path : null };
}

/** Every folder that this database has marked, the latest of each kind first. */
export async function readClaimedRoots(db: Knex): Promise<ClaimedRoot[]> {
  return db<ClaimedRoot>('claimed_roots').orderBy([{ column: 'kind' }, { column: 'claimed_at', order: 'desc' }]);
}

/**
 * Throws the Refusal of `claimRoots` when a folder of a live database bears its mark no more, for a share can go at any moment; and
 * another where a database that is not this one has worked on it since: two never work on one root.
 */
export async function requireOurRoots(db: Knex, roots: Roots): Promise<void> {
  const installation = await db<Installation>('installation').first<Installation | undefined>('id', 'kind');
  if (installation?.kind !== 'live') return;
  for (const kind of ROOT_KINDS) await refuseOthersRoot(db, installation, kind, pathOf(roots, kind));
  const { words } = await whatDiffers(db, await seenInRoots(roots));
  if (words.length === 0) return;
  throw new Refusal(
    'another_database_at_work',
    `Another copy of this database works on the same folders: ${words.join('; ')}. This run stops here. Stop the nights of the one that is not to go on.`,
  );
}

/** What the marks of the roots say of the database that was last at work on them; nothing where there are none. */
export async function seenInRoots(roots: Roots): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (const kind of ROOT_KINDS) {
    const found = await readMark(pathOf(roots, kind));
    const where = `the ${ROOTS[kind].words}`;
    if (found) seen.push({ where, identity: found.identity, head: found.head && { where, ...found.head } });
  }
  return seen;
}

/**
 * Writes into the roots of a live database which one it is, and the end of its audit: a database that later comes back from before
 * this moment is known by it. Nothing is written while there is doubt which one it is. Call it before sources are removed, and when
 * anything was done; never in a transaction, whose events may yet be undone.
 */
export async function noteInRoots(db: Knex, roots: Roots): Promise<void> {
  if (!(await isLive(db)) || (await brakesOn(db)).some(({ name }) => name === 'restored')) return;
  if ((await whatDiffers(db, await seenInRoots(roots))).words.length === 0) await markRoots(db, roots);
}

/** The same whatever the marks say: once a person has released the brake `restored`, and that has committed. */
export async function markRoots(db: Knex, roots: Roots): Promise<void> {
  const installation = await db<Installation>('installation').first<Installation | undefined>('id', 'kind');
  if (installation?.kind !== 'live') return;
  const head = await auditHead(db);
  for (const kind of ROOT_KINDS) {
    const path = pathOf(roots, kind);
    await refuseOthersRoot(db, installation, kind, path);
    await mark(db, installation, kind, path, head);
  }
}

/** True when a folder is another one, or lies in it. */
export function isWithin(inner: string, outer: string): boolean {
  const path = relative(outer, inner);
  return path === '' || (path !== '..' && !path.startsWith(`..${sep}`) && !path.startsWith(sep));
}

async function lockRoots(trx: Knex.Transaction): Promise<void> {
  await trx.raw("select pg_advisory_xact_lock(hashtext('roots'))");
}

function pathOf({ documentRoot, archiveRoot }: Roots, kind: RootKind): string {
  return kind === 'documents' ? documentRoot : archiveRoot;
}

function refuseNested({ documentRoot, archiveRoot }: Roots): void {
  if (!isWithin(documentRoot, archiveRoot) && !isWithin(archiveRoot, documentRoot)) return;
  throw new Refusal('roots_nested', 'DOCUMENT_ROOT and ARCHIVE_URL lie one inside the other. Give the archive a folder of its own.');
}

async function refuseOthersRoot(db: Knex, installation: Installation, kind: RootKind, path: string): Promise<void> {
  const found = await refuseMarkOfAnother(installation, kind, path);
  if (found !== null || installation.kind === 'rehearsal') return;
  const claimed = await claimedOf(db, kind);
  const { setting, words } = ROOTS[kind];
  if (claimed.some((root) => root.path === path)) {
    throw new Refusal(
      'root_lost_its_mark',
      `The folder ${path} was marked as this database's, and ${markOf(path)} is gone: perhaps the share is not mounted. Nothing was done. Mount it; if the folder is truly the right one, write ${installation.id} into ${markOf(path)}.`,
    );
  }
  const [latest] = claimed;
  if (!latest) return;
  throw new Refusal(
    'root_is_not_ours',
    `The ${words} of this database is ${latest.path}, and ${setting} names ${path}, which does not bear its mark. Nothing was done. Set ${setting} to the right folder. If the ${words} has moved, move its mark (${markOf(latest.path)}) with it; where that cannot be, an authoriser or admin says so: retention roots claim ${kind} --reason "…".`,
  );
}

/** Returns the mark, which is ours, or null where there is none. */
async function refuseMarkOfAnother(installation: Installation, kind: RootKind, path: string): Promise<RootMark | null> {
  const found = await readMark(path);
  if (found === null) return null;
  if (found.id !== installation.id) {
    throw new Refusal(
      'root_is_anothers',
      `The folder ${path} belongs to another, live database (${markOf(path)} says so). Nothing was read. Set DOCUMENT_ROOT and ARCHIVE_URL to folders of this database.`,
    );
  }
  if (found.kind === null || found.kind === kind) return found;
  throw new Refusal(
    'root_is_the_other',
    `The folder ${path} is the ${ROOTS[found.kind].words} of this database, and ${ROOTS[kind].setting} names it. Nothing was done. Set each setting to its own folder.`,
  );
}

/** What was claimed as this kind, the latest first; of what an earlier release marked nobody knows which kind it is. */
async function claimedOf(db: Knex, kind: RootKind): Promise<ClaimedRoot[]> {
  return db<ClaimedRoot>('claimed_roots')
    .where((either) => void either.where({ kind }).orWhereNull('kind'))
    .orderBy([
      { column: 'kind', nulls: 'last' },
      { column: 'claimed_at', order: 'desc' },
    ]);
}

/** Marks the first folder of its kind; one that bears the mark already is entered where it lies now. Returns in words what was made. */
async function claimFirst(
  trx: Knex.Transaction,
  installation: Installation,
  kind: RootKind,
  path: string,
  home: string,
): Promise<string[]> {
  const marked = await readMark(path);
  const made = marked === null ? await makeFirst(trx, kind, path, home) : [];
  if (marked === null) await mark(trx, installation, kind, path, null);
  const entered = await trx('claimed_roots').where({ path }).first<ClaimedRoot | undefined>('kind');
  if (entered?.kind === null) await trx('claimed_roots').where({ path }).update({ kind });
  if (entered) return made;
  await trx('claimed_roots').insert({ path, kind });
  await recordEvent(trx, 'service', marked === null ? 'root.claimed' : 'root.moved', { root: kind });
  return made;
}

/** A mistyped path must not become the archive unseen: what lies elsewhere than under `home` is made only beside what is there, and told. */
async function makeFirst(trx: Knex.Transaction, kind: RootKind, path: string, home: string): Promise<string[]> {
  const { setting, words } = ROOTS[kind];
  if (kind === 'archive') await refuseForeignBags(trx, path);
  if (await isFolder(path)) return [];
  if (!isWithin(path, home) && !(await isFolder(dirname(path)))) throw notThere(kind, path);
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (isWithin(path, home)) return [];
  return [`${setting} names ${path}, which was not there. It was made, and is the ${words} of this database from now on.`];
}

async function refuseForeignBags(trx: Knex.Transaction, path: string): Promise<void> {
  const bags = await trx('bags')
    .whereNot({ state: 'cleared' })
    .select<{ location: string; move_to: string | null }[]>('location', 'move_to');
  const known = new Set(bags.flatMap(({ location, move_to }) => [location, move_to]));
  const foreign: string[] = [];
  for await (const location of openArchiveStore(path).list(''))
    if (location.endsWith('.zip') && !known.has(location)) foreign.push(location);
  if (foreign.length === 0) return;
  throw new Refusal(
    'archive_has_bags',
    `ARCHIVE_URL names ${path}, which holds ${foreign.length} bags that this database does not know. Nothing was done. Set it to the archive of this database; if it is this one, an authoriser or admin says so: retention roots claim archive --reason "…".`,
  );
}

function notThere(kind: RootKind, path: string): Refusal {
  return new Refusal(
    'root_not_there',
    `${ROOTS[kind].setting} names ${path}, which is not there. Nothing was done. Mount the share or correct the setting; if the folder is new, make it first.`,
  );
}

async function mark(db: Knex, { id }: Installation, kind: RootKind, path: string, head: RootMark['head']): Promise<void> {
  await writeMark(path, { id, kind, identity: await readIdentity(db), head });
}

async function isLive(db: Knex): Promise<boolean> {
  return (await db('installation').where({ kind: 'live' }).first<object | undefined>('id')) !== undefined;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
