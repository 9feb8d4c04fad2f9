/** Signed past the rules, and what was signed changed. */
import { archiveByHand, type Attack } from '../attacker.ts';
import { DECIDED, UNDECIDED } from './archiving.ts';

/** Signed past the rules. */
export function signingAttacks(): Attack[] {
  const sign = (by: string, on = '2026-11-24', days = 7, list: number = DECIDED) =>
    `update disposal_lists set state = 'cooling_off', signed_by = '${by}', signed_on = '${on}', signed_digest = digest, cooling_off_days = ${days} where id = ${list}`;
  const decided = "decision = 'approved', status = 'approved', decided_by = 'm.jones', decided_on = '2026-11-24'";
  return [
    {
      what: 'sign what one decided',
      statements: [sign('m.jones')],
      refusal: /nobody signs a list of which they decided an item: m\.jones/,
    },
    {
      what: 'sign what one decided, after another decided it again',
      statements: ["update disposal_list_items set decided_by = 's.lee' where list_id = 3", sign('m.jones')],
      refusal: /nobody signs a list of which they decided an item: m\.jones/,
    },
    {
      what: 'forge who decided',
      statements: [
        "insert into item_decisions (list_id, file_ref, decision, decided_by, decided_on) values (3, 'CF-3', 'approved', 's.lee', '2026-11-23')",
      ],
      refusal: /who decided is recorded by the database/,
    },
    { what: 'unsay who decided', statements: ['delete from item_decisions where list_id = 3'], refusal: /item_decisions is append-only/ },
    {
      what: 'sign a list that moved',
      statements: ["update disposal_list_items set item_digest = repeat('b', 64) where list_id = 3", sign('a.khan')],
      refusal: /disposal list 3 moved: the digest signed is not the digest of its items/,
    },
    {
      what: 'sign an undecided list',
      statements: [sign('a.khan', '2026-11-24', 7, UNDECIDED)],
      refusal: /cannot go from for_decision to cooling_off/,
    },
    {
      what: 'sign a caution that nobody acknowledged',
      statements: [
        `update disposal_list_items set ${decided} where list_id = 4`,
        "update disposal_lists set state = 'for_sign_off' where id = 4",
        sign('a.khan', '2026-11-24', 7, UNDECIDED),
      ],
      refusal: /file CF-4 carries a caution that nobody acknowledged/,
    },
    {
      what: 'sign on a day before the list was made',
      statements: [sign('a.khan', '2026-11-01')],
      refusal: /disposal list 3 was made after that sign-off/,
    },
    {
      what: 'write down a list as signed',
      statements: [
        `insert into disposal_lists (state, rule, action, schedule_version, listed_on, digest, signed_by, signed_on, signed_digest, cooling_off_days)
        select 'cooling_off', rule, action, schedule_version, '2026-11-01', digest, 'a.khan', '2026-11-01', digest, 1 from disposal_lists where id = 3`,
      ],
      refusal: /nothing is signed by writing it down/,
    },
    {
      what: 'backdate a sign-off that is there',
      statements: ["update disposal_lists set signed_on = '2026-11-01' where id = 2"],
      refusal: /what was listed and signed never changes/,
    },
    {
      what: 'shorten the cooling-off of what was signed',
      statements: ['update disposal_lists set cooling_off_days = 0 where id = 2'],
      refusal: /what was listed and signed never changes/,
    },
    {
      what: 'change a decision that was signed',
      statements: ["update disposal_list_items set decided_by = 's.lee' where list_id = 2 and file_ref = 'CF-1'"],
      refusal: /what was signed never changes/,
    },
    {
      what: 'put another file in a signed item',
      statements: ["update disposal_list_items set file_ref = 'CF-young' where list_id = 2 and file_ref = 'CF-1'"],
      refusal: /what was listed never changes/,
    },
    {
      what: 'change the date of a signed item',
      statements: ["update disposal_list_items set retain_until = '2020-01-01' where list_id = 2 and file_ref = 'CF-1'"],
      refusal: /what was listed never changes/,
    },
    { what: 'delete a signed list', statements: ['delete from disposal_lists where id = 2'], refusal: /disposal list 2 cannot be deleted/ },
    { what: 'delete an item', statements: ['delete from disposal_list_items where list_id = 2'], refusal: /cannot be deleted/ },
    {
      what: 'complete a list with work to do',
      statements: ["update disposal_lists set state = 'complete', ended_on = '2026-11-25' where id = 2"],
      refusal: /disposal list 2 cannot end: an item of it is unfinished/,
    },
  ];
}

/** On a live database, where days are those of the database's own clock; it has one undecided list of one file. */
export function liveAttacks(today: string): Attack[] {
  const day = (days: number) => `date '${today}' + ${days}`;
  const decided = [
    `update disposal_list_items set decision = 'approved', status = 'approved', decided_by = 'm.jones', decided_on = '${today}'`,
    "update disposal_lists set state = 'for_sign_off'",
  ];
  const signed = (on: string, days: number) => [
    ...decided,
    `update disposal_lists set state = 'cooling_off', signed_by = 'a.khan', signed_on = ${on}, signed_digest = digest, cooling_off_days = ${days}`,
  ];
  const archived = (on: string) => archiveByHand('CF-1', 1, on).map((statement) => statement.replaceAll(`'${on}'`, on));
  const list = (on: string) =>
    `insert into disposal_lists (rule, action, schedule_version, listed_on) select rule, action, schedule_version, ${on} from disposal_lists`;
  return [
    { what: 'backdate a sign-off', statements: signed(day(-8), 7), refusal: /a sign-off of a live database is of today: not backdated/ },
    { what: 'sign ahead of the clock', statements: signed(day(1), 7), refusal: /a sign-off of a live database is of today/ },
    {
      what: 'sign without a cooling-off',
      statements: signed(day(0), 0),
      refusal: /the cooling-off of a live database is at least one day/,
    },
    {
      what: 'backdate the moment of a sign-off',
      statements: [...signed(day(0), 7), `update disposal_lists set signed_at = now() - interval '30 days'`],
      refusal: /what was listed and signed never changes/,
    },
    {
      what: 'sign with a moment long past, and archive ahead of the clock',
      statements: [
        ...decided,
        `update disposal_lists set state = 'cooling_off', signed_by = 'a.khan', signed_on = ${day(0)}, signed_at = now() - interval '30 days',
           signed_digest = digest, cooling_off_days = 7`,
        ...archived(day(8)),
      ],
      refusal: /the cooling-off of disposal list 1 is not over by the clock of the database/,
    },
    {
      what: 'skip the cooling-off',
      statements: [...signed(day(0), 7), ...archived(day(0))],
      refusal: /the cooling-off of disposal list 1 lasts through/,
    },
    {
      what: 'make a list of a day to come',
      statements: [list(day(9000))],
      refusal: /a disposal list of a live database is made as of today/,
    },
    {
      what: 'make a list of a day gone by',
      statements: [list(day(-30))],
      refusal: /a disposal list of a live database is made as of today/,
    },
    {
      what: 'make a rehearsal of a live database',
      statements: ["update installation set kind = 'rehearsal'"],
      refusal: /installation is append-only: update is refused/,
    },
    {
      what: 'make a second installation, a rehearsal',
      statements: ["insert into installation (only_row, kind) values (false, 'rehearsal')"],
      refusal: /installation_only_row_check/,
    },
    {
      what: 'forget what this installation is',
      statements: ['delete from installation'],
      refusal: /installation is append-only: delete is refused/,
    },
  ];
}
