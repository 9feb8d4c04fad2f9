/** A careless or malicious person at a database prompt, as the role that commands work as. */
import { plainClient } from './plainClient.ts';

export interface Attack {
  what: string;
  /** Run one after the other in one transaction; the last one, or the commit, must be refused. */
  statements: string[];
  /** Words of the refusal: they name the rule. */
  refusal: RegExp;
}

/** What the database said against it, or null when it let everything pass. Nothing of it stays. */
export async function attempt(url: string, statements: readonly string[]): Promise<string | null> {
  const client = plainClient(url);
  await client.connect();
  try {
    await client.query('begin');
    for (const statement of statements) await client.query(statement);
    // What is asked at the end of the transaction is asked now.
    await client.query('set constraints all immediate');
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.query('rollback');
    await client.end();
  }
}

/** Everything the archive step does to mark a file archived, so that one missing condition alone can refuse it. */
export function archiveByHand(fileRef: string, list: number, on: string, also: { status?: string; expected?: number } = {}): string[] {
  const { status = 'archived', expected = 0 } = also;
  const sha = 'c'.repeat(64);
  return [
    `insert into bags (file_ref, list_id, location, begun_on) values ('${fileRef}', ${list}, '${fileRef}.zip', '${on}')`,
    `update bags set state = 'archived', sha256 = '${sha}', size = 1 where file_ref = '${fileRef}' and state = 'begun'`,
    `insert into residual_records (file_ref, list_id, rule, clause, schedule_version, anchor_year, retain_year, action, decided_by, signed_by, signed_on,
       archived_on, bag_sha256, documents_expected, documents_packed, facts_digest)
     values ('${fileRef}', ${list}, 'r', 'c', 'v', 2000, 2025, 'archive', 'x', 'y', '${on}', '${on}', '${sha}', ${expected}, 0, 'd')`,
    `update disposal_list_items set status = '${status}', status_on = '${on}', binding = false where list_id = ${list} and file_ref = '${fileRef}'`,
    `update disposal_list_items set anchor_on = null, retain_until = null, note = null, facts_digest = null, case_digest = null where file_ref = '${fileRef}'`,
    `delete from case_files where file_ref = '${fileRef}'`,
  ];
}
