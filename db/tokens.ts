/** Tokens for the command line: whose they are, and how a person gets one, sees them and takes them back. */
import type { Knex } from 'knex';
import type { Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { recordEvent } from './audit.ts';
import { useCode, type OwnProof } from './codes.ts';
import { issueSecret, ownerOfSecret, secretsInForce } from './secrets.ts';
import { recordingFailures } from './signInFailures.ts';

/** Days that a token is good for. */
export const TOKEN_DAYS = 90;
/** Tokens that a person may have at once. */
export const MOST_TOKENS = 5;
/** Days for which the roles count that a provider of OpenID Connect named at somebody's last sign-in. */
const VOUCHED_DAYS = 30;

/**
 * Whom a token belongs to, and that it was used. Throws a Refusal for one that is unknown, expired or taken back, or whose roles a
 * provider said too long ago; that leaves an event of the audit.
 */
export async function personOfToken(db: Knex, token: string): Promise<Person> {
  return recordingFailures(db, { by: 'token', address: null }, async () => {
    const user = await secretsInForce(db, 'token', token)
      .join('users', 'users.name', 'user_secrets.user_name')
      .leftJoin('accounts', 'accounts.user_name', 'users.name')
      .first<(Person & { stale: boolean }) | undefined>(
        'users.name',
        'users.roles',
        db.raw('oidc_subject is not null and coalesce(signed_in_at < now() - make_interval(days => ?), true) as stale', [VOUCHED_DAYS]),
      );
    if (user && !user.stale) {
      const { name, roles } = user;
      await secretsInForce(db, 'token', token).update({ used_at: db.fn.now(), used_from: db.raw('host(inet_client_addr())') });
      return { name, roles };
    }
    if (user)
      throw new Refusal(
        'vouched_too_long_ago',
        `Your organisation says which roles you have, and last said so more than ${VOUCHED_DAYS} days ago. Sign in on the site once, then run this again.`,
        { user: user.name },
      );
    const once = await ownerOfSecret(db, 'token', token);
    throw new Refusal(
      'token_unknown',
      'This token is unknown, has expired or was taken back. Ask an admin to add you again ("retention users add"), then enrol with the new code. The only admin: see "retention help users recover".',
      once === undefined ? {} : { user: once },
    );
  });
}

/** Exchanges a one-time code for a personal token, which is nowhere else. Returns its days too. */
export async function enrol(trx: Knex.Transaction, code: string, own: OwnProof): Promise<{ name: string; token: string; days: number }> {
  const name = await useCode(trx, code, own);
  await recordEvent(trx, name, 'user.enrolled', { user: name });
  return { name, token: await issueToken(trx, name), days: TOKEN_DAYS };
}

/** A new token for the command line. Returns the secret, which is nowhere else. Throws a Refusal where the person has as many as may be. */
export async function issueToken(trx: Knex.Transaction, name: string): Promise<string> {
  // Of two made at once the second must see the first. Not the row of the person: that one is locked when their account ends.
  await trx.raw("select pg_advisory_xact_lock(hashtext('tokens'), hashtext(:name))", { name });
  const inForce = await secretsInForce(trx, 'token').where({ user_name: name }).select<object[]>('id');
  if (inForce.length >= MOST_TOKENS)
    throw new Refusal('too_many_tokens', `You have ${MOST_TOKENS} tokens, and nobody has more. Take one back first.`);
  return issueSecret(trx, name, 'token', TOKEN_DAYS);
}

export interface ListedToken {
  id: number;
  made_at: Date;
  expires_at: Date;
  /** Empty for one that was never used. */
  used_at: Date | null;
  /** Empty where it was on the machine of the database. */
  used_from: string | null;
}

/** A person's tokens for the command line that are in force. */
export async function tokensOf(db: Knex, person: Person): Promise<ListedToken[]> {
  return secretsInForce(db, 'token')
    .where({ user_name: person.name })
    .orderBy('id')
    .select<ListedToken[]>('id', 'made_at', 'expires_at', 'used_at', 'used_from');
}

/** A new token for the command line. Returns it; it is nowhere else. */
export async function makeToken(trx: Knex.Transaction, person: Person): Promise<{ token: string; days: number }> {
  const token = await issueToken(trx, person.name);
  await recordEvent(trx, person.name, 'user.token_made', { user: person.name });
  return { token, days: TOKEN_DAYS };
}

/** Takes one of the person's own tokens back. */
export async function endToken(trx: Knex.Transaction, person: Person, id: number): Promise<void> {
  const ended = await secretsInForce(trx, 'token').where({ id, user_name: person.name }).update({ ended_at: trx.fn.now() });
  if (ended === 0) throw new Refusal('no_such_token', 'This token has ended already, or is not yours.');
  await recordEvent(trx, person.name, 'user.token_ended', { user: person.name });
}
