/** Every file's determination as CSV, straight from the database, in little memory however many files there are. */
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Knex } from 'knex';
import { to as copyTo } from 'pg-copy-streams';
import type { IsoDate } from '../rules/dates.ts';
import type { Schedule } from '../rules/schedule.ts';
import { candidacySql, EVERY_FILE } from './candidacy.ts';
import { connectionOf } from './staging.ts';

/** Writes the header and a row a file, by reference, to `output` and ends it. ISO dates; several values joined by `;`. */
export async function copyDeterminations(db: Knex, schedule: Schedule, asOf: IsoDate, output: Writable): Promise<void> {
  const select = `
    select ${inert('file_ref')} as file_ref, outcome, rule, anchor_on, retain_until, eligible_from, action, review_on,
      array_to_string(blocks, ';') as blocks, array_to_string(cautions, ';') as cautions, reason
    from (${candidacySql(schedule, EVERY_FILE)}) every_file order by every_file.file_ref`;
  await db.transaction(async (trx) => {
    const connection = await connectionOf(trx);
    await pipeline(connection.query(copyTo(`copy (${trx.raw(select, { asOf }).toQuery()}) to stdout with (format csv, header)`)), output);
  });
}

/** A cell that a spreadsheet would run as a formula is written behind an apostrophe. */
function inert(column: string): string {
  return `case when ${column} ~ '^[=+@\\t\\r＝＋－＠-]' then '''' || ${column} else ${column} end`;
}
