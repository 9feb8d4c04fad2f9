/** Being asked again who one is: before signing, and before changing what one comes in by. */
import { isPasswordOf } from '../../db/accounts.ts';
import { showFactor } from '../../db/secondFactor.ts';
import { recordFailure } from '../../db/signInFailures.ts';
import { shownErrors } from './acting.ts';
import { page, type Answer, type Site, type SignedVisit, type SitePerson } from './page.ts';

/** What is about to be done, for the page that asks. */
export interface Asking {
  /** The button: "Sign off list 12". */
  what: string;
  /** The page that the form is on. */
  back: string;
  /** Asks however lately the person has proved who they are. */
  always?: boolean;
}

/** True for somebody with a password alone, whose role needs more. */
export function needsFactor(site: Site, { roles, proofs }: SitePerson): boolean {
  return proofs?.password === true && !proofs.factor && site.secondFactorFor.some((role) => roles.includes(role));
}

/**
 * Null where the person proved of late who they are, or does so with this form; else a page that asks, and then sends the same form
 * again. Whoever walks away from a screen leaves nothing there that can sign.
 */
export async function askWhoItIs(visit: SignedVisit, { what, back, always = false }: Asking): Promise<Answer | null> {
  const { person, session, body, path, site } = visit;
  // The sample people of a rehearsal have nothing to prove it by.
  if (person.proofs === undefined) return null;
  const { password, factor } = person.proofs;
  if (session.provedLately && !(always && password)) return null;
  const proof = body.one('proof');
  if (password && proof !== '' && (await isProof(visit, proof))) {
    await session.proved();
    return null;
  }
  const wrong = { field: 'proof', text: 'This is not right, or too many wrong ones came before it. Try again, after a while if need be' };
  const errors = proof === '' ? [] : [wrong];
  const hidden = body.entries().filter(([name]) => name !== '_csrf' && name !== 'proof');
  const data = { what, back, action: path, hidden, factor, byProvider: !password && site.openId !== null, errors: shownErrors(errors) };
  return page('proof', 'Is it still you?', data, errors.length > 0 ? 422 : 200);
}

/** Six digits are no password here, so that a code is never counted as a wrong one, nor a password as a wrong code. */
async function isProof({ db, person, address }: SignedVisit, proof: string): Promise<boolean> {
  const right = /^[\d\s]{6,7}$/.test(proof)
    ? person.proofs?.factor === true && (await showFactor(db, person.name, proof)) !== null
    : await isPasswordOf(db, person.name, proof, address);
  if (!right) await recordFailure(db, { by: 'password', address }, 'not_proved', person.name);
  return right;
}
