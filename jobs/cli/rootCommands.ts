/** Commands of the folders that a live database works on: which it has marked, and a new one at a person's word. */
import { actAs } from '../../db/acting.ts';
import { claimRoot, readClaimedRoots, type ClaimedRoot } from '../../db/roots.ts';
import { ROOT_KINDS } from '../../db/rootMark.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { shortDate } from '../../rules/dates.ts';
import { todayInLondon } from '../clock.ts';
import { actingPerson, rootsIn, withContext, type CommonOptions } from '../context.ts';
import { AS, declare, JSON_OUT, print, reading, readWord, table, type CommandLine } from './commands.ts';

/** Declares roots list and roots claim. */
export function addRootCommands(line: CommandLine): void {
  const roots = { ...line, program: line.program.command('roots').description('the folders that a live database has marked as its own') };
  declare(roots, 'list', 'folders that bear this database’s mark, the latest of each kind first', 'roots list', [JSON_OUT]).action(
    (options: CommonOptions) => reading(line, options, ({ db }) => readClaimedRoots(db), rootsWords),
  );
  declare(
    roots,
    'claim <root>',
    'take the folder that the settings name as the document root or the archive, in place of the one there was',
    'roots claim archive --reason "the old share failed; bags brought back from the backup of 12 March" --as h.grant',
    [AS, JSON_OUT],
  )
    .requiredOption('--reason <text>', 'why this folder is the right one')
    .addHelpText(
      'after',
      `
ROOT is documents (DOCUMENT_ROOT) or archive (ARCHIVE_URL). A folder that moved with its mark, the file .retention in it, needs no
command: it is known by the mark. This is for a folder without it.`,
    )
    .action((root: string, options: CommonOptions & { reason: string }) => {
      const kind = readWord(root, ROOT_KINDS, 'A root');
      return withContext(line.around, options, 'write_without_roots', async (context) => {
        const { db, installation, settings } = context;
        const person = await actingPerson(context, options);
        const claimed = await recordingRefusals(db, person, 'claim_root', () =>
          actAs(db, person, (trx) => claimRoot(trx, installation, { kind, roots: rootsIn(settings), reason: options.reason }, person)),
        );
        print(context, options, claimed, ({ path, before }) =>
          before === null
            ? `${path} is the ${kind === 'archive' ? 'archive' : 'document root'} of this database.`
            : `${path} is the ${kind === 'archive' ? 'archive' : 'document root'} of this database from now on, in place of ${before}.`,
        );
      });
    });
}

function rootsWords(roots: ClaimedRoot[]): string {
  if (roots.length === 0) return 'This database has marked no folder yet.';
  const day = (at: Date) => shortDate(todayInLondon(() => at));
  const rows = roots.map(({ kind, path, claimed_at, claimed_by, reason }) => [kind, path, day(claimed_at), claimed_by, reason]);
  return table(['root', 'folder', 'since', 'said by', 'why'], rows);
}
