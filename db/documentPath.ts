/** Decides which paths of documents.csv are safe to look for under the document root, and to unpack from a bag anywhere. */

const LONGEST_PATH = 1000;
/** Beside a reference of 200 letters it fits into one key of an index, which has at most 2,704 bytes. */
const LONGEST_PATH_BYTES = 1800;
const LONGEST_SEGMENT_BYTES = 255;
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)$/i;

/**
 * Returns why a path from documents.csv is refused, in words that follow "is refused: ", or null when it is fine.
 * Stricter than any one file system, so that a bag unpacks the same on Windows, macOS and Linux. The words never repeat
 * the path, because paths are personal data.
 */
export function unsafePathReason(path: string): string | null {
  if (path === '') return 'it is empty';
  if (path.length > LONGEST_PATH) return `it is longer than ${LONGEST_PATH} characters`;
  if (Buffer.byteLength(path) > LONGEST_PATH_BYTES) return `it is longer than ${LONGEST_PATH_BYTES} bytes`;
  if (/\p{Cc}|[\u2028\u2029]/u.test(path)) return 'it contains a control character or a line break';
  if (/\p{Surrogate}/u.test(path)) return 'it contains half a character';
  if (path.includes('\\')) return 'it contains a backslash; folders are separated by /';
  if (path.startsWith('/')) return 'it is absolute, not relative to the document root';
  if (/^[a-z]:/i.test(path)) return 'it begins with a drive letter';
  return (
    path
      .split('/')
      .map(unsafeSegmentReason)
      .find((reason) => reason !== null) ?? null
  );
}

/** True for a name that Windows takes for a device whatever its extension or letter case: `nul`, `COM1.txt`. */
export function isWindowsDevice(name: string): boolean {
  const stem = name.split('.', 1)[0] ?? '';
  return WINDOWS_DEVICE.test(stem.trimEnd());
}

function unsafeSegmentReason(segment: string): string | null {
  if (segment === '') return 'it has an empty part between two /';
  if (segment === '.' || segment === '..') return 'it contains . or .. as a part';
  if (/^[ .]|[ .]$/.test(segment)) return 'a part of it begins or ends with a space or a dot';
  if (isWindowsDevice(segment)) return 'a part of it is the name of a Windows device';
  if (Buffer.byteLength(segment) > LONGEST_SEGMENT_BYTES) return `a part of it is longer than ${LONGEST_SEGMENT_BYTES} bytes`;
  return null;
}
