/** The compute step: determines every file, every night, and writes only what differs, each with its history. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { Outcome } from '../rules/determine.ts';
import type { Schedule } from '../rules/schedule.ts';
import { actionSql, calculationSql, decodedRank, reviewsSql } from './calculate.ts';
import { followCovered } from './holdCover.ts';
import { refreshOriginalsDue } from './originals.ts';

export interface ComputeCounts {
  files: number;
  outcomes: Record<Outcome, number>;
  /** Files whose determination is new or differs from the one stored. */
  written: number;
  shortened: number;
  /** Files due on `asOf` that were not on `previous`, and how many of them last night's determinations predicted. */
  newlyDue: number;
  predicted: number;
}

/** The numbers of the register are not the sums of their parts, as when nobody computed since an import or a change of the schedule. */
export class NotAccountedFor extends Error {
  override name = 'NotAccountedFor';
}

/**
 * Determines every file as of a day. `previous` is the business date of the last compute, null the first time. Runs in the
 * transaction given; throws when the outcomes do not add up to the number of files.
 */
export async function computeDeterminations(
  trx: Knex.Transaction,
  schedule: Schedule,
  { asOf, previous, runId }: { asOf: IsoDate; previous: IsoDate | null; runId: number },
): Promise<ComputeCounts> {
  const predicted = await countDueBetween(trx, previous, asOf);
  await findDifferences(trx, schedule, asOf);
  const newlyDue = await countNewlyDue(trx, previous, asOf);
  const shortened = await recordChanges(trx, asOf, runId);
  const written = await writeDifferences(trx, schedule, asOf);
  await trx.raw('drop table differences, reviews');
  await refreshOriginalsDue(trx, asOf);
  await followCovered(trx, asOf);
  const { files, outcomes } = await countOutcomes(trx);
  return { files, outcomes, written, shortened, newlyDue, predicted };
}

/** Files by outcome. Throws when they do not add up to the number of files: then the night is not accounted for. */
export async function countOutcomes(db: Knex): Promise<{ files: number; outcomes: Record<Outcome, number> }> {
  const { rows } = await db.raw<{ rows: ({ files: number } & Record<Outcome, number>)[] }>(`
    select (select count(*)::int from case_files) as files,
      count(*) filter (where outcome = 'expires')::int as expires, count(*) filter (where outcome = 'awaiting')::int as awaiting,
      count(*) filter (where outcome = 'undetermined')::int as undetermined, count(*) filter (where outcome = 'permanent')::int as permanent
    from determinations`);
  const { files, ...outcomes } = rows[0] ?? { files: 0, expires: 0, awaiting: 0, undetermined: 0, permanent: 0 };
  const sum = Object.values(outcomes).reduce((a, b) => a + b, 0);
  if (sum !== files) {
    throw new NotAccountedFor(
      `Not accounted for: ${files} files are registered but ${sum} are determined. Nothing was changed; run "retention doctor".`,
    );
  }
  return { files, outcomes };
}

/** Fills the temporary table `differences` with every file whose stored determination is not what the schedule says now. */
async function findDifferences(trx: Knex.Transaction, schedule: Schedule, asOf: IsoDate): Promise<void> {
  // Without these the planner thinks parallel workers cost more than they bring; measured, they halve the time.
  await trx.raw('set local parallel_setup_cost = 0');
  await trx.raw('set local parallel_tuple_cost = 0');
  await trx.raw("set local work_mem = '128MB'");
  const stored = `d.outcome as old_outcome, d.retain_until as old_retain_until, d.eligible_from as old_eligible_from, d.guarded_from, d.shortened_on,
      case when d.file_ref is not null then ${snapshot('d')} end as before`;
  // Where the ranks are equal the stored one stands for the other, so that the long expression is evaluated once a file.
  const differing = (arm: string) => `
    select x.file_ref, x.rank, x.action, cast(null as date) as review_on, ${decodedRank(schedule)}, ${stored}
    from (${arm}) x left join determinations d on d.file_ref = x.file_ref
    where d.file_ref is null or d.rank <> x.rank or d.schedule_version <> :version or d.action is distinct from ${actionSql(schedule, 'd.rank', 'x.clause', 'x')}`;
  const [sole, several] = calculationSql(schedule);
  const bindings = { asOf, version: schedule.version };
  await runAs(trx, 'create temp table differences on commit drop as', differing(sole), bindings);
  await runAs(trx, 'insert into differences', differing(several), bindings);
  await addReviewDates(trx, schedule, stored);
  await trx.raw('analyze differences');
}

/** Review dates apart: a temporary table cannot be read in parallel, and would slow down the calculation of every file. */
async function addReviewDates(trx: Knex.Transaction, schedule: Schedule, stored: string): Promise<void> {
  await trx.raw(`create temp table reviews on commit drop as ${reviewsSql(schedule)}`);
  await trx.raw('create index on differences (file_ref); analyze reviews; analyze differences');
  await trx.raw('update differences x set review_on = r.review_on from reviews r where r.file_ref = x.file_ref');
  await trx.raw(`insert into differences
    select d.file_ref, d.rank, d.action, r.review_on, d.outcome, d.rule, d.anchor_on, d.retain_until, d.reason, ${stored}
    from determinations d left join reviews r on r.file_ref = d.file_ref
    where d.review_on is distinct from r.review_on and not exists (select from differences x where x.file_ref = d.file_ref)`);
}

/** `create table as` takes no bind parameters, so the two checked values are put into the text as quoted literals. */
async function runAs(trx: Knex.Transaction, verb: string, select: string, bindings: Record<string, string>): Promise<void> {
  await trx.raw(`${verb} ${trx.raw(select, bindings).toQuery()}`);
}

/** History first, from what is still stored: one row a file whose outcome, rule, dates, action or reason changed. */
async function recordChanges(trx: Knex.Transaction, asOf: IsoDate, runId: number): Promise<number> {
  await trx.raw('alter table differences add shortens boolean');
  await trx.raw(
    `update differences set shortens =
       (old_outcome = 'permanent' and outcome <> 'permanent')
       or (outcome = 'expires' and retain_until + 1 < guarded_from)
       or (outcome = 'expires' and old_outcome is not null and old_retain_until is null and retain_until < cast(:asOf as date))
     where old_outcome is not null`,
    { asOf },
  );
  const result = await trx.raw<{ rows: { shortened: number }[] }>(
    `with changed as (
       insert into determination_changes (file_ref, changed_on, run_id, before, after, shortened)
       select x.file_ref, :asOf, :runId, before, ${snapshot('x')}, coalesce(shortens, false)
       from differences x where before is not null and before is distinct from ${snapshot('x')}
       returning shortened)
     select count(*) filter (where shortened)::int as shortened from changed`,
    { asOf, runId },
  );
  return result.rows[0]?.shortened ?? 0;
}

async function writeDifferences(trx: Knex.Transaction, schedule: Schedule, asOf: IsoDate): Promise<number> {
  const result = await trx.raw<{ rowCount: number }>(
    `insert into determinations (file_ref, rank, outcome, rule, anchor_on, retain_until, action, review_on, reason, schedule_version, determined_on,
       guarded_from, shortened_on)
     select file_ref, rank, outcome, rule, anchor_on, retain_until, action, review_on, reason, :version, :asOf,
       case outcome when 'permanent' then 'infinity' when 'expires' then greatest(guarded_from, retain_until + 1) else guarded_from end,
       case when outcome = 'permanent' then null when shortens then :asOf else shortened_on end
     from differences
     on conflict (file_ref) do update set rank = excluded.rank, outcome = excluded.outcome, rule = excluded.rule, anchor_on = excluded.anchor_on,
       retain_until = excluded.retain_until, action = excluded.action, review_on = excluded.review_on, reason = excluded.reason,
       schedule_version = excluded.schedule_version, determined_on = excluded.determined_on, guarded_from = excluded.guarded_from,
       shortened_on = excluded.shortened_on`,
    { version: schedule.version, asOf },
  );
  return result.rowCount;
}

/** What of a determination makes a line of its history. */
function snapshot(alias: string): string {
  const columns = ['outcome', 'rule', 'anchor_on', 'retain_until', 'action', 'reason', 'review_on'];
  return `jsonb_build_object(${columns.map((column) => `'${column}', ${alias}.${column}`).join(', ')})`;
}

async function countDueBetween(trx: Knex.Transaction, previous: IsoDate | null, asOf: IsoDate): Promise<number> {
  if (!previous) return 0;
  const result = await trx('determinations')
    .where({ outcome: 'expires' })
    .where('eligible_from', '>', previous)
    .where('eligible_from', '<=', asOf)
    .count();
  return Number(result[0]?.['count'] ?? 0);
}

/** Counted before anything is written: predicted files that did not change, and changed ones that became due. */
async function countNewlyDue(trx: Knex.Transaction, previous: IsoDate | null, asOf: IsoDate): Promise<number> {
  const since = previous ?? '0001-01-01';
  const result = await trx.raw<{ rows: { newly_due: number }[] }>(
    `select (select count(*) from determinations d where outcome = 'expires' and eligible_from > :since and eligible_from <= :asOf
               and not exists (select from differences x where x.file_ref = d.file_ref))::int
          + (select count(*) from differences where outcome = 'expires' and retain_until < :asOf
               and (old_eligible_from is null or old_eligible_from > :since))::int as newly_due`,
    { asOf, since },
  );
  return result.rows[0]?.newly_due ?? 0;
}
