/** The mark that a live database leaves in each of its roots: its id, then which database wrote it last, and the end of the audit it saw. */
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, systemCode } from './fileIo.ts';
import type { Identity } from './identity.ts';

export const ROOT_KINDS = ['documents', 'archive'] as const;
export type RootKind = (typeof ROOT_KINDS)[number];

/** What a mark says; an earlier release wrote the id alone, and so may a person who puts a lost mark back. */
export interface RootMark {
  /** Of the installation whose folder it is. */
  id: string;
  kind: RootKind | null;
  identity: Identity | null;
  head: { events: number; head: string } | null;
}

/** Where the mark of a root lies. */
export function markOf(root: string): string {
  return join(root, '.retention');
}

/** Null where there is none. */
export async function readMark(root: string): Promise<RootMark | null> {
  try {
    return parsed(await readFile(markOf(root), 'utf8'));
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** Whole or not at all, and durable: half a mark would be another database's. */
export async function writeMark(root: string, { id, kind, identity, head }: RootMark): Promise<void> {
  const lines = [
    id,
    ...(kind ? [`root ${kind}`] : []),
    ...(identity ? [`system ${identity.system ?? UNKNOWN}`, `database ${identity.database}`] : []),
    ...(head ? [`audit ${head.events} ${head.head}`] : []),
  ];
  const beside = `${markOf(root)}.${randomUUID()}`;
  try {
    const handle = await open(beside, 'wx', 0o600);
    try {
      await handle.writeFile(`${lines.join('\n')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, markOf(root));
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(root);
}

const UNKNOWN = 'unknown';

function parsed(text: string): RootMark {
  const [id = '', ...lines] = text.split('\n').map((line) => line.trim());
  const values = new Map(lines.map((line) => [line.split(' ')[0] ?? '', line.split(' ').slice(1)]));
  const [system, database] = [values.get('system')?.[0], values.get('database')?.[0]];
  const [events, head] = values.get('audit') ?? [];
  return {
    id,
    kind: ROOT_KINDS.find((kind) => kind === values.get('root')?.[0]) ?? null,
    identity: database === undefined ? null : { system: system === undefined || system === UNKNOWN ? null : system, database },
    head: head === undefined ? null : { events: Number(events), head },
  };
}
