/** Find on the site: for compliance alone, every look-up recorded and none in an address, and a letter in plain words. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type Browser, type SiteUnderTest } from './browsing.ts';

let council: Council;
let site: SiteUnderTest;
let khan: Browser;

beforeAll(async () => {
  council = await rehearsal();
  site = await siteOf(council);
  council.register
    .child('CF-1', {}, { name: 'Zoë O’Brien', date_of_birth: '1999-09-09' })
    .child('CF-2', { closed_on: '' }, { name: 'Zoe Obrien', date_of_birth: '' })
    .child('CF-3', { subject_refs: 'CF-1-P', closed_on: '' });
  await council.night('2026-11-22');
  await council.approveAndSign(1, '2026-11-22');
  council.today = '2026-11-30';
  await council.night('2026-11-30');
  khan = await site.as('a.khan');
});

afterAll(async () => {
  await site.close();
  await council.close();
});

async function lookUps(): Promise<[string, string, unknown][]> {
  const events = await council
    .db('audit_events')
    .whereRaw("event = 'person.looked_for' or details like '%find%'")
    .orderBy('seq')
    .select<{ actor: string; event: string; details: string }[]>('actor', 'event', 'details');
  return events.map(({ actor, event, details }) => [actor, event, JSON.parse(details)]);
}

describe('looking for a person', () => {
  it('finds the registered and the archived, says where each is, and leads to a hold', async () => {
    await khan.open('/find');
    const found = await khan.submit('/find', { name: 'zoe', born_year: '1999', born_month: '9' });
    expect(found.text).toContain('3 files found');
    expect(found.text).toContain('Zoë O’Brien, born 9 September 1999 (CF-1-P)');
    expect(found.text).toMatch(/CF-1 In the archive 30\/11\/2026 CF-1\.zip/);
    expect(found.text).toMatch(/CF-3 In the register/);
    expect(found.text).toContain('Zoe Obrien, no date of birth is recorded (CF-2-P)');
    expect(found.html).toContain('href="/files?ref=CF-3"');
    expect(found.html).not.toContain('href="/files?ref=CF-1"');
    expect(found.html).toContain('/holds/place?scope=person&amp;ref=CF-1-P');
    expect(khan.path, 'what was typed is in no address').toBe('/find');
  });

  it('records who looked, by what and how many were found, never what was typed', async () => {
    const before = await lookUps();
    await khan.open('/find');
    await khan.submit('/find', { name: 'Zoë', born_day: '9', born_month: '9', born_year: '1999' });
    await khan.submit('/find', { name: 'Nobody Such' });
    const events = (await lookUps()).slice(before.length);
    expect(events).toEqual([
      ['a.khan', 'person.looked_for', { by: ['name', 'born'], files: 3 }],
      ['a.khan', 'person.looked_for', { by: ['name'], files: 0 }],
    ]);
    expect(JSON.stringify(site.logged)).not.toMatch(/Zo|Nobody/);
  });

  it('is as generous as the command, and never sounds final', async () => {
    await khan.open('/find');
    for (const name of ['O BRIEN', 'zoeobrien', 'o-brien'])
      expect([name, (await khan.submit('/find', { name })).text]).toEqual([name, expect.stringContaining('3 files found')]);
    const none = await khan.submit('/find', { name: 'nobody' });
    expect(none.text).toContain('Nothing was found this way');
    expect(none.text).toMatch(/look again by: a part of the name.* the date of birth alone/);
    expect((await khan.submit('/find', { name: "'-" })).text).toContain('Enter a part of the name, or the date of birth alone');
  });

  it('says at its field what is wrong, keeps what was typed, and looks for nothing', async () => {
    const before = await lookUps();
    const cases: [fields: Record<string, string>, field: string, words: string][] = [
      [{}, 'name', 'Enter a name, a date of birth, or both'],
      [{ name: '  ' }, 'name', 'Enter a name, a date of birth, or both'],
      [{ name: 'a\u0001b' }, 'name', 'Enter a name of at most 200 letters'],
      [{ name: 'x'.repeat(201) }, 'name', 'Enter a name of at most 200 letters'],
      [{ name: 'Rose', born_day: '30', born_month: '2', born_year: '1998' }, 'born_day', 'Enter a date of birth that exists'],
      [{ born_day: '17', born_year: '1998' }, 'born_day', 'Enter a date of birth that exists'],
      [{ born_year: '98' }, 'born_day', 'Enter a date of birth that exists'],
    ];
    const wrong: string[] = [];
    for (const [fields, field, words] of cases) {
      for (const action of ['/find', '/find/letter']) {
        const csrf = await secret();
        const { status, html, text } = await khan.send('POST', action, { _csrf: csrf, ...fields });
        const said = html.includes(`href="#${field}"`) && html.includes(`id="${field}"`) && text.split(words).length >= 3;
        const kept = Object.values(fields).every(
          (typed) => typed.trim() === '' || /\u0001/.test(typed) || html.includes(`value="${typed}"`),
        );
        if (status !== 422 || !said || !kept) wrong.push(`${action} ${JSON.stringify(fields)}: ${status} ${text}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(await lookUps()).toEqual(before);
  });

  it('shows fifty of many and asks for more of the name, rather than leaf through strangers', async () => {
    for (let i = 100; i < 152; i++) council.register.child(`MANY-${i}`, { closed_on: '' }, { name: `Common Name ${i}` });
    await council.night('2026-11-30');
    await khan.open('/find');
    const found = await khan.submit('/find', { name: 'common' });
    expect(found.text).toContain('More than 50 were found These are 50 of them, whichever they are. Add to the name');
    expect(new Set(found.text.match(/MANY-\d{3}(?!-)/g)).size).toBe(50);
  });

  it('is for compliance alone, and who acts without the role leaves a trace', async () => {
    const jones = await site.as('m.jones');
    expect(jones.page.html).not.toContain('href="/find"');
    const refused = await jones.open('/find');
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('It takes the role of compliance')]);
    const me = await jones.open('/me');
    const csrf = /name="_csrf" value="([^"]*)"/.exec(me.html)?.[1] ?? '';
    const before = await lookUps();
    for (const action of ['/find', '/find/letter'])
      expect((await jones.send('POST', action, { _csrf: csrf, name: 'zoe' })).status).toBe(403);
    expect((await lookUps()).slice(before.length).map(([actor, event]) => [actor, event])).toEqual([
      ['m.jones', 'refused'],
      ['m.jones', 'refused'],
    ]);
  });
});

describe('the letter', () => {
  it('tells the person what is held and what was, names no file, and is a look-up of its own', async () => {
    await khan.open('/find');
    await khan.submit('/find', { name: 'zoe', born_year: '1999' });
    const before = await lookUps();
    const letter = await khan.submit('/find/letter', { person: 'CF-1-P' });
    expect(letter.text).toContain('30 November 2026 Dear Zoë O’Brien');
    expect(letter.text).toContain(
      'We held a file about you. It was moved to the archive on 30 November 2026, after the period our policy sets. You can still ask for it.',
    );
    expect(letter.text).toContain('We hold a file about you. You can ask for it.');
    expect(letter.html).not.toMatch(/CF-\d|child in need/i);
    expect((await lookUps()).slice(before.length)).toEqual([['a.khan', 'person.looked_for', { by: ['name', 'born'], files: 2 }]]);
  });

  it('says that none was found, where none was', async () => {
    await khan.open('/find');
    await khan.submit('/find', { name: 'Nobody Such' });
    const letter = await khan.submit('/find/letter', { person: '' });
    expect(letter.text).toContain('Dear Nobody Such');
    expect(letter.text).toContain('We looked in our register and in our archive for a file about you, and found none.');
  });

  it('is not written for somebody the look-up does not find', async () => {
    const csrf = await secret();
    for (const fields of [
      { name: 'zoe', person: 'CF-9-P' },
      { name: 'zoe', person: '' },
    ]) {
      const { status, html } = await khan.send('POST', '/find/letter', { _csrf: csrf, ...fields });
      expect([status, html]).toEqual([422, expect.stringContaining('no letter was written')]);
    }
  });
});

async function secret(): Promise<string> {
  const { html } = await khan.send('GET', '/me');
  return /name="_csrf" value="([^"]*)"/.exec(html)?.[1] ?? '';
}
