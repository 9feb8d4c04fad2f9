/** The doctor: gathers what this installation is and how it fares, writing nothing, and says what is wrong and what to do. */
import { fileURLToPath } from 'node:url';
import type { Knex } from 'knex';
import { openArchiveStore } from '../../db/archiveStore.ts';
import { connect, hasDatabase } from '../../db/connect.ts';
import { seenOf } from '../../db/disposalLook.ts';
import { readInstallation, recordedBags, registerHealth, serverHealth, serviceHealth, type ServerHealth } from '../../db/health.ts';
import { whatDiffers } from '../../db/identity.ts';
import type { Installation } from '../../db/installation.ts';
import { dueDocumentsAway } from '../../db/listedDocuments.ts';
import { knownSchedule, unreadableInForce } from '../../db/schedules.ts';
import { todayInLondon } from '../clock.ts';
import { businessDate, tracesOf, type CommonOptions, type Surroundings } from '../context.ts';
import { describeError } from '../log.ts';
import { readSettings, UsageError, type Settings } from '../settings.ts';
import { clockFindings, fault, ok, safetyFindings, serverFindings, warning, type Circumstance, type Finding } from './findings.ts';
import { bagFindings, folderFindings, lookAt, lookAtBags } from './folders.ts';
import { evidenceFindings, identityFindings, nightFindings, peopleFindings, registerFindings } from './serviceFindings.ts';

export interface DoctorOptions extends CommonOptions {
  /** Read every bag back and verify it. */
  bags?: boolean;
}

/** Every finding, in the order in which they are best put right. */
export async function examine(around: Surroundings, options: DoctorOptions): Promise<{ findings: Finding[]; rehearsal: boolean }> {
  const settings = readOrExplain(around);
  if (Array.isArray(settings)) return { findings: settings, rehearsal: false };
  const findings = [ok('settings', 'Every setting can be used.')];
  try {
    if (!(await hasDatabase(settings))) return { findings: [...findings, noDatabase(settings)], rehearsal: settings.rehearsal };
    const database = await connect(settings);
    try {
      const examined = await examineDatabase(around, options, settings, database);
      return { findings: [...findings, ...examined.findings], rehearsal: examined.rehearsal };
    } finally {
      await database.close();
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const stopped = fault('database', describeError(error), 'Put this right first; the rest could not be examined.');
    return { findings: [...findings, stopped], rehearsal: false };
  }
}

/** Connecting would make the embedded database, and the doctor writes nothing. */
function noDatabase({ home }: Settings): Finding {
  return warning(
    'database',
    `DATABASE_URL is not set, and there is no embedded database under ${home} yet.`,
    'Set DATABASE_URL, or RETENTION_HOME to the folder of this installation; if it is new, the first command makes the database.',
  );
}

function readOrExplain(around: Surroundings): Settings | Finding[] {
  try {
    return readSettings(around.env, around.cwd);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.message
      .split('\n')
      .map((says) => fault('settings', says, 'Correct it in the environment or in .env; nothing else could be examined.'));
  }
}

async function examineDatabase(
  around: Surroundings,
  options: DoctorOptions,
  settings: Settings,
  { db, embedded }: { db: Knex; embedded: boolean },
): Promise<{ findings: Finding[]; rehearsal: boolean }> {
  const server = await serverHealth(db);
  const findings = serverFindings(server);
  const { none, missing, unknown } = server.migrations;
  if (none || missing.length > 0 || unknown.length > 0) return { findings, rehearsal: settings.rehearsal };
  const installation = await readInstallation(db);
  if (!installation) {
    findings.push(
      warning(
        'installation',
        'No command has used this database yet.',
        'The first one makes it live, or a rehearsal with RETENTION_REHEARSAL=1.',
      ),
    );
    return { findings, rehearsal: settings.rehearsal };
  }
  const where = circumstance(around, options, settings, installation, embedded);
  findings.push(...(await examineInstallation(db, { installation, server, settings, where, everyBag: options.bags === true })));
  return { findings, rehearsal: installation.kind === 'rehearsal' };
}

interface Examined {
  installation: Installation;
  server: ServerHealth;
  settings: Settings;
  where: Circumstance;
  everyBag: boolean;
}

async function examineInstallation(db: Knex, { installation, server, settings, where, everyBag }: Examined): Promise<Finding[]> {
  const service = await serviceHealth(db, where.asOf);
  const bags = await recordedBags(db);
  const store = openArchiveStore(settings.archiveUrl);
  const archiveRoot = fileURLToPath(store.url);
  const claimed = (path: string) => service.claimedRoots.includes(path);
  const folders = [
    await lookAt('RETENTION_HOME', settings.home, { claimed: false, needed: where.embedded }),
    await lookAt('DOCUMENT_ROOT', settings.documentRoot, { claimed: claimed(settings.documentRoot), needed: service.documents > 0 }),
    await lookAt('ARCHIVE_URL', archiveRoot, { claimed: claimed(archiveRoot), needed: bags.length > 0 }),
  ];
  return [
    ...misnamed(installation, settings),
    ...safetyFindings(installation, server, where),
    ...clockFindings(installation, server, where),
    ...folderFindings(installation, folders, await dueDocumentsAway(db, settings.documentRoot, where.asOf)),
    ...identityFindings(await whatDiffers(db, await seenOf(await tracesOf({ db, settings, installation })))),
    ...nightFindings(service, where),
    ...(await examineRegister(db, where)),
    ...bagFindings(await lookAtBags(store, bags, everyBag), everyBag),
    ...evidenceFindings(service),
    ...peopleFindings(installation, service, server.now),
  ];
}

async function examineRegister(db: Knex, { asOf }: Circumstance): Promise<Finding[]> {
  const unreadable = await unreadableInForce(db, asOf);
  const schedule = await knownSchedule(db, asOf);
  if (!schedule)
    return [
      warning('schedule', 'No schedule has been taken over yet.', 'The next command takes over the one that ships with the product.'),
    ];
  return [
    ...(unreadable ? [unreadableFinding(unreadable)] : []),
    ...registerFindings(await registerHealth(db, schedule), schedule.version),
  ];
}

function unreadableFinding({ version, why }: { version: string; why: string }): Finding {
  return fault(
    'schedule',
    `The schedule in force, version ${version}, cannot be read: ${why}. Nothing is listed or archived under it.`,
    `Adopt a corrected version: retention schedule adopt FILE --from DAY; or two people take this one back: retention schedule withdraw ${version} --reason "…".`,
  );
}

function misnamed({ kind }: Installation, settings: Settings): Finding[] {
  if (kind === 'rehearsal' || !settings.rehearsal) return [];
  return [
    fault(
      'settings',
      'RETENTION_REHEARSAL=1 is set, but this is a live database, and what a database is never changes.',
      'Unset it, or name the database of the rehearsal.',
    ),
  ];
}

function circumstance(
  around: Surroundings,
  options: DoctorOptions,
  settings: Settings,
  installation: Installation,
  embedded: boolean,
): Circumstance {
  return {
    asOf: businessDate(around, options, installation, 'read'),
    maxAgeDays: settings.maxAgeDays,
    coolingOffDays: settings.coolingOffDays,
    embedded,
    asRoot: process.getuid?.() === 0,
    machineNow: around.clock().getTime(),
    machineToday: todayInLondon(around.clock),
  };
}
