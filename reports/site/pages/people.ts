/** People and their roles: for an admin, who sees no files. */
import { closeAccount, confirmCodeBy, endSessionsBy, listPeople, rolesOf } from '../../../db/people.ts';
import { endSessionsOf } from '../../../db/sessions.ts';
import type { Invited } from '../../../db/codes.ts';
import { addUser } from '../../../db/users.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { ROLES, type Role } from '../../../rules/workflow.ts';
import { acting, actingOnForm, shownErrors, type FieldError, type FormState } from '../acting.ts';
import { askWhoItIs } from '../proof.ts';
import { page, redirect, type Answer, type Fields, type Route, type SignedVisit } from '../page.ts';
import { ROLE_HINTS, ROLE_WORDS, counted } from '../words.ts';

export const peopleRoutes: readonly Route[] = [
  { method: 'GET', url: '/people', needs: 'manage_people', handler: (visit) => peoplePage(visit) },
  { method: 'POST', url: '/people', needs: 'manage_people', handler: addPerson },
  { method: 'GET', url: '/people/roles', needs: 'manage_people', handler: (visit) => rolesPage(visit, visit.query.one('name')) },
  { method: 'POST', url: '/people/roles', needs: 'manage_people', handler: changeRoles },
  { method: 'POST', url: '/people/sessions/end', needs: 'manage_people', handler: endSessions },
  { method: 'POST', url: '/people/confirm', needs: 'manage_people', handler: confirmReset },
  { method: 'POST', url: '/people/close', needs: 'manage_people', handler: closePerson },
];

const NOTHING_TYPED: FormState = { typed: { name: '', role: [], reopen: '' }, errors: [] };

const ADD_REFUSALS = {
  name_unusable: { field: 'name' },
  name_taken: { field: 'name' },
  account_closed: {
    field: 'reopen',
    words: 'This account was closed. If it is the same person, say that it is to be opened again; otherwise choose another user name',
  },
  admin_excludes: { field: 'role' },
  last_admin: { field: 'role' },
} as const;

async function peoplePage(visit: SignedVisit, { typed, errors } = NOTHING_TYPED, invited: Invited | null = null): Promise<Answer> {
  const { db, person, site } = visit;
  const people = (await listPeople(db)).map((one) => ({
    ...one,
    roleWords: one.roles.map((role) => ROLE_WORDS[role]).join(', '),
    self: one.name === person.name,
    confirms: one.code_waits !== null && one.code_waits !== person.name && one.name !== person.name,
  }));
  const data = { people, roles: roleChoices(typed['role']), typed, errors: shownErrors(errors), invited, local: site.openId === null };
  return page('people', 'People', data, errors.length > 0 ? 422 : 200);
}

async function addPerson(visit: SignedVisit): Promise<Answer> {
  const { typed, roles } = readForm(visit.body);
  const again = (errors: FieldError[]) => peoplePage(visit, { typed, errors });
  if (roles.length === 0) return again([{ field: 'role', text: 'Choose at least one role' }]);
  const outcome = await actingOnForm(visit, 'users add', ADD_REFUSALS, async (trx) => {
    requireLocalAccounts(visit);
    if ((await rolesOf(trx, typed.name)) !== null)
      throw new Refusal('name_taken', `There is a person ${typed.name} already. Choose another user name, or change their roles below.`);
    return addUser(trx, typed.name, roles, visit.person, { reopen: typed.reopen === 'yes' });
  });
  return 'errors' in outcome ? again(outcome.errors) : peoplePage(visit, NOTHING_TYPED, outcome.done);
}

async function rolesPage(visit: SignedVisit, name: string, state?: FormState): Promise<Answer> {
  requireLocalAccounts(visit);
  if (name === '') return redirect('/people', 'Choose whose roles to change.', 'information');
  const now = await rolesOf(visit.db, name);
  if (now === null) throw noSuchPerson(name);
  const { typed, errors } = state ?? { typed: { role: now }, errors: [] };
  const data = { name, roles: roleChoices(typed['role']), errors: shownErrors(errors) };
  return page('personRoles', `Roles of ${name}`, data, errors.length > 0 ? 422 : 200);
}

/** Whoever has other roles begins anew: with a new code, and every session ended. */
async function changeRoles(visit: SignedVisit): Promise<Answer> {
  const asked = await askWhoItIs(visit, { what: 'Give these roles and a new code', back: '/people' });
  if (asked) return asked;
  const { typed, roles } = readForm(visit.body);
  const again = (errors: FieldError[]) => rolesPage(visit, typed.name, { typed, errors });
  if (roles.length === 0) return again([{ field: 'role', text: 'Choose at least one role' }]);
  const outcome = await actingOnForm(visit, 'users add', { ...ADD_REFUSALS, name_unusable: { field: 'role' } }, async (trx) => {
    requireLocalAccounts(visit);
    if ((await rolesOf(trx, typed.name)) === null) throw noSuchPerson(typed.name);
    const changed = await addUser(trx, typed.name, roles, visit.person);
    if (changed.name !== visit.person.name) await endSessionsOf(trx, changed.name);
    return changed;
  });
  return 'errors' in outcome ? again(outcome.errors) : peoplePage(visit, NOTHING_TYPED, outcome.done);
}

async function endSessions(visit: SignedVisit): Promise<Answer> {
  const name = visit.body.one('name');
  const ended = await acting(visit, 'end_sessions', (trx) => endSessionsBy(trx, name, visit.person));
  return redirect('/people', `${name} is signed out everywhere: ${counted(ended, 'session')} ended.`);
}

/** The code lets whoever has it become that person, so it is asked again who says so. */
async function confirmReset(visit: SignedVisit): Promise<Answer> {
  const name = visit.body.one('name');
  const asked = await askWhoItIs(visit, { what: `Confirm the code for ${name}`, back: '/people' });
  if (asked) return asked;
  await acting(visit, 'confirm_code', (trx) => confirmCodeBy(trx, name, visit.person));
  return redirect('/people', `The code for ${name} is confirmed. Whoever has it resets the account by it.`);
}

async function closePerson(visit: SignedVisit): Promise<Answer> {
  const name = visit.body.one('name');
  await acting(visit, 'close_account', (trx) => closeAccount(trx, name, visit.person));
  return redirect('/people', `The account ${name} is closed. What ${name} did stays on record.`);
}

function readForm(body: Fields): { typed: { name: string; role: string[]; reopen: string }; roles: Role[] } {
  const typed = { name: body.one('name').trim(), role: body.many('role'), reopen: body.one('reopen') };
  return { typed, roles: ROLES.filter((role) => typed.role.includes(role)) };
}

function roleChoices(ticked: string | readonly string[] = []) {
  return ROLES.map((role) => ({ value: role, text: ROLE_WORDS[role], hint: { text: ROLE_HINTS[role] }, checked: ticked.includes(role) }));
}

function noSuchPerson(name: string): Refusal {
  return new Refusal('no_such_person', `There is no open account ${name}.`);
}

function requireLocalAccounts({ site }: SignedVisit): void {
  if (site.openId !== null)
    throw new Refusal(
      'organisation_accounts',
      'People come from your organisation’s accounts here, which also say their roles. Change them there.',
    );
}
