/** The folders of an installation as they are on this machine, the bags in the archive store, and what the doctor says of them. */
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArchiveStore } from '../../db/archiveStore.ts';
import { BagDamaged, verifyBag } from '../../db/bag.ts';
import { storyOf } from '../../db/bagStory.ts';
import { systemCode } from '../../db/fileIo.ts';
import type { RecordedBag } from '../../db/health.ts';
import type { Installation } from '../../db/installation.ts';
import type { Measured } from '../../db/listedDocuments.ts';
import { readMark } from '../../db/rootMark.ts';
import { isWithin } from '../../db/roots.ts';
import { StoreProblem } from '../../db/storeProblem.ts';
import { bagsInStore } from '../../db/takeOver.ts';
import { fault, ok, some, warning, type Finding } from './findings.ts';

export interface FolderState {
  setting: 'RETENTION_HOME' | 'DOCUMENT_ROOT' | 'ARCHIVE_URL';
  path: string;
  exists: boolean;
  writable: boolean;
  /** The id in its mark; null without one. */
  mark: string | null;
  /** This database has marked it. */
  claimed: boolean;
  /** Something in the database is in there, so that it must exist. */
  needed: boolean;
  /** Part of its disk that is free, from 0 to 1; null where that cannot be found out. */
  free: number | null;
}

export interface BagsState {
  recorded: number;
  tried: number;
  missing: string[];
  damaged: string[];
  /** Whole, and not what was signed: made anew by somebody. In words, each with its location. */
  unlike: string[];
  /** In the store, and no row of the database names them. */
  unknown: string[];
}

const SAMPLE = 1000;
const LITTLE_SPACE = 0.05;

/** Looks at a folder, and makes nothing. */
export async function lookAt(
  setting: FolderState['setting'],
  path: string,
  known: Pick<FolderState, 'claimed' | 'needed'>,
): Promise<FolderState> {
  const exists = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const writable =
    exists &&
    (await access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    ));
  return { setting, path, exists, writable, mark: await markOf(path), free: await freeShare(path), ...known };
}

/** Compares the store with what the database says is in it; `every` bag is read back and verified, else a sample looked for. */
export async function lookAtBags(store: ArchiveStore, bags: readonly RecordedBag[], every: boolean): Promise<BagsState> {
  const there = new Set(await bagsInStore(store));
  const places = new Set(bags.flatMap((bag) => [bag.location, bag.move_to]));
  const tried = every ? bags : sampleOf(bags);
  const missing = tried.filter((bag) => !there.has(bag.location) && !there.has(bag.move_to ?? '')).map((bag) => bag.location);
  const damaged: string[] = [];
  const unlike: string[] = [];
  for (const bag of every ? tried : []) {
    const fault = await faultOf(store, bag, there);
    if (fault === 'damaged') damaged.push(bag.location);
    else if (fault !== null) unlike.push(`${bag.location} (${fault.unlike})`);
  }
  return {
    recorded: bags.length,
    tried: tried.length,
    missing,
    damaged,
    unlike,
    unknown: [...there].filter((location) => !places.has(location)),
  };
}

/** Whether each folder is there, ours, and has room; `away` is what was found of due documents where the root is away. */
export function folderFindings(installation: Installation, folders: readonly FolderState[], away?: Measured | null): Finding[] {
  const findings = folders.flatMap((folder) => [
    ...presenceFindings(folder),
    ...markFindings(installation, folder),
    ...spaceFindings(folder),
  ]);
  const [documents, archive] = ['DOCUMENT_ROOT', 'ARCHIVE_URL'].map(
    (setting) => folders.find((folder) => folder.setting === setting)?.path ?? '',
  );
  if (documents && archive && (isWithin(documents, archive) || isWithin(archive, documents)))
    findings.push(fault('folders', 'DOCUMENT_ROOT and ARCHIVE_URL lie one inside the other.', 'Give the archive a folder of its own.'));
  if (away)
    findings.push(
      fault(
        'folders',
        `Of ${away.documents} documents of due files looked for under DOCUMENT_ROOT (${documents}), ${away.documents - away.unreadable} are there: nothing is listed.`,
        'Mount its share, or correct the setting; documents that are truly gone come out of documents.csv.',
      ),
    );
  return findings.length > 0 ? findings : [ok('folders', 'Home, document root and archive are there, ours, and have room.')];
}

/** Whether what was archived is where it should be. */
export function bagFindings({ recorded, tried, missing, damaged, unlike, unknown }: BagsState, every: boolean): Finding[] {
  const findings: Finding[] = [];
  if (missing.length > 0)
    findings.push(
      fault(
        'bags',
        `Not in the archive store: ${some(missing)}.`,
        'Check ARCHIVE_URL and that its share is mounted; if they are right, bring them back from a backup of the archive.',
      ),
    );
  if (damaged.length > 0)
    findings.push(
      fault(
        'bags',
        `Damaged: ${some(damaged)}.`,
        'Bring them back from a backup of the archive, and verify again: retention doctor --bags.',
      ),
    );
  if (unlike.length > 0)
    findings.push(
      fault(
        'bags',
        `Not what was signed: ${some(unlike)}.`,
        'Somebody made them anew. Keep them, and bring those that were written back from a backup of the archive.',
      ),
    );
  if (unknown.length > 0)
    findings.push(
      warning(
        'bags',
        `In the archive store, and unknown to the database: ${some(unknown)}.`,
        'A night under way or a crash leaves such a bag, and the next night clears or finishes it; one that stays is to be looked into, never deleted unread.',
      ),
    );
  const how = every
    ? 'read back and verified'
    : `in place${tried < recorded ? ` (${tried} of ${recorded} looked for)` : ''}; "retention doctor --bags" reads each one back`;
  return findings.length > 0 ? findings : [ok('bags', recorded === 0 ? 'Nothing is archived yet.' : `${tried} bags are ${how}.`)];
}

function presenceFindings({ setting, path, exists, writable, needed }: FolderState): Finding[] {
  if (!exists) return needed ? [fault('folders', `${setting} (${path}) is not there.`, 'Mount the share, or correct the setting.')] : [];
  return writable ? [] : [fault('folders', `${setting} (${path}) cannot be read and written by this user.`, 'Give this user the folder.')];
}

function markFindings({ id, kind }: Installation, { setting, path, mark, claimed, exists }: FolderState): Finding[] {
  if (setting === 'RETENTION_HOME') return [];
  if (mark !== null && mark !== id)
    return [
      fault(
        'folders',
        `${setting} (${path}) bears the mark of another, live database.`,
        'Set it to a folder of this database. Do not remove the mark.',
      ),
    ];
  if (kind === 'rehearsal' || mark !== null) return [];
  if (claimed)
    return [
      fault(
        'folders',
        `${setting} (${path}) has lost this database's mark: perhaps the share is not mounted.`,
        `Mount it; if it is truly the right folder, write ${id} into ${join(path, '.retention')}.`,
      ),
    ];
  return exists
    ? [
        warning(
          'folders',
          `${setting} (${path}) does not bear this database's mark yet.`,
          'The next command that writes marks it; make sure that it is the right folder.',
        ),
      ]
    : [];
}

function spaceFindings({ setting, path, free }: FolderState): Finding[] {
  if (setting === 'DOCUMENT_ROOT' || free === null || free >= LITTLE_SPACE) return [];
  return [
    warning('disk', `The disk of ${setting} (${path}) has ${(free * 100).toFixed(1)} % free.`, 'Make room: a full disk stops the night.'),
  ];
}

async function markOf(path: string): Promise<string | null> {
  return readMark(path).then(
    (mark) => mark?.id ?? null,
    () => null,
  );
}

/** Of the nearest folder above that exists: a folder not made yet will lie on the same disk. */
async function freeShare(path: string): Promise<number | null> {
  try {
    const { bavail, blocks } = await statfs(path);
    return blocks === 0 ? null : bavail / blocks;
  } catch (error) {
    const above = dirname(path);
    return systemCode(error) === 'ENOENT' && above !== path ? freeShare(above) : null;
  }
}

/** Evenly over all of them, oldest to newest. */
function sampleOf(bags: readonly RecordedBag[]): readonly RecordedBag[] {
  const step = Math.max(1, Math.ceil(bags.length / SAMPLE));
  return bags.filter((_, index) => index % step === 0);
}

async function faultOf(store: ArchiveStore, bag: RecordedBag, there: ReadonlySet<string>): Promise<'damaged' | { unlike: string } | null> {
  const location = there.has(bag.location) ? bag.location : bag.move_to;
  if (location === null || !there.has(location)) return null;
  try {
    const story = storyOf(await verifyBag(store, location, bag), location);
    return typeof story === 'string' ? { unlike: story } : null;
  } catch (error) {
    if (error instanceof BagDamaged) return 'damaged';
    if (error instanceof StoreProblem) return null;
    throw error;
  }
}
