/** A folder beside the roots of an installation that nothing may read or write: canaries, and what leads to them. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Council } from './commands.ts';

/** Stands in every file outside, so that it can be looked for in whatever was written. */
export const CANARY = 'CANARY: a file of somebody else';

const FILES = ['canary.txt', 'people.csv'];
const LONG_AGO = { atime: new Date('2001-01-01T00:00:00Z'), mtime: new Date('2002-02-02T00:00:00Z') };

/** Watches one folder beside the document root and the archive of a council. */
export class OutsideRoots {
  readonly folder: string;
  readonly pipe: string;
  readonly #council: Council;

  private constructor(council: Council) {
    this.#council = council;
    this.folder = path.join(council.folder, 'outside');
    this.pipe = path.join(council.folder, 'pipe');
  }

  /** Makes the folder, and plants links to it and a pipe in the document root: `out`, `leads out.txt`, `round`, `pipe.txt`. */
  static async beside(council: Council): Promise<OutsideRoots> {
    const outside = new OutsideRoots(council);
    await mkdir(outside.folder);
    await mkdir(council.documentRoot, { recursive: true });
    for (const name of FILES) await writeFile(path.join(outside.folder, name), `person_ref,name\nP1,${CANARY}\n`);
    await outside.forget();
    execFileSync('mkfifo', [outside.pipe, path.join(council.documentRoot, 'pipe.txt')]);
    await symlink(outside.folder, path.join(council.documentRoot, 'out'));
    await symlink('../outside/canary.txt', path.join(council.documentRoot, 'leads out.txt'));
    await symlink('.', path.join(council.documentRoot, 'round'));
    return outside;
  }

  /**
   * Forgets what the test itself read there. A time of reading before that of writing is renewed by the next reading, on
   * Linux as it is set up everywhere.
   */
  async forget(): Promise<void> {
    for (const name of FILES) await utimes(path.join(this.folder, name), LONG_AGO.atime, LONG_AGO.mtime);
  }

  /** What was read or written outside, in words; a file system that keeps no times of reading tells of writing alone. */
  async touched(): Promise<string[]> {
    const found = await Promise.all(
      (await readdir(this.folder)).map(async (name) => {
        if (!FILES.includes(name)) return `${name} was written`;
        const { atime, mtime, size } = await stat(path.join(this.folder, name));
        if (mtime.getTime() !== LONG_AGO.mtime.getTime() || size !== CANARY.length + 20) return `${name} was changed`;
        return atime.getTime() === LONG_AGO.atime.getTime() ? null : `${name} was read`;
      }),
    );
    const gone = FILES.filter((name) => !found.some((words) => words === null || words.startsWith(name)) && found.length < FILES.length);
    return [...found.filter((words) => words !== null), ...gone.map((name) => `${name} is gone`), ...(await this.#strangers())];
  }

  /** Files under RETENTION_HOME and in the archive that hold what stands in a canary. */
  async repeated(): Promise<string[]> {
    const roots = [path.join(this.#council.folder, 'home'), this.#council.archive];
    const files = (await Promise.all(roots.map(filesUnder))).flat();
    const holding = await Promise.all(files.map(async (file) => ((await readFile(file)).includes(CANARY) ? file : null)));
    return holding.filter((file) => file !== null);
  }

  /** Whatever lies beside the roots and was not put there by the test. */
  async #strangers(): Promise<string[]> {
    const known = ['archive', 'documents', 'extract', 'home', 'outside', 'pipe'];
    const names = await readdir(this.#council.folder);
    return names.filter((name) => !known.includes(name)).map((name) => `${name} was written beside the roots`);
  }
}

/** Every plain file below a folder; none where there is no such folder. */
export async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}
