/**
 * Sessions of the site: kept by the hash of their secret, with an idle and an absolute time-out, ended for good. Time is the
 * database's, as for codes and tokens: one clock for however many machines serve the site.
 */
import type { Knex } from 'knex';
import { sha256 } from '../rules/digest.ts';

/** A session that nobody used for so long is over. */
export const IDLE_MINUTES = 30;

/** A session is over after so long, however much it is used. */
export const ABSOLUTE_HOURS = 10;

/** Ended and outlived rows are of use to nobody after this. */
const KEPT_HOURS = 24;

/** What a session remembers between two requests, but who it is: that is a column of its own. */
export type SessionData = Record<string, unknown>;

/** The session of that secret, and marks it as used; null when there is none, or its time is over. */
export async function useSession(db: Knex, secret: string): Promise<{ userName: string | null; data: SessionData } | null> {
  const rows = await inForce(db)
    .where({ id_hash: sha256(secret) })
    .update({ last_seen_at: db.fn.now() })
    .returning(['user_name', 'data']);
  const [row] = rows as { user_name: string | null; data: SessionData }[];
  return row ? { userName: row.user_name, data: row.data } : null;
}

/** Stores a session. One that was ended meanwhile stays ended: a request under way must not revive it. */
export async function saveSession(db: Knex, secret: string, userName: string | null, data: SessionData): Promise<void> {
  await db.raw(
    `insert into sessions (id_hash, user_name, data, started_at, last_seen_at) values (:idHash, :userName, :data, now(), now())
     on conflict (id_hash) do update set data = excluded.data, last_seen_at = excluded.last_seen_at, user_name = excluded.user_name
     where sessions.ended_at is null and (sessions.user_name is null or sessions.user_name = excluded.user_name)`,
    { idHash: sha256(secret), userName, data: JSON.stringify(data) },
  );
}

/** Ends one session. */
export async function endSession(db: Knex, secret: string): Promise<void> {
  await db('sessions')
    .where({ id_hash: sha256(secret) })
    .whereNull('ended_at')
    .update({ ended_at: db.fn.now() });
}

/** Ends every session of a person, on whatever machine. Returns how many there were. */
export async function endSessionsOf(db: Knex, userName: string): Promise<number> {
  return inForce(db).where({ user_name: userName }).update({ ended_at: db.fn.now() });
}

/** How many sessions a person has open. */
export async function sessionsOf(db: Knex, userName: string): Promise<number> {
  const open = await inForce(db).where({ user_name: userName }).select<{ id_hash: string }[]>('id_hash');
  return open.length;
}

/** Removes what is of no use any more; of somebody who never signed in, sooner. */
export async function clearOldSessions(db: Knex): Promise<void> {
  await db('sessions')
    .whereRaw('last_seen_at < now() - make_interval(hours => ?)', [KEPT_HOURS])
    .orWhereRaw('(user_name is null and last_seen_at < now() - make_interval(mins => ?))', [IDLE_MINUTES])
    .delete();
}

function inForce(db: Knex): Knex.QueryBuilder {
  return db('sessions')
    .whereNull('ended_at')
    .whereRaw('last_seen_at > now() - make_interval(mins => ?)', [IDLE_MINUTES])
    .whereRaw('started_at > now() - make_interval(hours => ?)', [ABSOLUTE_HOURS]);
}
