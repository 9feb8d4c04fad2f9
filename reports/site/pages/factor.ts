/** A person's authenticator app: set up by a QR code, proved by a code of it; and recovery codes, shown once. */
import { renderSVG } from 'uqr';
import { newRecoveryCodes } from '../../../db/recoveryCodes.ts';
import { factorAddress, factorSince, newFactorSecret, takeFactor } from '../../../db/secondFactor.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { acting, actingOnForm, shownErrors, type FieldError } from '../acting.ts';
import { page, type Answer, type Route, type SignedVisit } from '../page.ts';
import { askWhoItIs, needsFactor } from '../proof.ts';

export const factorRoutes: readonly Route[] = [
  { method: 'GET', url: '/me/factor', needs: 'signed_in', handler: (visit) => newFactorPage(visit) },
  { method: 'POST', url: '/me/factor', needs: 'signed_in', strictly: true, handler: chooseFactor },
  { method: 'POST', url: '/me/recovery-codes', needs: 'signed_in', strictly: true, handler: makeRecoveryCodes },
];

/** Shows the same key until a code of it was seen: whoever has scanned it and mistypes need not scan again. */
async function newFactorPage(visit: SignedVisit, errors: FieldError[] = []): Promise<Answer> {
  requirePassword(visit);
  const { session, person, db } = visit;
  const kept = session.take('newFactor');
  const secret = typeof kept === 'string' ? kept : newFactorSecret();
  session.keep('newFactor', secret);
  const qr = renderSVG(factorAddress(person.name, secret), { ecc: 'M', border: 4, pixelSize: 6 });
  const letters = secret.match(/.{1,4}/g)?.join(' ');
  const data = {
    qr,
    letters,
    needed: needsFactor(visit.site, person),
    replaces: (await factorSince(db, person.name)) !== null,
    errors: shownErrors(errors),
  };
  return page('newFactor', 'Set up your second factor', data, errors.length > 0 ? 422 : 200);
}

async function chooseFactor(visit: SignedVisit): Promise<Answer> {
  requirePassword(visit);
  const { session, person, body } = visit;
  const asked = await askWhoItIs(visit, { what: 'Set up the app', back: '/me/factor' });
  if (asked) return asked;
  const secret = session.take('newFactor');
  if (typeof secret !== 'string') return newFactorPage(visit);
  session.keep('newFactor', secret);
  const outcome = await actingOnForm(visit, 'choose_factor', { code_wrong: { field: 'code' } }, (trx) =>
    takeFactor(trx, person, secret, body.one('code')),
  );
  if ('errors' in outcome) return newFactorPage(visit, outcome.errors);
  session.take('newFactor');
  return recoveryPage(outcome.done);
}

async function makeRecoveryCodes(visit: SignedVisit): Promise<Answer> {
  const { db, person } = visit;
  if ((await factorSince(db, person.name)) === null)
    throw new Refusal('no_factor', 'Recovery codes stand in for an authenticator app. Set one up first.');
  const asked = await askWhoItIs(visit, { what: 'Make new recovery codes', back: '/me' });
  return asked ?? recoveryPage(await acting(visit, 'make_recovery_codes', (trx) => newRecoveryCodes(trx, person.name)));
}

/** Shown by the very answer, for they are kept nowhere. */
function recoveryPage(codes: readonly string[]): Answer {
  return page('recoveryCodes', 'Your recovery codes', { codes });
}

function requirePassword({ person }: SignedVisit): void {
  if (!person.proofs?.password)
    throw new Refusal('no_password', 'A second factor goes with a password, and you sign in without one here. Nothing needs to be set up.');
}
