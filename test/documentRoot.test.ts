/** Promises that source documents are read and removed under the document root, and nothing outside it ever is. */
import { createHash } from 'node:crypto';
import { chmod, link, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeDocuments } from '../db/documentRemoval.ts';
import { DocumentProblem, measureDocument, openDocument, unsafePathReason } from '../db/documentRoot.ts';
import type { DocumentFault } from '../db/documentRoot.ts';
import { fc } from './setup/seed.ts';

const onPosix = process.platform !== 'win32';
const asRoot = process.getuid?.() === 0;
let home: string;
let root: string;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'document root '));
  root = path.join(home, 'the documents');
  await mkdir(root);
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

describe('a path from documents.csv', () => {
  it.each([
    '',
    '/etc/passwd',
    '..',
    'a/../b',
    './a',
    'a/./b',
    'a//b',
    'a/',
    '\\\\server\\share',
    'a\\b',
    'C:/a',
    'c:a',
    'a\nb',
    'a\rb',
    'a\0b',
    'a\tb',
    'a\u0085b',
    'a\u2028b',
    'a\ud800b',
    ' a',
    'a /b',
    'a/ b',
    'a.',
    'a./b',
    '.retention',
    'a/.hidden',
    'NUL',
    'a/con.txt',
    'Com1',
    'lpt9.tar.gz',
    'aux .txt',
    `${'a/'.repeat(500)}b`,
    'é'.repeat(128),
  ])('is refused: %j', (unsafe) => {
    const reason = unsafePathReason(unsafe);
    expect(reason).toEqual(expect.any(String));
    if (unsafe.length > 6) expect(reason).not.toContain(unsafe);
  });

  it.each([
    'a',
    'a/b/c.pdf',
    'Ünï/書類 1.pdf',
    '100% done.txt',
    'a..b',
    'nullable/console.log',
    'a b/c d',
    '-rf',
    "o'neil & co (2).msg",
    'é'.repeat(127),
  ])('is fine: %j', (safe) => {
    expect(unsafePathReason(safe)).toBeNull();
  });

  it('that is fine never leads out of a folder, on Windows neither', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab./\\: ]{0,12}$/), (text) => {
        if (unsafePathReason(text) !== null) return;
        for (const flavour of [path.posix, path.win32])
          expect(flavour.resolve('/r', text).startsWith(`${flavour.resolve('/r')}${flavour.sep}`)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('measuring', () => {
  it('gives size and SHA-256, of an empty document too', async () => {
    await put('Ünï/100% a b.txt', 'hello');
    await put('empty', '');
    expect(await measureDocument(root, 'Ünï/100% a b.txt')).toEqual({ size: 5, sha256: sha256('hello') });
    expect(await measureDocument(root, 'empty')).toEqual({ size: 0, sha256: sha256('') });
  });

  it('follows symbolic links that stay inside the root, and a root that is one', async () => {
    await put('real/a.txt', 'a');
    await symlink(path.join(root, 'real'), path.join(root, 'linked'));
    await symlink(root, path.join(home, 'root link'));
    expect(await measureDocument(path.join(home, 'root link'), 'linked/a.txt')).toEqual({ size: 1, sha256: sha256('a') });
  });

  it('refuses symbolic links that lead out of the root, at the end or on the way', async () => {
    await mkdir(path.join(home, 'the documents of others'));
    await writeFile(path.join(home, 'the documents of others/secret.txt'), 'secret');
    await symlink('../the documents of others/secret.txt', path.join(root, 'a.txt'));
    await symlink('../the documents of others', path.join(root, 'folder'));
    await expectProblem(measureDocument(root, 'a.txt'), 'unsafe', 'a.txt');
    await expectProblem(measureDocument(root, 'folder/secret.txt'), 'unsafe', 'folder/secret.txt');
    await expectProblem(measureDocument(root, '../the documents of others/secret.txt'), 'unsafe', '../the documents of others/secret.txt');
  });

  it('says missing, and refuses what is no regular file', async () => {
    await put('folder/a.txt', 'a');
    await expectProblem(measureDocument(root, 'gone.txt'), 'missing', 'gone.txt');
    await expectProblem(measureDocument(root, 'folder/a.txt/b'), 'missing', 'folder/a.txt/b');
    await expectProblem(measureDocument(root, 'folder'), 'unsafe', 'folder');
  });

  it('tells a root that is away from a document that is', async () => {
    await expectProblem(measureDocument(path.join(home, 'not mounted'), 'a.txt'), 'unreadable', 'a.txt');
    await expectProblem(removeDocument(path.join(home, 'not mounted'), 'a.txt', { size: 1, sha256: sha256('a') }), 'unreadable', 'a.txt');
  });

  it.runIf(onPosix && !asRoot)('says unreadable', async () => {
    await put('closed.txt', 'a');
    await chmod(path.join(root, 'closed.txt'), 0);
    await expectProblem(measureDocument(root, 'closed.txt'), 'unreadable', 'closed.txt');
  });

  it('never reads a file outside the root that is swapped in while it opens', async () => {
    await put('a.txt', 'inside');
    await writeFile(path.join(home, 'outside.txt'), 'outside');
    const swapping = { on: true };
    const swaps = swapUntil(swapping);
    const seen = new Set<string>();
    for (let round = 0; round < 600; round += 1) seen.add(await contentOrProblem('a.txt'));
    swapping.on = false;
    await swaps;
    expect(seen).not.toContain('outside');
    expect(seen).toContain('inside');
  });
});

describe('a problem', () => {
  it('keeps the path out of its message, and out of a log line', async () => {
    const problem = await measureDocument(root, 'Jane Doe/letter.txt').catch((error: unknown) => error);
    const lines: string[] = [];
    pino({}, { write: (line: string) => lines.push(line) }).error({ err: problem }, 'archive.item_failed');
    expect(problem).toMatchObject({ path: 'Jane Doe/letter.txt', problem: 'missing' });
    expect(lines.join('')).toContain('not under the document root');
    expect(lines.join('')).not.toContain('Jane');
  });
});

describe('removing', () => {
  it('removes the document and the folders it leaves empty, but never the root', async () => {
    await put('a/b/c.txt', 'c');
    await put('a/kept.txt', 'k');
    expect(await removeDocument(root, 'a/b/c.txt', measured('c'))).toBe('removed');
    expect(await readdir(path.join(root, 'a'))).toEqual(['kept.txt']);
    expect(await removeDocument(root, 'a/kept.txt', measured('k'))).toBe('removed');
    expect(await readdir(home)).toEqual(['the documents']);
  });

  it('says already gone when it is, and finishes what a crash left', async () => {
    await mkdir(path.join(root, 'a/b'), { recursive: true });
    expect(await removeDocument(root, 'a/b/c.txt', measured('c'))).toBe('already_gone');
    expect(await readdir(root)).toEqual([]);
  });

  it.each([
    ['its bytes', 'd'],
    ['its size', 'longer'],
  ])('removes nothing when the document changed in %s', async (_what, now) => {
    await put('a/c.txt', now);
    await expectProblem(removeDocument(root, 'a/c.txt', measured('c')), 'altered', 'a/c.txt');
    expect(await readFile(path.join(root, 'a/c.txt'), 'utf8')).toBe(now);
  });

  it('removes nothing through a symbolic link that is the path itself', async () => {
    await put('theirs.txt', 'c');
    await symlink('theirs.txt', path.join(root, 'mine.txt'));
    await symlink('nowhere', path.join(root, 'dangling.txt'));
    await expectProblem(removeDocument(root, 'mine.txt', measured('c')), 'unsafe', 'mine.txt');
    await expectProblem(removeDocument(root, 'dangling.txt', measured('c')), 'unsafe', 'dangling.txt');
    expect((await readdir(root)).sort()).toEqual(['dangling.txt', 'mine.txt', 'theirs.txt']);
  });

  it('removes nothing outside the root, not even an empty folder', async () => {
    await mkdir(path.join(home, 'outside/empty'), { recursive: true });
    await writeFile(path.join(home, 'outside/c.txt'), 'c');
    await symlink('../outside', path.join(root, 'link'));
    await expectProblem(removeDocument(root, 'link/c.txt', measured('c')), 'unsafe', 'link/c.txt');
    expect(await removeDocument(root, 'link/empty/gone.txt', measured('c'))).toBe('already_gone');
    expect((await readdir(path.join(home, 'outside'))).sort()).toEqual(['c.txt', 'empty']);
  });

  it('keeps the other name of a document that has two', async () => {
    await put('a.txt', 'a');
    await link(path.join(root, 'a.txt'), path.join(root, 'b.txt'));
    expect(await removeDocument(root, 'a.txt', measured('a'))).toBe('removed');
    expect(await readdir(root)).toEqual(['b.txt']);
  });

  it('takes the expected SHA-256 in capitals too', async () => {
    await put('a.txt', 'a');
    expect(await removeDocument(root, 'a.txt', { size: 1, sha256: sha256('a').toUpperCase() })).toBe('removed');
  });
});

describe('opening', () => {
  it('hands over the size and a handle that reads', async () => {
    await put('sparse.bin', '');
    await truncate(path.join(root, 'sparse.bin'), 5_000_000_000);
    const { handle, size } = await openDocument(root, 'sparse.bin');
    await handle.close();
    expect(size).toBe(5_000_000_000);
  });
});

async function removeDocument(root: string, document: string, expected: ReturnType<typeof measured>): Promise<unknown> {
  const [ended] = await removeDocuments(root, [{ path: document, ...expected }]);
  if (ended?.outcome instanceof DocumentProblem) throw ended.outcome;
  return ended?.outcome;
}

async function put(relative: string, text: string): Promise<void> {
  await mkdir(path.dirname(path.join(root, relative)), { recursive: true });
  await writeFile(path.join(root, relative), text);
}

async function expectProblem(work: Promise<unknown>, problem: DocumentFault, at: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DocumentProblem);
  expect(error).toMatchObject({ problem, path: at });
  expect(String(error)).not.toContain(at);
}

/** Puts a symbolic link that leads outside in the document's place, and the document back, over and over. */
async function swapUntil(swapping: { on: boolean }): Promise<void> {
  const [spare, place] = [path.join(root, 'spare'), path.join(root, 'a.txt')];
  while (swapping.on) {
    await symlink('../outside.txt', spare);
    await rename(spare, place);
    await writeFile(spare, 'inside');
    await rename(spare, place);
    await sleep(2);
  }
}

async function contentOrProblem(document: string): Promise<string> {
  try {
    const { handle } = await openDocument(root, document);
    const text = await handle.readFile('utf8');
    await handle.close();
    return text;
  } catch (error) {
    if (error instanceof DocumentProblem) return error.problem;
    throw error;
  }
}

function measured(text: string): { size: number; sha256: string } {
  return { size: Buffer.byteLength(text), sha256: sha256(text) };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
