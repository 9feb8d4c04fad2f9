/** A person's own page: who they are here, their sessions, and their tokens for the command line. */
import { endToken, makeToken, tokensOf } from '../../../db/people.ts';
import { endSessionsOf, sessionsOf } from '../../../db/sessions.ts';
import { recordEvent } from '../../../db/audit.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { acting } from '../acting.ts';
import { page, redirect, type Answer, type Route, type SignedVisit } from '../page.ts';
import { ROLE_HINTS, ROLE_WORDS } from '../words.ts';

export const meRoutes: readonly Route[] = [
  { method: 'GET', url: '/me', needs: 'signed_in', handler: (visit) => mePage(visit) },
  { method: 'POST', url: '/me/sessions/end', needs: 'signed_in', handler: endMySessions },
  { method: 'POST', url: '/me/tokens', needs: 'signed_in', handler: makeMyToken },
  { method: 'POST', url: '/me/tokens/end', needs: 'signed_in', handler: endMyToken },
];

async function mePage(visit: SignedVisit, made: { token: string; days: number } | null = null): Promise<Answer> {
  const { db, person } = visit;
  return page('me', person.name, {
    roles: person.roles.map((role) => ({ name: ROLE_WORDS[role], hint: ROLE_HINTS[role] })),
    sessions: await sessionsOf(db, person.name),
    tokens: (await tokensOf(db, person)).map(({ id, expires_at }) => ({ id, expiresOn: expires_at.toISOString().slice(0, 10) })),
    made,
  });
}

async function endMySessions(visit: SignedVisit): Promise<Answer> {
  const { person, session } = visit;
  const ended = await acting(visit, 'end_sessions', async (trx) => {
    await recordEvent(trx, person.name, 'user.sessions_ended', { user: person.name });
    return endSessionsOf(trx, person.name);
  });
  await session.end();
  return redirect('/sign-in', `You are signed out everywhere: ${ended} ${ended === 1 ? 'session' : 'sessions'} ended.`);
}

/** Shown by the very answer, for it is kept nowhere. */
async function makeMyToken(visit: SignedVisit): Promise<Answer> {
  if (visit.site.kind === 'rehearsal')
    throw new Refusal('rehearsal_needs_no_token', 'A rehearsal takes names at their word: use --as on the command line.');
  const made = await acting(visit, 'make_token', (trx) => makeToken(trx, visit.person));
  return mePage(visit, made);
}

async function endMyToken(visit: SignedVisit): Promise<Answer> {
  await acting(visit, 'end_token', (trx) => endToken(trx, visit.person, visit.body.number('token') ?? 0));
  return redirect('/me', 'The token is taken back. Whatever uses it is refused from now on.');
}
