/** Which database this is: the server's identifier, its own number there, and the audit that reports and folders have seen of it. */
import type { Knex } from 'knex';
import { NO_HASH, type NotedHead } from './audit.ts';

/** Both as text; the system identifier is null where the role may not ask for it. */
export interface Identity {
  system: string | null;
  database: string;
}

/** What somebody outside the database saw of it: a mark in a root, or a report. `where` names it in words. */
export interface Seen {
  where: string;
  identity: Identity | null;
  head: NotedHead | null;
}

/** What is other than this database says of itself, or than was seen of it. */
export interface Differences {
  words: string[];
  /** Hashes that were seen and are not in the chain of this database. */
  heads: string[];
}

/** The identity of the database that this connection is on, whatever it says of itself. */
export async function readIdentity(db: Knex): Promise<Identity> {
  const may = await db.raw<{ rows: { may: boolean; database: string }[] }>(
    `select has_function_privilege('pg_control_system()', 'execute') as may, oid::text as database
     from pg_database where datname = current_database()`,
  );
  const { may: mayAsk = false, database = '' } = may.rows[0] ?? {};
  if (!mayAsk) return { system: null, database };
  const asked = await db.raw<{ rows: { system: string }[] }>('select system_identifier::text as system from pg_control_system()');
  return { system: asked.rows[0]?.system ?? null, database };
}

/** The same as one word. */
export async function identityText(db: Knex): Promise<string> {
  const { system, database } = await readIdentity(db);
  return `${system ?? 'unknown'}/${database}`;
}

/**
 * What says that this database is a copy, or comes from before: nothing on the database that made the marks. A copy on another server
 * has another system identifier, one on the same server another number; one brought back to an earlier moment, however that was
 * done, lacks the end of the audit that a report or a folder saw.
 */
export async function whatDiffers(db: Knex, seen: readonly Seen[]): Promise<Differences> {
  const now = await readIdentity(db);
  const known = await knownIdentity(db);
  const words = known ? differencesOf('', known.identity, now) : [];
  const heads: string[] = [];
  for (const { where, identity, head } of seen) {
    if (identity) words.push(...differencesOf(where, identity, now));
    if (!head || known?.accepted.includes(head.head) || (await isInChain(db, head))) continue;
    heads.push(head.head);
    words.push(`${where} saw ${head.events} events of the audit, and the last of them is not in this database`);
  }
  return { words, heads };
}

/** Notes which database this is, where that was never noted. */
export async function noteIdentity(db: Knex): Promise<void> {
  const unknown = await db('installation').whereNull('database_oid').first<object | undefined>('id');
  if (!unknown) return;
  const { system, database } = await readIdentity(db);
  await db('installation').whereNull('database_oid').update({ system_identifier: system, database_oid: database });
}

/** Notes it anew, with the heads that are not in its chain, in the transaction in which a person releases the brake `restored`. */
export async function confirmIdentity(trx: Knex.Transaction, seen: readonly Seen[]): Promise<void> {
  const { system, database } = await readIdentity(trx);
  const { heads } = await whatDiffers(trx, seen);
  await trx('installation').update({
    system_identifier: system,
    database_oid: database,
    accepted_heads: trx.raw('accepted_heads || cast(? as text[])', [heads]),
  });
}

async function knownIdentity(db: Knex): Promise<{ identity: Identity; accepted: string[] } | null> {
  const row = await db('installation')
    .whereNotNull('database_oid')
    .first<{ system: string | null; database: string; accepted: string[] } | undefined>(
      'system_identifier as system',
      db.raw('database_oid::text as database'),
      'accepted_heads as accepted',
    );
  return row ? { identity: { system: row.system, database: row.database }, accepted: row.accepted } : null;
}

/** What cannot be asked is not compared. */
function differencesOf(where: string, known: Identity, now: Identity): string[] {
  const who = where === '' ? 'this database' : `the database that ${where} was last worked on by`;
  if (known.system !== null && now.system !== null && known.system !== now.system)
    return [`${who} was on the server with the system identifier ${known.system}, and this server has ${now.system}`];
  return known.database === now.database ? [] : [`${who} had the number ${known.database} on its server, and this one has ${now.database}`];
}

async function isInChain(db: Knex, { head, events }: NotedHead): Promise<boolean> {
  if (head === NO_HASH) return true;
  const found = await db('audit_events').where({ hash: head }).first<{ seq: number } | undefined>('seq');
  return found !== undefined && (events === null || found.seq === events);
}
