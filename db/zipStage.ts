/** Stages a zip in an archive store while it is being filled, so that its size costs no memory. */
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ZipFile, type ReadStreamOptions } from 'yazl';
import type { ArchiveStore, StagedObject } from './archiveStore.ts';
import { abortable } from './fileIo.ts';

/** A zip whose time to write grows as its entries do, and no faster. */
export class LongZip extends ZipFile {
  /** The library's own: it looks through all of them from the first whenever it writes on, so those that are written wait elsewhere. */
  declare private entries: object[];
  #written: object[] = [];

  /** Adds an entry; returns when its last byte has been read. */
  async addStream(stream: Readable, name: string, options: Partial<ReadStreamOptions>): Promise<void> {
    this.addReadStream(stream, name, options);
    await finished(stream);
    // An entry is read once all before it are written.
    for (const entry of this.entries.splice(0, this.entries.length - 1)) this.#written.push(entry);
  }

  override end(): void {
    // Its directory names every entry.
    this.entries = [...this.#written, ...this.entries];
    super.end();
  }
}

/**
 * Returns the staged zip and what filling it returned; `fill` ends the zip. Whichever fails first stops the other, and its
 * error is the one thrown, with nothing left staged.
 */
export async function stageZip<T>(
  store: Pick<ArchiveStore, 'stage' | 'delete'>,
  fill: (zip: LongZip, signal: AbortSignal) => Promise<T>,
): Promise<{ staged: StagedObject; filled: T }> {
  const stop = new AbortController();
  const zip = new LongZip();
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
