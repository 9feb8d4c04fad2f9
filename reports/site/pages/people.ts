/** People and their roles: for an admin, who sees no files. */
import { closeAccount, listPeople } from '../../../db/people.ts';
import { endSessionsOf } from '../../../db/sessions.ts';
import { addUser } from '../../../db/users.ts';
import { ROLES, type Role } from '../../../rules/workflow.ts';
import { acting, actingOnForm, shownErrors, type FormState } from '../acting.ts';
import { page, redirect, type Answer, type Route, type SignedVisit } from '../page.ts';
import { ROLE_HINTS, ROLE_WORDS } from '../words.ts';

export const peopleRoutes: readonly Route[] = [
  { method: 'GET', url: '/people', needs: 'manage_people', handler: (visit) => peoplePage(visit) },
  { method: 'POST', url: '/people', needs: 'manage_people', handler: addPerson },
  { method: 'POST', url: '/people/close', needs: 'manage_people', handler: closePerson },
];

const NOTHING_TYPED: FormState = { typed: { name: '', role: [] }, errors: [] };

async function peoplePage(visit: SignedVisit, { typed, errors } = NOTHING_TYPED, added: object | null = null): Promise<Answer> {
  const { db, person } = visit;
  const people = (await listPeople(db)).map((one) => ({
    ...one,
    roleWords: one.roles.map((role) => ROLE_WORDS[role]).join(', '),
    self: one.name === person.name,
  }));
  const roles = ROLES.map((role) => ({
    value: role,
    text: ROLE_WORDS[role],
    hint: { text: ROLE_HINTS[role] },
    checked: typed['role']?.includes(role) ?? false,
  }));
  return page('people', 'People', { people, roles, typed, errors: shownErrors(errors), added }, errors.length > 0 ? 422 : 200);
}

async function addPerson(visit: SignedVisit): Promise<Answer> {
  const { body, person } = visit;
  const typed = { name: body.one('name').trim(), role: body.many('role') };
  const roles = ROLES.filter((role) => typed.role.includes(role));
  if (roles.length === 0) return peoplePage(visit, { typed, errors: [{ field: 'role', text: 'Choose at least one role' }] });
  const refusals = { name_unusable: { field: 'name' }, admin_excludes: { field: 'role' }, last_admin: { field: 'role' } };
  const outcome = await actingOnForm(visit, 'users add', refusals, async (trx) => {
    const added = await addUser(trx, typed.name, roles satisfies readonly Role[], person);
    // Roles hold from the next request on; whoever has others now should begin anew.
    if (added.name !== person.name) await endSessionsOf(trx, added.name);
    return added;
  });
  return 'errors' in outcome ? peoplePage(visit, { typed, errors: outcome.errors }) : peoplePage(visit, NOTHING_TYPED, outcome.done);
}

async function closePerson(visit: SignedVisit): Promise<Answer> {
  const name = visit.body.one('name');
  await acting(visit, 'close_account', (trx) => closeAccount(trx, name, visit.person));
  return redirect('/people', `The account ${name} is closed. What ${name} did stays on record.`);
}
