/** Backing up and restoring as commands do it: with the settings, the folders and the clock that a database needs around it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openArchiveStore } from '../db/archiveStore.ts';
import { makeBackup, type Backup } from '../db/backup.ts';
import { placeOf, verifyBackup, withBackup, type Manifest } from '../db/backupFile.ts';
import { connect } from '../db/connect.ts';
import { refuseUnlessEmpty, restoreDatabase, type Restored } from '../db/fromBackup.ts';
import { requireClocksAgree } from '../db/installation.ts';
import { prepare } from '../db/prepare.ts';
import { Refusal } from '../rules/refusal.ts';
import { businessDate, type CommonOptions, type Context, type Surroundings } from './context.ts';
import { readSettings, UsageError, type Settings } from './settings.ts';

/** Backs the database of the context up into a new file. */
export async function backUp({ db, asOf }: Context, file: string): Promise<Backup> {
  return makeBackup(db, file, { product: productVersion(), asOf });
}

export interface RestoreOptions extends CommonOptions {
  /** Go on though none of the documents is under the document root. */
  documentRootIsRight?: boolean;
}

/**
 * Restores a backup into the empty database that the settings name. Not through a context: that would first make the
 * database a new installation. Throws a Refusal, with nothing changed.
 */
export async function restoreBackup(around: Surroundings, options: RestoreOptions, file: string): Promise<Restored> {
  const settings = readSettings(around.env, around.cwd);
  const { store, location } = placeOf(file);
  return withBackup(store, location, async (backup) => {
    const { kind } = backup.manifest.installation;
    const asOf = businessDate(around, options, backup.manifest.installation, 'write');
    refuseSettings(settings, kind);
    await verifyBackup(backup, location);
    const database = await connect(settings);
    try {
      await refuseUnlessEmpty(database.db);
      if (kind === 'live') await requireClocksAgree(database.db, asOf);
      const archive = openArchiveStore(settings.archiveUrl);
      const roots = { documentRoot: settings.documentRoot, archiveRoot: fileURLToPath(archive.url) };
      const restoring = { asOf, store: archive, ...roots, rootIsRight: options.documentRootIsRight ?? false };
      const restored = await database.asOwner((owner) => restoreDatabase(owner, backup, restoring));
      await prepare(database);
      return restored;
    } finally {
      await database.close();
    }
  });
}

/** The version of this product, as package.json has it. */
export function productVersion(): string {
  const content = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(content) as { version: string }).version;
}

function refuseSettings(settings: Settings, kind: Manifest['installation']['kind']): void {
  if (kind === 'rehearsal') return;
  if (settings.rehearsal) {
    throw new Refusal(
      'database_is_live',
      'RETENTION_REHEARSAL=1 is set, but this is the backup of a live database, and what a database is never changes. Nothing was changed. Unset it to restore.',
    );
  }
  if (settings.coolingOffDays < 1) throw new UsageError('COOLING_OFF_DAYS must be at least 1 in a live database.');
}
