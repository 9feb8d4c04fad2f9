/** What people decided outside a list: holds, confirmations, deferrals, referrals, reviews, brakes, requests to restore. */
import { REQUEST_LAPSES_AFTER_DAYS } from '../../rules/workflow.ts';
import { changed, neverDeleted, neverRewritten, refuse, refuseIf, type Guard } from './guard.ts';

const ADD = 'Record what is right beside it; what was recorded stays, and goes into the bag with its file.';
const HOLD_ORDER = ['id', 'kind', 'scope', 'scope_ref', 'authority', 'placed_by', 'placed_on', 'placed_at'];
const BRAKE_CAUSE = ['id', 'name', 'tripped_on', 'tripped_at', 'run_id', 'details'];
const RESTORE_ASK = ['id', 'file_ref', 'list_id', 'keep_until', 'asked_by', 'asked_on'];

export const DECISION_GUARDS: readonly Guard[] = [
  {
    table: 'holds',
    name: 'holds_are_guarded',
    fires: 'before insert or update or delete',
    body: `if tg_op = 'DELETE' then
        ${refuse('hold % cannot be deleted', 'Ask for its release, with a reason.', ['old.id'])}
      elsif tg_op = 'INSERT' then
        ${refuseIf('new.release_asked_by is not null or new.released_by is not null', 'a hold is placed before its release is asked for', 'Place it; then one person asks for its release and another confirms.')}
      else
        ${refuseIf('old.released_on is not null', 'hold % was released and never changes', 'Place a new hold.', ['old.id'])}
        ${refuseIf(changed(HOLD_ORDER), 'hold %: what was ordered never changes', 'Place a new hold, and release this one.', ['old.id'])}
        ${refuseIf(
          `new.released_by is not null and (old.release_asked_by is null or same_person(old.release_asked_by, new.released_by) or ${changed(['release_asked_by', 'release_asked_on', 'release_reason'])})`,
          'hold %: release_takes_two_people, one who asked before and another who confirms',
          'Ask for its release with a reason; another person confirms.',
          ['old.id'],
        )}
        ${refuseIf(
          `new.released_on > old.release_asked_on + ${REQUEST_LAPSES_AFTER_DAYS}`,
          `hold %: the request for its release lapsed after ${REQUEST_LAPSES_AFTER_DAYS} days`,
          'Ask anew.',
          ['old.id'],
        )}
      end if;`,
  },
  {
    table: 'hold_covers',
    name: 'hold_covers_are_guarded',
    fires: 'before insert or update or delete',
    body: `if tg_op = 'DELETE' then
        ${refuseIf('exists (select from case_files f where f.file_ref = old.file_ref)', 'what hold % covered stays known while file % is in the register', 'A records manager confirms that the file may go without it: retention confirm FILE_REF --reason "…".', ['old.hold_id', 'old.file_ref'])}
      elsif tg_op = 'INSERT' then
        ${refuseIf('new.confirmation_id is not null', 'what hold % covers is entered before anybody confirms that it may go without', 'Place the hold; it enters what it covers.', ['new.hold_id'])}
      else
        ${refuseIf(changed(['file_ref', 'hold_id', 'likeness']), 'what hold % covered is never rewritten', 'Place a hold on what it should cover.', ['old.hold_id'])}
        ${refuseIf(
          `new.confirmation_id is distinct from old.confirmation_id and new.confirmation_id is not null and not exists (select from confirmations c
             where c.id = new.confirmation_id and c.file_ref = new.file_ref and c.block = 'hold_moved' and c.confirmed_on >= coalesce(old.moved_on, c.confirmed_on))`,
          'file % was covered by hold %, and only a person’s confirmation ends that',
          'A records manager confirms it with a reason: retention confirm FILE_REF --reason "…".',
          ['old.file_ref', 'old.hold_id'],
        )}
      end if;`,
  },
  askedByOneConfirmedByAnother('schedule_withdrawals', 'the withdrawal of version %', ['version', 'asked_by', 'asked_on', 'reason']),
  askedByOneConfirmedByAnother('schedule_requests', 'the request for version %, which gives up a protection,', [
    'version',
    'content',
    'in_force_from',
    'gives_up',
    'asked_by',
    'asked_on',
  ]),
  neverRewritten('category_names', 'names of categories', 'Take a version over that names the category otherwise.'),
  neverRewritten('confirmations', 'confirmations', ADD, true),
  neverRewritten('reviews_done', 'reviews', ADD, true),
  neverRewritten('originals', 'records of originals', ADD, true),
  neverRewritten(
    'deferrals',
    'deferrals',
    'A file is kept through the latest of its deferrals; decide again when it is next listed.',
    true,
  ),
  {
    table: 'referrals',
    name: 'referrals_are_closed_never_rewritten',
    fires: 'before update or delete',
    body: `if tg_op = 'DELETE' then
        ${refuseIf('exists (select from case_files f where f.file_ref = old.file_ref)', 'referrals are never deleted', 'Close it: retention referral close FILE_REF.')}
      elsif old.closed_on is not null or new.closed_by is null or new.closed_on is null
        or ${changed(['id', 'file_ref', 'note', 'list_id', 'referred_by', 'referred_on'])} then
        ${refuse('referrals are closed by a person, never rewritten', 'Close it: retention referral close FILE_REF.')}
      end if;`,
  },
  {
    table: 'brakes',
    name: 'brakes_are_released_never_rewritten',
    fires: 'before update or delete',
    body: `if tg_op = 'DELETE' then
        ${refuse('brakes are never deleted', 'An authoriser releases one with a reason: retention brake release NAME --reason "…".')}
      elsif old.released_at is not null or ${changed(BRAKE_CAUSE)} or coalesce(new.reason, '') = '' or new.released_by is null or new.released_at is null then
        ${refuse('brakes are released by a named person with a reason, and never rewritten', 'retention brake release NAME --reason "…".')}
      end if;`,
  },
  {
    table: 'restore_requests',
    name: 'restore_requests_are_never_rewritten',
    fires: 'before update or delete',
    body: `if tg_op = 'DELETE' then
        ${refuse('requests to restore are never deleted', 'A later request replaces an earlier one.')}
      end if;
      ${refuseIf(
        `old.confirmed_by is not null and ${changed(['confirmed_by', 'confirmed_on', 'replaced'])} or ${changed(RESTORE_ASK)}`,
        'requests to restore are never rewritten',
        'Ask anew: retention restore FILE_REF --keep-until DAY --reason "…".',
      )}
      ${refuseIf(
        `old.confirmed_by is null and new.confirmed_by is not null
           and (old.replaced or same_person(old.asked_by, new.confirmed_by) or new.confirmed_on > old.asked_on + ${REQUEST_LAPSES_AFTER_DAYS})`,
        `restoring takes two people, within ${REQUEST_LAPSES_AFTER_DAYS} days of the request`,
        'One person asks, another confirms: retention restore FILE_REF --confirm.',
      )}`,
  },
  {
    table: 'users',
    name: 'users_keep_their_names',
    fires: 'before insert or update',
    body: `${refuseIf("new.alike and (tg_op = 'INSERT' or not old.alike)", 'no person is added under a name that is like another', 'Choose another user name.')}
      ${refuseIf("tg_op = 'UPDATE' and new.name <> old.name", 'the user name % never changes', 'What the person did stands under it; add another person.', ['old.name'])}`,
  },
  neverDeleted('users', 'people', 'Take a person’s roles away instead; what they did stays under their name.'),
];

/** A request about a version of the schedule: anew as often as anybody likes, confirmed once, by another person, before it lapses. */
function askedByOneConfirmedByAnother(table: string, request: string, asked: readonly string[]): Guard {
  const twoPeople = `${request} takes two people, within ${REQUEST_LAPSES_AFTER_DAYS} days`;
  const next = 'Ask anew; another person confirms.';
  return {
    table,
    name: `${table}_are_guarded`,
    fires: 'before insert or update or delete',
    body: `if tg_op = 'DELETE' then
        ${refuse(`${request} cannot be deleted`, 'Take a new version over.', ['old.version'])}
      elsif tg_op = 'INSERT' then
        ${refuseIf('new.confirmed_by is not null', twoPeople, 'Ask first; another person confirms.', ['new.version'])}
      else
        ${refuseIf('old.confirmed_by is not null', `${request} was confirmed, and that never changes`, 'Take a new version over.', ['old.version'])}
        ${refuseIf(
          `new.confirmed_by is not null and (${changed(asked)} or same_person(old.asked_by, new.confirmed_by)
            or new.confirmed_on > old.asked_on + ${REQUEST_LAPSES_AFTER_DAYS})`,
          twoPeople,
          next,
          ['old.version'],
        )}
      end if;`,
  };
}
