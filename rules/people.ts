/** Who acts, and what that person may do. */
import { Refusal } from './refusal.ts';
import { mayDo, PERMISSIONS, type Permission, type Role } from './workflow.ts';

/** Somebody who acts. `roles` is null for a name taken at its word in a rehearsal, which may do anything. */
export interface Person {
  name: string;
  roles: readonly Role[] | null;
}

/** Throws a Refusal that names the roles which may, when this person may not. */
export function requirePermission(person: Person, permission: Permission): void {
  if (person.roles === null || mayDo(person.roles, permission)) return;
  const allowed = PERMISSIONS[permission].join(' or ');
  throw new Refusal(
    'not_permitted',
    `${person.name} may not do this: it takes the role ${allowed}, and ${person.name} has ${person.roles.join(', ')}. Ask somebody who has it.`,
    { permission },
  );
}
