/** A live database with people, whose days pass as no command can let them: by its owner, past the guards. */
import { mkdir, readFile } from 'node:fs/promises';
import { rehearsal, type Council, type Ended } from './commands.ts';
import { pastGuards } from './database.ts';

export interface LiveCouncil {
  council: Council;
  /** Settings by which a command is that person's: m.jones decides, a.khan signs and releases brakes. */
  jones: { RETENTION_TOKEN: string };
  khan: { RETENTION_TOKEN: string };
}

/** With an archive and a document root that are there, as on a share. */
export async function liveCouncil(): Promise<LiveCouncil> {
  const council = await rehearsal({ RETENTION_REHEARSAL: '' });
  for (const root of [council.documentRoot, council.archive]) await mkdir(root);
  const token = async (name: string, role: string, admin = '') => {
    const added = await council.done(`users add ${name} --role ${role} --json`, { RETENTION_TOKEN: admin });
    const enrolled = await council.done(['users', 'enrol', added.json<{ code: string }>().code, '--json']);
    return enrolled.json<{ token: string }>().token;
  };
  const admin = await token('s.lee', 'admin');
  return {
    council,
    jones: { RETENTION_TOKEN: await token('m.jones', 'records_manager', admin) },
    khan: { RETENTION_TOKEN: await token('a.khan', 'authoriser', admin) },
  };
}

/** Files of the register listed, approved and signed, and their cooling-off over. */
export async function signedAndDue({ council, jones, khan }: LiveCouncil): Promise<void> {
  await liveNight(council);
  await council.done('decide 1 --approve --all --acknowledge-cautions', jones);
  await council.done(['sign-off', '1', '--digest', (await council.show(1)).digest], khan);
  await pastGuards(council.db, 'disposal_lists', (trx) =>
    trx.raw("update disposal_lists set listed_on = listed_on - 8, signed_on = signed_on - 8, signed_at = signed_at - interval '8 days'"),
  );
}

/** A night with the register as it stands; `settings` may name another database. */
export async function liveNight(council: Council, settings: Record<string, string> = {}): Promise<Ended> {
  await council.writeExtract();
  return council.retention(['nightly', '--import', council.extract, '--json'], settings);
}

/** The mark of a folder, line by line. */
export async function markIn(folder: string): Promise<string[]> {
  return (await readFile(`${folder}/.retention`, 'utf8')).trimEnd().split('\n');
}
