/** Recording what happened outside, and bringing a file back, end in the archive store: the person's transaction first, then what may only follow its commit. */
import { BagDamaged } from '../../db/bag.ts';
import { settleBags } from '../../db/bagMoves.ts';
import { requireSound } from '../../db/disposalLook.ts';
import { DocumentProblem } from '../../db/documentRoot.ts';
import { requireClocksAgree } from '../../db/installation.ts';
import type { RecordingOutside } from '../../db/outside.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { scheduleInForce } from '../../db/schedules.ts';
import { removeSources } from '../../db/sources.ts';
import { StoreProblem } from '../../db/storeProblem.ts';
import { onForm, type FormOutcome, type FormRefusals } from './acting.ts';
import type { SignedVisit } from './page.ts';

/** What followed once it was recorded. */
export interface Followed {
  /** Source documents that are gone now. */
  removed: number;
  /** The next archive step has something left to do. */
  unfinished: boolean;
}

/** Records it as the command does: bag and sources follow. What cannot follow now is left to the next archive step. */
export async function recordingOnArchive<T extends object>(
  visit: SignedVisit,
  { what, fileRef, refusals, field }: { what: string; fileRef: string; refusals: FormRefusals; field: string },
  record: (outside: RecordingOutside) => Promise<T>,
): Promise<FormOutcome<T & Followed>> {
  const { db, site, asOf, person } = visit;
  const { store, documentRoot, on: archiving } = site.archive;
  if (site.kind === 'live') await requireClocksAgree(db, asOf);
  await requireSound(db, await site.archive.traces(), asOf);
  // A crash may have left the bag of this very file on its way.
  await settleBags(db, { store, documentRoot, asOf }, fileRef);
  const schedule = await scheduleInForce(db, asOf);
  try {
    const outside = { db, schedule, store, documentRoot, archiving, person, asOf };
    const outcome = await onForm(refusals, () => recordingRefusals(db, person, what, () => record(outside)));
    return 'errors' in outcome ? outcome : { done: { ...outcome.done, ...(await follow(visit, fileRef)) } };
  } catch (error) {
    if (!(error instanceof BagDamaged) && !(error instanceof StoreProblem) && !(error instanceof DocumentProblem)) throw error;
    site.log.error({ file: fileRef, error: site.describe(error) }, 'site.bag_unreadable');
    return { errors: [{ field, text: `Nothing was recorded. ${error.message}` }], code: 'bag_unreadable' };
  }
}

/** It is recorded whatever happens here, so nothing is thrown: the log says what, and the next archive step does the rest. */
async function follow({ db, site, asOf }: SignedVisit, fileRef: string): Promise<Followed> {
  try {
    const { store, documentRoot } = site.archive;
    const settling = { store, documentRoot, asOf };
    const bags = await settleBags(db, settling, fileRef);
    const sources = await removeSources(db, settling);
    return { removed: sources.removed + sources.alreadyGone, unfinished: bags.failed + bags.kept + sources.failed > 0 };
  } catch (error) {
    site.log.error({ file: fileRef, error: site.describe(error) }, 'site.archive_step_failed');
    return { removed: 0, unfinished: true };
  }
}
