/** A person's own page: who they are here, their password, their sessions, and their tokens for the command line. */
import { hasPassword, isPasswordOf, LEAST_PASSWORD, setPassword } from '../../../db/accounts.ts';
import { endSessionsBy, endToken, makeToken, tokensOf } from '../../../db/people.ts';
import { recordFailure } from '../../../db/signInFailures.ts';
import { sessionsOf } from '../../../db/sessions.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { acting, actingOnForm, shownErrors, type FieldError } from '../acting.ts';
import { page, redirect, type Answer, type Route, type SignedVisit } from '../page.ts';
import { ROLE_HINTS, ROLE_WORDS, counted } from '../words.ts';

export const meRoutes: readonly Route[] = [
  { method: 'GET', url: '/me', needs: 'signed_in', handler: (visit) => mePage(visit) },
  { method: 'POST', url: '/me/password', needs: 'signed_in', strictly: true, handler: changeMyPassword },
  { method: 'POST', url: '/me/sessions/end', needs: 'signed_in', handler: endMySessions },
  { method: 'POST', url: '/me/tokens', needs: 'signed_in', handler: makeMyToken },
  { method: 'POST', url: '/me/tokens/end', needs: 'signed_in', handler: endMyToken },
];

interface Shown {
  made?: { token: string; days: number };
  errors?: FieldError[];
}

async function mePage(visit: SignedVisit, { made, errors = [] }: Shown = {}): Promise<Answer> {
  const { db, person, site } = visit;
  const data = {
    roles: person.roles.map((role) => ({ name: ROLE_WORDS[role], hint: ROLE_HINTS[role] })),
    sessions: await sessionsOf(db, person.name),
    tokens: (await tokensOf(db, person)).map(({ id, expires_at }) => ({ id, expiresOn: expires_at.toISOString().slice(0, 10) })),
    made,
    changesPassword: site.openId === null && (await hasPassword(db, person.name)),
    least: LEAST_PASSWORD,
    errors: shownErrors(errors),
  };
  return page('me', person.name, data, errors.length > 0 ? 422 : 200);
}

/** Ends every session of the person, and begins a new one here. */
async function changeMyPassword(visit: SignedVisit): Promise<Answer> {
  const { db, person, body, session, address } = visit;
  const [now, chosen, again] = [body.one('password_now'), body.one('password'), body.one('password_again')];
  const wrong = (field: string, text: string) => mePage(visit, { errors: [{ field, text }] });
  if (chosen !== again) return wrong('password_again', 'The two passwords differ. Type the same one twice.');
  if (!(await isPasswordOf(db, person.name, now))) {
    await recordFailure(db, { by: 'password', address }, 'not_the_password', person.name);
    return wrong('password_now', 'This is not your password, or the account is locked after too many wrong ones.');
  }
  const outcome = await actingOnForm(visit, 'change_password', { password_weak: { field: 'password' } }, (trx) =>
    setPassword(trx, person.name, chosen),
  );
  if ('errors' in outcome) return mePage(visit, { errors: outcome.errors });
  await session.begin(person.name);
  return redirect('/me', 'Your password is changed. Wherever else you were signed in, you are signed out.');
}

async function endMySessions(visit: SignedVisit): Promise<Answer> {
  const { person, session } = visit;
  const ended = await acting(visit, 'end_sessions', (trx) => endSessionsBy(trx, person.name, person));
  await session.end();
  return redirect('/sign-in', `You are signed out everywhere: ${counted(ended, 'session')} ended.`);
}

/** Shown by the very answer, for it is kept nowhere. */
async function makeMyToken(visit: SignedVisit): Promise<Answer> {
  if (visit.site.kind === 'rehearsal')
    throw new Refusal('rehearsal_needs_no_token', 'A rehearsal takes names at their word: use --as on the command line.');
  const made = await acting(visit, 'make_token', (trx) => makeToken(trx, visit.person));
  return mePage(visit, { made });
}

async function endMyToken(visit: SignedVisit): Promise<Answer> {
  await acting(visit, 'end_token', (trx) => endToken(trx, visit.person, visit.body.number('token') ?? 0));
  return redirect('/me', 'The token is taken back. Whatever uses it is refused from now on.');
}
