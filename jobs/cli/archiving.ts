/** Runs a command that ends in the archive store: the person's transaction first, then what may only follow its commit. */
import { openArchiveStore, type ArchiveStore } from '../../db/archiveStore.ts';
import { settleBags, type BagMoves, type BagsCleared } from '../../db/bagMoves.ts';
import { requireSound } from '../../db/disposalLook.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { removeSources, type RemovalCounts } from '../../db/sources.ts';
import { readNeeds } from '../../db/told.ts';
import type { Person } from '../../rules/people.ts';
import { actingPerson, tracesOf, withContext, type CommonOptions, type Context } from '../context.ts';
import type { ExitCode } from '../main.ts';
import { print, type CommandLine } from './commands.ts';

/** What followed the commit. Whatever failed is tried again by the next archive step. */
export interface Followed {
  bags: BagMoves & BagsCleared;
  sources: RemovalCounts;
}

export interface ArchiveCommand<T> {
  /** For the audit of a refusal. */
  what: string;
  fileRef: string;
  act: (person: Person, context: Context, store: ArchiveStore) => Promise<T>;
  words: (result: T & Followed) => string;
  /** Where it was not done after all; 0 otherwise. */
  exitCode: (result: T) => ExitCode;
}

/** Acts, then moves the file's bag to where it was decided and removes the sources of archived files, then prints. */
export async function actingOnArchive<T extends object>(
  line: CommandLine,
  options: CommonOptions,
  { what, fileRef, act, words, exitCode }: ArchiveCommand<T>,
): Promise<void> {
  await withContext(line.around, options, 'write', async (context) => {
    const { db, settings, asOf } = context;
    const person = await actingPerson(context, options);
    const store = openArchiveStore(settings.archiveUrl);
    await recordingRefusals(db, person, what, async () => requireSound(db, await tracesOf(context), asOf));
    // A crash may have left the bag of this very file on its way.
    const settling = { store, documentRoot: settings.documentRoot, asOf };
    await settleBags(db, settling, fileRef);
    const done = await recordingRefusals(db, person, what, () => act(person, context, store));
    const bags = await settleBags(db, settling, fileRef);
    const result = { ...done, bags, sources: await removeSources(db, settling) };
    print(context, options, result, words);
    const code = exitCode(done);
    const needs = await readNeeds(db, { seen: [], asked: [], note: false });
    const isNew = needs.some(({ kind, fresh }) => (kind === 'bag' || kind === 'source') && fresh > 0);
    line.exitWith(code !== 0 ? code : isNew ? 3 : 0);
  });
}

/** What followed, in sentences; empty when nothing did. */
export function followedWords({ bags, sources }: Followed): string {
  const removed = sources.removed + sources.alreadyGone;
  return [
    ...(removed > 0 ? [`${removed} source documents removed.`] : []),
    ...(bags.failed > 0 ? ['The bag could not be moved to its place yet; the next archive step tries again.'] : []),
    ...(bags.kept > 0
      ? ['A bag that waited is kept aside, under kept/ of the archive store: not all of its documents are found elsewhere.']
      : []),
    ...(sources.failed > 0 ? [`${sources.failed} source documents could not be removed yet; the next archive step tries again.`] : []),
  ].join(' ');
}
