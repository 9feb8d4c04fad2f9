/** Owns what is in a bag and under which names: BagIt 1.0 (RFC 8493) as this product writes it. */
import { createHash } from 'node:crypto';
import { isWindowsDevice } from './documentPath.ts';

export const BAGIT_TXT = 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n';
export const PAYLOAD_MANIFEST = 'manifest-sha256.txt';
export const TAG_MANIFEST = 'tagmanifest-sha256.txt';
/** The tag files that the tag manifest vouches for. */
export const LISTED_TAG_FILES = ['bagit.txt', 'bag-info.txt', PAYLOAD_MANIFEST] as const;

/** A file in the bag: its name below the bag's folder, its size in bytes, and its SHA-256 in lower-case hex. */
export interface BaggedFile {
  name: string;
  size: number;
  sha256: string;
}

/** What is wrong with a bag's content; `bagVerify` says in which bag. Names no document, because paths are personal data. */
export class BagFault extends Error {
  override readonly name = 'BagFault';
}

const LONGEST_NAME = 255;
const ZIP = '.zip';

/**
 * Returns the file name of a reference's bag: the reference itself, with what is unsafe in a file name on Linux, macOS or
 * Windows percent-encoded as UTF-8, and `.zip`. Two references never share a name: `%` itself is encoded, and a name that
 * would be longer than 255 bytes is cut and ends with `%7E` (which encoding never yields) and the reference's SHA-256. On
 * a file system that ignores letter case, `cf-1` and `CF-1` do share one; the archive store then refuses the second bag
 * rather than overwrite the first. Throws an Error for a reference that is empty or not Unicode.
 */
export function bagFileName(fileRef: string): string {
  if (fileRef === '' || /\p{Surrogate}/u.test(fileRef))
    throw new Error(
      'A file reference is empty or contains half a character; no bag can be named after it. Correct it in the source system.',
    );
  const name = encodeReference(fileRef);
  return (name.length + ZIP.length <= LONGEST_NAME ? name : shortened(name, fileRef)) + ZIP;
}

/** Folders of the archive store in which bags are written: their place, where they wait for a receipt, and beside one that they replace. */
export type BagFolder = '' | 'transfer' | 'renewed';

/** Returns where a reference's bag lies in the archive store. */
export function bagLocation(folder: BagFolder, fileRef: string): string {
  return folder === '' ? bagFileName(fileRef) : `${folder}/${bagFileName(fileRef)}`;
}

/** Returns the one top-level folder of the bag at this location: its file name without `.zip`. */
export function bagNameAt(location: string): string {
  const fileName = location.slice(location.lastIndexOf('/') + 1);
  return fileName.endsWith(ZIP) ? fileName.slice(0, -ZIP.length) : fileName;
}

/** Returns the text of a manifest, one `sha256  name` a line, with `%`, CR and LF encoded (RFC 8493, 2.1.3). */
export function manifestText(files: readonly BaggedFile[]): string {
  return files.map((file) => `${file.sha256}  ${file.name.replace(/[%\r\n]/g, percentEncode)}\n`).join('');
}

/** Returns the SHA-256 of each name in a manifest; throws BagFault. */
export function readManifest(manifest: string, text: string): Map<string, string> {
  const listed = new Map<string, string>();
  for (const line of linesOf(text)) {
    const [, sha256, encoded] = /^([0-9a-f]{64}) +(.+)$/.exec(line) ?? [];
    if (sha256 === undefined || encoded === undefined) throw new BagFault(`${manifest} has a line that is not a SHA-256 and a name`);
    const name = encoded.replace(/%(?:25|0D|0A)/gi, decodeURIComponent);
    if (listed.has(name)) throw new BagFault(`${manifest} lists a file twice`);
    listed.set(name, sha256);
  }
  return listed;
}

/** Returns the text of bag-info.txt, the tags in their order. Throws an Error for a tag that would not read back the same. */
export function bagInfoText(tags: readonly (readonly [label: string, value: string])[]): string {
  const seen = new Set<string>();
  return tags
    .map(([label, value]) => {
      const broken = label === '' || /^\s|\s$|[:\p{Cc}]/u.test(label) || /^\s|\s$|[\p{Cc}\u2028\u2029]/u.test(value);
      if (broken || seen.has(label.toLowerCase()))
        throw new Error(
          `The bag-info tag "${label.slice(0, 60)}" is given twice, or has a line break or outer spaces. Give each tag once, on one line.`,
        );
      seen.add(label.toLowerCase());
      return `${label}: ${value}\n`;
    })
    .join('');
}

/** Returns the tags of bag-info.txt as `bagInfoText` writes it; throws BagFault. */
export function readBagInfo(text: string): Record<string, string> {
  return Object.fromEntries(
    linesOf(text).map((line) => {
      const [, label, value] = /^([^:]+): (.*)$/.exec(line) ?? [];
      if (label === undefined || value === undefined) throw new BagFault('bag-info.txt has a line that is not a tag');
      return [label, value];
    }),
  );
}

/** Returns the Payload-Oxum: `bytes.files`, with which a bag that lost a file is found without hashing. */
export function payloadOxum(files: readonly { size: number }[]): string {
  return `${files.reduce((sum, file) => sum + file.size, 0)}.${files.length}`;
}

/** Returns a control-free form of a reference for a tag file: control characters percent-encoded, the rest as it is. */
export function referenceTag(fileRef: string): string {
  return fileRef.replace(/^\s|\s$|[\p{Cc}\u2028\u2029]/gu, percentEncode);
}

/** Returns a character's UTF-8 bytes as `%XX`. */
export function percentEncode(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

function encodeReference(fileRef: string): string {
  const name = fileRef.replace(/^[ .]|[ .]$|[%/\\:*?"<>|]|[^\x20-\x7e]/gu, percentEncode);
  return isWindowsDevice(name) ? percentEncode(name.charAt(0)) + name.slice(1) : name;
}

function shortened(name: string, fileRef: string): string {
  const ending = `%7E${createHash('sha256').update(fileRef).digest('hex')}`;
  const kept = name.slice(0, LONGEST_NAME - ZIP.length - ending.length);
  // An escape cut in two would read as another character.
  return kept.replace(/%[0-9A-F]?$/, '') + ending;
}

function linesOf(text: string): string[] {
  return text.split(/\r\n|\n|\r/).filter((line) => line !== '');
}
