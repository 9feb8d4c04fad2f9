/** A person's own page: who they are here, what they come in by, where they are signed in, and their tokens for the command line. */
import { isPasswordOf, setPassword } from '../../../db/accounts.ts';
import { LEAST_PASSWORD } from '../../../db/passwords.ts';
import { codesMadeFor } from '../../../db/codes.ts';
import { endOwnSession, endSessionsBy } from '../../../db/people.ts';
import { recoveryCodesLeft } from '../../../db/recoveryCodes.ts';
import { factorSince } from '../../../db/secondFactor.ts';
import { recordFailure } from '../../../db/signInFailures.ts';
import { sessionsOf } from '../../../db/sessions.ts';
import { endToken, makeToken, MOST_TOKENS, tokensOf } from '../../../db/tokens.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { acting, actingOnForm, shownErrors, type FieldError } from '../acting.ts';
import { page, redirect, type Answer, type Route, type SignedVisit } from '../page.ts';
import { askWhoItIs } from '../proof.ts';
import { ROLE_HINTS, ROLE_WORDS, counted } from '../words.ts';

export const meRoutes: readonly Route[] = [
  { method: 'GET', url: '/me', needs: 'signed_in', handler: (visit) => mePage(visit) },
  { method: 'POST', url: '/me/password', needs: 'signed_in', strictly: true, handler: changeMyPassword },
  { method: 'POST', url: '/me/session/end', needs: 'signed_in', strictly: true, handler: endMySession },
  { method: 'POST', url: '/me/sessions/end', needs: 'signed_in', strictly: true, handler: endMySessions },
  { method: 'POST', url: '/me/tokens', needs: 'signed_in', strictly: true, handler: makeMyToken },
  { method: 'POST', url: '/me/tokens/end', needs: 'signed_in', handler: endMyToken },
];

interface Shown {
  made?: { token: string; days: number };
  errors?: FieldError[];
}

async function mePage(visit: SignedVisit, { made, errors = [] }: Shown = {}): Promise<Answer> {
  const { db, person, session } = visit;
  const { name, proofs } = person;
  const data = {
    roles: person.roles.map((role) => ({ name: ROLE_WORDS[role], hint: ROLE_HINTS[role] })),
    sessions: (await sessionsOf(db, name)).map((one) => ({ ...one, here: one.id_hash === session.hash })),
    tokens: await tokensOf(db, person),
    mostTokens: MOST_TOKENS,
    codes: await codesMadeFor(db, name),
    made,
    changesPassword: proofs?.password ?? false,
    factor: { since: await factorSince(db, name), left: await recoveryCodesLeft(db, name) },
    least: LEAST_PASSWORD,
    errors: shownErrors(errors),
  };
  return page('me', name, data, errors.length > 0 ? 422 : 200);
}

/** Ends every session and token of the person, and begins a new session here. */
async function changeMyPassword(visit: SignedVisit): Promise<Answer> {
  const { db, person, body, session, address, site } = visit;
  const [now, chosen, again] = [body.one('password_now'), body.one('password'), body.one('password_again')];
  const wrong = (field: string, text: string) => mePage(visit, { errors: [{ field, text }] });
  if (chosen !== again) return wrong('password_again', 'The two passwords differ. Type the same one twice.');
  if (!(await isPasswordOf(db, person.name, now, address))) {
    await recordFailure(db, { by: 'password', address }, 'not_the_password', person.name);
    return wrong('password_now', 'This is not your password, or too many wrong ones came before it. Try again, after a while if need be.');
  }
  const outcome = await actingOnForm(visit, 'change_password', { password_weak: { field: 'password' } }, (trx) =>
    setPassword(trx, person.name, chosen, site.passwordWords),
  );
  if ('errors' in outcome) return mePage(visit, { errors: outcome.errors });
  await session.begin(person.name);
  return redirect('/me', 'Your password is changed. Wherever else you were signed in you are signed out, and your tokens have ended.');
}

async function endMySession(visit: SignedVisit): Promise<Answer> {
  const { person, session, body } = visit;
  const asked = await askWhoItIs(visit, { what: 'End the session', back: '/me' });
  if (asked) return asked;
  const ended = body.one('session');
  await acting(visit, 'end_session', (trx) => endOwnSession(trx, person, ended));
  if (ended !== session.hash) return redirect('/me', 'The session is ended.');
  await session.end();
  return redirect('/sign-in', 'You are signed out.');
}

async function endMySessions(visit: SignedVisit): Promise<Answer> {
  const { person, session } = visit;
  const asked = await askWhoItIs(visit, { what: 'Sign out everywhere', back: '/me', always: true });
  if (asked) return asked;
  const ended = await acting(visit, 'end_sessions', (trx) => endSessionsBy(trx, person.name, person));
  await session.end();
  return redirect('/sign-in', `You are signed out everywhere: ${counted(ended, 'session')} ended, and your tokens have ended too.`);
}

/** Shown by the very answer, for it is kept nowhere. */
async function makeMyToken(visit: SignedVisit): Promise<Answer> {
  if (visit.site.kind === 'rehearsal')
    throw new Refusal('rehearsal_needs_no_token', 'A rehearsal takes names at their word: use --as on the command line.');
  const asked = await askWhoItIs(visit, { what: 'Make a token', back: '/me' });
  return asked ?? mePage(visit, { made: await acting(visit, 'make_token', (trx) => makeToken(trx, visit.person)) });
}

async function endMyToken(visit: SignedVisit): Promise<Answer> {
  await acting(visit, 'end_token', (trx) => endToken(trx, visit.person, visit.body.number('token') ?? 0));
  return redirect('/me', 'The token is taken back. Whatever uses it is refused from now on.');
}
