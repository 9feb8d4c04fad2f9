/** People of the system: who there is, and with which roles. */
import type { Knex } from 'knex';
import type { Person } from '../rules/people.ts';
import type { Role } from '../rules/workflow.ts';

/** The person of that name. In a rehearsal an unknown name is taken at its word and may do anything. */
export async function findPerson(db: Knex, name: string): Promise<Person> {
  const user = await db('users').where({ name }).first<{ roles: Role[] } | undefined>('roles');
  return { name, roles: user?.roles ?? null };
}
