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

/** A session of nobody who signed in is for the form that was shown. */
const ANONYMOUS_MINUTES = 10;

/** Ended and outlived rows are of use to nobody after this. */
const KEPT_HOURS = 24;

/** Who proved so lately who they are is not asked again before they sign, or change what they come in by. */
export const PROVED_MINUTES = 10;

/** What a session remembers between two requests, but who it is: that is a column of its own. */
export type SessionData = Record<string, unknown>;

export interface SessionInUse {
  userName: string | null;
  data: SessionData;
  /** They proved of late who they are. */
  provedLately: boolean;
}

/** The session of that secret, and marks it as used; null when there is none, or its time is over. */
export async function useSession(db: Knex, secret: string): Promise<SessionInUse | null> {
  const rows = await inForce(db)
    .where({ id_hash: sha256(secret) })
    .update({ last_seen_at: db.fn.now() })
    .returning(['user_name', 'data', db.raw('coalesce(proved_at > now() - make_interval(mins => ?), false) as proved', [PROVED_MINUTES])]);
  const [row] = rows as { user_name: string | null; data: SessionData; proved: boolean }[];
  return row ? { userName: row.user_name, data: row.data, provedLately: row.proved } : null;
}

/**
 * Stores a session. One that was ended meanwhile stays ended: a request under way must not revive it. Signing in begins another
 * session, so where it gets its person they have just proved who they are.
 */
export async function saveSession(
  db: Knex,
  secret: string,
  { userName, address }: { userName: string | null; address?: string | undefined },
  data: SessionData,
): Promise<void> {
  await db.raw(
    `insert into sessions (id_hash, user_name, data, address, started_at, last_seen_at, proved_at)
       values (:idHash, :userName, :data, :address, now(), now(), case when cast(:userName as text) is not null then now() end)
     on conflict (id_hash) do update set data = excluded.data, last_seen_at = excluded.last_seen_at, user_name = excluded.user_name,
       address = coalesce(sessions.address, excluded.address), proved_at = coalesce(sessions.proved_at, excluded.proved_at)
     where sessions.ended_at is null and (sessions.user_name is null or sessions.user_name = excluded.user_name)`,
    { idHash: sha256(secret), userName, address: address ?? null, data: JSON.stringify(data) },
  );
}

/** Ends one session. */
export async function endSession(db: Knex, secret: string): Promise<void> {
  await db('sessions')
    .where({ id_hash: sha256(secret) })
    .whereNull('ended_at')
    .update({ ended_at: db.fn.now() });
}

/** The person in that session has proved anew who they are. */
export async function proveSession(db: Knex, secret: string): Promise<void> {
  await db('sessions')
    .where({ id_hash: sha256(secret) })
    .update({ proved_at: db.fn.now() });
}

/** Ends every session of a person, on whatever machine. Returns how many there were. */
export async function endSessionsOf(db: Knex, userName: string): Promise<number> {
  return inForce(db).where({ user_name: userName }).update({ ended_at: db.fn.now() });
}

export interface ListedSession {
  /** Hash of its secret, by which it is ended. */
  id_hash: string;
  started_at: Date;
  last_seen_at: Date;
  address: string | null;
}

/** The open sessions of a person, the one used last first. */
export async function sessionsOf(db: Knex, userName: string): Promise<ListedSession[]> {
  return inForce(db)
    .where({ user_name: userName })
    .orderBy('last_seen_at', 'desc')
    .select<ListedSession[]>('id_hash', 'started_at', 'last_seen_at', 'address');
}

/** Ends one session of that person, by its hash. False where there is none. */
export async function endSessionOf(db: Knex, userName: string, idHash: string): Promise<boolean> {
  const ended = await inForce(db).where({ user_name: userName, id_hash: idHash }).update({ ended_at: db.fn.now() });
  return ended > 0;
}

/** Removes what is of no use any more; of somebody who never signed in, sooner. */
export async function clearOldSessions(db: Knex): Promise<void> {
  await db('sessions')
    .whereRaw('last_seen_at < now() - make_interval(hours => ?)', [KEPT_HOURS])
    .orWhereRaw('(user_name is null and last_seen_at < now() - make_interval(mins => ?))', [ANONYMOUS_MINUTES])
    .delete();
}

function inForce(db: Knex): Knex.QueryBuilder {
  return db('sessions')
    .whereNull('ended_at')
    .whereRaw('last_seen_at > now() - make_interval(mins => case when user_name is null then cast(? as int) else cast(? as int) end)', [
      ANONYMOUS_MINUTES,
      IDLE_MINUTES,
    ])
    .whereRaw('started_at > now() - make_interval(hours => ?)', [ABSOLUTE_HOURS]);
}
