/** Finds the records of a CSV file by code that shares nothing with the product: what an import must account for. */

/** `line` counts from 1, where the record starts. `broken`: its quotes are such that it cannot be told into cells. */
export interface ScannedRecord {
  line: number;
  cells: string[];
  broken: boolean;
}

/** `unclosed`: a quote was opened that no other closes, so nobody can say where the records end. */
export interface Scanned {
  records: ScannedRecord[];
  unclosed: boolean;
}

type Ending = 'record' | 'empty line' | 'broken' | 'unclosed';

/** The header and the records of a file, in its order; empty lines are none, and after a broken one it goes on with the next line. */
export function scanCsv(bytes: Buffer): Scanned {
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  const records: ScannedRecord[] = [];
  for (let at = 0, line = 1; at < text.length;) {
    const { cells, ending, next } = scanRecord(text, at);
    if (ending === 'unclosed') return { records, unclosed: true };
    const lineEnd = text.indexOf('\n', at);
    const after = ending !== 'broken' ? next : lineEnd === -1 ? text.length : lineEnd + 1;
    if (ending !== 'empty line') records.push({ line, cells, broken: ending === 'broken' });
    line += text.slice(at, after).split('\n').length - 1;
    at = after;
  }
  return { records, unclosed: false };
}

/** What stands in the register is what stood in the cell: the same words, and a date in either of its two forms. */
export function saysTheSame(stored: unknown, cell: string): boolean {
  const text = cell.trim();
  if (stored === null) return text === '';
  if (typeof stored === 'boolean') return text === (stored ? 'yes' : 'no');
  if (Array.isArray(stored)) return sameWords(stored as string[], text);
  if (typeof stored !== 'string') return false;
  const [year, month, day] = stored.split('-');
  return (
    [stored, `${day ?? ''}/${month ?? ''}/${year ?? ''}`].includes(text) || (/^[0-9a-f]{64}$/.test(stored) && text.toLowerCase() === stored)
  );
}

function sameWords(stored: readonly string[], text: string): boolean {
  const words = text.split(';').map((word) => word.trim());
  return [...new Set(words.filter((word) => word !== ''))].join(';') === stored.join(';');
}

function scanRecord(text: string, start: number): { cells: string[]; ending: Ending; next: number } {
  const cells: string[] = [];
  let [cell, quoted, at] = ['', false, start];
  for (;;) {
    const sign = text.charAt(at);
    const lineEnd = lineEndAt(text, at);
    if (sign === '' || lineEnd > 0) {
      if (cells.length === 0 && cell === '' && !quoted) return { cells, ending: 'empty line', next: at + lineEnd };
      return { cells: [...cells, cell], ending: 'record', next: at + lineEnd };
    }
    if (sign === ',') {
      cells.push(cell);
      [cell, quoted, at] = ['', false, at + 1];
    } else if (sign === '"') {
      if (cell !== '') return { cells, ending: 'broken', next: at };
      const close = closingQuote(text, at);
      if (close === -1) return { cells, ending: 'unclosed', next: at };
      cell = text.slice(at + 1, close).replaceAll('""', '"');
      [quoted, at] = [true, close + 1];
      if (!/^[,\n\0]?$/.test(text.charAt(at)) && lineEndAt(text, at) === 0) return { cells, ending: 'broken', next: at };
    } else if (cell === '' && !quoted && /\s/.test(sign)) at += 1;
    else {
      const plain = /[^,"\r\n]+|\r/y;
      plain.lastIndex = at;
      const [run] = plain.exec(text) ?? [sign];
      cell += run;
      at += run.length;
    }
  }
}

function lineEndAt(text: string, at: number): number {
  if (text.charAt(at) === '\n') return 1;
  return text.startsWith('\r\n', at) ? 2 : 0;
}

function closingQuote(text: string, opening: number): number {
  for (let at = opening + 1; ; at += 2) {
    at = text.indexOf('"', at);
    if (at === -1 || text.charAt(at + 1) !== '"') return at;
  }
}
