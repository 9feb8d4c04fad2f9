/**
 * Two people, or a person and the night, at one list at the same moment, frozen at each in turn, and as processes let loose. Whoever
 * comes first: it ends as if one had come after the other, and the one who came too late is told why.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { contend, expectPlainWords, meet, type Contender } from '../setup/frozen.ts';
import { rehearsal, type Council, type Ended } from '../setup/commands.ts';
import { AUDIT } from '../setup/raced.ts';
import { tally, times } from '../setup/tally.ts';

const TODAY = '2026-11-22';
const PAST_COOLING_OFF = '2026-11-30';
const IN_FULL = times(0, 1) === 1;

/** A list of two files, of which this race is about the first. */
interface Ground {
  list: number;
  digest: string;
  first: string;
}
type Act = (ground: Ground) => { as?: string; argv: string[]; before?: (council: Council) => Promise<void> };

const approve: Act = ({ list }) => ({ as: 'm.jones', argv: ['decide', String(list), '--approve', '--acknowledge-cautions', '--all'] });
const approveFirst: Act = ({ list, first }) => ({
  as: 'm.jones',
  argv: ['decide', String(list), '--approve', '--acknowledge-cautions', '--files', first],
});
const keepFirst: Act = ({ list, first }) => ({
  as: 's.lee',
  argv: ['decide', String(list), '--keep-until', '2030-01-01', '--reason', 'claim', '--files', first],
});
const keep: Act = ({ list }) => ({
  as: 's.lee',
  argv: ['decide', String(list), '--keep-until', '2030-01-01', '--reason', 'claim', '--all'],
});
const signOff: Act = ({ list, digest }) => ({ as: 'a.khan', argv: ['sign-off', String(list), '--digest', digest] });
const signOffToo: Act = (ground) => ({ ...signOff(ground), as: 's.lee' });
const sendBack: Act = ({ list }) => ({ as: 's.lee', argv: ['send-back', String(list), '--reason', 'siblings'] });
const cancel: Act = ({ list }) => ({ as: 's.lee', argv: ['cancel', String(list), '--reason', 'wrong rule'] });
const withdraw: Act = ({ list, first }) => ({ as: 's.lee', argv: ['withdraw', String(list), '--files', first, '--reason', 'wrong child'] });
const hold: Act = ({ first }) => ({
  as: 's.lee',
  argv: ['hold', 'add', '--kind', 'police', '--scope', `file:${first}`, '--authority', 'DI Archer', '--review-on', '2028-01-01'],
});
const correct: Act = ({ first }) => ({
  argv: ['import', ''],
  before: async (council) => {
    council.register.change(first, { closed_on: '2010-01-02' });
    await council.writeExtract();
  },
});
const night: Act = () => ({ argv: ['nightly'] });

const UNDECIDED: [string, Act, Act][] = [
  ['two people decide one file', approveFirst, keepFirst],
  ['two people decide all files', approve, keep],
  ['deciding and withdrawing', approve, withdraw],
  ['deciding and cancelling', approve, cancel],
  ['deciding and a corrected fact', approve, correct],
  ['deciding and the night', approve, night],
  ['the night and withdrawing', night, withdraw],
];
/** What who comes second is told. */
const SECOND_HEARS: Record<string, RegExp> = {
  'two people decide one file': /This replaces what (m.jones|s.lee) decided/,
  'two people decide all files': /No file of list N is undecided, so nothing changed/,
};
const FOR_SIGN_OFF: [string, Act, Act][] = [
  ['two people sign', signOff, signOffToo],
  ['signing and deciding otherwise', signOff, keepFirst],
  ['signing and withdrawing', signOff, withdraw],
  ['signing and sending back', signOff, sendBack],
  ['signing and cancelling', signOff, cancel],
  ['signing and a hold', signOff, hold],
  ['signing and a corrected fact', signOff, correct],
  ['signing and the night', signOff, night],
  ['two people withdraw one file', withdraw, (ground) => ({ ...withdraw(ground), as: 'a.khan' })],
];

/** Where both are frozen. */
const MOMENTS: ((ground: Ground) => string)[] = [
  ({ list }) => `select from disposal_lists where id = ${list} for update`,
  ({ list }) => `select from disposal_list_items where list_id = ${list} for update`,
  () => AUDIT,
];

let council: Council;
afterEach(() => council.close());

describe.each([
  { what: 'people and the night at a list being decided', pairs: UNDECIDED, decided: false },
  { what: 'people and the night at a list being signed', pairs: FOR_SIGN_OFF, decided: true },
])('$what', ({ what, pairs, decided }) => {
  it('end as if one had come after the other, and who came too late is told why', { timeout: times(240_000, 7_200_000) }, async () => {
    const unfrozen = times(0, 2);
    const grounds = await listsToMeetAt(pairs.length * (2 + times(1, 2 * MOMENTS.length) + unfrozen), decided);
    const take = (): Ground => grounds.pop() as Ground;
    let tried = 0;
    for (const [name, one, other] of pairs) {
      const inTurn = [await oneAfterTheOther(take(), [one, other]), (await oneAfterTheOther(take(), [other, one])).reverse()];
      const possible = inTurn.map((outcome) => JSON.stringify(outcome));
      for (const outcome of possible) expect(outcome, name).toMatch(SECOND_HEARS[name] ?? '');
      for (const { moment, swapped } of waysToMeet()) {
        const ground = take();
        const ends = await atOnce(ground, swapped ? [other, one] : [one, other], moment(ground));
        expect(possible, name).toContain(JSON.stringify(swapped ? ends.reverse() : ends));
        tried++;
      }
      for (let round = 0; round < unfrozen; round++, tried++) {
        expect(possible, name).toContain(JSON.stringify(await atOnce(take(), [one, other], null)));
      }
    }
    const { early, twice, lost } = await archiveAll();
    tally({ what, tried, lost, early, twice });
  });
});

/** At every moment in both orders; in every test run at the list, where each pair that locks otherwise than the rest would stop. */
function waysToMeet(): { moment: (ground: Ground) => string; swapped: boolean }[] {
  const ways = MOMENTS.flatMap((moment) => [false, true].map((swapped) => ({ moment, swapped })));
  return IN_FULL ? ways : ways.slice(0, 1);
}

/** What one of two can see of how it ended, and what became of the list; the same whichever list it was. */
type Outcome = [unknown, unknown];

async function oneAfterTheOther(ground: Ground, acts: Act[]): Promise<Outcome[]> {
  const ends: Ended<number | null>[] = [];
  for (const act of acts) {
    const begin = await start(ground, act, false);
    ends.push(await begin().exit);
  }
  return outcomes(ground, ends);
}

async function atOnce(ground: Ground, acts: [Act, Act], statement: string | null): Promise<Outcome[]> {
  const [one, other] = [await start(ground, acts[0], statement === null), await start(ground, acts[1], statement === null)];
  if (statement !== null) return outcomes(ground, await meet(council, statement, [one, other]));
  return outcomes(ground, await Promise.all([one().exit, other().exit]));
}

async function start(ground: Ground, act: Act, process: boolean): Promise<() => Contender> {
  const { as, argv, before } = act(ground);
  await before?.(council);
  const words = argv.map((word) => (word === '' ? council.extract : word));
  return () => contend(council, words, { asOf: TODAY, process, ...(as ? { as } : {}) });
}

async function outcomes({ list }: Ground, ends: Ended<number | null>[]): Promise<Outcome[]> {
  ends.forEach(expectPlainWords);
  const { state, signed_by, items } = await council.show(list);
  const left = items.map(({ decision, status, status_reason }) => [decision, status, status_reason]);
  const deferred = await council.db('deferrals').where({ list_id: list }).count();
  return ends.map(({ exitCode, stdout, stderr }) => [
    [exitCode, sameForAll(stdout), sameForAll(stderr)],
    [state, signed_by, left, deferred],
  ]);
}

/** Without what differs from list to list: numbers, files, digests; and without what the night and the import count of all lists. */
function sameForAll(words: string): string {
  if (/^Run \d+ as of/.test(words)) return '';
  return words
    .replace(/\{.*\}\n/g, '')
    .replace(/CF-\d+/g, 'CF')
    .replace(/\b([0-9a-f]{64}|\d+)\b/g, 'N');
}

/** Lists of two files each, undecided or for sign-off. */
async function listsToMeetAt(lists: number, decided: boolean): Promise<Ground[]> {
  council = await rehearsal({ LIST_SIZE: '2', OPEN_ITEMS: '10000' });
  for (let i = 0; i < lists * 2; i++) council.register.child(`CF-${String(i).padStart(4, '0')}`);
  await council.night(TODAY);
  const grounds: Ground[] = [];
  for (const { id } of await council.lists()) {
    if (decided) await council.done(`decide ${id} --approve --all`, { asOf: TODAY, as: 'm.jones' });
    const { digest, items } = await council.show(id);
    grounds.push({ list: id, digest, first: items[0]?.file_ref ?? '' });
  }
  expect(grounds).toHaveLength(lists);
  return grounds;
}

/** After the cooling-off: exactly what is still approved on signed lists goes, unless it is held or its facts were corrected. */
async function archiveAll(): Promise<{ early: number; twice: number; lost: number }> {
  const approved = await council
    .db('disposal_list_items as i')
    .join('disposal_lists as l', 'l.id', 'i.list_id')
    .where({ 'i.status': 'approved' })
    .whereNotNull('l.signed_by')
    .whereNot('l.state', 'cancelled')
    .pluck<string[]>('i.file_ref');
  const held = await council.db('holds').pluck<string[]>('scope_ref');
  const corrected = await council.db('fact_changes').where({ kind: 'file' }).pluck<string[]>('ref');
  const before = await council.db('case_files').pluck<string[]>('file_ref');
  const free = approved.filter((fileRef) => !held.includes(fileRef) && !corrected.includes(fileRef));
  await council.done('archive', { asOf: PAST_COOLING_OFF });
  const archived = await council.db('residual_records').pluck<string[]>('file_ref');
  const events = await council.db('audit_events').where({ event: 'item.archived' }).pluck<string[]>('details');
  const left = await council.db('case_files').pluck<string[]>('file_ref');
  await council.expectAccounted();
  expect(archived.sort()).toEqual(free.sort());
  return {
    early: archived.filter((fileRef) => !free.includes(fileRef)).length,
    twice: events.length - new Set(archived).size,
    lost: before.filter((fileRef) => !left.includes(fileRef) && !archived.includes(fileRef)).length,
  };
}
