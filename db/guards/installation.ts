/** Which database this is, and which folders are its own: fixed when it is made; only a person who releases the brake `restored` says anew which. */
import { changed, refuse, refuseIf, type Guard } from './guard.ts';

const IDENTITY = ['system_identifier', 'database_oid', 'accepted_heads'];

export const INSTALLATION_GUARDS: readonly Guard[] = [
  {
    table: 'installation',
    name: 'installation_is_guarded',
    fires: 'before update or delete',
    body: `if tg_op = 'DELETE' or ${changed(['only_row', 'id', 'kind', 'created_at'])} then
        ${refuse('installation is append-only: % is refused', 'What a database is never changes; make another one.', ['lower(tg_op)'])}
      end if;
      ${refuseIf(
        `${changed(IDENTITY)} and old.database_oid is not null
           and not exists (select from brakes where name = 'restored' and released_at = now())`,
        'which database this is, is noted anew only where the brake "restored" is released',
        'An authoriser releases it with a reason: retention brake release restored --reason "…".',
      )}
      ${refuseIf(
        `${changed(['database_oid'])} and new.database_oid is distinct from (select oid::bigint from pg_database where datname = current_database())`,
        'the database notes its own number, and no other',
        'Let the release of the brake "restored" note it.',
      )}`,
  },
  {
    table: 'claimed_roots',
    name: 'claimed_roots_are_never_rewritten',
    fires: 'before update or delete',
    // One marked by an earlier release does not say yet what it is.
    body: `if tg_op = 'DELETE' or old.kind is not null or ${changed(['path', 'claimed_at', 'claimed_by', 'reason'])} then
        ${refuse('marks of folders are never changed or deleted', 'Mount the share again, or see "retention doctor".')}
      end if;`,
  },
];
