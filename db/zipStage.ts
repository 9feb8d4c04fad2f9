/** Stages a zip in an archive store while it is being filled, so that its size costs no memory. */
import { ZipFile } from 'yazl';
import type { ArchiveStore, StagedObject } from './archiveStore.ts';
import { abortable } from './fileIo.ts';

/**
 * Returns the staged zip and what filling it returned; `fill` ends the zip. Whichever fails first stops the other, and its
 * error is the one thrown, with nothing left staged.
 */
export async function stageZip<T>(
  store: Pick<ArchiveStore, 'stage' | 'delete'>,
  fill: (zip: ZipFile, signal: AbortSignal) => Promise<T>,
): Promise<{ staged: StagedObject; filled: T }> {
  const stop = new AbortController();
  const zip = new ZipFile();
  const staging = store.stage(abortable(zip.outputStream, stop.signal));
  const filling = fill(zip, stop.signal);
  try {
    const [staged, filled] = await Promise.all([staging, filling]);
    return { staged, filled };
  } catch (error) {
    stop.abort();
    const [late] = await Promise.allSettled([staging, filling]);
    if (late.status === 'fulfilled') await store.delete(late.value.location);
    throw error;
  }
}
