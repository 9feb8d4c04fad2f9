/** What was recorded: history, decisions of people, facts. */
import type { Attack } from '../attacker.ts';

/** History rewritten. */
export function historyAttacks(): Attack[] {
  return [
    {
      what: 'change an audit event',
      statements: ["update audit_events set actor = 'nobody' where seq = 2"],
      refusal: /audit_events is append-only: update is refused/,
    },
    {
      what: 'delete an audit event',
      statements: ['delete from audit_events where seq = 2'],
      refusal: /audit_events is append-only: delete is refused/,
    },
    { what: 'empty the audit', statements: ['truncate audit_events'], refusal: /permission denied for table audit_events/ },
    {
      what: 'fork the audit by a table of the same name',
      statements: [
        'create temp table audit_events (like public.audit_events)',
        "insert into public.audit_events (actor, event, details) values ('x', 'a.b', '{}')",
        `do $$ begin if (select count(distinct previous_hash) from public.audit_events) < (select count(*) from public.audit_events) then
           raise exception 'forked'; end if; raise exception 'the chain went on from the table itself'; end $$`,
      ],
      refusal: /the chain went on from the table itself/,
    },
    {
      what: 'change the record of a disposal',
      statements: ["update residual_records set signed_by = 's.lee'"],
      refusal: /the record that CF-A was lawfully disposed of never changes/,
    },
    {
      what: 'delete the record of a disposal',
      statements: ['delete from residual_records'],
      refusal: /the record that CF-A was lawfully disposed of stays for good/,
    },
    {
      what: 'mark a file restored that nobody asked for',
      statements: ["update residual_records set restored_on = '2026-11-25'"],
      refusal: /file CF-A comes back only as two people asked and confirmed/,
    },
    {
      what: 'change a certificate',
      statements: ["update disposal_certificates set content = '{}'"],
      refusal: /is append-only: update is refused|certificates are never changed/,
    },
    {
      what: 'forget who a file was about',
      statements: ['delete from archive_index'],
      refusal: /the archive index keeps CF-A for as long as its bag exists/,
    },
    { what: 'forget a bag', statements: ['delete from bags'], refusal: /cannot be taken off the record/ },
    {
      what: 'clear a bag of the archive',
      statements: ["update bags set state = 'cleared' where file_ref = 'CF-A'"],
      refusal: /bag \d+ cannot go from archived to cleared/,
    },
    {
      what: 'remove the source of a file that is not archived',
      statements: [
        "insert into source_removals (file_ref, list_id, path, sha256, size) values ('CF-documents', 2, 'CF-documents/letter.txt', 'x', 1)",
      ],
      refusal: /removed only once the document is in its verified bag/,
    },
    {
      what: 'point a removal at another document',
      statements: ["update source_removals set path = 'CF-documents/letter.txt', outcome = 'failed'"],
      refusal: /what became of a source document never changes/,
    },
    {
      what: 'rewrite the history of a date',
      statements: [
        "insert into determination_changes (file_ref, changed_on, after, shortened) values ('CF-young', '2026-11-24', '{}', false)",
        'delete from determination_changes',
      ],
      refusal: /the history of CF-young stays/,
    },
    {
      what: 'rewrite the history of facts',
      statements: ["delete from fact_changes where ref = 'CF-changed'"],
      refusal: /the history of CF-changed stays while it is in the register/,
    },
    {
      what: 'rewrite what a night did',
      statements: ["update runs set counts = '{}' where id = 1"],
      refusal: /run 1 ended, and what it did is never rewritten/,
    },
    {
      what: 'make a rehearsal live',
      statements: ["update installation set kind = 'live'"],
      refusal: /installation is append-only: update is refused/,
    },
    {
      what: 'change the schedule in force',
      statements: ["update schedule_versions set content = ''"],
      refusal: /schedule_versions is append-only: update is refused/,
    },
  ];
}

/** Decisions of people, undone or taken alone. */
export function decisionAttacks(): Attack[] {
  const asked = "release_asked_by = 'm.jones', release_asked_on = '2026-11-25', release_reason = 'over'";
  return [
    { what: 'delete a hold', statements: ['delete from holds'], refusal: /hold 1 cannot be deleted/ },
    { what: 'narrow a hold', statements: ["update holds set scope_ref = 'CF-1'"], refusal: /hold 1: what was ordered never changes/ },
    {
      what: 'release a hold alone',
      statements: [`update holds set ${asked}`, "update holds set released_by = 'm.jones', released_on = '2026-11-25'"],
      refusal: /release_takes_two_people/,
    },
    {
      what: 'ask and confirm a release in one breath',
      statements: [`update holds set ${asked}, released_by = 's.lee', released_on = '2026-11-25'`],
      refusal: /release_takes_two_people/,
    },
    {
      what: 'confirm a release that lapsed',
      statements: [`update holds set ${asked}`, "update holds set released_by = 's.lee', released_on = '2027-11-25'"],
      refusal: /lapsed after 30 days/,
    },
    {
      what: 'release a brake without a name',
      statements: [
        "insert into brakes (name, tripped_on, details) values ('volume', '2026-11-25', '{}')",
        'update brakes set released_at = now()',
      ],
      refusal: /brakes are released by a named person with a reason/,
    },
    {
      what: 'delete a brake',
      statements: ["insert into brakes (name, tripped_on, details) values ('volume', '2026-11-25', '{}')", 'delete from brakes'],
      refusal: /brakes are never deleted/,
    },
  ];
}

/** Facts and blocks changed at a prompt. */
export function factAttacks(): Attack[] {
  return [
    {
      what: 'change a birth',
      statements: ["update people set date_of_birth = '1950-01-01' where person_ref = 'CF-young-P'"],
      refusal: /people change by an import alone/,
    },
    {
      what: 'take away a risk flag',
      statements: ['update people set poses_risk_to_children = false'],
      refusal: /people change by an import alone/,
    },
    {
      what: 'close a case',
      statements: ["update case_files set closed_on = '1990-01-01'"],
      refusal: /case files change by an import alone/,
    },
    {
      what: 'drop a document from a file',
      statements: ["delete from documents where file_ref = 'CF-documents'"],
      refusal: /the documents of file CF-documents change by an import alone/,
    },
    { what: 'empty the quarantine', statements: ['delete from quarantine'], refusal: /the quarantine is emptied by an import alone/ },
    {
      what: 'delete a determination',
      statements: ["delete from determinations where file_ref = 'CF-young'"],
      refusal: /keeps its determination while it is in the register/,
    },
    {
      what: 'end the block of a shortened date',
      statements: [
        "update determinations set shortened_on = '2026-11-24' where file_ref = 'CF-young'",
        "update determinations set shortened_on = null where file_ref = 'CF-young'",
      ],
      refusal: /only a person’s confirmation ends that/,
    },
    {
      what: 'determine by a schedule nobody took over',
      statements: ["update determinations set schedule_version = 'mine'"],
      refusal: /determinations_schedule_version_fkey/,
    },
  ];
}
