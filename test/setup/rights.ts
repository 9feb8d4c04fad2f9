/** Looks at what lies on the disk: which files and folders others than their owner could open. */
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

export interface Looked {
  /** Every file and folder that was seen. */
  seen: Set<string>;
  /** Those with any right for the group or for others, and that right. */
  open: Map<string, string>;
}

/** Everything below a folder, and the folder. What goes away meanwhile was seen as long as it was there. Links are not followed. */
export async function lookAt(folder: string, looked: Looked = { seen: new Set(), open: new Map() }): Promise<Looked> {
  const found = await lstat(folder).catch(missing);
  if (!found || found.isSymbolicLink()) return looked;
  looked.seen.add(folder);
  if ((found.mode & 0o077) !== 0) looked.open.set(folder, (found.mode & 0o777).toString(8));
  if (!found.isDirectory()) return looked;
  for (const name of (await readdir(folder).catch(missing)) ?? []) await lookAt(path.join(folder, name), looked);
  return looked;
}

/** Looks again and again while `work` is done, and once more after it. */
export async function lookWhile(folders: readonly string[], work: () => Promise<void>, looked: Looked): Promise<void> {
  const over = new AbortController();
  const working = work().finally(() => over.abort());
  while (!over.signal.aborted) {
    for (const folder of folders) await lookAt(folder, looked);
    await setTimeout(20);
  }
  await working;
  for (const folder of folders) await lookAt(folder, looked);
}

function missing(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  return undefined;
}
