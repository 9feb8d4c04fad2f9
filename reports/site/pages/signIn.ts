/** Signing in and out: by password, by the one-time code that makes one, by OpenID Connect, and in a rehearsal by being chosen. */
import type { Knex } from 'knex';
import { choosePassword, dismissVouched, noteSignedIn, passwordSince, personOfPassword, signInVouched } from '../../../db/accounts.ts';
import { recordEvent } from '../../../db/audit.ts';
import { LEAST_PASSWORD } from '../../../db/passwords.ts';
import { recoveriesSince, recoveriesToTell, type Recovery } from '../../../db/recovery.ts';
import { factorSince, showFactor } from '../../../db/secondFactor.ts';
import { failuresSince, recordFailure, recordingFailures, type FailedAttempts } from '../../../db/signInFailures.ts';
import { longDate } from '../../../rules/dates.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { shownErrors, type FieldError } from '../acting.ts';
import { readDeparture } from '../openId.ts';
import { ownPath, page, redirect, type Answer, type Route, type SignedVisit, type Visit } from '../page.ts';
import { moment, ROLE_WORDS } from '../words.ts';

export const signInRoutes: readonly Route[] = [
  { method: 'GET', url: '/sign-in', needs: 'anyone', handler: (visit) => signInPage(visit) },
  { method: 'POST', url: '/sign-in', needs: 'anyone', strictly: true, handler: signIn },
  { method: 'GET', url: '/sign-in/factor', needs: 'anyone', handler: (visit) => factorPage(visit) },
  { method: 'POST', url: '/sign-in/factor', needs: 'anyone', strictly: true, handler: showMyFactor },
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
  const { db, body, address, session } = visit;
  const userName = body.one('user_name').trim();
  try {
    const password = body.one('password');
    const name = await recordingFailures(db, { by: 'password', address }, () => personOfPassword(db, userName, password, address));
    if ((await factorSince(db, name)) === null) return await cameIn(visit, name, 'password');
    session.keep('halfway', { name, since: await passwordSince(db, name) } satisfies Halfway);
    return redirect('/sign-in/factor');
  } catch (error) {
    if (error instanceof Refusal) return signInPage(visit, userName, [{ field: 'user_name', text: error.message }]);
    throw error;
  }
}

/** Somebody whose password was right, and when they had chosen it: another one since makes them begin anew. */
interface Halfway {
  name: string;
  since: string | null;
}

/** Who came halfway in this session; null for nobody, or when the password is another since. */
async function whoIsHalfway({ session, db }: Visit): Promise<string | null> {
  const kept = session.take('halfway') as Halfway | undefined;
  if (!kept || kept.since === null || (await passwordSince(db, kept.name)) !== kept.since) return null;
  session.keep('halfway', kept);
  return kept.name;
}

async function factorPage(visit: Visit, errors: FieldError[] = []): Promise<Answer> {
  if ((await whoIsHalfway(visit)) === null) return redirect('/sign-in', 'Signing in took too long. Begin again.', 'warning');
  return page('factor', 'Enter a code', { errors: shownErrors(errors) }, errors.length > 0 ? 422 : 200);
}

async function showMyFactor(visit: Visit): Promise<Answer> {
  const { db, body, address } = visit;
  const name = await whoIsHalfway(visit);
  if (name === null) return factorPage(visit);
  const shown = await showFactor(db, name, body.one('code').trim());
  if (shown !== null) return cameIn(visit, name, shown);
  await recordFailure(db, { by: 'factor', address }, 'code_wrong', name);
  const text =
    'This is not right, was used before, or came after too many wrong ones. Wait until the app shows another code, then try again';
  return factorPage(visit, [{ field: 'code', text }]);
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
    const name = await recordingFailures(db, { by: 'code', address }, () =>
      db.transaction((trx) => choosePassword(trx, { code, recoveryCode: body.one('recovery_code'), password }, visit.site.passwordWords)),
    );
    return redirect('/sign-in', `Your user name is ${name}. Sign in with the password you chose.`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const fields: Partial<Record<string, string>> = { password_weak: 'password', code_takes_two: 'recovery_code' };
    return codePage(visit, [{ field: fields[error.code] ?? 'code', text: error.message }]);
  }
}

/** Of a rehearsal alone, where names are taken at their word anyway. */
async function signInAsSample(visit: Visit): Promise<Answer> {
  const { site, body } = visit;
  const sample = site.samplePeople.find(({ name }) => name === body.one('sample'));
  if (!sample) {
    if (site.samplePeople.length === 0)
      throw new Refusal('no_samples', 'Sample people are there in a rehearsal on this machine alone. Sign in with an account.');
    return signInPage(visit, '', [{ field: 'sample', text: 'Choose who you are' }]);
  }
  return cameIn(visit, sample.name, 'sample');
}

async function departToProvider(visit: Visit): Promise<Answer> {
  const { site, session, fromAnotherSite, query } = visit;
  if (!site.openId) throw new Refusal('no_openid', 'Nobody vouches for people here. Sign in with your user name and password.');
  // Another site could sign its visitor in here, as whoever the provider knows, without a word.
  if (fromAnotherSite) return signInPage(visit);
  const again = query.one('again');
  if (again !== '') session.keep('returnTo', ownPath(again));
  const { to, remember } = await site.openId.depart(again !== '');
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

async function cameIn(visit: Visit, name: string, by: Parameters<typeof noteSignedIn>[2]): Promise<Answer> {
  await noteSignedIn(visit.db, name, by);
  return welcome(visit, name);
}

/** Signed in, on to the page that was asked for. */
async function welcome({ session, db, comeBackTo }: Visit, name: string): Promise<Answer> {
  const again = session.take('returnTo');
  await session.begin(name);
  const to = typeof again === 'string' ? ownPath(again) : (comeBackTo ?? '/');
  const told = await whatToTell(db, name);
  const answer = told.length > 0 ? redirect(to, told.join(' '), 'warning') : redirect(to);
  return comeBackTo === null ? answer : { ...answer, comeBackTo: null };
}

/** What happened to the account of who comes in, since they last did. */
async function whatToTell(db: Knex, name: string): Promise<string[]> {
  const [recovery] = await recoveriesSince(db, name);
  const failures = await failuresSince(db, name);
  return [...(recovery ? [recoveryWords(recovery)] : []), ...(failures ? [failureWords(failures)] : [])];
}

function failureWords({ failed, last, address }: FailedAttempts): string {
  const attempts = failed === 1 ? 'One attempt' : `${failed} attempts`;
  const from = address === null ? '' : ` from ${address}`;
  return `${attempts} to sign in as you failed since you last did, the last on ${moment(last)}${from}. If that was not you, change your password and tell who runs this site.`;
}

function recoveryWords({ user, on, event }: Recovery): string {
  return `On ${longDate(on)} whoever owns the database made a one-time code for ${user} (event ${event} of the audit). If nobody you trust did so, tell who runs this site.`;
}

function requireLocalAccounts({ site }: Visit): void {
  if (site.openId) throw new Refusal('local_accounts_off', 'Your organisation signs people in here. Use its button on the sign-in page.');
}
