/** Archived or listed though a condition is missing. */
import { archiveByHand, type Attack } from '../attacker.ts';

/** What the attacked database has: list 1 archived, 2 signed on 22/11/2026 with seven days, 3 decided by m.jones, 4 being decided. */
export const [ARCHIVED, SIGNED, DECIDED, UNDECIDED] = [1, 2, 3, 4] as const;
/** The first day after the cooling-off of list 2. */
export const COOLED = '2026-11-30';

/** Archived though a condition is missing. */
export function archivingAttacks(): Attack[] {
  const item = (ref: string, list: number) => `where list_id = ${list} and file_ref = '${ref}'`;
  const determined = (
    ref: string,
  ) => `update determinations set outcome = 'expires', reason = null, rule = 'child-in-need', anchor_on = '2000-01-02',
    retain_until = '2025-01-02', action = 'archive' where file_ref = '${ref}'`;
  const newList = `insert into disposal_lists (rule, action, schedule_version, listed_on) select rule, action, schedule_version, '2026-11-25' from disposal_lists where id = 2`;
  const onto = (
    ref: string,
    list: string,
  ) => `insert into disposal_list_items (list_id, position, file_ref, rule, schedule_version, action, anchor_on, retain_until, anchor_year,
    retain_year, status_on, item_digest) select ${list}, 99, '${ref}', rule, schedule_version, action, '2000-01-02', '2025-01-02', 2000, 2025, '2026-11-25', item_digest
    from disposal_list_items where list_id = 2 and file_ref = 'CF-1'`;
  const last = '(select max(id) from disposal_lists)';
  return [
    {
      what: 'archive within the cooling-off',
      statements: archiveByHand('CF-1', SIGNED, '2026-11-29'),
      refusal: /the cooling-off of disposal list 2 lasts through 2026-11-29/,
    },
    {
      what: 'archive after the sign-off lapsed',
      statements: archiveByHand('CF-1', SIGNED, '2027-02-21'),
      refusal: /the sign-off of disposal list 2 lapsed after 90 days/,
    },
    { what: 'archive a held file', statements: archiveByHand('CF-held', SIGNED, COOLED), refusal: /file CF-held is blocked: hold/ },
    {
      what: 'archive a file that is kept by decision',
      statements: [
        "insert into deferrals (file_ref, keep_until, decided_by, decided_on) values ('CF-kept', '2030-01-01', 'm.jones', '2026-11-24')",
        ...archiveByHand('CF-kept', SIGNED, COOLED),
      ],
      refusal: /file CF-kept is blocked: deferred/,
    },
    {
      what: 'archive a file whose facts changed since the sign-off',
      statements: archiveByHand('CF-changed', SIGNED, COOLED),
      refusal: /CF-changed is not as it was signed|not what the schedule makes/,
    },
    {
      what: 'archive on a date written over the determination',
      statements: [
        "update determinations set retain_until = '2025-01-01', rank = rank - 268435456 where file_ref = 'CF-early'",
        ...archiveByHand('CF-early', SIGNED, COOLED),
      ],
      refusal: /the determination of file CF-early is not what the schedule makes of its facts/,
    },
    {
      what: 'archive while a brake is on',
      statements: [
        "insert into brakes (name, tripped_on, details) values ('volume', '2026-11-25', '{}')",
        ...archiveByHand('CF-1', SIGNED, COOLED),
      ],
      refusal: /the brake "volume" is on: nothing is listed or archived/,
    },
    {
      what: 'archive without a bag',
      statements: [`update disposal_list_items set status = 'archived', status_on = '${COOLED}', binding = false ${item('CF-1', SIGNED)}`],
      refusal: /file CF-1 is not archived without a verified bag/,
    },
    {
      what: 'archive with a bag that nobody read back',
      statements: [
        `insert into bags (file_ref, list_id, location, begun_on) values ('CF-1', 2, 'x', '${COOLED}')`,
        "update bags set state = 'archived' where file_ref = 'CF-1'",
      ],
      refusal: /counts only once it was read back/,
    },
    {
      what: 'archive and leave documents behind',
      statements: archiveByHand('CF-documents', SIGNED, COOLED, { expected: 1 }),
      refusal: /file CF-documents has 1 documents and its bag 0: nothing is left behind/,
    },
    {
      what: 'archive a file whose paper nobody looked for',
      statements: archiveByHand('CF-paper', SIGNED, COOLED),
      refusal: /file CF-paper has paper: it waits/,
    },
    {
      what: 'mark a file archived and keep it in the register',
      statements: archiveByHand('CF-1', SIGNED, COOLED).slice(0, -1),
      refusal: /file CF-1 is marked archived and is still in the register/,
    },
    {
      what: 'archive what nobody signed off',
      statements: archiveByHand('CF-3', DECIDED, '2026-12-31'),
      refusal: /item CF-3 of disposal list 3 is not signed off/,
    },
    {
      what: 'archive what nobody decided',
      statements: archiveByHand('CF-4', UNDECIDED, '2026-12-31'),
      refusal: /cannot go from pending to archived/,
    },
    {
      what: 'transfer without a receipt',
      statements: archiveByHand('CF-1', SIGNED, COOLED, { status: 'transferred' }),
      refusal: /cannot go from approved to transferred/,
    },
    { what: 'list a permanent file', statements: [newList, onto('CF-risk', last)], refusal: /a permanent file is on no list, ever/ },
    {
      what: 'list a permanent file whose determination was written over',
      statements: [determined('CF-risk'), newList, onto('CF-risk', last)],
      refusal: /CF-risk may not be listed/,
    },
    {
      what: 'list a file that is not due',
      statements: [newList, onto('CF-young', last)],
      refusal: /file CF-young may not be listed: only what is due/,
    },
    {
      what: 'list a file that is not due, its determination written over',
      statements: [determined('CF-young'), newList, onto('CF-young', last)],
      refusal: /file CF-young may not be listed/,
    },
    { what: 'put a file on two lists', statements: [newList, onto('CF-twice', last)], refusal: /a_file_is_an_unfinished_item_of_one_list/ },
    {
      what: 'free a file from its list unseen',
      statements: [`update disposal_list_items set binding = false ${item('CF-twice', SIGNED)}`],
      refusal: /a file is an unfinished item of at most one list/,
    },
    {
      what: 'delete a file from the register',
      statements: ["delete from case_files where file_ref = 'CF-young'"],
      refusal: /file CF-young leaves the register by the archive alone/,
    },
    {
      what: 'delete a person',
      statements: ["delete from people where person_ref = 'CF-young-P'"],
      refusal: /stays in the register while a case file is about them/,
    },
    { what: 'empty the register', statements: ['truncate case_files cascade'], refusal: /permission denied for table/ },
  ];
}
