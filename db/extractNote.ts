/** Reads `extract.json`, by which the source says when it wrote the extract and how many rows each file has. */
import { DateTime } from 'luxon';
import { z } from 'zod';
import { PlainFile } from './csvRecords.ts';
import { shown } from './extractColumns.ts';
import { NOTE, plainName } from './extractNames.ts';
import { ExtractRefused } from './extractRefused.ts';

/** What the note says; null where it does not say it. */
export interface ExtractNote {
  /** UTC instant with milliseconds. */
  exportedAt: string | null;
  /** Data rows by file, named as the note names them. */
  expectedRows: Record<string, number> | null;
  /** Its keys that are known. */
  says: string[];
  /** Its keys that are not, in words. */
  ignoredKeys: string[];
}

/** Reads the note that lies in the folder under that name. Throws ExtractRefused where it cannot be believed. */
export async function readNote(dir: string, onDisk: string): Promise<ExtractNote> {
  const { known, ignoredKeys } = knownKeys(parsedNote(await noteText(dir, onDisk)));
  const read = Note.safeParse(known);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw badNote(`${(issue?.path ?? []).map((part) => shown(String(part))).join('.')}: ${issue?.message ?? 'malformed'}`);
  }
  const { exported_at, rows } = read.data;
  return { exportedAt: exported_at ?? null, expectedRows: rows ?? null, says: Object.keys(known), ignoredKeys };
}

const LONGEST_NOTE = 1024 * 1024;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)$/;

const Note = z.object({
  exported_at: z
    .string()
    .transform(utcInstant)
    .pipe(z.string('not a date and time with its zone, such as 2026-11-22T02:00:00Z or 2026-07-01T02:00:00+01:00'))
    .optional(),
  rows: z.record(z.string(), z.number().int().nonnegative()).optional(),
});

/** Keys are compared as columns are; one that is spelt otherwise would be a check that nobody makes. */
function knownKeys(note: unknown): { known: Record<string, unknown>; ignoredKeys: string[] } {
  if (typeof note !== 'object' || note === null || Array.isArray(note)) throw badNote('not an object');
  const known = new Map<string, unknown>();
  const ignoredKeys: string[] = [];
  for (const [key, value] of Object.entries(note)) {
    const meant = Object.keys(Note.shape).find((candidate) => plainName(candidate) === plainName(key));
    if (meant === undefined) ignoredKeys.push(shown(key));
    else if (known.has(meant)) throw badNote(`it says ${meant} twice`);
    else known.set(meant, value);
  }
  return { known: Object.fromEntries(known), ignoredKeys };
}

async function noteText(dir: string, onDisk: string): Promise<string> {
  const file = await PlainFile.open(dir, NOTE, onDisk);
  try {
    const bytes = await file.read(0, LONGEST_NOTE + 1);
    if (bytes.length > LONGEST_NOTE) throw badNote('longer than 1 MB');
    return bytes.toString('utf8');
  } finally {
    await file.close();
  }
}

function parsedNote(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw badNote('not JSON', error);
  }
}

function badNote(problem: string, cause?: unknown): ExtractRefused {
  const next = 'It should be like { "exported_at": "2026-11-22T02:00:00Z", "rows": { "people.csv": 2000 } }';
  return new ExtractRefused(NOTE, problem, next, { cause });
}

/** Null without a zone: read as London's, an export of another zone would pass for later or earlier than it is. */
function utcInstant(text: string): string | null {
  const instant = text
    .trim()
    .toUpperCase()
    .replace(/^(\S{10}) +/, '$1T')
    .replace(/ +(?=Z$|[+-]\d{2}:?\d{0,2}$)/, '');
  return INSTANT.test(instant) ? DateTime.fromISO(instant, { zone: 'UTC' }).toISO() : null;
}
