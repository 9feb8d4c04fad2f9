/** Commands about people: adding them, their tokens, and the way in for an admin who lost theirs. */
import { createInterface } from 'node:readline';
import type { Knex } from 'knex';
import { actAs } from '../../db/acting.ts';
import type { Invited } from '../../db/codes.ts';
import { connect } from '../../db/connect.ts';
import { confirmCodeBy } from '../../db/people.ts';
import { RECOVERY_DAYS, recoverAdmin } from '../../db/recovery.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { recordingFailures } from '../../db/signInFailures.ts';
import { enrol } from '../../db/tokens.ts';
import { addUser, everHadAdmin, findPerson } from '../../db/users.ts';
import type { Person } from '../../rules/people.ts';
import { Refusal } from '../../rules/refusal.ts';
import { ROLES } from '../../rules/workflow.ts';
import { actingPerson, withContext, type CommonOptions, type Context } from '../context.ts';
import { UsageError } from '../settings.ts';
import { acting, AS, declare, JSON_OUT, print, readWord, type CommandLine } from './commands.ts';

const TAKES_TWO =
  'It resets an account that signs or manages people, so it takes a second admin to confirm it ("retention users confirm"), or a recovery code or token of the person.\n';

interface AddOptions extends CommonOptions {
  role: string[];
  reopen?: true;
}

/** Declares users add, confirm, enrol and recover. */
export function addPeopleCommands(line: CommandLine): void {
  addRecovery(line);
  declare(line, 'confirm <name>', 'confirm the one-time code by which another admin resets an account', 'users confirm m.jones', [
    AS,
    JSON_OUT,
  ]).action((name: string, options: CommonOptions) =>
    acting(
      line,
      options,
      'users confirm',
      (trx, person) => confirmCodeBy(trx, name, person).then(() => ({ name })),
      () => `The code for ${name} is confirmed: whoever has it resets the account by it.`,
    ),
  );
  declare(line, 'add <name>', 'add a person, or give one other roles; prints a one-time code', 'users add m.jones --role records_manager', [
    AS,
    JSON_OUT,
  ])
    .requiredOption('--role <role...>', ROLES.join(', '))
    .option('--reopen', 'open an account again that was closed')
    .action((name: string, options: AddOptions) =>
      withContext(line.around, options, 'write_without_roots', async (context) => {
        const added = await add(context, name, options);
        print(
          context,
          options,
          added,
          () =>
            `${added.name} is added as ${added.roles.join(', ')}. One-time code, for ${added.name} alone: ${added.code}\n${added.takes_two ? TAKES_TWO : ''}${added.name} runs "retention users enrol" and types it.`,
        );
      }),
    );
  declare(line, 'enrol [code]', 'exchange a one-time code for your own token', 'users enrol', [JSON_OUT])
    .addHelpText('after', '\nWithout a code it is read from standard input, so that no list of processes shows it.')
    .option('--recovery-code <code>', 'one of your own, where the code takes a second admin otherwise')
    .action((given: string | undefined, options: CommonOptions & { recoveryCode?: string }) =>
      withContext(line.around, options, 'write_without_roots', async (context) => {
        const code = given ?? (await typed(line));
        const enrolled = await recordingFailures(context.db, { by: 'code', address: null }, () =>
          context.db.transaction((trx) =>
            enrol(trx, code, { recoveryCode: options.recoveryCode, token: context.settings.token ?? undefined }),
          ),
        );
        print(
          context,
          options,
          enrolled,
          ({ name, token, days }) =>
            `${name}, this is your token for ${days} days. It is shown this once; set RETENTION_TOKEN to it.\n${token}`,
        );
      }),
    );
}

function addRecovery(line: CommandLine): void {
  declare(line, 'recover <name>', 'a one-time code for an admin who lost their token or password', 'users recover s.lee', [JSON_OUT])
    .addHelpText(
      'after',
      `
It is for whoever owns the database: set DATABASE_OWNER_URL (the embedded database has its owner at hand). It is an event of
the audit, and admins are told of it when they next sign in. What the admin has works until the code is used.`,
    )
    .action((name: string, options: CommonOptions) =>
      withContext(line.around, options, 'write_without_roots', async (context) => {
        const invited = await byOwner(context, (owner) => recoverAdmin(owner, name, context.installation.id));
        print(
          context,
          options,
          invited,
          ({ code }) =>
            `One-time code for ${invited.name}, for ${RECOVERY_DAYS} day: ${code}\n${invited.name} uses it on the site (“I have a one-time code”) or with "retention users enrol".`,
        );
      }),
    );
}

/** In one transaction of the role that owns the tables; the role that commands work as cannot let itself in. */
async function byOwner<T>({ settings, database }: Context, work: (owner: Knex.Transaction) => Promise<T>): Promise<T> {
  if (settings.databaseUrl !== null && settings.ownerUrl === null)
    throw new Refusal(
      'owner_needed',
      'This takes whoever owns the database: set DATABASE_OWNER_URL to the role that owns the tables, for this one command. Nobody was given a code.',
    );
  const asOwner = settings.databaseUrl === null ? database : await connect(settings);
  try {
    return await asOwner.asOwner((owner) => owner.transaction(work));
  } finally {
    if (asOwner !== database) await asOwner.close();
  }
}

/** The first line of standard input. */
async function typed({ around }: CommandLine): Promise<string> {
  if (!around.stdin) throw new UsageError('Give the one-time code: retention users enrol CODE.');
  around.stderr.write('One-time code: ');
  for await (const text of createInterface({ input: around.stdin })) return text.trim();
  throw new UsageError('No code was given. Type or pipe the one-time code that "retention users add" printed.');
}

async function add(context: Context, name: string, options: AddOptions): Promise<Invited> {
  const { db } = context;
  const roles = options.role.map((role) => readWord(role, ROLES, 'A role'));
  const actor = await whoAddsPeople(context, options);
  const reopen = options.reopen ?? false;
  if (actor === 'nobody_yet') return db.transaction((trx) => addUser(trx, name, roles, actor, { reopen }));
  return recordingRefusals(db, actor, 'users add', () => actAs(db, actor, (trx) => addUser(trx, name, roles, actor, { reopen })));
}

/** In a rehearsal nobody must prove anything; on a live database an admin, or nobody while there is none. */
async function whoAddsPeople(context: Context, options: CommonOptions): Promise<Person | 'nobody_yet'> {
  if (context.rehearsal)
    return { name: options.as === undefined ? 'rehearsal' : (await findPerson(context.db, options.as)).name, roles: null };
  return (await everHadAdmin(context.db)) ? actingPerson(context, options) : 'nobody_yet';
}
