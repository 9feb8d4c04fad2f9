/** Tables of the reports: what their template draws, which of them there are, and their rows as a download of any length. */
import type { FileKey } from '../../db/otherDay.ts';
import type { Page } from '../../db/page.ts';
import type { FiguresNight } from '../../db/nightFigures.ts';
import { readDate } from '../../rules/dates.ts';
import { clauseWords, type Schedule } from '../../rules/schedule.ts';
import { csvPieces, type CsvRow } from '../csv.ts';
import { download, page, type Answer, type SignedVisit } from './page.ts';

/** Files of a long table on one page. */
export const ON_A_PAGE = 50;

/** Rows of a long table that a download asks for at a time. */
const IN_A_PIECE = 2000;

export type Cell = string | number | null | { text: string; href: string } | { digest: string };

/** The first cell of a row is its heading; a number stands to the right. */
export interface ShownTable {
  label: string;
  heads: { text: string; numeric: boolean }[];
  rows: Cell[][];
  /** The sums, below. */
  total: Cell[] | null;
  /** Where the same is to be had as CSV. */
  csv: string | null;
}

/** A table; heads that begin with `#` are those of numbers. */
export function shownTable(
  label: string,
  heads: readonly string[],
  rows: Cell[][],
  { total = null, csv = null }: Partial<Pick<ShownTable, 'total' | 'csv'>> = {},
): ShownTable {
  return { label, heads: heads.map((head) => ({ text: head.replace(/^#/, ''), numeric: head.startsWith('#') })), rows, total, csv };
}

const REPORTS = [
  { text: 'Retention by rule', href: '/reports' },
  { text: 'Due soon', href: '/reports/due' },
  { text: 'Forecast', href: '/reports/forecast' },
  { text: 'Over-retained', href: '/reports/over-retained' },
  { text: 'Permanent', href: '/reports/permanent' },
  { text: 'Disposals and certificates', href: '/reports/disposals' },
  { text: 'Sample to check', href: '/reports/sample' },
] as const;

/** Links to the reports, the one that is shown marked. */
export function reportLinks(shown: (typeof REPORTS)[number]['href']): { text: string; href: string; current: boolean }[] {
  return REPORTS.map(({ text, href }) => ({ text, href, current: href === shown }));
}

/** Says that the first night has still to make the figures of that report. */
export function noFigures(shown: (typeof REPORTS)[number]['href'], status = 200): Answer {
  return page('noFigures', REPORTS.find(({ href }) => href === shown)?.text ?? 'Reports', { links: reportLinks(shown) }, status);
}

/** The policy's words of a rule; of one that the schedule does not have any more its name. */
export function clauseOf(schedule: Schedule, rule: string | null): string {
  return schedule.rules.filter(({ id }) => id === rule).map(clauseWords)[0] ?? rule ?? '';
}

/** The rules of the schedule that occur, in its order, and after them those of earlier versions. */
export function rulesIn(schedule: Schedule, found: readonly { rule: string }[]): string[] {
  const occurring = new Set(found.map(({ rule }) => rule));
  const known = schedule.rules.map(({ id }) => id).filter((id) => occurring.delete(id));
  return [...known, ...occurring];
}

/** A reference as a cell that leads to why its date. */
export function fileCell(fileRef: string): Cell {
  return { text: fileRef, href: `/files?${new URLSearchParams({ ref: fileRef }).toString()}` };
}

/** An address with what it asks for; what is undefined is left out. */
export function addressOf(path: string, asked: Record<string, string | number | undefined>): string {
  const wanted = new URLSearchParams(
    Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as [string, string]])),
  );
  return wanted.size === 0 ? path : `${path}?${wanted.toString()}`;
}

/** The key in the address, behind which a long table goes on; undefined at its beginning. */
export function keyIn({ query }: SignedVisit): FileKey | undefined {
  const [retainUntil, fileRef] = [readDate(query.one('after')), query.one('after_file')];
  return retainUntil === null || fileRef === '' ? undefined : { retainUntil, fileRef };
}

/** A key as an address asks for it. */
export function keyFields(key: FileKey | undefined): Record<string, string | undefined> {
  return { after: key?.retainUntil, after_file: key?.fileRef };
}

/** A download of CSV under a name that says which day it is of. */
export function csvDownload<Column extends string>(
  { asOf, site }: SignedVisit,
  name: string,
  columns: readonly Column[],
  rows: Iterable<CsvRow<Column>> | AsyncIterable<CsvRow<Column>>,
): Answer {
  const rehearsed = site.kind === 'rehearsal' ? '-rehearsal' : '';
  return download(`${name}-${asOf}${rehearsed}.csv`, 'text/csv; charset=utf-8', csvPieces(columns, rows));
}

/** What each row of a download says of itself: its day, and whether it is of a rehearsal. */
export function marks({ asOf, site }: SignedVisit): { as_of: string; rehearsal: boolean } {
  return { as_of: asOf, rehearsal: site.kind === 'rehearsal' };
}

/** The same of figures of a night. */
export function marksOf({ as_of }: FiguresNight, { site }: SignedVisit): { as_of: string; rehearsal: boolean } {
  return { as_of, rehearsal: site.kind === 'rehearsal' };
}

/** Every row of a table that pages by key, asked for as it is needed: each is as it stands when its piece is read. */
export async function* everyRow<Row, Key>(
  ask: (after: Key | undefined, limit: number) => Promise<Page<Row>>,
  keyOf: (row: Row) => Key,
): AsyncGenerator<Row> {
  let after: Key | undefined;
  for (let more = true; more;) {
    const page = await ask(after, IN_A_PIECE);
    yield* page.rows;
    const last = page.rows.at(-1);
    more = page.more && last !== undefined;
    if (last !== undefined) after = keyOf(last);
  }
}
