/** Reports on the site: the night's own figures, every file counted once, and each table as a CSV that says the same. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { retentionFigures, type RetentionFigures } from '../../db/figures.ts';
import { scheduleInForce } from '../../db/schedules.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type Browser, type SiteUnderTest } from './browsing.ts';

const TODAY = '2026-11-22';

let council: Council;
let site: SiteUnderTest;
let jones: Browser;
let auditor: Browser;
let figures: RetentionFigures;

/** Files of every kind that the reports tell apart. While a list of its rule is being decided, no night lists the candidate. */
beforeAll(async () => {
  council = await rehearsal();
  site = await siteOf(council, {
    samplePeople: [
      { name: 'm.jones', roles: ['records_manager'] },
      { name: 'auditor', roles: ['auditor'] },
    ],
  });
  const { register } = council;
  register.child('GONE-1', { location: 'Shelf 14' }).child('GONE-2');
  await council.document('GONE-1', 'GONE-1/Jane letter.txt');
  await council.night(TODAY);
  await council.approveAndSign(1, TODAY);
  register.child('LISTED-1');
  await council.night('2026-11-30');
  council.today = '2026-12-01';
  register.files.delete('GONE-1');
  register.files.delete('GONE-2');
  register.child('CANDIDATE-1');
  for (const [ref, born] of Object.entries(LATER)) register.child(ref, { location: 'Shelf 15' }, { date_of_birth: born });
  for (const [ref, born] of Object.entries(OVER)) register.child(ref, { closed_on: '' }, { date_of_birth: born });
  register.child('=1+2', { closed_on: '' }, { date_of_birth: '1999-01-01' });
  register.child('PERM-1', { categories: 'adult_posing_risk' }).child('PERM-2', {}, { poses_risk_to_children: 'yes' });
  register.child('NONE-1', {}, { date_of_birth: '' }).child('WAIT-1', { categories: 'safeguarding_unit', closed_on: '' });
  await council.night('2026-12-01');
  [jones, auditor] = [await site.as('m.jones'), await site.as('auditor')];
  figures = await retentionFigures(council.db, await scheduleInForce(council.db, council.today), council.today);
}, 60_000);

afterAll(async () => {
  await site.close();
  await council.close();
});

/** Due 25 years after birth, the day after: 12, 62 and 335 days on, and in 2044. */
const LATER = { 'SOON-1': '2001-12-12', 'SOON-2': '2002-01-31', 'SOON-3': '2002-10-31', 'SOON-4': '2018-12-31' };
/** On 01/12/2026 over their dates by 30, 31, 90, 91, 365, 366, 730, 731, 1,825 and 1,826 days; open, so that no list takes them. */
const OVER = {
  'OVER-0030': '2001-11-01',
  'OVER-0031': '2001-10-31',
  'OVER-0090': '2001-09-02',
  'OVER-0091': '2001-09-01',
  'OVER-0365': '2000-12-01',
  'OVER-0366': '2000-11-30',
  'OVER-0730': '1999-12-01',
  'OVER-0731': '1999-11-30',
  'OVER-1825': '1996-12-02',
  'OVER-1826': '1996-12-01',
};

/** The rows of a download, by column. */
async function csv(address: string, browser = jones): Promise<Record<string, string>[]> {
  const { status, headers, html } = await browser.send('GET', address);
  expect([address, status, headers['content-type']]).toEqual([address, 200, 'text/csv; charset=utf-8']);
  expect(headers['content-disposition']).toMatch(/^attachment; filename="[a-z0-9-]+\.csv"$/);
  return parse(html, { columns: true });
}

function sum(rows: Record<string, string>[], column: string): number {
  return rows.reduce((total, row) => total + Number(row[column]), 0);
}

/** The cells of the table under a caption, row by row. */
function table(html: string, caption: string): string[][] {
  const found = [...html.matchAll(/<table.*?<\/table>/gs)].find(([text]) => text.includes(`${caption}</caption>`))?.[0] ?? '';
  return [...found.matchAll(/<tr.*?<\/tr>/gs)].map(([row]) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell = '']) => cell.replace(/<[^>]*>/g, '').trim()),
  );
}

describe('retention by rule', () => {
  it('is, to the letter, what the night wrote', async () => {
    const byNight = await readFile(path.join(council.folder, 'home', 'reports', council.today, 'retention-report.csv'), 'utf8');
    const { html } = await jones.send('GET', '/reports/retention.csv');
    expect(html).toBe(byNight);
    const page = await jones.open('/reports');
    expect(page.text).toContain(`${figures.files} files are in the register:`);
    expect(page.text).toContain('That adds up: every file is accounted for.');
    const { files, permanent, notDue, due, candidates, onList, cannotBeListed, archived } = figures.totals;
    const totals = [files, permanent, notDue, due, candidates, onList, cannotBeListed, archived].map(String);
    expect(table(page.html, 'Files by the rule that decides').at(-1)).toEqual(['All rules', ...totals]);
    expect(figures.totals).toMatchObject({ permanent: 2, due: 13, candidates: 1, onList: 1, cannotBeListed: 11, archived: 2 });
  });
});

describe('what falls due', () => {
  it('in 30, 90 and 365 days adds up with what is due and what is later', async () => {
    const page = await jones.open('/reports/due');
    expect(table(page.html, 'Files that fall due soon, by rule').at(-1)).toEqual(['All rules', '13', '1', '2', '3', '4']);
    const rows = await csv('/reports/due.csv');
    const sums = ['files', 'due', 'within_30_days', 'within_90_days', 'within_365_days', 'later'].map((column) => sum(rows, column));
    expect(sums).toEqual([figures.outcomes.expires, figures.totals.due, 1, 2, 3, figures.totals.notDue]);
    expect(page.html).toContain('href="/what-if?on=2026-12-31"');
  });

  it('by year is drawn, with the same figures in its table and its CSV', async () => {
    const { html } = await jones.open('/reports/forecast');
    const svg = /<svg.*?<\/svg>/s.exec(html)?.[0] ?? '';
    expect(svg).toMatch(
      /role="img" aria-labelledby="forecast-title forecast-description".*<title id="forecast-title">.*<desc id="forecast-description">/s,
    );
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text = '']) => text);
    const drawn = new Map(texts.flatMap((text, i) => (i % 2 === 0 ? [[text, Number(texts[i + 1])] as const] : [])));
    const rows = table(html, 'Files by the year in which they fall due').slice(1, -1);
    expect(rows).toEqual([
      ['Due now', '13', '13'],
      ['Rest of 2026', '1', '14'],
      ['2027', '2', '16'],
      ['2044', '1', '17'],
    ]);
    expect([...drawn].filter(([, files]) => files > 0)).toEqual(rows.map(([year, files]) => [year, Number(files)]));
    expect([...svg.matchAll(/<rect[^>]*width="(\d+)"/g)].filter(([, width]) => width !== '0')).toHaveLength(rows.length);
    const years = await csv('/reports/forecast.csv');
    expect(sum(years, 'files')).toBe(figures.outcomes.expires);
    expect(
      years.every(
        (row) =>
          sum([row], 'files') ===
          Object.keys(row)
            .filter((c) => c.includes('child'))
            .reduce((n, c) => n + Number(row[c]), 0),
      ),
    ).toBe(true);
    expect(html).not.toMatch(/<style|\sstyle=/);
  });
});

describe('over-retained', () => {
  it('is what is due and on no list, each file in the band of its days', async () => {
    const { candidates, cannotBeListed } = figures.totals;
    const page = await jones.open('/reports/over-retained');
    const bands = table(page.html, 'Due files on no list, by how long').slice(1);
    expect(bands.map(([band, ...counts]) => [band, ...counts.map(Number)])).toEqual([
      ['Up to 30 days', 1, 0, 1],
      ['31 to 90 days', 2, 0, 2],
      ['91 to 365 days', 2, 0, 2],
      ['1 to 2 years', 3, 1, 2],
      ['2 to 5 years', 3, 0, 3],
      ['More than 5 years', 1, 0, 1],
      ['All', candidates + cannotBeListed, candidates, cannotBeListed],
    ]);
    const files = await csv('/reports/over-retained-files.csv');
    expect(files.map((file) => file['overdue_days'])).toEqual([
      '1826',
      '1825',
      '1065',
      '731',
      '730',
      '698',
      '366',
      '365',
      '91',
      '90',
      '31',
      '30',
    ]);
    for (const { file_ref: ref = '', overdue_days: days = '' } of files.filter((file) => file['file_ref']?.startsWith('OVER')))
      expect(Number(ref.slice(5)), ref).toBe(Number(days));
    expect(sum(await csv('/reports/over-retained.csv'), 'files')).toBe(files.length);
    const narrowed = await jones.open('/reports/over-retained?band=days-90');
    expect(
      table(narrowed.html, 'Over-retained files, the longest over their date first')
        .slice(1)
        .map(([ref]) => ref),
    ).toEqual(['OVER-0090', 'OVER-0031']);
    expect(narrowed.text).toContain('The case is still open.');
    expect(await csv('/reports/over-retained-files.csv?band=days-90')).toHaveLength(2);
  });

  it('goes on by key, each file once', async () => {
    const seen: string[] = [];
    let next: string | undefined = '/reports/over-retained?rule=child-in-need';
    for (let pages = 0; next !== undefined && pages < 5; pages++) {
      const { html } = await jones.open(next);
      seen.push(
        ...table(html, 'Over-retained files, the longest over their date first')
          .slice(1)
          .map(([ref = '']) => ref),
      );
      next = /href="([^"]*)" rel="next"/.exec(html)?.[1]?.replaceAll('&amp;', '&');
    }
    expect(seen).toHaveLength(12);
    const after = await jones.open('/reports/over-retained?after=2024-12-01&after_file=x');
    expect(after.html).not.toContain('OVER-1825');
    expect(after.html).toContain('OVER-0366');
    expect(after.html).toContain('href="/reports/over-retained" rel="prev"');
  });

  it('has no formula in its CSV that a spreadsheet would run', async () => {
    const { html } = await jones.send('GET', '/reports/over-retained-files.csv');
    expect(html).toContain(",'=1+2,");
    expect(html).not.toContain(',=1+2,');
  });
});

it('permanent files are counted by rule and named', async () => {
  const page = await jones.open('/reports/permanent');
  expect(page.text).toContain('2 files are kept permanently.');
  expect(
    table(page.html, 'Files kept permanently, by reference')
      .slice(1)
      .map(([ref]) => ref),
  ).toEqual(['PERM-1', 'PERM-2']);
  expect(sum(await csv('/reports/permanent.csv'), 'files')).toBe(figures.totals.permanent);
  expect((await csv('/reports/permanent-files.csv')).map((row) => row['file_ref'])).toEqual(['PERM-1', 'PERM-2']);
});

describe('disposals', () => {
  it('add up with the register, and each certificate is there to read and to prove', async () => {
    const page = await jones.open('/reports/disposals');
    expect(table(page.html, 'Files that left the register, by year').at(-1)).toEqual(['All', '', '2', '0', '0', String(figures.archived)]);
    expect(sum(await csv('/reports/disposals.csv'), 'archived')).toBe(figures.archived);
    expect(await csv('/reports/certificates.csv')).toMatchObject([{ list: '1', files: '2', signed_by: 'a.khan' }]);
    const certificate = await jones.open('/reports/certificates/1');
    expect(certificate.text).toContain('They are not destroyed: they remain personal data');
    expect(
      table(certificate.html, 'Files that this certificate covers')
        .slice(1)
        .map(([ref]) => ref),
    ).toEqual(['GONE-1', 'GONE-2']);
    expect(await csv('/reports/certificates/1/files.csv')).toMatchObject([
      { file_ref: 'GONE-1', documents_packed: '1' },
      { file_ref: 'GONE-2' },
    ]);

    const kept = await jones.send('GET', '/reports/certificates/1/certificate.json');
    expect(kept.headers['content-disposition']).toBe('attachment; filename="certificate-1.json"');
    const file = path.join(council.folder, 'by-command.json');
    await council.done(['certificate', 'show', '1', '--out', file]);
    expect(kept.html).toBe(await readFile(file, 'utf8'));
  });

  it('say where there is no certificate', async () => {
    for (const address of ['/reports/certificates/2', '/reports/certificates/2/certificate.json', '/reports/certificates/99/files.csv']) {
      const { status, text } = await jones.send('GET', address);
      expect([address, status, text]).toEqual([address, 404, expect.stringContaining('has no certificate')]);
    }
  });
});

describe('a sample', () => {
  it('is drawn again by its seed, and differently by another', async () => {
    const drawn = async (seed: string, more = '') =>
      (await csv(`/reports/sample.csv?seed=${seed}${more}`)).map((row) => row['file_ref'] ?? '');
    const first = await drawn('4711');
    expect(new Set(first).size).toBe(20);
    expect(await drawn('4711')).toEqual(first);
    expect(await drawn('4712')).not.toEqual(first);
    const page = await jones.open('/reports/sample?seed=4711');
    expect(
      table(page.html, 'Sample 4711')
        .slice(1)
        .map(([ref]) => (ref === '=1+2' ? "'=1+2" : ref)),
    ).toEqual(first);
    expect((await drawn('4711', '&rule=adult-posing-risk')).sort()).toEqual(['PERM-1', 'PERM-2']);
  });

  it('gets a seed in its address where it has none, and refuses one that is none', async () => {
    await jones.open('/reports/sample?rule=child-in-need');
    expect(jones.path).toMatch(/^\/reports\/sample\?seed=\d+&rule=child-in-need$/);
    const wrong = await jones.open('/reports/sample?seed=%3Cb%3E');
    expect([wrong.status, wrong.html]).toEqual([422, expect.stringContaining('href="#seed"')]);
    expect(wrong.html).toContain('value="&lt;b&gt;"');
    expect((await jones.send('GET', '/reports/sample.csv?seed=%3Cb%3E')).status).toBe(422);
  });
});

it('an auditor reads every report, and no name, place or document in any', async () => {
  const addresses = [...(await jones.open('/reports')).html.matchAll(/href="(\/reports[^"]*)"/g)].map(([, to = '']) => to);
  const told: string[] = [];
  for (const address of new Set([
    ...addresses,
    '/reports/sample?seed=1',
    '/reports/certificates/1',
    '/reports/certificates/1/certificate.json',
  ])) {
    const answered = await auditor.open(address);
    expect([address, answered.status]).toEqual([address, 200]);
    told.push(answered.html);
    for (const [, to = ''] of answered.html.matchAll(/href="(\/reports[^"]*\.csv[^"]*)"/g)) {
      const { status, html } = await auditor.send('GET', to.replaceAll('&amp;', '&'));
      expect([to, status]).toEqual([to, 200]);
      told.push(html);
    }
  }
  expect(told.length).toBeGreaterThan(15);
  const leaked = ['Invented', 'Shelf', 'letter.txt', 'Jane'].filter((secret) => told.some((text) => text.includes(secret)));
  expect(leaked).toEqual([]);
});

it('shows what the last night counted, whatever was imported since, and says which night that was', async () => {
  council.register.child('NEW-1');
  await council.writeExtract();
  await council.done(['import', council.extract], { asOf: council.today });
  const { text } = await auditor.open('/reports');
  expect(text).toContain(`${figures.files} files are in the register:`);
  for (const page of ['/reports', '/reports/due', '/reports/forecast', '/reports/over-retained', '/reports/permanent'])
    expect((await auditor.open(page)).text.toLowerCase(), page).toContain('the night of 1 december 2026');
});
