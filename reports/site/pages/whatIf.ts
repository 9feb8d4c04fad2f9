/** What if it were another day: which files would be due then, by what is known now. A draft of the schedule cannot be tried here yet. */
import { candidacyOf } from '../../../db/candidacy.ts';
import { DAYS_AHEAD } from '../../../db/nightFigures.ts';
import {
  DATE_MOVES,
  OTHER_DAY_FILES,
  compareDay,
  otherDayFiles,
  otherDayKey,
  type FileKey,
  type MoveFigures,
  type OtherDay,
  type OtherDayFile,
  type OtherDayFiles,
} from '../../../db/otherDay.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { addDays, readDate, shortDate, type IsoDate } from '../../../rules/dates.ts';
import { BLOCK_WORDS, OUTCOME_WORDS } from '../../../rules/words.ts';
import { shownErrors } from '../acting.ts';
import { page, redirect, type Answer, type Fields, type Route, type SignedVisit } from '../page.ts';
import {
  addressOf,
  clauseOf,
  csvDownload,
  everyRow,
  fileCell,
  keyFields,
  keyIn,
  marks,
  ON_A_PAGE,
  rulesIn,
  shownTable,
  type Cell,
} from '../tables.ts';

export const whatIfRoutes: readonly Route[] = [
  { method: 'GET', url: '/what-if', needs: 'read', handler: whatIfPage },
  { method: 'GET', url: '/what-if/rules.csv', needs: 'read', handler: rulesCsv },
  { method: 'GET', url: '/what-if/files.csv', needs: 'read', handler: filesCsv },
];

const WHICH_WORDS: Record<OtherDayFiles, string> = {
  newly_due: 'Newly due by then',
  earlier: 'Moved earlier',
  later: 'Moved later',
  dated: 'Gets a date',
  undated: 'Loses its date',
};

async function whatIfPage(visit: SignedVisit): Promise<Answer> {
  const { query, asOf } = visit;
  const form = { day: query.one('day'), month: query.one('month'), year: query.one('year') };
  const asked = query.one('on') !== '' || Object.values(form).some((part) => part !== '');
  if (!asked) return formPage(visit, form);
  const on = dayAsked(query);
  if (on === null || on <= asOf) {
    const text = on === null ? 'Enter a day, for example 1 4 2030' : `Enter a day to come: after ${shortDate(asOf)}`;
    const typed = query.one('on') === '' || on === null ? form : partsOf(on);
    return formPage(visit, typed, [{ field: 'day', text }]);
  }
  return query.one('on') === '' ? redirect(addressOf('/what-if', { on })) : resultPage(visit, on);
}

function formPage(
  { asOf }: SignedVisit,
  typed: { day: string; month: string; year: string },
  errors: { field: string; text: string }[] = [],
): Answer {
  return page('whatIf', 'What if', { typed, errors: shownErrors(errors), near: nearDays(asOf), on: null }, errors.length > 0 ? 422 : 200);
}

async function resultPage(visit: SignedVisit, on: IsoDate): Promise<Answer> {
  const { db, asOf } = visit;
  const { day, which, rule } = await questionOf(visit, on);
  const { schedule } = day;
  const after = keyIn(visit);
  const compared = await compareDay(db, day);
  const { rules } = compared;
  const files = await otherDayFiles(db, compared, day, { which, rule, after }, ON_A_PAGE);
  const blocks = await blocksThen(db, day, files.rows);
  const address = (change: Record<string, string | undefined>) =>
    addressOf('/what-if', { on, show: which === 'newly_due' ? undefined : which, rule, ...change });
  const sum = (what: keyof Omit<MoveFigures, 'rule'>) => rules.reduce((total, row) => total + row[what], 0);
  const last = files.rows.at(-1);
  const { version } = await scheduleInForce(db, asOf);
  return page('whatIf', 'What if', {
    typed: partsOf(on),
    errors: shownErrors([]),
    near: nearDays(asOf),
    on,
    otherVersion: version === schedule.version ? null : { version: schedule.version, from: schedule.in_force_from },
    due: { now: sum('due_now'), then: sum('due_then'), newly: sum('newly_due') },
    moved: DATE_MOVES.reduce((total, move) => total + sum(move), 0),
    byRule: shownTable(
      `Files due on ${shortDate(on)}, by rule`,
      ['Rule', '#Due now', '#Due then', '#Newly due', ...DATE_MOVES.map((move) => `#${WHICH_WORDS[move]}`)],
      rulesIn(schedule, rules).flatMap((id) =>
        rules
          .filter((row) => row.rule === id)
          .map((row): Cell[] => [clauseOf(schedule, id), row.due_now, row.due_then, row.newly_due, ...DATE_MOVES.map((move) => row[move])]),
      ),
      {
        total: ['All rules', sum('due_now'), sum('due_then'), sum('newly_due'), ...DATE_MOVES.map((move) => sum(move))],
        csv: addressOf('/what-if/rules.csv', { on }),
      },
    ),
    which: OTHER_DAY_FILES.map((one) => ({
      text: `${WHICH_WORDS[one]} (${sum(one).toLocaleString('en-GB')})`,
      href: address({ show: one === 'newly_due' ? undefined : one }),
      current: one === which,
    })),
    rules: [
      { text: 'All rules', href: address({ rule: undefined }), current: rule === undefined },
      ...schedule.rules.map(({ id }) => ({ text: clauseOf(schedule, id), href: address({ rule: id }), current: id === rule })),
    ],
    table: shownTable(
      `${WHICH_WORDS[which]}, the oldest date first`,
      ['File', 'The policy says', 'Kept until, as it is now', 'Kept until, by then', 'What would stand in the way'],
      files.rows.map((file) => [
        fileCell(file.file_ref),
        clauseOf(schedule, file.rule_then ?? file.rule_now),
        keptWords(file.outcome_now, file.retain_until_now),
        keptWords(file.outcome_then, file.retain_until_then),
        (blocks.get(file.file_ref) ?? []).map((block) => BLOCK_WORDS[block]).join(' '),
      ]),
      { csv: addressOf('/what-if/files.csv', { on, show: which === 'newly_due' ? undefined : which, rule }) },
    ),
    first: after === undefined ? null : address({}),
    next: files.more && last ? address(keyFields(otherDayKey(last))) : null,
  });
}

async function rulesCsv(visit: SignedVisit): Promise<Answer> {
  const on = dayAsked(visit.query);
  if (on === null || on <= visit.asOf) return whatIfPage(visit);
  const { day } = await questionOf(visit, on);
  const columns = [
    'as_of',
    'on',
    'schedule_version',
    'rule',
    'clause',
    'due_now',
    'due_then',
    'newly_due',
    ...DATE_MOVES,
    'rehearsal',
  ] as const;
  const rows = (await compareDay(visit.db, day)).rules.map((row) => ({
    ...marks(visit),
    ...row,
    on,
    schedule_version: day.schedule.version,
    clause: clauseOf(day.schedule, row.rule),
  }));
  return csvDownload(visit, `what-if-${on}-by-rule`, columns, rows);
}

async function filesCsv(visit: SignedVisit): Promise<Answer> {
  const on = dayAsked(visit.query);
  if (on === null || on <= visit.asOf) return whatIfPage(visit);
  const { day, which, rule } = await questionOf(visit, on);
  const columns = [
    'as_of',
    'on',
    'schedule_version',
    'file_ref',
    'outcome_now',
    'rule_now',
    'retain_until_now',
    'outcome_then',
    'rule_then',
    'retain_until_then',
    'move',
    'blocks',
    'rehearsal',
  ] as const;
  const compared = await compareDay(visit.db, day);
  async function* rows() {
    const files = everyRow<OtherDayFile & { blocks: readonly string[] }, FileKey>(async (after, limit) => {
      const piece = await otherDayFiles(visit.db, compared, day, { which, rule, after }, limit);
      const blocks = await blocksThen(visit.db, day, piece.rows);
      return { ...piece, rows: piece.rows.map((row) => ({ ...row, blocks: blocks.get(row.file_ref) ?? [] })) };
    }, otherDayKey);
    for await (const file of files) yield { ...file, ...marks(visit), on, schedule_version: day.schedule.version };
  }
  return csvDownload(visit, `what-if-${on}-${which.replace('_', '-')}`, columns, rows());
}

async function questionOf(
  { db, asOf, query }: SignedVisit,
  on: IsoDate,
): Promise<{ day: OtherDay; which: OtherDayFiles; rule: string | undefined }> {
  const schedule = await scheduleInForce(db, on);
  return {
    day: { asOf, on, schedule },
    which: OTHER_DAY_FILES.find((word) => word === query.one('show')) ?? 'newly_due',
    rule: schedule.rules.find(({ id }) => id === query.one('rule'))?.id,
  };
}

/** What would stand in the way of these files on that day, if nothing is done until then. */
async function blocksThen(db: SignedVisit['db'], { schedule, on }: OtherDay, files: readonly OtherDayFile[]) {
  const found = await candidacyOf(
    db,
    schedule,
    on,
    files.map((file) => file.file_ref),
  );
  return new Map(found.map(({ file_ref, blocks }) => [file_ref, blocks]));
}

function dayAsked(query: Fields): IsoDate | null {
  const on = query.one('on').trim();
  if (on !== '') return readDate(on);
  const part = (name: string, length: number) => query.one(name).trim().padStart(length, '0');
  return readDate(`${part('year', 4)}-${part('month', 2)}-${part('day', 2)}`);
}

function partsOf(on: IsoDate): { day: string; month: string; year: string } {
  const [year = '', month = '', day = ''] = on.split('-').map((part) => String(Number(part)));
  return { day, month, year };
}

function nearDays(asOf: IsoDate): { text: string; href: string }[] {
  return DAYS_AHEAD.map((days) => ({ text: `In ${days} days`, href: addressOf('/what-if', { on: addDays(asOf, days) }) }));
}

function keptWords(outcome: OtherDayFile['outcome_now'], retainUntil: IsoDate | null): string {
  return retainUntil === null ? OUTCOME_WORDS[outcome] : shortDate(retainUntil);
}
