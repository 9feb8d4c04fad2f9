/** What was archived: bags, residual records, the archive index and sources, each of which another one proves. */
import { changed, neverRewritten, refuse, refuseIf, type Guard } from './guard.ts';

/** The states a bag may move to from each state. */
const BAG_MOVES = {
  begun: ['waiting', 'archived', 'cleared'],
  waiting: ['archived', 'kept', 'cleared'],
  kept: ['cleared'],
  archived: ['restored', 'apart'],
  apart: [],
  restored: [],
  cleared: [],
};
const SOURCE_MOVES = { to_remove: ['removed', 'already_gone', 'failed', 'restored'], failed: ['removed', 'already_gone', 'restored'] };

export const ARCHIVE_GUARDS: readonly Guard[] = [
  {
    table: 'bags',
    name: 'bags_are_guarded',
    fires: 'before insert or update or delete',
    declare: `moves constant jsonb := '${JSON.stringify(BAG_MOVES)}';`,
    body: `if tg_op = 'DELETE' then
        ${refuse('bag % cannot be taken off the record', 'A bag is cleared, never forgotten.', ['old.id'])}
      elsif tg_op = 'INSERT' then
        ${refuseIf("new.state <> 'begun' or new.sha256 is not null", 'a bag begins before it is written', 'The archive step writes bags.')}
      else
        ${refuseIf(
          'new.state <> old.state and not jsonb_exists(moves -> old.state, new.state)',
          'bag % cannot go from % to %',
          'The archive step and "retention restore" move bags.',
          ['old.id', 'old.state', 'new.state'],
        )}
        ${refuseIf(
          `${changed(['id', 'file_ref', 'list_id', 'begun_on'])} or (old.state <> 'begun' and ${changed(['sha256', 'size'])})`,
          'bag %: what was recorded of it never changes',
          'A damaged bag is brought back from a backup of the archive.',
          ['old.id'],
        )}
        ${refuseIf(
          "new.state in ('waiting', 'archived') and new.sha256 is null",
          'bag % counts only once it was read back: its digest is missing',
          'The archive step writes and verifies bags.',
          ['old.id'],
        )}
        ${refuseIf(
          `new.state in ('kept', 'cleared') and old.state = 'waiting' and exists (select from disposal_list_items i
             where i.file_ref = old.file_ref and i.list_id = old.list_id and i.status in ('waiting_for_receipt', 'waiting_for_paper'))`,
          'bag % is not cleared or put aside while its file waits for it',
          'Withdraw the file first, with a reason.',
          ['old.id'],
        )}
      end if;`,
  },
  {
    table: 'bag_documents',
    name: 'bag_documents_leave_with_their_wait',
    fires: 'before update or delete',
    body: refuseIf(
      "tg_op = 'UPDATE' or exists (select from bags b where b.id = old.bag_id and b.state in ('begun', 'waiting', 'kept'))",
      'what a bag that waits holds is never changed or forgotten',
      'It leaves once the bag is archived or cleared.',
    ),
  },
  {
    table: 'residual_records',
    name: 'residual_records_are_guarded',
    fires: 'before insert or update or delete',
    body: `if tg_op = 'DELETE' then
        ${refuse('the record that % was lawfully disposed of stays for good', 'Bring the file back with "retention restore"; the record stays as history.', ['old.file_ref'])}
      elsif tg_op = 'INSERT' then
        ${refuseIf(
          `not exists (select from bags b where b.file_ref = new.file_ref and b.list_id = new.list_id and b.state = 'archived' and b.sha256 = new.bag_sha256)`,
          'file % is not archived without a verified bag',
          'The archive step writes, verifies and records the bag first.',
          ['new.file_ref'],
        )}
        ${refuseIf(
          'new.documents_expected <> new.documents_packed',
          'file % has % documents and its bag %: nothing is left behind',
          'Put the missing documents back, and archive again.',
          ['new.file_ref', 'new.documents_expected', 'new.documents_packed'],
        )}
      else
        ${refuseIf(
          `(to_jsonb(old) - 'restored_on' - 'kept_apart_on') is distinct from (to_jsonb(new) - 'restored_on' - 'kept_apart_on')
             or num_nonnulls(old.restored_on, old.kept_apart_on) > 0 or num_nonnulls(new.restored_on, new.kept_apart_on) <> 1`,
          'the record that % was lawfully disposed of never changes',
          'Bring the file back with "retention restore"; the record stays as history.',
          ['old.file_ref'],
        )}
        ${refuseIf(
          `new.restored_on is not null and not exists (select from restore_requests q where q.file_ref = old.file_ref and q.list_id = old.list_id and q.confirmed_on = new.restored_on)`,
          'file % comes back only as two people asked and confirmed',
          'retention restore FILE_REF --keep-until DAY --reason "…", then another person with --confirm.',
          ['old.file_ref'],
        )}
        ${refuseIf(
          `new.kept_apart_on is not null and not exists (select from reference_settlements s where s.file_ref = old.file_ref and s.list_id = old.list_id
             and s.verdict = 'another_file' and s.settled_on = new.kept_apart_on)`,
          'file % is kept apart only where a person said that its reference is another file’s now',
          'retention reference FILE_REF --another-file --reason "…".',
          ['old.file_ref'],
        )}
      end if;`,
  },
  {
    table: 'archive_index',
    name: 'archive_index_answers_while_the_bag_exists',
    fires: 'before update or delete',
    body: `if tg_op = 'UPDATE' then
        ${refuseIf(
          changed(['id', 'file_ref', 'person_ref', 'name', 'date_of_birth', 'categories']),
          'the archive index never changes but for where the bag is',
          'It answers "was there a file about me?" for as long as the bag exists.',
        )}
      elsif exists (select from residual_records r where r.file_ref = old.file_ref and r.restored_on is null
          and (case when old.kept_apart_list is null then r.kept_apart_on is null else r.list_id = old.kept_apart_list end)) then
        ${refuse('the archive index keeps % for as long as its bag exists', 'Bring the file back with "retention restore".', ['old.file_ref'])}
      end if;`,
  },
  {
    table: 'source_removals',
    name: 'source_removals_are_guarded',
    fires: 'before insert or update or delete',
    declare: `moves constant jsonb := '${JSON.stringify(SOURCE_MOVES)}';`,
    body: `if tg_op = 'DELETE' then
        ${refuse('what became of a source document stays on record', 'The archive step removes sources, and records each.')}
      elsif tg_op = 'INSERT' then
        ${refuseIf(
          `new.outcome <> 'to_remove' or not exists (select from documents d join bags b on b.file_ref = d.file_ref
             where d.file_ref = new.file_ref and d.path = new.path and b.list_id = new.list_id and b.state = 'archived')`,
          'a source of file % is removed only once the document is in its verified bag',
          'The archive step removes sources.',
          ['new.file_ref'],
        )}
      else
        ${refuseIf(
          `${changed(['id', 'file_ref', 'list_id', 'sha256', 'size'])} or (new.path is not null and ${changed(['path'])})
             or (old.path_sha256 is not null and ${changed(['path_sha256'])})
             or (new.outcome <> old.outcome and not coalesce(jsonb_exists(moves -> old.outcome, new.outcome), false))`,
          'what became of a source document never changes',
          'The archive step removes sources, and records each.',
        )}
      end if;`,
  },
  neverRewritten('reference_settlements', 'what was said of a reference', 'It is asked anew where the reference comes with other people.'),
  neverRewritten('paper_moves', 'records of where paper went', 'They are the evidence of where an original is.'),
  neverRewritten('transfer_receipts', 'receipts', 'They are the evidence of who received a file.'),
];
