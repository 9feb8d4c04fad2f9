/** One document under two paths: it stays until no registered file has it under either. */
import { access, link, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { rehearsal, type Council } from './setup/commands.ts';

let council: Council;
afterEach(() => council.close());

const WAYS: [how: string, own: string, other: string, arrange: (root: string) => Promise<unknown>][] = [
  ['a folder that is a symbolic link', '2005/x.pdf', 'old/x.pdf', (root) => symlink('old', path.join(root, '2005'))],
  [
    'two links one behind the other',
    'a/x.pdf',
    'b/x.pdf',
    async (root) => {
      await symlink('old', path.join(root, 'b'));
      await symlink('b', path.join(root, 'a'));
    },
  ],
  [
    'a symbolic link to the document',
    'old/x.pdf',
    'links/copy.pdf',
    async (root) => {
      await mkdir(path.join(root, 'links'));
      await symlink('../old/x.pdf', path.join(root, 'links/copy.pdf'));
    },
  ],
];

it.each(WAYS)('through %s', async (_how, own, other, arrange) => {
  const source = await listedTwice(own, other, arrange);
  expect(await council.night('2026-11-30')).toMatchObject({ steps: { archive: { archived: 1, sources: { removed: 0, shared: 1 } } } });
  await access(source);
});

it('names that only look alike are two documents, and so are two hard links', async () => {
  const source = await listedTwice('old/x.pdf', 'old/X.pdf', async (root) => {
    await writeFile(path.join(root, 'old/X.pdf'), 'another');
    await link(path.join(root, 'old/x.pdf'), path.join(root, 'old/hard.pdf'));
  });
  council.register.documents.push({ file_ref: 'B', path: 'old/hard.pdf', sha256: '' });
  expect(await council.night('2026-11-30')).toMatchObject({ steps: { archive: { archived: 1, sources: { removed: 1, shared: 0 } } } });
  await expect(access(source)).rejects.toThrow('ENOENT');
  await access(path.join(council.documentRoot, 'old/hard.pdf'));
});

/** A, due and signed, lists the document under `own`; B, not due, under `other`. */
async function listedTwice(own: string, other: string, arrange: (root: string) => Promise<unknown>): Promise<string> {
  council = await rehearsal();
  council.register.child('A').child('B', { opened_on: '2021-01-01', closed_on: '2022-01-01' }, { date_of_birth: '2020-01-01' });
  const source = path.join(council.documentRoot, 'old/x.pdf');
  await mkdir(path.dirname(source), { recursive: true });
  await writeFile(source, 'both');
  await arrange(council.documentRoot);
  council.register.documents.push({ file_ref: 'A', path: own, sha256: '' }, { file_ref: 'B', path: other, sha256: '' });
  await council.night('2026-11-22');
  await council.approveAndSign(1, '2026-11-22');
  return source;
}
