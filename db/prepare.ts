/**
 * Makes a database ready for this release, as its owner: tables, the shipped schedule, guards, and what the run-time role may do.
 * Every command asks first whether it is ready; only where it is not does anything happen.
 */
import type { Knex } from 'knex';
import { Refusal } from '../rules/refusal.ts';
import { currentSchema } from './catalogue.ts';
import { shippedMigrations, type Database } from './connect.ts';
import { noteGuards } from './guards/inForce.ts';
import { guardsInForce, installGuards } from './guards/install.ts';
import { adoptShipped } from './adoption.ts';

/** Makes it ready where it is not. Several processes may call it at once. Throws a Refusal where the owner is needed and not known. */
export async function prepare(database: Database): Promise<void> {
  const guards = (await isMigrated(database.db)) ? await guardsInForce(database.db) : 'not';
  if (guards === 'all') return;
  // A schedule that somebody took over must not stop everything else until the owner comes: the guards stop what it would list.
  if (guards === 'but_of_a_schedule' && !(await database.asOwner(mayPrepare))) return;
  await prepareAnew(database);
}

/** Makes it ready whether or not it seems to be. Returns the run-time role. */
export async function prepareAnew(database: Database): Promise<string> {
  const { role } = await whoIs(database.db);
  await database.asOwner((owner) => prepareAs(owner, role));
  return role;
}

/** The same by a connection that owns the database or is to own it, for the role that commands will use. */
export async function prepareAs(owner: Knex, runTimeRole: string): Promise<void> {
  await refuseUnlessOwner(owner);
  // knex's own lock refuses a second starter at once; this one makes it wait.
  const migrated = await owner.transaction(async (trx): Promise<boolean> => {
    await trx.raw("select pg_advisory_xact_lock(hashtext('migrate'))");
    const [, done] = (await owner.migrate.latest()) as [number, string[]];
    return done.length > 0;
  });
  await owner.transaction(async (trx) => {
    await trx.raw("select pg_advisory_xact_lock(hashtext('migrate'))");
    await installGuards(trx);
    // Adopting is an event of the audit, which only a chain with its guards takes.
    await adoptShipped(trx);
    await installGuards(trx);
    await noteGuards(trx, { migrated });
    await grantRunTime(trx, runTimeRole);
  });
}

/** Does work in one transaction: as the owner, then with new guards at its end, where this process may be it; else as the run-time role. */
export async function withGuardsAfter<T>(database: Database, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  return database.asOwner(async (owner) => {
    if (!(await mayPrepare(owner))) return database.db.transaction(work);
    return owner.transaction(async (trx) => {
      const done = await work(trx);
      await installGuards(trx);
      return done;
    });
  });
}

/** What the run-time role may do: read, add, and change what no guard refuses. It owns nothing, makes nothing and empties nothing. */
export async function grantRunTime(owner: Knex.Transaction, role: string): Promise<void> {
  if ((await whoIs(owner)).role === role) return;
  const schema = await currentSchema(owner);
  const to = `"${role.replaceAll('"', '""')}"`;
  const mayGrantSchema = await owner.raw<{ rows: object[] }>(
    "select from pg_namespace n where n.nspname = current_schema() and pg_has_role(current_user, n.nspowner, 'member')",
  );
  if (mayGrantSchema.rows.length > 0) {
    await owner.raw(
      `revoke create on schema ${schema} from public; revoke create on schema ${schema} from ${to}; grant usage on schema ${schema} to ${to}`,
    );
  }
  await owner.raw(
    `revoke all on all tables in schema ${schema} from ${to}; grant select, insert, update, delete on all tables in schema ${schema} to ${to}`,
  );
  await owner.raw(`revoke insert, update, delete on knex_migrations, knex_migrations_lock from ${to}`);
  await owner.raw(`grant usage, select on all sequences in schema ${schema} to ${to}`);
}

/** True when every migration of this release has run, and none of a later one, and this role may use what they made. */
async function isMigrated(db: Knex): Promise<boolean> {
  const there = await db.raw<{ rows: { migrated: boolean | null }[] }>(
    "select has_table_privilege(to_regclass('knex_migrations')::oid, 'select') and has_table_privilege(to_regclass('case_files')::oid, 'insert') as migrated",
  );
  if (!there.rows[0]?.migrated) return false;
  const done = await db('knex_migrations').count();
  return Number(done[0]?.['count'] ?? 0) === shippedMigrations().length;
}

async function refuseUnlessOwner(owner: Knex): Promise<void> {
  if (await mayPrepare(owner)) return;
  const { role } = await whoIs(owner);
  throw new Refusal(
    'not_the_owner',
    `This database is not ready for this release, and the role ${role} may not change its tables, as it should be. Run "retention migrate" once with DATABASE_OWNER_URL set to the role that owns them. Nothing was changed.`,
  );
}

async function mayPrepare(owner: Knex): Promise<boolean> {
  const { mayCreate, tablesOwner } = await whoIs(owner);
  return mayCreate && (tablesOwner === null || tablesOwner);
}

/** True for the role that owns the tables there are. */
export async function ownsTables(db: Knex): Promise<boolean> {
  return (await whoIs(db)).tablesOwner === true;
}

/** The role of a connection; whether it may make tables here, and owns those there are (null: there are none). */
async function whoIs(db: Knex): Promise<{ role: string; mayCreate: boolean; tablesOwner: boolean | null }> {
  const result = await db.raw<{ rows: { role: string; may_create: boolean; owns: boolean | null }[] }>(
    `select current_user as role, has_schema_privilege(current_schema(), 'create') as may_create,
       (select pg_has_role(current_user, c.relowner, 'usage') from pg_class c where c.oid = to_regclass('case_files')) as owns`,
  );
  const [row] = result.rows;
  return { role: row?.role ?? '', mayCreate: row?.may_create ?? false, tablesOwner: row?.owns ?? null };
}
