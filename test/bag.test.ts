/** Promises that a bag holds exactly its case file, that other tools can check it, and that nothing half-done is left. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, link, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPromise } from 'yauzl';
import { ZipFile } from 'yazl';
import { StoreProblem, openArchiveStore } from '../db/archiveStore.ts';
import type { ArchiveStore } from '../db/archiveStore.ts';
import { BagDamaged, bagFileName, openBagDocuments, verifyBag, writeBag } from '../db/bag.ts';
import type { BagContent } from '../db/bag.ts';
import { DocumentProblem } from '../db/documentRoot.ts';
import { LongZip } from '../db/zipStage.ts';
import { remakeBag } from './setup/remadeBag.ts';
import { fc } from './setup/seed.ts';

const onPosix = process.platform !== 'win32';
const asRoot = process.getuid?.() === 0;
const RECORDS = { facts: { category: 'child_in_need', closed_on: '2001-02-03' }, signOff: [{ by: 'Zoë', note: null }] };
let home: string;
let root: string;
let archive: string;
let store: ArchiveStore;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'bag store '));
  root = path.join(home, 'the documents');
  archive = path.join(home, 'the archive');
  await mkdir(root);
  store = openArchiveStore(pathToFileURL(archive).href);
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

describe('a bag', () => {
  it('is BagIt 1.0 to a reader that follows the RFC by itself', async () => {
    const documents = { 'a/b c.txt': 'hello', 'Ünï/書類 100%0A.pdf': 'x'.repeat(300_000), empty: '' };
    await put(documents);
    const bag = await writeBag(store, '', content({ fileRef: 'CF/2026:ö 1', info: { 'Source-Organization': 'Zoë Council' } }, documents));
    expect(bag.location).toBe('CF%2F2026%3A%C3%B6 1.zip');
    expect(bag.documents).toEqual(
      Object.entries(documents).map(([name, body]) => ({ path: name, size: Buffer.byteLength(body), sha256: sha256(body) })),
    );
    expect(sha256(await readFile(path.join(archive, bag.location)))).toBe(bag.sha256);

    const { top, files, info } = await readByTheRfc(path.join(archive, bag.location));
    expect(top).toBe('CF%2F2026%3A%C3%B6 1');
    expect(info).toMatchObject({
      'Bagging-Date': '2026-03-01',
      'External-Identifier': 'CF/2026:ö 1',
      'Source-Organization': 'Zoë Council',
    });
    const renamed = { 'data/documents/Ünï/書類 100_0A.pdf': 'Ünï/書類 100%0A.pdf' };
    expect(JSON.parse(String(files.get('data/paths.json')))).toEqual(renamed);
    for (const [name, body] of Object.entries(documents))
      expect(files.get(`data/documents/${name.replace('%', '_')}`)?.toString()).toBe(body);
    expect(JSON.parse(String(files.get('data/facts.json')))).toEqual(RECORDS.facts);
    expect(String(files.get('data/signOff.json'))).toBe(`${JSON.stringify(RECORDS.signOff, null, 2)}\n`);
  });

  it('reads back, as a whole and one document at a time', async () => {
    const documents = { 'a/b.bin': 'b'.repeat(700_000), 'c d.txt': 'c' };
    await put(documents);
    const bag = await writeBag(store, 'transfer', content({}, documents));
    expect(bag.location).toBe('transfer/CF-1.zip');
    const found = await verifyBag(store, bag.location, bag);
    expect(found).toMatchObject({ records: RECORDS, documents: bag.documents, sha256: bag.sha256, size: bag.size });
    const read = await openBagDocuments(store, bag.location);
    expect(await text(read('a/b.bin'))).toBe(documents['a/b.bin']);
    expect(() => read('other')).toThrow(BagDamaged);
    await expect(openBagDocuments(store, 'other.zip')).rejects.toMatchObject({ problem: 'missing' });
  });

  it('has the same bytes for the same content, in any time zone', async () => {
    await put({ a: 'a' });
    const zone = process.env['TZ'];
    const digests = [];
    for (const there of ['Pacific/Auckland', 'America/Los_Angeles']) {
      process.env['TZ'] = there;
      digests.push((await writeBag(openArchiveStore(path.join(home, there)), '', content({}, { a: 'a' }))).sha256);
    }
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
    expect(digests[0]).toBe(digests[1]);
  });

  it('keeps documents apart that would clobber each other where letter case does not count', async () => {
    const documents = { 'A/scan.pdf': '1', 'a/Scan.PDF': '2', 'caf\u00e9': '3', 'cafe\u0301': '4', x: '5', 'X/y': '6' };
    await put(documents);
    const bag = await writeBag(store, '', content({}, documents));
    const { files } = await readByTheRfc(path.join(archive, bag.location));
    const folded = [...files.keys()].map((name) => name.normalize('NFC').toLowerCase());
    expect(new Set(folded).size).toBe(files.size);
    expect([...files.keys()]).toContain('data/documents-2/a/Scan.PDF');
    const read = await openBagDocuments(store, bag.location);
    for (const [name, body] of Object.entries(documents)) expect(await text(read(name))).toBe(body);
    expect((await verifyBag(store, bag.location)).documents).toEqual(bag.documents);
  });

  it.runIf(onPosix)('is for its owner only', async () => {
    await writeBag(store, 'transfer', content({}));
    const modes = await Promise.all(
      ['', 'transfer', 'transfer/CF-1.zip'].map(async (name) => (await stat(path.join(archive, name))).mode & 0o777),
    );
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  });

  it('is never overwritten', async () => {
    const first = await writeBag(store, '', content({}));
    await expect(writeBag(store, '', content({ records: { facts: 'other' } }))).rejects.toMatchObject({
      problem: 'taken',
      location: 'CF-1.zip',
    });
    expect((await verifyBag(store, 'CF-1.zip', first)).records).toEqual(RECORDS);
    expect(await allFiles(archive)).toEqual(['CF-1.zip']);
  });
});

describe('the file name of a bag', () => {
  it.each([
    ['CF-0001', 'CF-0001.zip'],
    ['CF 1_(2)+x', 'CF 1_(2)+x.zip'],
    ['a/b', 'a%2Fb.zip'],
    ['..', '%2E%2E.zip'],
    ['.retention', '%2Eretention.zip'],
    ['a.', 'a%2E.zip'],
    ['100%', '100%25.zip'],
    ['%2F', '%252F.zip'],
    ['a\nb', 'a%0Ab.zip'],
    ['NUL', '%4EUL.zip'],
    ['com1.x', '%63om1.x.zip'],
    ['a\\b:c*?"<>|', 'a%5Cb%3Ac%2A%3F%22%3C%3E%7C.zip'],
    ['é', '%C3%A9.zip'],
    [' a ', '%20a%20.zip'],
  ])('of %j is %s', (ref, name) => {
    expect(bagFileName(ref)).toBe(name);
  });

  it('is another for every reference, short enough, and can be decoded unless it was cut', () => {
    const reference = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
      fc.stringMatching(/^[aA%.~ /]{1,6}$/),
      fc.string({ unit: 'binary', minLength: 60, maxLength: 400 }),
    );
    fc.assert(
      fc.property(reference, reference, (one, other) => {
        const name = bagFileName(one);
        expect(name.length).toBeLessThanOrEqual(255);
        expect(name).toMatch(/^[\x20-\x7e]+$/);
        expect(name === bagFileName(other)).toBe(one === other);
        if (!/%7E[0-9a-f]{64}\.zip$/.test(name)) expect(decodeURIComponent(name.slice(0, -4))).toBe(one);
      }),
      { numRuns: 300 },
    );
  });

  it('cannot be forged into the one of a long reference', () => {
    const long = bagFileName('x'.repeat(300)).slice(0, -4);
    expect(long).toHaveLength(251);
    expect(bagFileName(decodeURIComponent(long))).not.toBe(`${long}.zip`);
  });

  it('is refused to an empty reference', () => {
    expect(() => bagFileName('')).toThrow('reference');
  });

  it('serves for a bag of a very long reference', async () => {
    const bag = await writeBag(store, '', content({ fileRef: 'ü'.repeat(200) }));
    expect(await verifyBag(store, bag.location)).toMatchObject({ records: RECORDS });
  });
});

describe('when packing fails, nothing is left behind and the sources are untouched:', () => {
  const documents = { 'a.txt': 'a', 'b/c.txt': 'c'.repeat(500_000) };
  beforeEach(() => put(documents));
  afterEach(async () => {
    expect(await allFiles(archive)).toEqual([]);
  });

  it.each([
    { size: 2, sha256: null },
    { size: null, sha256: sha256('other') },
  ])('a document is altered (%o)', async (expected) => {
    const rejected = content({ documents: [...listed({ 'a.txt': 'a' }), { path: 'b/c.txt', ...expected }] });
    await expect(writeBag(store, '', rejected)).rejects.toMatchObject({ problem: 'altered', path: 'b/c.txt' });
    expect(await allFiles(root)).toEqual(['a.txt', 'b/c.txt']);
  });

  it('a document is swapped for another of the same size', async () => {
    await writeFile(path.join(root, 'other'), 'd'.repeat(500_000));
    await rename(path.join(root, 'other'), path.join(root, 'b/c.txt'));
    await expect(writeBag(store, '', content({}, documents))).rejects.toMatchObject({ problem: 'altered' });
  });

  it('a document is missing', async () => {
    await rm(path.join(root, 'b/c.txt'));
    await expect(writeBag(store, '', content({}, documents))).rejects.toMatchObject({ problem: 'missing', path: 'b/c.txt' });
  });

  it.runIf(onPosix && !asRoot)('a document is unreadable', async () => {
    await chmod(path.join(root, 'b/c.txt'), 0);
    await expect(writeBag(store, '', content({}, documents))).rejects.toMatchObject({ problem: 'unreadable' });
  });

  it('a document became a symbolic link that leads outside', async () => {
    await writeFile(path.join(home, 'secret'), documents['b/c.txt']);
    await rm(path.join(root, 'b/c.txt'));
    await symlink('../../secret', path.join(root, 'b/c.txt'));
    await expect(writeBag(store, '', content({}, documents))).rejects.toMatchObject({ problem: 'unsafe' });
  });

  it.each(['../a.txt', 'a\nb', '/etc/hostname', 'b\\c.txt'])('a path is %j', async (unsafe) => {
    await expect(writeBag(store, '', content({ documents: [{ path: unsafe, size: null, sha256: null }] }))).rejects.toMatchObject({
      problem: 'unsafe',
      path: unsafe,
    });
  });

  it('there is no document root, or one document twice', async () => {
    await expect(writeBag(store, '', content({ documentRoot: null }, documents))).rejects.toThrow(DocumentProblem);
    await expect(writeBag(store, '', content({ documents: [...listed(documents), ...listed(documents)] }))).rejects.toMatchObject({
      problem: 'unsafe',
      path: 'a.txt',
    });
  });

  it('there is nothing to say about the case file, or it cannot be said', async () => {
    await expect(writeBag(store, '', content({ records: {} }))).rejects.toThrow('record');
    await expect(writeBag(store, '', content({ records: { '../x': 1 } }))).rejects.toThrow('record');
    await expect(writeBag(store, '', content({ records: { facts: undefined } }))).rejects.toThrow('no value');
    await expect(writeBag(store, '', content({ info: { Note: 'two\nlines' } }))).rejects.toThrow('bag-info');
    await expect(writeBag(store, '', content({ info: { 'payload-oxum': '1.1' } }))).rejects.toThrow('bag-info');
    await expect(writeBag(store, '', content({ baggingDate: '2026-02-30' }))).rejects.toThrow('bagging date');
  });
});

it('when the store fails, its error comes out and no document stays open', async () => {
  await put({ big: 'x'.repeat(5_000_000) });
  await mkdir(archive);
  await writeFile(path.join(archive, '.partial'), 'in the way');
  await expect(writeBag(store, '', content({}, { big: 'x'.repeat(5_000_000) }))).rejects.toThrow(/EEXIST|ENOTDIR/);
});

describe('verifying', () => {
  it('finds every flipped byte, and never takes damaged content for whole', async () => {
    await put({ 'a.txt': 'some text' });
    const bag = await writeBag(store, '', content({}, { 'a.txt': 'some text' }));
    const file = path.join(archive, bag.location);
    const good = await readFile(file);
    const whole = await verifyBag(store, bag.location);
    let unnoticed = 0;
    for (let at = 0; at < good.length; at += 1) {
      await writeFile(file, Buffer.concat([good.subarray(0, at), Buffer.from([(good[at] ?? 0) ^ (1 << (at % 8))]), good.subarray(at + 1)]));
      const alone = await verifyBag(store, bag.location).catch((error: unknown) => error);
      if (alone instanceof BagDamaged) continue;
      unnoticed += 1;
      await expect(verifyBag(store, bag.location, bag)).rejects.toThrow(BagDamaged);
      expect(alone).toMatchObject({ records: whole.records, documents: whole.documents, info: whole.info });
    }
    // Time stamps, versions and modes, which no manifest covers: the digest of the whole zip does.
    expect(unnoticed / good.length).toBeLessThan(0.25);
  }, 60_000);

  it.each([0, 1, 30, 500])('finds a bag cut to %i bytes', async (kept) => {
    const bag = await writeBag(store, '', content({}));
    await truncate(path.join(archive, bag.location), kept);
    await expect(verifyBag(store, bag.location)).rejects.toThrow(BagDamaged);
  });

  it('says of a record that is not JSON that it is not', async () => {
    const bag = await writeBag(store, '', content({}));
    await remakeBag(path.join(archive, bag.location), (files) => files.set('data/facts.json', Buffer.from('<xml/>')));
    await expect(verifyBag(store, bag.location)).rejects.toThrow('facts is not JSON');
  });

  it('finds a bag under the name of another', async () => {
    await writeBag(store, '', content({}));
    await store.move('CF-1.zip', 'CF-2.zip');
    await expect(verifyBag(store, 'CF-2.zip')).rejects.toThrow('named after the bag');
  });

  it('tells a bag that is not there from one that is damaged', async () => {
    await expect(verifyBag(store, 'CF-1.zip')).rejects.toThrow(StoreProblem);
  });

  const facts = '{}\n';
  const right = {
    'bagit.txt': 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n',
    'bag-info.txt': 'Payload-Oxum: 3.1\n',
    'manifest-sha256.txt': `${sha256(facts)}  data/facts.json\n`,
    'data/facts.json': facts,
  };
  it.each<[string, Record<string, string | null>, string | null]>([
    ['nothing wrong', {}, null],
    ['a payload file too many', { 'data/extra.json': '{}' }, '1 not listed'],
    ['a payload file missing', { 'data/facts.json': null }, '1 missing'],
    ['a payload file changed', { 'data/facts.json': '[]\n' }, '1 changed'],
    ['a tag file too many', { 'fetch.txt': '' }, 'tag file too many'],
    ['a tag file missing', { 'bag-info.txt': null }, 'tag file too many or too few'],
    ['another version', { 'bagit.txt': 'BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n' }, 'bagit.txt'],
    ['a wrong Payload-Oxum', { 'bag-info.txt': 'Payload-Oxum: 3.2\n' }, 'Oxum'],
    ['a manifest that is none', { 'manifest-sha256.txt': 'facts\n' }, 'manifest-sha256.txt has a line'],
    ['a file listed twice', { 'manifest-sha256.txt': `${sha256(facts)}  data/facts.json\n`.repeat(2) }, 'twice'],
    [
      'a document nobody could have listed',
      {
        'data/documents/.x': facts,
        'manifest-sha256.txt': `${sha256(facts)}  data/facts.json\n${sha256(facts)}  data/documents/.x\n`,
        'bag-info.txt': 'Payload-Oxum: 6.2\n',
      },
      'neither a record nor a document',
    ],
  ])('of a hand-made bag with %s', async (_what, changes, fault) => {
    const files = Object.entries<string | null>({ ...right, ...changes }).filter((entry): entry is [string, string] => entry[1] !== null);
    const tags = files
      .filter(([name]) => !name.startsWith('data/'))
      .map(([name, body]) => `${sha256(body)}  ${name}\n`)
      .join('');
    await handMade('CF-1', [...files, ['tagmanifest-sha256.txt', tags]]);
    const outcome = verifyBag(store, 'CF-1.zip');
    if (fault === null) await expect(outcome).resolves.toMatchObject({ records: { facts: {} } });
    else await expect(outcome).rejects.toThrow(fault);
  });

  it('names the bag but no document', async () => {
    await put({ 'Jane Doe.txt': 'x'.repeat(1000) });
    const bag = await writeBag(store, '', content({}, { 'Jane Doe.txt': 'x'.repeat(1000) }));
    const file = path.join(archive, bag.location);
    await writeFile(file, (await readFile(file, 'latin1')).replace('xxxx', 'xyxx'), 'latin1');
    const error = await verifyBag(store, bag.location).catch(String);
    expect(error).toContain('CF-1.zip');
    expect(error).not.toContain('Jane');
    const read = await openBagDocuments(store, bag.location);
    await expect(text(read('Jane Doe.txt'))).rejects.toThrow(BagDamaged);
  });
});

it('is written without a look at all that is written before each further document', async () => {
  const zip = new LongZip();
  zip.outputStream.resume();
  for (let i = 0; i < 50; i++)
    await zip.addStream(Readable.from([Buffer.from('x')], { objectMode: false }), `${i}.txt`, { compress: false });
  expect(Reflect.get(zip, 'entries')).toHaveLength(1);
  zip.end();
  expect(Reflect.get(zip, 'entries')).toHaveLength(50);
});

describe('the store', () => {
  it('moves a bag as a whole, never over another, and finishes a move that a crash cut in two', async () => {
    const bag = await writeBag(store, 'transfer', content({}));
    await writeBag(store, '', content({ fileRef: 'CF-2' }));
    await expect(store.move('transfer/CF-1.zip', 'CF-2.zip')).rejects.toMatchObject({ problem: 'taken' });
    await link(path.join(archive, 'transfer/CF-1.zip'), path.join(archive, 'CF-1.zip'));
    await store.move('transfer/CF-1.zip', 'CF-1.zip');
    expect(await verifyBag(store, 'CF-1.zip', bag)).toMatchObject({ records: RECORDS });
    expect((await listedIn(store, '')).sort()).toEqual(['CF-1.zip', 'CF-2.zip']);
    await expect(store.move('transfer/CF-1.zip', 'CF-3.zip')).rejects.toMatchObject({ problem: 'missing' });
  });

  it('lists, finds and deletes', async () => {
    expect(await listedIn(store, '')).toEqual([]);
    await writeBag(store, 'transfer', content({}));
    await writeBag(store, '', content({}));
    await writeFile(path.join(archive, '.retention'), 'id');
    expect((await listedIn(store, '')).sort()).toEqual(['CF-1.zip', 'transfer/CF-1.zip']);
    expect(await listedIn(store, 'transfer')).toEqual(['transfer/CF-1.zip']);
    expect([
      await store.delete('CF-1.zip'),
      await store.delete('CF-1.zip'),
      await store.exists('CF-1.zip'),
      await store.exists('transfer/CF-1.zip'),
    ]).toEqual(['deleted', 'already_gone', false, true]);
  });

  it('clears what a crash left, and nothing that is being written', async () => {
    const own = await store.stage(Readable.from([Buffer.from('own')]));
    const theirs = await openArchiveStore(archive).stage(Readable.from([Buffer.from('theirs')]));
    const crashed = await openArchiveStore(archive).stage(Readable.from([Buffer.from('crashed')]));
    for (const { location } of [own, crashed]) await utimes(path.join(archive, location), 0, 0);
    expect(await store.clearPartials(() => Promise.resolve(true))).toBe(1);
    expect(await allFiles(archive)).toEqual([own.location, theirs.location].sort());
    expect(await listedIn(store, '')).toEqual([]);
  });

  it.each(['../x', '/x', 'a//b', '', 'a/./b', 'a\\b'])('refuses the location %j', async (location) => {
    await expect(store.open(location)).rejects.toMatchObject({ problem: 'unsafe' });
  });

  it('is a folder, given as a file: URL or a path, and no other store yet', () => {
    expect(openArchiveStore('file:///srv/my%20archive').url).toBe('file:///srv/my%20archive');
    expect(openArchiveStore('file:./a b').url).toBe(pathToFileURL(path.resolve('a b')).href);
    expect(openArchiveStore('data/archive').url).toBe(pathToFileURL(path.resolve('data/archive')).href);
    expect(() => openArchiveStore('s3://bucket/x')).toThrow('only file: is supported in this release');
    expect(() => openArchiveStore('file:///a#b')).toThrow('%23');
    expect(() => openArchiveStore('file://host/x')).toThrow('ARCHIVE_URL');
    expect(() => openArchiveStore(' ')).toThrow('empty');
  });
});

it('costs no more memory for a document of 1 GiB than for one of 1 KiB', async () => {
  await put({ small: '', large: '' });
  await truncate(path.join(root, 'small'), 1024);
  await truncate(path.join(root, 'large'), 2 ** 30);
  const [small, large] = await Promise.all([peakMegabytes('small'), peakMegabytes('large')]);
  expect(large - small).toBeLessThan(60);
}, 120_000);

/** Peak resident memory of a process of its own that packs one document. */
async function peakMegabytes(document: string): Promise<number> {
  const db = (file: string): string => JSON.stringify(new URL(`../.build/db/${file}`, import.meta.url).href);
  const script = `
    import { openArchiveStore } from ${db('archiveStore.js')};
    import { writeBag } from ${db('bag.js')};
    const content = ${JSON.stringify(content({ fileRef: document, documents: [{ path: document, size: null, sha256: null }] }))};
    await writeBag(openArchiveStore(${JSON.stringify(archive)}), '', content);
    console.log(process.resourceUsage().maxRSS / 1024);`;
  const child = spawn(process.execPath, ['--max-old-space-size=64', '--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return Number(await text(child.stdout));
}

/**
 * An independent reading of RFC 8493 and its zip serialisation, sharing nothing with db/: one top-level folder, a
 * declaration, complete and correct manifests. Returns every file by its name in the bag.
 */
async function readByTheRfc(file: string): Promise<{ top: string; files: Map<string, Buffer>; info: Record<string, string> }> {
  const zip = await openPromise(file, { strictFileNames: true });
  const files = new Map<string, Buffer>();
  const tops = new Set<string>();
  for await (const entry of zip.eachEntry()) {
    const [first = '', ...rest] = entry.fileName.split('/');
    tops.add(first);
    expect(files.has(rest.join('/'))).toBe(false);
    files.set(rest.join('/'), await buffer(await zip.openReadStreamPromise(entry)));
  }
  expect(tops.size).toBe(1);
  expect(String(files.get('bagit.txt'))).toBe('BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n');
  const names = [...files.keys()];
  expectManifest(
    files,
    'manifest-sha256.txt',
    names.filter((name) => name.startsWith('data/')),
  );
  expectManifest(
    files,
    'tagmanifest-sha256.txt',
    names.filter((name) => !name.startsWith('data/') && !name.startsWith('tagmanifest-')),
  );
  const info = Object.fromEntries(
    String(files.get('bag-info.txt'))
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/: (.*)/s) as [string, string]),
  );
  const payload = names.filter((name) => name.startsWith('data/')).map((name) => files.get(name)?.length ?? 0);
  expect(info['Payload-Oxum']).toBe(`${payload.reduce((sum, size) => sum + size, 0)}.${payload.length}`);
  return { top: [...tops].join(), files, info };
}

function expectManifest(files: Map<string, Buffer>, manifest: string, names: string[]): void {
  const lines = String(files.get(manifest)).split('\n').filter(Boolean);
  const listedThere = new Map(
    lines.map((line) => [line.slice(66).replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%25', '%'), line.slice(0, 64)]),
  );
  expect([...listedThere.keys()].sort()).toEqual([...names].sort());
  for (const name of names) expect(listedThere.get(name)).toBe(sha256(files.get(name) ?? ''));
}

async function handMade(name: string, files: [string, string][]): Promise<void> {
  const zip = new ZipFile();
  for (const [file, body] of files) zip.addBuffer(Buffer.from(body), `${name}/${file}`);
  zip.end();
  await mkdir(archive, { recursive: true });
  await pipeline(zip.outputStream, createWriteStream(path.join(archive, `${name}.zip`)));
}

function content(given: Partial<BagContent>, documents: Record<string, string> = {}): BagContent {
  return {
    fileRef: 'CF-1',
    baggingDate: '2026-03-01',
    info: {},
    records: RECORDS,
    documents: listed(documents),
    documentRoot: root,
    ...given,
  };
}

function listed(documents: Record<string, string>): BagContent['documents'] {
  return Object.entries(documents).map(([name, body]) => ({ path: name, size: Buffer.byteLength(body), sha256: sha256(body) }));
}

async function put(documents: Record<string, string>): Promise<void> {
  for (const [name, body] of Object.entries(documents)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), body);
  }
}

async function allFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

async function listedIn(where: ArchiveStore, folder: string): Promise<string[]> {
  const locations = [];
  for await (const location of where.list(folder)) locations.push(location);
  return locations;
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
