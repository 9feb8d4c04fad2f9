/** More power than the run-time role has. */
import type { Attack } from '../attacker.ts';

/** More power than the role has. */
export function powerAttacks(): Attack[] {
  return [
    {
      what: 'switch a guard off',
      statements: ['alter table disposal_list_items disable trigger all'],
      refusal: /must be owner of table disposal_list_items/,
    },
    { what: 'drop a guard', statements: ['drop trigger holds_are_guarded on holds'], refusal: /must be owner of relation holds/ },
    {
      what: 'replace what a guard asks',
      statements: ['create or replace function is_live() returns boolean language sql as $$ select false $$'],
      refusal: /permission denied for schema public|must be owner of function/,
    },
    {
      what: 'play a replica, which fires no triggers',
      statements: ['set session_replication_role = replica'],
      refusal: /permission denied to set parameter/,
    },
    { what: 'become the owner', statements: ['set role retention'], refusal: /permission denied to set role/ },
    { what: 'make a table', statements: ['create table mine (id int)'], refusal: /permission denied for schema public/ },
    {
      what: 'set back a sequence, for a number to come twice',
      statements: ["select setval(pg_get_serial_sequence('disposal_lists', 'id'), 1)"],
      refusal: /permission denied for sequence/,
    },
    {
      what: 'run a program on the server',
      statements: ["copy (select 1) to program 'true'"],
      refusal: /permission denied to COPY|must be superuser or have privileges/,
    },
    {
      what: 'hide decisions behind a table of the same name',
      statements: [
        'create temp table item_decisions (list_id bigint, file_ref text, decision text, decided_by text, decided_on date)',
        "update disposal_list_items set decided_by = 's.lee' where list_id = 3",
        "update disposal_lists set state = 'cooling_off', signed_by = 'm.jones', signed_on = '2026-11-24', signed_digest = digest, cooling_off_days = 7 where id = 3",
      ],
      refusal: /nobody signs a list of which they decided an item: m\.jones/,
    },
  ];
}
