/**
 * What another day would change: over all files at once, from what is known now. Asked for the first time, a day is compared with
 * today and the answer is kept; from then on it is read by key, until a run changes the register.
 */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { Outcome } from '../rules/determine.ts';
import type { Schedule } from '../rules/schedule.ts';
import { calculationSql, decodedRank } from './calculate.ts';
import { pageOf, type Page } from './page.ts';

/** What becomes of a date: earlier or later than now, a date where there was none, or none where there was one. */
export const DATE_MOVES = ['earlier', 'later', 'dated', 'undated'] as const;
export type DateMove = (typeof DATE_MOVES)[number];

/** A day to come, and the schedule that is in force on it as far as is known now. */
export interface OtherDay {
  asOf: IsoDate;
  on: IsoDate;
  schedule: Schedule;
}

export type MoveFigures = Record<DateMove | 'due_now' | 'due_then' | 'newly_due', number> & { rule: string };

/**
 * That day compared with today. By rule, those of no file left out: files due now, due on that day, newly due by then, and whose
 * date would move. A date that is lost counts under its rule of now.
 */
export interface ComparedDay {
  id: number;
  rules: MoveFigures[];
}

export const OTHER_DAY_FILES = ['newly_due', ...DATE_MOVES] as const;
export type OtherDayFiles = (typeof OTHER_DAY_FILES)[number];

export interface OtherDayFile {
  file_ref: string;
  outcome_now: Outcome;
  outcome_then: Outcome;
  rule_now: string | null;
  rule_then: string | null;
  retain_until_now: IsoDate | null;
  retain_until_then: IsoDate | null;
  move: DateMove | null;
}

/** The last day a file is kept, and its reference: the key by which tables go on. */
export interface FileKey {
  retainUntil: IsoDate;
  fileRef: string;
}

/** The comparison that is kept, or a new one; those that a run has made useless go. One at a time, so that all others can go on. */
export async function compareDay(db: Knex, day: OtherDay): Promise<ComparedDay> {
  return (await keptComparison(db, day)) ?? oneAfterAnother(db, async () => (await keptComparison(db, day)) ?? keepComparison(db, day));
}

/** Files that would be newly due on that day, or whose date would move so; the oldest date first. */
export async function otherDayFiles(
  db: Knex,
  { id }: ComparedDay,
  { asOf, on }: OtherDay,
  { which, rule, after }: { which: OtherDayFiles; rule?: string | undefined; after?: FileKey | undefined },
  limit: number,
): Promise<Page<OtherDayFile>> {
  const columns = 'file_ref, outcome_now, outcome_then, rule_now, rule_then, retain_until_now, retain_until_then, move, key_on';
  const changed = `select ${columns} from what_if_files w
    where w.what_if_id = :id and ${which === 'newly_due' ? 'w.newly_due' : `w.move = '${which}'`}
      and (cast(:rule as text) is null or coalesce(w.rule_then, w.rule_now) = :rule)
      and (w.key_on, w.file_ref) > (cast(:after as date), :afterRef) order by w.key_on, w.file_ref limit :limit`;
  const unchanged = `select d.file_ref, d.outcome, d.outcome, d.rule, d.rule, d.retain_until, d.retain_until, null, d.retain_until
    from determinations d
    where d.outcome = 'expires' and d.eligible_from > cast(:asOf as date) and d.eligible_from <= cast(:on as date)
      and (cast(:rule as text) is null or d.rule = :rule) and (d.eligible_from, d.file_ref) > (cast(:after as date) + 1, :afterRef)
      and not exists (select from what_if_files w where w.file_ref = d.file_ref and w.what_if_id = :id)
    order by d.eligible_from, d.file_ref limit :limit`;
  const result = await db.raw<{ rows: (OtherDayFile & { key_on: unknown })[] }>(
    `select * from ((${changed})${which === 'newly_due' ? ` union all (${unchanged})` : ''}) files order by key_on, file_ref limit :limit`,
    {
      id,
      rule: rule ?? null,
      after: after?.retainUntil ?? '-infinity',
      afterRef: after?.fileRef ?? '',
      limit: limit + 1,
      ...(which === 'newly_due' ? { asOf, on } : {}),
    },
  );
  const { rows, more } = pageOf(result.rows, limit);
  return { rows: rows.map(({ key_on: _, ...file }) => file), more };
}

/** The key of a file in the order of `otherDayFiles`. */
export function otherDayKey({ retain_until_then, retain_until_now, file_ref }: OtherDayFile): FileKey {
  return { retainUntil: retain_until_then ?? retain_until_now ?? 'infinity', fileRef: file_ref };
}

const KEY = "coalesce(retain_until_then, retain_until_now, 'infinity')";

/** Every run may change the register: the last that began, and the last that ended, for one may be under way. */
const REGISTER_STATE = `(select concat_ws(' ', max(id), max(id) filter (where outcome <> 'running')) from runs)`;

/** Days kept at a time: whoever asks for one more makes the one that was asked first go. */
const DAYS_KEPT = 20;

const comparing = new WeakMap<Knex, Promise<unknown>>();

/** Does the work when the work before it has ended, however it ended: waiting takes no connection. */
async function oneAfterAnother<T>(db: Knex, work: () => Promise<T>): Promise<T> {
  const turn = (comparing.get(db) ?? Promise.resolve()).then(work, work);
  comparing.set(
    db,
    turn.catch(() => undefined),
  );
  return turn;
}

async function keptComparison(db: Knex, { asOf, on, schedule }: OtherDay): Promise<ComparedDay | undefined> {
  return db('what_if')
    .where({ as_of: asOf, on_day: on, schedule_version: schedule.version })
    .whereRaw(`register_state = ${REGISTER_STATE}`)
    .first<ComparedDay | undefined>('id', 'rules');
}

async function keepComparison(db: Knex, day: OtherDay): Promise<ComparedDay> {
  const { asOf, on, schedule } = day;
  return db.transaction(async (trx) => {
    await trx('what_if').where('as_of', '<>', asOf).orWhereRaw(`register_state <> ${REGISTER_STATE}`).delete();
    const rows = await trx('what_if')
      .insert({ as_of: asOf, on_day: on, schedule_version: schedule.version, register_state: trx.raw(REGISTER_STATE), rules: '[]' })
      // Another process may have been as fast; what it keeps is replaced by the same.
      .onConflict(['as_of', 'on_day', 'schedule_version', 'register_state'])
      .merge(['rules'])
      .returning('id');
    const { id } = rows[0] as { id: number };
    await trx.raw('delete from what_if where id not in (select id from what_if order by id desc limit ?)', [DAYS_KEPT]);
    await trx('what_if_files').where({ what_if_id: id }).delete();
    const rules = await compare(trx, day, id);
    await trx('what_if')
      .where({ id })
      .update({ rules: JSON.stringify(rules) });
    return { id, rules };
  });
}

/** Enters the files whose determination differs, and counts all of them by rule. */
async function compare(trx: Knex.Transaction, day: OtherDay, id: number): Promise<MoveFigures[]> {
  const moved = DATE_MOVES.map((move) => `coalesce(sum(v.files) filter (where v.move = '${move}'), 0)::int as ${move}`);
  const result = await trx.raw<{ rows: MoveFigures[] }>(
    `with ${comparedSql(day.schedule)},
     entered as (
       insert into what_if_files (what_if_id, file_ref, outcome_now, outcome_then, rule_now, rule_then, retain_until_now, retain_until_then, move, newly_due, key_on)
       select cast(:id as bigint), file_ref, outcome_now, outcome_then, rule_now, rule_then, retain_until_now, retain_until_then, move,
         is_due_then and not is_due_now, ${KEY}
       from compared where (outcome_now, rule_now, retain_until_now) is distinct from (outcome_then, rule_then, retain_until_then)),
     alike as (select rule_now, rule_then, is_due_now, is_due_then, move, count(*) as files from compared group by 1, 2, 3, 4, 5)
     select v.rule, coalesce(sum(v.files) filter (where v.due_now), 0)::int as due_now,
       coalesce(sum(v.files) filter (where v.due_then), 0)::int as due_then,
       coalesce(sum(v.files) filter (where v.newly_due), 0)::int as newly_due, ${moved.join(', ')}
     from alike a cross join lateral (values
       (a.rule_now, a.files, a.is_due_now, false, false, case when a.move = 'undated' then a.move end),
       (a.rule_then, a.files, false, a.is_due_then, a.is_due_then and not a.is_due_now, case when a.move <> 'undated' then a.move end)
     ) v (rule, files, due_now, due_then, newly_due, move)
     where v.rule is not null group by v.rule
     having bool_or(v.due_now or v.due_then or v.move is not null) order by v.rule`,
    // The calculation reads :asOf as the day it works for, which here is the day to come.
    { asOf: day.on, today: day.asOf, version: day.schedule.version, id },
  );
  return result.rows;
}

/**
 * The table expression `compared`: every file with its determination of now and of then. Only files that another day can
 * change are calculated anew: those determined by another version of the schedule, and those with a date in the future.
 */
function comparedSql(schedule: Schedule): string {
  const changeable = `exists (select from determinations d where d.file_ref = f.file_ref
    and (d.schedule_version <> :version or d.reason = 'date_in_future'))`;
  const [sole, several] = calculationSql(schedule, changeable);
  return `
    recalculated as materialized (select x.file_ref, ${decodedRank(schedule)} from (${sole} union all ${several}) x),
    compared as (
      select *,
        case
          when outcome_then = 'expires' and (retain_until_then < retain_until_now or outcome_now = 'permanent') then 'earlier'
          when outcome_now = 'expires' and (retain_until_then > retain_until_now or outcome_then = 'permanent') then 'later'
          when outcome_then = 'expires' and outcome_now <> 'expires' then 'dated'
          when outcome_now = 'expires' and outcome_then <> 'expires' then 'undated'
        end as move,
        coalesce(retain_until_now < cast(:today as date), false) as is_due_now,
        coalesce(retain_until_then < cast(:asOf as date), false) as is_due_then
      from (
        select d.file_ref, d.outcome as outcome_now, d.rule as rule_now, d.retain_until as retain_until_now,
          coalesce(r.outcome, d.outcome) as outcome_then,
          case when r.file_ref is null then d.rule else r.rule end as rule_then,
          case when r.file_ref is null then d.retain_until else r.retain_until end as retain_until_then
        from determinations d left join recalculated r on r.file_ref = d.file_ref) sides)`;
}
