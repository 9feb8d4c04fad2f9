/** What somebody typed as a reference, as the audit may keep it: it is append-only, and may be read by those who see no names. */
import { createHmac, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';

/** Known to this process alone and forgotten with it, so that nobody can try out what was typed. */
const secret = randomBytes(32);

/** Where the things of each kind are that an event may name. */
const KNOWN_BY: Readonly<Record<string, string>> = {
  file: 'select file_ref as ref from case_files union all select file_ref from residual_records',
  person: 'select person_ref as ref from people union all select person_ref from archive_index',
  family: 'select family_ref as ref from families union all select family_ref from case_files',
  user: 'select name as ref from users',
  brake: 'select name as ref from brakes',
};

/** The reference where there is something it names; otherwise how long it was, and a digest by which equal ones can be told. */
export async function recordable(db: Knex, kind: string, ref: unknown): Promise<unknown> {
  const known = KNOWN_BY[kind];
  if (typeof ref !== 'string' || known === undefined) return ref;
  const { rows } = await db.raw<{ rows: object[] }>(`select from (${known}) k where k.ref = cast(:ref as text) collate "C" limit 1`, {
    ref,
  });
  if (rows.length > 0) return ref;
  return { unknown: createHmac('sha256', secret).update(ref).digest('hex').slice(0, 16), characters: ref.length };
}
