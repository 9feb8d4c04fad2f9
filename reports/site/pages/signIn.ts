/** Signing in and out: by password, by the one-time code that makes one, by OpenID Connect, and in a rehearsal by being chosen. */
import { choosePassword, dismissVouched, LEAST_PASSWORD, signInByPassword, signInVouched } from '../../../db/accounts.ts';
import { recordEvent } from '../../../db/audit.ts';
import { recoveriesSince, recoveriesToTell, type Recovery } from '../../../db/recovery.ts';
import { recordFailure, recordingFailures } from '../../../db/signInFailures.ts';
import { longDate } from '../../../rules/dates.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { shownErrors, type FieldError } from '../acting.ts';
import { readDeparture } from '../openId.ts';
import { ownPath, page, redirect, type Answer, type Route, type SignedVisit, type Visit } from '../page.ts';
import { ROLE_WORDS } from '../words.ts';

export const signInRoutes: readonly Route[] = [
  { method: 'GET', url: '/sign-in', needs: 'anyone', handler: (visit) => signInPage(visit) },
  { method: 'POST', url: '/sign-in', needs: 'anyone', strictly: true, handler: signIn },
  { method: 'GET', url: '/sign-in/code', needs: 'anyone', handler: (visit) => codePage(visit) },
  { method: 'POST', url: '/sign-in/code', needs: 'anyone', strictly: true, handler: useCode },
  { method: 'POST', url: '/sign-in/sample', needs: 'anyone', strictly: true, handler: signInAsSample },
  { method: 'GET', url: '/sign-in/openid', needs: 'anyone', strictly: true, handler: departToProvider },
  { method: 'GET', url: '/sign-in/openid/back', needs: 'anyone', strictly: true, handler: arriveFromProvider },
  { method: 'POST', url: '/sign-out', needs: 'signed_in', handler: signOut },
];

async function signInPage({ site, db, noSignIn, fromAnotherSite }: Visit, userName = '', errors: FieldError[] = []): Promise<Answer> {
  const samples = site.samplePeople.map(({ name, roles }) => ({
    value: name,
    text: name,
    hint: { text: roles.map((role) => ROLE_WORDS[role]).join(', ') },
  }));
  const recoveries = await recoveriesToTell(db);
  const data = { userName, errors: shownErrors(errors), samples, openId: site.openId !== null, recoveries, noSignIn, fromAnotherSite };
  return page('signIn', 'Sign in', data, errors.length > 0 ? 422 : 200);
}

async function signIn(visit: Visit): Promise<Answer> {
  requireLocalAccounts(visit);
  const { db, body, address } = visit;
  const userName = body.one('user_name').trim();
  try {
    const name = await recordingFailures(db, { by: 'password', address }, () => signInByPassword(db, userName, body.one('password')));
    return await welcome(visit, name);
  } catch (error) {
    if (error instanceof Refusal) return signInPage(visit, userName, [{ field: 'user_name', text: error.message }]);
    throw error;
  }
}

function codePage(_visit: Visit, errors: FieldError[] = []): Answer {
  const data = { errors: shownErrors(errors), least: LEAST_PASSWORD };
  return page('code', 'Choose your password', data, errors.length > 0 ? 422 : 200);
}

async function useCode(visit: Visit): Promise<Answer> {
  requireLocalAccounts(visit);
  const { db, body, address } = visit;
  const [password, again] = [body.one('password'), body.one('password_again')];
  if (password !== again) return codePage(visit, [{ field: 'password_again', text: 'The two passwords differ. Type the same one twice.' }]);
  try {
    const code = body.one('code').trim();
    const name = await recordingFailures(db, { by: 'code', address }, () => db.transaction((trx) => choosePassword(trx, code, password)));
    return redirect('/sign-in', `Your user name is ${name}. Sign in with the password you chose.`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return codePage(visit, [{ field: error.code === 'password_weak' ? 'password' : 'code', text: error.message }]);
  }
}

/** Of a rehearsal alone, where names are taken at their word anyway. */
async function signInAsSample(visit: Visit): Promise<Answer> {
  const { site, body, db } = visit;
  const sample = site.samplePeople.find(({ name }) => name === body.one('sample'));
  if (!sample) {
    if (site.samplePeople.length === 0)
      throw new Refusal('no_samples', 'Sample people are there in a rehearsal on this machine alone. Sign in with an account.');
    return signInPage(visit, '', [{ field: 'sample', text: 'Choose who you are' }]);
  }
  await recordEvent(db, sample.name, 'user.signed_in', { user: sample.name, by: 'sample' });
  return welcome(visit, sample.name);
}

async function departToProvider(visit: Visit): Promise<Answer> {
  const { site, session, fromAnotherSite } = visit;
  if (!site.openId) throw new Refusal('no_openid', 'Nobody vouches for people here. Sign in with your user name and password.');
  // Another site could sign its visitor in here, as whoever the provider knows, without a word.
  if (fromAnotherSite) return signInPage(visit);
  const { to, remember } = await site.openId.depart(false);
  session.keep('departure', remember);
  return { kind: 'leave', to };
}

async function arriveFromProvider(visit: Visit): Promise<Answer> {
  const { site, session, path, db, address } = visit;
  const attempt = { by: 'openid_connect', address } as const;
  const departure = readDeparture(session.take('departure'));
  if (!site.openId || !departure)
    return redirect('/sign-in', 'Signing in took too long, or began in another window. Try again.', 'warning');
  const vouched = await site.openId.arrive(path, departure).catch((error: unknown) => {
    site.log.warn({ error: site.describe(error) }, 'sign_in.refused_by_provider');
    return null;
  });
  if (vouched === null) {
    await recordFailure(db, attempt, 'refused_by_provider');
    return redirect('/sign-in', 'Your organisation did not sign you in. Try again.', 'warning');
  }
  try {
    return await welcome(visit, await recordingFailures(db, attempt, () => db.transaction((trx) => signInVouched(trx, vouched))));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    await db.transaction((trx) => dismissVouched(trx, vouched));
    return redirect('/sign-in', error.message, 'warning');
  }
}

async function signOut({ session, site, db, person }: SignedVisit): Promise<Answer> {
  await session.end();
  await recordEvent(db, person.name, 'user.signed_out', { user: person.name });
  const elsewhere = site.openId?.signedOut() ?? null;
  return elsewhere === null ? redirect('/sign-in', 'You are signed out.') : { kind: 'leave', to: elsewhere };
}

/** Signed in, on to the page that was asked for. */
async function welcome({ session, db }: Visit, name: string): Promise<Answer> {
  const returnTo = session.take('returnTo');
  await session.begin(name);
  const to = typeof returnTo === 'string' ? ownPath(returnTo) : '/';
  const [recovery] = await recoveriesSince(db, name);
  return recovery ? redirect(to, recoveryWords(recovery), 'warning') : redirect(to);
}

function recoveryWords({ user, on, event }: Recovery): string {
  return `On ${longDate(on)} whoever owns the database made a one-time code for ${user} (event ${event} of the audit). If nobody you trust did so, tell who runs this site.`;
}

function requireLocalAccounts({ site }: Visit): void {
  if (site.openId) throw new Refusal('local_accounts_off', 'Your organisation signs people in here. Use its button on the sign-in page.');
}
