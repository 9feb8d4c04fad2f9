/** Makes a bag anew with other content, as somebody with a BagIt tool would: every manifest right. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { fromBufferPromise } from 'yauzl';
import { ZipFile } from 'yazl';

/** Applies `change` to the files of the bag, by name below its folder, and writes the zip over itself. */
export async function remakeBag(file: string, change: (files: Map<string, Buffer>) => void): Promise<void> {
  const top = path.basename(file, '.zip');
  const files = await filesOf(file, top);
  change(files);
  const payload = [...files].filter(([name]) => name.startsWith('data/'));
  const bytes = payload.reduce((sum, [, content]) => sum + content.length, 0);
  files.set('manifest-sha256.txt', manifestOf(payload));
  const info = String(files.get('bag-info.txt')).replace(/^Payload-Oxum: .*$/m, `Payload-Oxum: ${bytes}.${payload.length}`);
  files.set('bag-info.txt', Buffer.from(info));
  files.set(
    'tagmanifest-sha256.txt',
    manifestOf([...files].filter(([name]) => !name.startsWith('data/') && name !== 'tagmanifest-sha256.txt')),
  );
  const zip = new ZipFile();
  for (const [name, content] of files) zip.addBuffer(content, `${top}/${name}`);
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(file));
}

async function filesOf(file: string, top: string): Promise<Map<string, Buffer>> {
  const zip = await fromBufferPromise(await readFile(file));
  const files = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry()) {
    files.set(entry.fileName.slice(top.length + 1), await buffer(await zip.openReadStreamPromise(entry)));
  }
  return files;
}

function manifestOf(files: readonly (readonly [name: string, content: Buffer])[]): Buffer {
  return Buffer.from(
    files.map(([name, content]) => `${createHash('sha256').update(content).digest('hex')}  ${name.replaceAll('%', '%25')}\n`).join(''),
  );
}
