/** Logs: pino to standard error, with references and counts only; a rehearsal says so on every line. */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export type Log = Logger;

/** A logger on a stream; readable text on a terminal, one JSON object a line elsewhere. */
export function createLog(stream: NodeJS.WritableStream & { isTTY?: boolean }, bindings: Record<string, unknown>, level = 'info'): Log {
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
  const database = error as Error & { severity?: string; code?: string; table?: string; constraint?: string; hint?: string };
  if (!database.severity) return error.message;
  const own = database.message.slice(database.message.lastIndexOf(' - ') + 1).replace(/^- /, '');
  if (database.code === 'P0001') return database.hint ? `${own}. ${database.hint}` : own;
  const place = [database.table, database.constraint].filter(Boolean).join(', ');
  return `The database refused with ${database.code}${place ? ` (${place})` : ''}${SAFE_CLASSES.test(database.code ?? '') ? `: ${own}` : ''}. Nothing half-done was kept.`;
}

/** Classes of errors whose text names no values: connections, resources, shutdown, locks, permissions. */
const SAFE_CLASSES = /^(08|28|3D|40|42501|53|55|57)/;
