/** The audit outside the database: the exported chain, and the heads that nights' reports noted of it. */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NO_HASH, type AuditEvent, type ChainState, type NotedHead } from '../db/audit.ts';
import { systemCode } from '../db/fileIo.ts';
import { AUDIT_HEAD_FILE, parseAuditHead, type AuditHead } from '../reports/auditHead.ts';
import { isIsoDate, longDate } from '../rules/dates.ts';
import { UsageError } from './settings.ts';

/** No event comes near it; a file of one endless line must not fill the memory. */
const LONGEST_LINE = 16 * 1024 * 1024;
const LINE_FEED = 0x0a;

/** Writes one event a line into a new file for its owner alone, synced; on failure nothing is left. Returns their number and the head. */
export async function writeExport(file: string, events: AsyncIterable<AuditEvent>): Promise<Pick<ChainState, 'events' | 'head'>> {
  const written = { events: 0, head: NO_HASH };
  const handle = await open(file, 'wx', 0o600).catch((error: unknown) => {
    throw new UsageError(`${file} cannot be written (${codeOf(error)}). Name a file that is not there yet.`);
  });
  try {
    await writeFile(handle, linesOf(events, written));
    await handle.sync();
    return written;
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

/**
 * The events of an exported file in its order, in memory that does not depend on its length. Throws a UsageError with the
 * first line that differs in any byte from what an export writes.
 */
export async function* readExport(file: string): AsyncGenerator<AuditEvent> {
  let number = 0;
  for await (const line of bytesOfLines(file)) {
    number++;
    const read = eventOf(line);
    if (typeof read === 'string') throw notAnExport(`${file}, line ${number}, ${read}.`);
    yield read;
  }
  if (number === 0) throw notAnExport(`${file} is empty, and an audit never is.`);
}

/** The heads noted in the folder of a report, in each report of a folder of them, or in one `audit-head.json`. Throws a UsageError for none. */
export async function readNotedHeads(place: string): Promise<NotedHead[]> {
  const files = await headFiles(place).catch((error: unknown) => {
    throw new UsageError(`${place} cannot be read (${codeOf(error)}). Name the folder of a report, or the folder of all of them.`);
  });
  const heads = await Promise.all(files.map(readHead));
  if (heads.length > 0) return heads;
  throw new UsageError(
    `There is no ${AUDIT_HEAD_FILE} in ${place} or a folder in it. Name the folder of a report, or the folder of all of them.`,
  );
}

/**
 * The head in the last report that this database wrote into a folder of reports, or another in its very place; null where there is
 * none. A copy elsewhere writes of its own, and must not make the one it was copied from doubtful.
 */
export async function lastReportedHead(reports: string, installation: string, database: string): Promise<NotedHead | null> {
  const folders = await readdir(reports).catch(() => []);
  for (const name of folders.filter(isIsoDate).sort().reverse()) {
    const written = parseAuditHead(await readFile(join(reports, name, AUDIT_HEAD_FILE), 'utf8').catch(() => ''));
    if (written?.installation === installation && written.database === database) return notedIn(written);
  }
  return null;
}

/** A digest that somebody noted, as a head to look for. Throws a UsageError for what is no SHA-256. */
export function notedDigest(digest: string): NotedHead {
  const head = digest.toLowerCase();
  if (/^[0-9a-f]{64}$/.test(head)) return { where: `the head ${head}`, head, events: null };
  throw new UsageError('--head takes the hash of an event: 64 hexadecimal digits, as a report prints it.');
}

async function headFiles(place: string): Promise<string[]> {
  if ((await stat(place)).isFile()) return [place];
  const entries = await readdir(place, { withFileTypes: true });
  if (entries.some(({ name }) => name === AUDIT_HEAD_FILE)) return [join(place, AUDIT_HEAD_FILE)];
  const files = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(place, name, AUDIT_HEAD_FILE))
    .sort();
  const there = await Promise.all(files.map(isThere));
  return files.filter((_, i) => there[i]);
}

async function readHead(file: string): Promise<NotedHead> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`${file} cannot be read (${codeOf(error)}).`);
  });
  const noted = parseAuditHead(text);
  if (noted === null) throw new UsageError(`${file} is not the head that a night's report wrote.`);
  return notedIn(noted);
}

function notedIn({ as_of, head, events }: AuditHead): NotedHead {
  return { where: `the report of ${longDate(as_of)}`, head, events };
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

async function* linesOf(events: AsyncIterable<AuditEvent>, written: { events: number; head: string }): AsyncGenerator<string> {
  for await (const event of events) {
    yield `${lineOf(event)}\n`;
    written.events++;
    written.head = event.hash;
  }
}

/** The one way to write an event: reading compares with it, so that not a byte can be added beside what is hashed. */
function lineOf({ seq, recorded_at, actor, event, details, previous_hash, hash }: AuditEvent): string {
  return JSON.stringify({ seq, recorded_at, actor, event, details, previous_hash, hash });
}

/** Every line with its line feed, and what follows the last of them. */
async function* bytesOfLines(file: string): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let length = 0;
  for await (const chunk of bytesOf(file)) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      yield Buffer.concat([...pieces, chunk.subarray(start, end + 1)]);
      [pieces, length, start] = [[], 0, end + 1];
    }
    pieces.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > LONGEST_LINE) throw notAnExport(`${file} has a line of more than ${LONGEST_LINE / 1024 / 1024} MB.`);
  }
  if (length > 0) yield Buffer.concat(pieces);
}

async function* bytesOf(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file) as AsyncIterable<Buffer>;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new UsageError(`${file} cannot be read (${codeOf(error)}). Give the file that "retention audit export" wrote.`);
  }
}

/** The event, or what is wrong with the line in words. */
function eventOf(line: Buffer): AuditEvent | string {
  if (line.at(-1) !== LINE_FEED) return 'has no end: the file was cut off there';
  const read = jsonOf(line.subarray(0, -1));
  if (read !== undefined && isEvent(read.value) && lineOf(read.value) === read.text) return read.value;
  if (line[0] === 0xef) return 'begins with a byte order mark: another program saved the file anew';
  if (line.at(-2) === 0x0d) return 'ends with a carriage return: another program saved the file anew';
  return 'is not an event as an export writes it';
}

function jsonOf(line: Buffer): { text: string; value: unknown } | undefined {
  if (!isUtf8(line)) return undefined;
  try {
    const text = line.toString('utf8');
    return { text, value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function isEvent(value: unknown): value is AuditEvent {
  if (typeof value !== 'object' || value === null) return false;
  const event = value as Partial<Record<keyof AuditEvent, unknown>>;
  const texts = [event.recorded_at, event.actor, event.event, event.details, event.previous_hash, event.hash];
  // Half a surrogate pair would be hashed like the mark that stands for it.
  return Number.isSafeInteger(event.seq) && texts.every((text) => typeof text === 'string' && !/\p{Surrogate}/u.test(text));
}

function notAnExport(what: string): UsageError {
  return new UsageError(`${what} Give the file that "retention audit export" wrote, with not a byte changed.`);
}

function codeOf(error: unknown): string {
  return systemCode(error) ?? 'no code';
}
