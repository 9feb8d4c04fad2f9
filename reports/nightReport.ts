/** The morning's files: the retention report, the open lists, what the source system must delete, what the import rejected, the head of the audit. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { auditHead } from '../db/audit.ts';
import { systemCode } from '../db/fileIo.ts';
import { identityText } from '../db/identity.ts';
import { inOneMoment, STILL_AT_SOURCE, type RetentionFigures } from '../db/figures.ts';
import { countNight, type NightFigures } from '../db/nightFigures.ts';
import { readSourcesAgain } from '../db/sourcesAgain.ts';
import { addDays, isIsoDate, type IsoDate } from '../rules/dates.ts';
import type { Schedule } from '../rules/schedule.ts';
import { writeAuditHead } from './auditHead.ts';
import { writeCsv, writeWhole, type CsvRow } from './csv.ts';
import { LIST_COLUMNS, listReports } from './listReport.ts';
import { retentionReportHtml, retentionReportRows, RETENTION_COLUMNS } from './retentionReport.ts';

export interface NightReport {
  folder: string;
  /** Relative to the folder, in the order they were written. */
  files: string[];
  figures: NightFigures;
  /** The head of the audit that the report prints. */
  audit: { events: number; head: string };
}

interface Reporting {
  asOf: IsoDate;
  folder: string;
  rehearsal: boolean;
  /** What of this run’s log could not be written, in words; null when all of it was. */
  lost: string | null;
}

const REMOVALS_COLUMNS = ['file_ref', 'archived_on', 'first_seen_on', 'last_seen_on', 'differs', 'rehearsal'] as const;
/** Archived files of which documents that were removed lie under the document root again. */
const SOURCES_AGAIN = 'sources-again.csv';
const SOURCES_AGAIN_COLUMNS = ['file_ref', 'documents', 'since', 'rehearsal'] as const;
/** What is wrong with an extract, a line for each mistake. */
export const REJECTS_COLUMNS = ['file', 'line', 'reference', 'column', 'reason', 'rehearsal'] as const;

/** Rows fetched at a time, so that an extract rejected whole needs little memory. */
const FETCHED = 2000;

/**
 * Writes everything, all from one moment, into a folder that is made if it is not there. What a run of the same day left is
 * replaced file by file, lists that are no longer open go; other files in the folder stay. Throws when the figures do not
 * add up, with nothing written.
 */
export async function writeNightReport(db: Knex, schedule: Schedule, reporting: Reporting): Promise<NightReport> {
  return inOneMoment(db, async (trx) => {
    const { folder, asOf } = reporting;
    const figures = await countNight(trx, schedule, asOf);
    const audit = await auditHead(trx);
    const writer = {
      installation: (await trx('installation').first<{ id: string } | undefined>('id'))?.id,
      database: await identityText(trx),
    };
    await mkdir(join(folder, 'lists'), { recursive: true, mode: 0o700 });
    const lists = await writeLists(trx, schedule, reporting);
    await removeClosedLists(folder, lists);
    const files = [
      ...(await writeRetentionReport({ figures: figures.retention, schedule, audit }, reporting)),
      await writeAuditHead(folder, { as_of: asOf, ...audit, rehearsal: reporting.rehearsal, ...writer }),
      ...lists,
      ...(await writeRemovals(trx, reporting)),
      ...(await writeSourcesAgain(trx, reporting)),
      ...(await writeRejects(trx, reporting)),
    ];
    return { folder, files, figures, audit };
  });
}

/** Deletes the folders named by a date more than `keepDays` before `asOf`; anything else stays. Returns their names. */
export async function removeOldReports(reportsFolder: string, asOf: IsoDate, keepDays: number): Promise<string[]> {
  const oldest = addDays(asOf, -keepDays);
  const entries = await readdir(reportsFolder, { withFileTypes: true }).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  // A link is no folder here, so nothing outside is ever followed and deleted.
  const old = entries.filter((entry) => entry.isDirectory() && isIsoDate(entry.name) && entry.name < oldest).map((entry) => entry.name);
  for (const name of old) await rm(join(reportsFolder, name), { recursive: true });
  return old.sort();
}

async function writeRetentionReport(
  { figures, schedule, audit }: { figures: RetentionFigures; schedule: Schedule; audit: NightReport['audit'] },
  { folder, rehearsal, lost }: Reporting,
): Promise<string[]> {
  await writeWhole(join(folder, 'retention-report.html'), retentionReportHtml(figures, { schedule, rehearsal, audit, lost }));
  await writeCsv(join(folder, 'retention-report.csv'), RETENTION_COLUMNS, retentionReportRows(figures, rehearsal));
  return ['retention-report.html', 'retention-report.csv'];
}

async function writeLists(trx: Knex, schedule: Schedule, { folder, asOf, rehearsal }: Reporting): Promise<string[]> {
  const files: string[] = [];
  for await (const { id, rows } of listReports(trx, schedule, { asOf, rehearsal })) {
    const file = `lists/list-${id}.csv`;
    await writeCsv(join(folder, file), LIST_COLUMNS, rows);
    files.push(file);
  }
  return files;
}

/** A list that was open when the folder was first written must not be taken for one that still is. */
async function removeClosedLists(folder: string, written: readonly string[]): Promise<void> {
  for (const name of await readdir(join(folder, 'lists'))) {
    const file = `lists/${name}`;
    if (/^list-\d+\.csv$/.test(name) && !written.includes(file)) await rm(join(folder, file));
  }
}

async function writeRemovals(trx: Knex.Transaction, { folder, rehearsal }: Reporting): Promise<string[]> {
  const rows = rowsOf<CsvRow<(typeof REMOVALS_COLUMNS)[number]>>(trx, `${STILL_AT_SOURCE} order by s.file_ref`, rehearsal);
  await writeCsv(join(folder, 'removals.csv'), REMOVALS_COLUMNS, rows);
  return ['removals.csv'];
}

/** Only where there are any: what was removed is not looked for in a report. */
async function writeSourcesAgain(trx: Knex.Transaction, { folder, rehearsal }: Reporting): Promise<string[]> {
  const again = await readSourcesAgain(trx);
  if (again.length === 0) {
    await rm(join(folder, SOURCES_AGAIN), { force: true });
    return [];
  }
  await writeCsv(
    join(folder, SOURCES_AGAIN),
    SOURCES_AGAIN_COLUMNS,
    again.map((file) => ({ ...file, rehearsal })),
  );
  return [SOURCES_AGAIN];
}

async function writeRejects(trx: Knex.Transaction, { folder, rehearsal }: Reporting): Promise<string[]> {
  const rows = rowsOf<CsvRow<(typeof REJECTS_COLUMNS)[number]>>(
    trx,
    `select source as file, line, ref as reference, column_name as "column", reason from quarantine order by source, line, column_name`,
    rehearsal,
  );
  await writeCsv(join(folder, 'rejects.csv'), REJECTS_COLUMNS, rows);
  return ['rejects.csv'];
}

/** The rows of a select, fetched piece by piece; each says whether this is a rehearsal. */
async function* rowsOf<Row extends { readonly rehearsal: unknown }>(
  trx: Knex.Transaction,
  select: string,
  rehearsal: boolean,
): AsyncGenerator<Row> {
  await trx.raw(`declare report_rows no scroll cursor for ${select}`);
  for (let more = true; more;) {
    const { rows } = await trx.raw<{ rows: Omit<Row, 'rehearsal'>[] }>(`fetch ${FETCHED} from report_rows`);
    for (const row of rows) yield { ...row, rehearsal } as unknown as Row;
    more = rows.length === FETCHED;
  }
  await trx.raw('close report_rows');
}
