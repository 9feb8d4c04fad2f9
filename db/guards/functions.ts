/** Functions that guards ask: which day it is, whether this is an import, and whether a file may be listed, signed or archived. */
import { NIGHTS_AFTER_COOLING_OFF, SIGN_OFF_LAPSES_AFTER_DAYS } from '../../rules/workflow.ts';
import { archivedFactsDigest, NO_DOCUMENTS } from '../archivedRows.ts';
import { refuse, refuseIf } from './guard.ts';

const AGAIN = 'The re-check takes off what changed; look at the file with "retention explain".';

/** As `signOffLastsDays` has it. */
const SIGN_OFF_LASTS = `greatest(${SIGN_OFF_LAPSES_AFTER_DAYS}, list.cooling_off_days + ${NIGHTS_AFTER_COOLING_OFF})`;

/** Signature and body of each, in an order in which they can be made. */
export const GUARD_FUNCTIONS: readonly (readonly [signature: string, body: string])[] = [
  ['today_in_london() returns date language sql stable', "select (now() at time zone 'Europe/London')::date"],
  ['is_live() returns boolean language sql stable', "select exists (select from installation where kind = 'live')"],
  [
    // An import enters its row first, at the moment its transaction began.
    'is_import() returns boolean language sql stable',
    'select coalesce((select landed_at from imports order by id desc limit 1) = now(), false)',
  ],
  [
    'facts_digest_of(file text) returns text language sql stable',
    `select ${archivedFactsDigest('people', 'documents')} from case_files f where f.file_ref = file collate "C"`,
  ],
  [
    'case_digest_of(file text) returns text language sql stable',
    `select ${archivedFactsDigest('people', NO_DOCUMENTS)} from case_files f where f.file_ref = file collate "C"`,
  ],
  [
    // Of a file whose bag waits or is archived: the register lists what the bag holds, and where it gives a digest it is that one.
    'lists_what_is_packed(file text, list bigint) returns boolean language sql stable',
    `with packed as (
       select s.path, s.sha256 from source_removals s where s.file_ref = file collate "C" and s.list_id = list
       union select w.path, w.sha256 from bag_documents w join bags b on b.id = w.bag_id
       where b.file_ref = file collate "C" and b.list_id = list and b.state = 'waiting')
     select (select count(*) from documents d where d.file_ref = file collate "C") = (select count(*) from packed)
       and not exists (select from documents d where d.file_ref = file collate "C"
         and not exists (select from packed p where p.path = d.path and coalesce(d.sha256, p.sha256) = p.sha256))`,
  ],
  [
    // Names the guard function of a version; a version that was taken over since the guards were installed has none yet.
    'candidacy_function(version text) returns text language sql immutable',
    "select 'candidacy_' || substr(md5(version), 1, 16)",
  ],
  [
    `candidacy_under(version text, as_of date, files text[])
     returns table (file_ref text, outcome text, rule text, anchor_on date, retain_until date, eligible_from date, action text, blocks text[], cautions text[], recalculated boolean)
     language plpgsql stable`,
    `begin
      ${refuseIf(
        'to_regproc(candidacy_function(version)) is null',
        'version % of the schedule has no guard in this database yet, so nothing is listed or archived under it',
        'Run "retention migrate" with the role that owns the tables.',
        ['version'],
      )}
      return query execute format('select file_ref, outcome, rule, anchor_on, retain_until, eligible_from, action, blocks, cautions, recalculated from %I($1, $2)',
        candidacy_function(version)) using as_of, files;
    end`,
  ],
  [
    'require_no_brake() returns void language plpgsql stable',
    `declare brake text;
    begin
      select name into brake from brakes where released_at is null limit 1;
      ${refuseIf('brake is not null', 'the brake "%" is on: nothing is listed or archived', 'An authoriser releases it with a reason: retention brake release NAME --reason "…".', ['brake'])}
    end`,
  ],
  [
    'require_candidates(made disposal_lists, files text[]) returns void language plpgsql stable',
    `declare wrong record;
    begin
      perform require_no_brake();
      select i.file_ref, c.blocks, c.outcome into wrong
      from disposal_list_items i left join candidacy_under(made.schedule_version, made.listed_on, files) c on c.file_ref = i.file_ref
      where i.list_id = made.id and i.file_ref = any(files)
        and (c.recalculated and c.outcome = 'expires' and c.eligible_from <= made.listed_on and c.blocks = array['listed']
          and (c.rule, c.action, c.anchor_on, c.retain_until) = (i.rule, i.action, i.anchor_on, i.retain_until)
          and (i.rule, i.action, i.schedule_version) = (made.rule, made.action, made.schedule_version)) is not true
      limit 1;
      if found and wrong.outcome = 'permanent' then
        ${refuse('file % may not be listed: a permanent file is on no list, ever', 'Records about adults who pose a risk to children are never disposed of.', ['wrong.file_ref'])}
      elsif found then
        ${refuse(
          'file % may not be listed: only what is due, unblocked and determined so by the schedule itself goes on a list (blocks: %)',
          'The list step makes lists of candidates.',
          ['wrong.file_ref', "coalesce(nullif(array_to_string(array_remove(wrong.blocks, 'listed'), ', '), ''), 'none')"],
        )}
      end if;
    end`,
  ],
  [
    'require_signable(list disposal_lists, state_before text) returns void language plpgsql stable',
    `declare digest_now text; careless text; blocked record;
    begin
      ${refuseIf("state_before <> 'for_sign_off'", 'disposal list % is not for sign-off', 'Every item is decided first.', ['list.id'])}
      ${refuseIf(
        `exists (select from item_decisions d where d.list_id = list.id and same_person(d.decided_by, list.signed_by))
           or exists (select from disposal_list_items i where i.list_id = list.id and same_person(i.decided_by, list.signed_by))`,
        'nobody signs a list of which they decided an item: % decided on disposal list %',
        'Another person signs it.',
        ['list.signed_by', 'list.id'],
      )}
      select encode(sha256(convert_to(string_agg(item_digest, '' order by position), 'UTF8')), 'hex') into digest_now
      from disposal_list_items where list_id = list.id;
      ${refuseIf(
        'list.signed_digest is distinct from digest_now',
        'disposal list % moved: the digest signed is not the digest of its items',
        'Look at it again, and sign with the digest it shows.',
        ['list.id'],
      )}
      ${refuseIf(
        "exists (select from disposal_list_items i where i.list_id = list.id and i.status = 'pending')",
        'disposal list % has undecided items: silence approves nothing',
        'Decide them first.',
        ['list.id'],
      )}
      select i.file_ref into careless from disposal_list_items i
      where i.list_id = list.id and i.status = 'approved'
        and jsonb_path_exists(i.cautions, '$[*] ? (@.acknowledged_by == null)') limit 1;
      ${refuseIf('careless is not null', 'file % carries a caution that nobody acknowledged', 'Acknowledge its cautions, or keep or refer it.', ['careless'])}
      select c.file_ref, array_remove(c.blocks, 'listed') as stands into blocked
      from candidacy_under(list.schedule_version, list.signed_on,
        array(select i.file_ref from disposal_list_items i where i.list_id = list.id and i.status = 'approved')) c
      where array_remove(c.blocks, 'listed') <> '{}' limit 1;
      ${refuseIf('found', 'file % is blocked: %', 'Keep or refer it, or take it off the list, before the list is signed.', [
        'blocked.file_ref',
        "array_to_string(blocked.stands, ', ')",
      ])}
      ${refuseIf(
        'is_live() and list.signed_on <> today_in_london()',
        'a sign-off of a live database is of today: not backdated, nor ahead, as % would be',
        'Sign again; the date is that of the signing.',
        ['list.signed_on'],
      )}
      ${refuseIf('list.signed_on < list.listed_on', 'disposal list % was made after that sign-off', 'Sign as of a day on which the list was there.', ['list.id'])}
      ${refuseIf('is_live() and list.cooling_off_days < 1', 'the cooling-off of a live database is at least one day', 'Set COOLING_OFF_DAYS to 1 or more.')}
    end`,
  ],
  [
    // Everything that archiving asks, once more, of the facts as they stand in this very transaction.
    'require_disposable(item disposal_list_items, list disposal_lists, status_before text) returns void language plpgsql stable',
    `declare now_so record; bag bags; waits constant boolean := item.status in ('waiting_for_receipt', 'waiting_for_paper');
      waited constant boolean := status_before in ('waiting_for_receipt', 'waiting_for_paper'); version text := item.schedule_version;
    begin
      ${refuseIf(
        // An older snapshot would not see the hold that its transaction waited for.
        "current_setting('transaction_isolation') <> 'read committed'",
        'file % is archived at isolation "read committed" alone',
        'The commands of the product set it for themselves.',
        ['item.file_ref'],
      )}
      ${refuseIf(
        "list.signed_by is null or list.state not in ('cooling_off', 'in_progress')",
        'item % of disposal list % is not signed off',
        'Another person than who decided signs the list off.',
        ['item.file_ref', 'list.id'],
      )}
      if item.status = 'failed' then return; end if;
      perform require_no_brake();
      ${refuseIf(
        'item.status_on <= list.signed_on + list.cooling_off_days',
        'the cooling-off of disposal list % lasts through %: nothing is archived before',
        'The archive step goes on by itself when it is over.',
        ['list.id', 'list.signed_on + list.cooling_off_days'],
      )}
      ${refuseIf(
        "is_live() and (item.status_on > today_in_london() or today_in_london() <= (list.signed_at at time zone 'Europe/London')::date + list.cooling_off_days)",
        'the cooling-off of disposal list % is not over by the clock of the database',
        'Set the clocks right; the archive step goes on by itself.',
        ['list.id'],
      )}
      ${refuseIf(
        `status_before in ('approved', 'failed') and item.status_on > list.signed_on + ${SIGN_OFF_LASTS}`,
        'the sign-off of disposal list % lapsed after % days',
        'The next night takes its files off; they are listed anew.',
        ['list.id', SIGN_OFF_LASTS],
      )}
      if waited then
        select d.schedule_version into version from determinations d where d.file_ref = item.file_ref;
      end if;
      select * into now_so from candidacy_under(version, item.status_on, array[item.file_ref]);
      ${refuseIf('not found', 'file % is not in the register', AGAIN, ['item.file_ref'])}
      ${refuseIf("now_so.outcome = 'permanent'", 'file % is permanent and never disposed of', AGAIN, ['item.file_ref'])}
      ${refuseIf(
        'now_so.recalculated is not true',
        'the determination of file % is not what the schedule makes of its facts',
        'The compute step determines it anew; then look at it with "retention explain".',
        ['item.file_ref'],
      )}
      ${refuseIf("now_so.outcome <> 'expires' or now_so.eligible_from > item.status_on", 'file % is not due on %', AGAIN, [
        'item.file_ref',
        'item.status_on',
      ])}
      ${refuseIf("array_remove(now_so.blocks, 'listed') <> '{}'", 'file % is blocked: %', AGAIN, [
        'item.file_ref',
        "array_to_string(array_remove(now_so.blocks, 'listed'), ', ')",
      ])}
      ${refuseIf(
        `(now_so.rule, now_so.action, now_so.anchor_on, now_so.retain_until) is distinct from (item.rule, item.action, item.anchor_on, item.retain_until)
           or (case when waited and item.case_digest is not null
             then case_digest_of(item.file_ref) is distinct from item.case_digest or not lists_what_is_packed(item.file_ref, item.list_id)
             else facts_digest_of(item.file_ref) is distinct from item.facts_digest end)
           or not to_jsonb(now_so.cautions) <@ jsonb_path_query_array(item.cautions, '$[*].caution')`,
        'file % is not as it was signed: its facts, documents, date or cautions changed',
        AGAIN,
        ['item.file_ref'],
      )}
      select * into bag from bags b
      where b.file_ref = item.file_ref and b.list_id = item.list_id and b.state = case when waits then 'waiting' else 'archived' end;
      ${refuseIf(
        'not found',
        'file % is not archived without a verified bag',
        'The archive step writes, verifies and records the bag first.',
        ['item.file_ref'],
      )}
      ${refuseIf(
        'not waits and not exists (select from residual_records r where r.file_ref = item.file_ref and r.list_id = item.list_id and r.bag_sha256 = bag.sha256)',
        'file % is not archived without the record that stays of it',
        'The archive step writes it in the same transaction.',
        ['item.file_ref'],
      )}
      ${refuseIf(
        "item.status = 'transferred' and not exists (select from transfer_receipts t where t.file_ref = item.file_ref and t.list_id = item.list_id)",
        'file % is not transferred without a receipt',
        'Record the adult’s file that received it: retention transfer received FILE_REF --as-file REF.',
        ['item.file_ref'],
      )}
      ${refuseIf(
        `status_before = 'waiting_for_paper' and not exists (select from paper_moves m where m.file_ref = item.file_ref and m.list_id = item.list_id)`,
        'file % waits for its paper: nobody recorded where it went',
        'Record it: retention paper done FILE_REF --moved-to "…".',
        ['item.file_ref'],
      )}
      ${refuseIf(
        `not waits and status_before in ('approved', 'failed') and exists (select from case_files f where f.file_ref = item.file_ref and f.medium in ('paper', 'both'))`,
        'file % has paper: it waits until a person records where that went',
        'Record it: retention paper done FILE_REF --moved-to "…".',
        ['item.file_ref'],
      )}
      ${refuseIf(
        `item.action = 'transfer_to_adult_file' and item.status in ('archived', 'waiting_for_paper') and status_before in ('approved', 'failed')`,
        'file % goes to an adult’s file, and waits for its receipt first',
        'Record the adult’s file that received it: retention transfer received FILE_REF --as-file REF.',
        ['item.file_ref'],
      )}
    end`,
  ],
];
