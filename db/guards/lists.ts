/** Disposal lists and their items: what goes on one, who signs it, and that what was signed stays as it was. */
import { ITEM_MOVES, LIST_MOVES, UNFINISHED_STATUSES } from '../../rules/workflow.ts';
import { changed, neverRewritten, refuse, refuseIf, type Guard } from './guard.ts';

const SIGNATURE = ['digest', 'signed_by', 'signed_on', 'signed_at', 'signed_digest', 'cooling_off_days'];
const LISTED = ['list_id', 'position', 'file_ref', 'rule', 'schedule_version', 'action', 'anchor_year', 'retain_year', 'released_holds'];
const DAYS = ['anchor_on', 'retain_until', 'facts_digest', 'case_digest'];
const DECIDED = ['decision', 'keep_until', 'reason_code', 'decided_by', 'decided_on', 'cautions', 'item_digest'];

export const LIST_GUARDS: readonly Guard[] = [
  {
    table: 'disposal_lists',
    name: 'disposal_lists_are_guarded',
    fires: 'before insert or update or delete',
    declare: `moves constant jsonb := '${JSON.stringify(LIST_MOVES)}';`,
    body: `if tg_op = 'DELETE' then
        ${refuse('disposal list % cannot be deleted', 'Cancel it, with a reason.', ['old.id'])}
      elsif tg_op = 'INSERT' then
        ${refuseIf(
          "new.state <> 'for_decision' or new.signed_by is not null",
          'a disposal list begins undecided: nothing is signed by writing it down',
          'It is decided, signed off by another person, and archived after the cooling-off.',
        )}
        ${refuseIf(
          'is_live() and new.listed_on not between today_in_london() - 1 and today_in_london()',
          'a disposal list of a live database is made as of today, not of %',
          'Try other days in a rehearsal.',
          ['new.listed_on'],
        )}
        return new;
      end if;
      ${refuseIf(
        'new.state <> old.state and not jsonb_exists(moves -> old.state, new.state)',
        'disposal list % cannot go from % to %',
        'The states of a list are in rules/workflow.ts.',
        ['old.id', 'old.state', 'new.state'],
      )}
      ${refuseIf(
        `${changed(['id', 'rule', 'action', 'schedule_version', 'listed_on', 'run_id', 'from_bags_on'])} or (old.signed_by is not null and ${changed(SIGNATURE)})`,
        'disposal list %: what was listed and signed never changes',
        'Cancel it with a reason; its files may be listed again.',
        ['old.id'],
      )}
      if old.signed_by is null and new.signed_by is not null then
        new.signed_at := now();
        perform require_signable(new, old.state);
      end if;
      if new.state in ('complete', 'cancelled') and old.state <> new.state then
        ${refuseIf(
          `exists (select from disposal_list_items i where i.list_id = new.id and i.status in ('${UNFINISHED_STATUSES.join("', '")}'))`,
          'disposal list % cannot end: an item of it is unfinished',
          'Withdraw what is not to go on, with a reason.',
          ['new.id'],
        )}
      end if;`,
  },
  {
    table: 'disposal_list_items',
    name: 'disposal_list_items_are_guarded',
    fires: 'before insert or update or delete',
    declare: `moves constant jsonb := '${JSON.stringify(ITEM_MOVES)}'; list disposal_lists; emptied boolean;`,
    body: `if tg_op = 'DELETE' then
        ${refuse('item % of disposal list % cannot be deleted', 'Withdraw it, with a reason.', ['old.file_ref', 'old.list_id'])}
      end if;
      select * into list from disposal_lists where id = new.list_id;
      if tg_op = 'INSERT' then
        ${refuseIf(
          "new.status <> 'pending' or new.decision is not null or not new.binding or list.state <> 'for_decision'",
          'file % may not be listed: only what is undecided goes on a list that is being decided',
          'The list step makes lists.',
          ['new.file_ref'],
        )}
        new.facts_digest := facts_digest_of(new.file_ref);
        new.case_digest := case_digest_of(new.file_ref);
        return new;
      end if;
      ${refuseIf(
        'new.status <> old.status and not jsonb_exists(moves -> old.status, new.status)',
        'item % of disposal list % cannot go from % to %',
        'The statuses of an item are in rules/workflow.ts.',
        ['old.file_ref', 'old.list_id', 'old.status', 'new.status'],
      )}
      -- Archiving takes days and words away: they are personal data, and in the bag.
      emptied := num_nonnulls(new.anchor_on, new.retain_until, new.facts_digest, new.case_digest, new.note) = 0
        and exists (select from residual_records r where r.file_ref = new.file_ref);
      ${refuseIf(
        `${changed(LISTED)} or (${changed(DAYS)} and not emptied)`,
        'item % of disposal list %: what was listed never changes',
        'Withdraw it with a reason; the next night lists the file as it is then.',
        ['old.file_ref', 'old.list_id'],
      )}
      ${refuseIf(
        `list.signed_by is not null and (${changed(DECIDED)} or (${changed(['note'])} and not emptied))`,
        'item % of disposal list %: what was signed never changes',
        'Withdraw it, with a reason.',
        ['old.file_ref', 'old.list_id'],
      )}
      ${refuseIf(
        `${changed(DECIDED)} and list.state not in ('for_decision', 'for_sign_off')`,
        'disposal list % is % and is not decided on',
        'Decide on a list that is open.',
        ['list.id', 'list.state'],
      )}
      ${refuseIf(
        `new.binding <> case when new.status in ('archived', 'transferred', 'withdrawn') then false
           when new.status in ('kept', 'referred') then list.signed_by is null else true end`,
        'item % of disposal list % is % and binds its file accordingly: a file is an unfinished item of at most one list',
        'Withdraw it, with a reason, and the file is free.',
        ['old.file_ref', 'old.list_id', 'new.status'],
      )}
      if ${changed(['decision', 'decided_by', 'decided_on', 'keep_until', 'reason_code'])} then
        insert into item_decisions (list_id, file_ref, decision, decided_by, decided_on)
        values (new.list_id, new.file_ref, new.decision, new.decided_by, new.decided_on);
      end if;
      if new.status <> old.status and new.status in ('archived', 'transferred', 'waiting_for_receipt', 'waiting_for_paper', 'failed') then
        perform require_disposable(new, list, old.status);
      end if;`,
  },
  {
    table: 'disposal_list_items',
    name: 'only_candidates_are_listed',
    fires: 'after insert',
    statement: true,
    referencing: 'new table as listed',
    declare: 'made disposal_lists;',
    body: `for made in select * from disposal_lists where id in (select list_id from listed) loop
        perform require_candidates(made, (select array_agg(file_ref) from listed where list_id = made.id));
      end loop;`,
  },
  {
    table: 'disposal_list_items',
    name: 'what_is_archived_has_left_the_register',
    fires: 'after update',
    deferred: true,
    when: "new.status in ('archived', 'transferred') and old.status <> new.status",
    body: refuseIf(
      `exists (select from case_files f where f.file_ref = new.file_ref)
         and exists (select from residual_records r where r.file_ref = new.file_ref and r.restored_on is null)`,
      'file % is marked archived and is still in the register',
      'Archiving moves the file out of the register in the same transaction.',
      ['new.file_ref'],
    ),
  },
  {
    table: 'item_decisions',
    name: 'decisions_are_recorded_by_the_item',
    fires: 'before insert',
    body: refuseIf(
      'pg_trigger_depth() < 2',
      'who decided is recorded by the database when an item is decided',
      'Decide on the item: retention decide LIST …',
    ),
  },
  neverRewritten('disposal_certificates', 'certificates', 'A certificate is the evidence of what was done; it stays.'),
];
