/** What hostile, careless or merely foreign systems put into cells, headers, names of files and `extract.json`. */
import { parse } from 'csv-parse/sync';

/** Stands in paths for the folder beside the document root where the canaries lie. */
export const OUTSIDE = '{outside}';

/** No day, or none that the contract takes, and a few good ones that look odd. */
export const DATES = [
  ...['31/02/2001', '2001-13-01', '2001-00-10', '2001-01-00', '29/02/2001', '2001-02-29', '2000-02-29', '29/02/2000', '1900-02-29'],
  ...['01/02/03', '1/2/2003', '01-02-2003', '01.02.2003', '2003/02/01', '03-02-01', '99', '5', '37623', '37623.5', '-1', '+2001-01-01'],
  ...['0000-01-01', '0001-01-01', '0000', '9999-12-31', '9999', '10000-01-01', '010000-01-01', '-0001-01-01', '2001-1-1', '20010101'],
  ...['2001-01-01T00:00:00', '2001-01-01 00:00', '2001-01-01Z', '2001-W01-1', '2001-001', 'Jan 1 2001', '1st May 2001', 'NaN', 'null'],
  ...[
    '٢٠٠١-٠١-٠١',
    '２００１-０１-０１',
    '2001‐01‐01',
    '2001−01−01',
    '01∕02∕2003',
    'infinity',
    '-infinity',
    'now',
    'today',
    'epoch',
    'allballs',
  ],
  ...['2001-01-01 BC', '2001-02', '2001', '2001-13', '2001-02-30', '32/01/2001', '00/00/0000', '0000-00-00', '1752-09-05', '2038-01-19'],
];

/** A spreadsheet would run each of these; some letters are the full-width ones that some spreadsheets take as well. */
export const FORMULAS = [
  ...['=1+1', "=cmd|' /C calc'!A0", '+44 20 7946 0000', '-2+3', '@SUM(A1:A9)', '\t=1+1', '\r=1+1', '\n=1+1', ' =1+1', '"=1+1"'],
  ...['=HYPERLINK("http://example.org/?"&A1,"click")', '＝1+1', '＋1', '－1', '＠SUM(A1)', '-', '=', '@', "'=1+1", ';=1+1', '=1;=2'],
];

/** References that trip file systems, shells, markup, JSON, SQL, COPY and array literals. */
export const REFERENCES = [
  ...[
    '.',
    '..',
    '...',
    'CON',
    'con',
    'aux.zip',
    'NUL',
    'COM1',
    'LPT9.txt',
    'a/b',
    'a\\b',
    '../x',
    '..\\x',
    '/etc/passwd',
    '~',
    'C:',
    'C:\\x',
  ],
  ...[
    '%2e',
    '%2e%2e%2f',
    '%',
    '%zz',
    '%00',
    'x.',
    'x..',
    'x .',
    '. x',
    'transfer',
    '.retention',
    'x.zip',
    'x.zip.partial',
    '-rf',
    '--help',
  ],
  ...['🗂️', '👨‍👩‍👧', 'ref\u202Efdp.exe', 'zero\u200Bwidth', 'é', 'e\u0301', 'ﬁ', 'İ', 'ß', 'SS', 'K', '\u{1F600}\u{10FFFF}', 'ا٢', '文'],
  ...['a\nb', 'a\tb', 'a\rb', 'a\0b', 'a\u0085b', 'a\u2028b', 'a\u2029b', 'a\u007Fb', '\u001B[31mred', '\uFEFFx', 'x\uFFFDy', '\u00A0x'],
  ...['a"b', "a'b", 'a`b', 'a,b', 'a;b', ';', 'a b', '<b>x</b>', '&amp;', '{{7*7}}', '${x}', '$(id)', '`id`', "'; drop table people;--"],
  ...[
    '\\N',
    '\\.',
    '{}',
    '{a,b}',
    '"',
    'NULL',
    'null',
    'true',
    '0',
    '-0',
    '1e9',
    'undefined',
    '__proto__',
    'constructor',
    '*',
    '?',
    '|',
    '<',
    ':',
  ],
  ...[
    'x'.repeat(199),
    'x'.repeat(200),
    'x'.repeat(201),
    'x'.repeat(300),
    'é'.repeat(200),
    '🗂'.repeat(100),
    '%'.repeat(200),
    '.'.repeat(200),
  ],
  ...FORMULAS,
];

/** Where a document must not be looked for, and links of the document root that lead out of it or round in it. */
export const PATHS = [
  ...[
    `${OUTSIDE}/canary.txt`,
    '../outside/canary.txt',
    'CF-1/../../outside/canary.txt',
    './CF-1/a letter.txt',
    '/etc/passwd',
    '..',
    '.',
    '/',
  ],
  ...['out/canary.txt', 'leads out.txt', 'round/round/CF-1/a letter.txt', 'pipe.txt', 'CF-1', 'CF-1/', 'CF-1//a letter.txt', 'missing.txt'],
  ...['..\\outside\\canary.txt', 'C:\\Windows\\win.ini', 'C:canary', '\\\\server\\share\\x', '//server/share/x', 'CF-1\\a letter.txt'],
  ...[
    '%2e%2e/outside/canary.txt',
    '%2e%2e%2foutside',
    '．．/outside/canary.txt',
    '..\u2215outside',
    '\u202E..',
    '~/x',
    '~root/x',
    'file:///etc/passwd',
  ],
  ...[
    'NUL',
    'CF-1/con.txt',
    'COM¹',
    'x:stream',
    'x::$DATA',
    'x.',
    'x ',
    ' x',
    'x/ y',
    'CF-1/A LETTER.TXT',
    'cf-1/a letter.txt',
    'x\0y',
    'x\ny',
  ],
  ...[
    'a/'.repeat(600) + 'x',
    'y'.repeat(256),
    'é'.repeat(128),
    '.retention',
    '../documents/CF-1/a letter.txt',
    '-rf',
    '*',
    '$(id)',
    '\uFEFFx',
  ],
  ...FORMULAS,
];

/** Anything, for any column. */
export const TEXTS = [
  ...[
    '',
    ' ',
    '\0',
    '"',
    '""',
    '"""',
    ',',
    ';',
    ';;',
    '\n',
    '\r',
    '\r\n',
    '\t',
    '\uFEFF',
    '\uFFFD',
    'yes',
    'no',
    'YES',
    'true',
    'both',
    'paper',
  ],
  ...[
    'child_in_need',
    'child_in_need;',
    'child_in_need;adoption',
    'Child_In_Need',
    'no_such_category',
    'toString',
    'constructor',
    'f'.repeat(64),
  ],
  ...['F'.repeat(64), 'g'.repeat(64), 'P1', 'P1;P1', 'P1;P2', 'P9', 'CF-1', 'FAM-1', 'x'.repeat(10_000), 'x'.repeat(10_001)],
];

/** Names of columns that nobody asked for. */
export const COLUMNS = [
  '',
  ' name ',
  'Name',
  'NAME',
  '__proto__',
  'constructor',
  'line',
  'import_id',
  '=1+1',
  'x"y',
  'x\ny',
  'x\0y',
  '\u001B[31m',
  'c'.repeat(5000),
];

/** Bytes that are not UTF-8, or mean something to somebody: overlong forms, half a surrogate pair, marks of other encodings. */
export const BYTES = [
  ...[
    [0x00],
    [0xff],
    [0x80],
    [0xc0, 0xaf],
    [0xc1, 0xbf],
    [0xe0, 0x80, 0xaf],
    [0xf0, 0x80, 0x80, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xed, 0xbf, 0xbf],
  ],
  ...[
    [0xf4, 0x90, 0x80, 0x80],
    [0xe2, 0x82],
    [0xef, 0xbb, 0xbf],
    [0xff, 0xfe],
    [0xfe, 0xff],
    [0xef, 0xbf, 0xbe],
    [0x1a],
    [0x1b, 0x5b, 0x33, 0x31, 0x6d],
  ],
  ...[
    [0x22],
    [0x22, 0x22],
    [0x2c],
    [0x0a],
    [0x0d],
    [0x0d, 0x0a],
    [0x5c, 0x2e, 0x0a],
    [0x22, 0x0a],
    [0x0a, 0x22],
    [0x09],
    [0x7f],
    [0xc2, 0x85],
  ],
];

/** Texts of `extract.json` that tell nothing, or lies. */
export const NOTES = [
  ...['', '{', 'null', '[]', '42', '"x"', '{}', '{"rows":{}}', '\uFEFF', '\0', '[[[[[', '{"exported_at":"2026-11-22T02:00:00Z"}'],
  ...[
    '{"exported_at":"yesterday","rows":{}}',
    '{"exported_at":"22/11/2026","rows":{}}',
    '{"exported_at":"2026-02-30T02:00:00Z","rows":{}}',
    '{"exported_at":20261122,"rows":{}}',
    '{"exported_at":"2026-11-22T02:00:00Z","rows":{"people.csv":-1}}',
    '{"exported_at":"2026-11-22T02:00:00Z","rows":{"people.csv":"6"}}',
    '{"exported_at":"2026-11-22T02:00:00Z","rows":{"people.csv":1e999}}',
    '{"exported_at":"2026-11-22T02:00:00Z","rows":{"people.csv":6.5}}',
    '{"exported_at":"2026-11-22T02:00:00Z","rows":{"people.csv":999999999999}}',
    '{"exported_at":"2026-11-22T02:00:00Z","rows":{"__proto__":{"people.csv":6},"constructor":1}}',
    '{"exported_at":"2026-11-22T02:00:00Z","rows":{"\\ud800":1,"a\\u0000b":2,"\\u001b[31m":3}}',
    '{"exported_at":"2026-11-22T02:00:00Z","rows":{"../../etc/passwd":1}}',
    `{"exported_at":"2026-11-22T02:00:00Z","rows":{"people.csv":6},"more":"${'x'.repeat(1_100_000)}"}`,
    `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  ],
];

/** Names of files that lie in the folder of the extract and are none of ours. */
export const FILE_NAMES = [
  'Thumbs.db',
  'people.csv.bak',
  'people.csv ',
  ' files.csv',
  '=1+1.csv',
  'a\nb.csv',
  '\u001B[31m.csv',
  '\u202Evsc',
  '…',
  'x'.repeat(250),
];

/** The cells of a CSV that a spreadsheet would run: none, in anything that we write. A plain negative number is ours. */
export function runnableCells(csv: string): string[] {
  const rows = parse(csv, { relax_column_count: true });
  return rows.flat().filter((cell) => /^[=+\-@\t\r＝＋－＠]/.test(cell) && !/^-\d+$/.test(cell));
}
