/**
 * A disk of its own that can be full or read-only: a tmpfs mounted in a user and mount namespace, which needs no rights and
 * goes with its process, so that nothing of it is left behind on the machine.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOMY = 2 ** 30;

export interface SmallDisk {
  /** What stands for a disk, in words. */
  how: string;
  /** Where processes of this test reach the folder. */
  outside: string;
  /** The command and arguments with which a program sees the disk mounted on the folder. */
  inside(file: string, args: readonly string[]): [file: string, args: string[]];
  /** Leaves so many bytes free, whatever is on it. */
  leave(bytes: number): Promise<void>;
  makeRoom(): Promise<void>;
  /** Unmounts it, with everything on it. */
  release(): Promise<void>;
}

export interface MountedDisk extends SmallDisk {
  readOnly(yes: boolean): Promise<void>;
}

/** Whether this machine lets an ordinary user mount in a namespace; some containers forbid it. */
export async function canMount(): Promise<boolean> {
  return run('unshare', ['-Urm', 'sh', '-c', 'mount -t tmpfs tmpfs /tmp']).then(
    () => true,
    () => false,
  );
}

/** Mounts a disk with room to spare on a folder, which is made where it is not there. */
export async function smallDisk(folder: string): Promise<MountedDisk> {
  await mkdir(folder, { recursive: true });
  const mount = `mount -t tmpfs -o size=${ROOMY},mode=700 tmpfs "$1" && echo mounted && exec cat`;
  // It ends with its standard input: with `release`, or with this process however that ends.
  const holder = spawn('unshare', ['-Urm', 'sh', '-c', mount, 'sh', folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  const enter = ['-t', String(holder.pid), '-U', '-m', '--preserve-credentials', '--'];
  const outside = `/proc/${holder.pid ?? 0}/root${folder}`;
  const remount = (options: string) => run('nsenter', [...enter, 'mount', '-o', `remount,${options}`, folder]);
  const resize = async (size: number) => {
    await remount(`size=${size}`);
  };
  return {
    how: 'a small tmpfs',
    outside,
    inside: (file, args) => ['nsenter', [...enter, file, ...args]],
    leave: async (bytes) => {
      const { blocks, bfree, bsize } = await statfs(outside);
      // A size of 0 would be no limit at all.
      await resize(Math.max((blocks - bfree) * bsize + bytes, bsize));
    },
    makeRoom: () => resize(ROOMY),
    readOnly: async (yes) => {
      await remount(yes ? 'ro' : 'rw');
    },
    release: async () => {
      const ended = once(holder, 'close');
      holder.stdin.end();
      await ended;
    },
  };
}

/** Where nothing can be mounted: no file may grow beyond 30 kB, which the system says with EFBIG. */
export function limitedFiles(folder: string): SmallDisk {
  let blocks = 'unlimited';
  return {
    how: 'a limit on the size of files',
    outside: folder,
    inside: (file, args) => ['sh', ['-c', `ulimit -f ${blocks} && exec "$@"`, 'sh', file, ...args]],
    leave: () => {
      // In units of 512 bytes: a document is too large for it, a report is not.
      blocks = '60';
      return Promise.resolve();
    },
    makeRoom: () => {
      blocks = 'unlimited';
      return Promise.resolve();
    },
    release: () => Promise.resolve(),
  };
}
