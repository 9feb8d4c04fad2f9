/** Logs: pino to standard error, with references and counts only; a rehearsal says so on every line. */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { diskTrouble } from '../db/fileIo.ts';
import { guardRefusal, ownWords } from '../db/guardRefusal.ts';
import { howItWasLost, tlsTrouble } from '../db/unreachable.ts';
import type { LogLevel } from './settings.ts';

export type Log = Logger;

/** A logger on a stream; readable text on a terminal, one JSON object a line elsewhere. */
export function createLog(stream: NodeJS.WritableStream & { isTTY?: boolean }, bindings: Record<string, unknown>, level: LogLevel): Log {
  const options = {
    level,
    base: bindings,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['name', 'date_of_birth', 'path', 'note', 'token', 'password'],
  };
  if (!stream.isTTY) return pino(options, stream);
  return pino(options, pretty({ destination: stream, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }));
}

/** What of an error may be logged and printed: never the values of a statement, which are names and births. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const database = error as Error & { severity?: string; code?: string; table?: string; constraint?: string };
  // Of a host with several addresses each has its own error, and the error over them no words.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describeError).join('; ');
  const lost = howItWasLost(error);
  if (!database.severity && lost !== undefined)
    return `The connection to the database was lost (${lost}). Nothing half-done was kept. See that the database runs, then run again.`;
  if (!database.severity)
    return (
      tlsTrouble(error) ?? diskTrouble(`The disk of ${'path' in error ? String(error.path) : 'this installation'}`, error) ?? error.message
    );
  const refused = guardRefusal(error);
  if (refused !== null) return refused;
  const own = ownWords(error);
  const place = [database.table, database.constraint].filter(Boolean).join(', ');
  return `The database refused with ${database.code}${place ? ` (${place})` : ''}${SAFE_CLASSES.test(database.code ?? '') ? `: ${own}` : ''}. Nothing half-done was kept.${nextAfter(database.code ?? '')}`;
}

/** What to do about a database that stopped or has no room. */
function nextAfter(code: string): string {
  if (code === '53100') return ' Make room on the disk of the database, then run again.';
  // A prepared statement that is there already, or not yet: another's session.
  if (code === '42P05' || code === '26000')
    return ' A pooler in front of the database gives each transaction another session. Name the database itself in DATABASE_URL, or a pool with pool_mode=session.';
  if (code === '25006')
    return ' The server takes no writes: it is a standby, or was made read-only (default_transaction_read_only, or recovery). Point DATABASE_URL at the one that does.';
  if (code === '57P05')
    return ' The server ends connections that wait (idle_session_timeout), sooner than a new one can switch that off for itself. Have its administrator take it back: alter role … reset idle_session_timeout, alter database … reset idle_session_timeout, or the line in postgresql.conf.';
  return /^(08|53|57P0)/.test(code) ? ' See that the database runs, then run again.' : '';
}

/** Classes of errors whose text names no values: connections, resources, shutdown, locks, permissions. */
const SAFE_CLASSES = /^(08|25006|28|3D|40|42501|53|55|57)/;
