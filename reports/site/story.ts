/** The story of one file as its page tells it: to who sees names with names, to an auditor without names, notes or places. */
import { loadCaseFiles } from '../../db/caseFiles.ts';
import { explainFile } from '../../db/explain.ts';
import { fileEvents } from '../../db/fileStory.ts';
import { byPlace } from '../../db/history.ts';
import { listedDocuments } from '../../db/items.ts';
import { scheduleInForce } from '../../db/schedules.ts';
import { touchesAdoption } from '../../db/withheldNames.ts';
import { shortDate } from '../../rules/dates.ts';
import type { HistoryEntry } from '../../rules/explain.ts';
import type { CaseFile } from '../../rules/facts.ts';
import { Refusal } from '../../rules/refusal.ts';
import { BLOCK_WORDS, FACT_WORDS } from '../../rules/words.ts';
import { storyHeadline, storyParagraphs } from '../explanation.ts';
import { atTime, eventEntry, type TimelineEntry } from './fileEvents.ts';
import { seesNames, type SignedVisit } from './page.ts';
import { sentence } from './words.ts';

/**
 * Everything the page of a file says of its date; `gone` says why there is no story where the file was archived. From the page of
 * its own list, being listed is nothing that stands in the way.
 */
export async function readStory(visit: SignedVisit, fileRef: string, ofList = false) {
  try {
    return { story: await tell(visit, fileRef, ofList), gone: null };
  } catch (error) {
    if (error instanceof Refusal && error.code === 'archived') return { story: null, gone: error.message };
    throw error;
  }
}

async function tell(visit: SignedVisit, fileRef: string, ofList: boolean) {
  const { db, asOf } = visit;
  const names = seesNames(visit);
  const schedule = await scheduleInForce(db, asOf);
  const explanation = await explainFile(db, schedule, asOf, fileRef);
  const [caseFile] = await loadCaseFiles(db, [fileRef]);
  if (!caseFile) throw new Error(`File ${fileRef} left the register while it was read.`);
  const withheld = await touchesAdoption(db, fileRef);
  const documents = (await listedDocuments(db, [fileRef])).get(fileRef) ?? [];
  const events = await fileEvents(db, fileRef);
  const standing = explanation.blocks
    .map((block, i) => ({ block, words: names ? (explanation.block_words[i] ?? '') : BLOCK_WORDS[block] }))
    .filter(({ block }) => !(ofList && block === 'listed'));
  return {
    ...explanation,
    headline: storyHeadline({ ...explanation, blocks: standing.map(({ block }) => block) }),
    paragraphs: storyParagraphs(explanation),
    blockWords: standing.map(({ words }) => words),
    facts: factRows(caseFile, names),
    timeline: timeline(
      explanation.history.map(historyEntry),
      events.map((event) => eventEntry(event, names)),
    ),
    subjects: caseFile.subjects.map((subject) => ({ ...subject, name: names && !withheld ? subject.name : null })),
    withheld: names && withheld,
    documents: documents.map(({ path, size }, i) => ({ name: names ? path : `Document ${i + 1}`, size })),
  };
}

/** What the register knows of the case; of the dates that only some kinds of file have, those that are recorded. */
function factRows(file: CaseFile, names: boolean): { key: { text: string }; value: { text: string } }[] {
  const yesNo = (value: boolean | null) => (value === null ? null : value ? 'Yes' : 'No');
  const day = (date: string | null) => (date === null ? null : shortDate(date));
  const always = { opened_on: day(file.openedOn), closed_on: day(file.closedOn), family_ref: file.familyRef };
  const some = {
    adoption_order_on: day(file.adoptionOrderOn),
    approval_ended_on: day(file.approvalEndedOn),
    notified_on: day(file.notifiedOn),
    last_entry_on: day(file.lastEntryOn),
    withdrawn_on: day(file.withdrawnOn),
    child_placed: yesNo(file.childPlaced),
    originals_held: yesNo(file.originalsHeld),
    medium: file.medium && sentence(file.medium),
  };
  const row = (text: string, value: string) => ({ key: { text }, value: { text: value } });
  return [
    ...Object.entries(always).map(([column, value]) => row(FACT_WORDS[column] ?? column, value ?? 'Not recorded')),
    ...Object.entries(some).flatMap(([column, value]) => (value === null ? [] : [row(FACT_WORDS[column] ?? column, value)])),
    ...(names && file.location !== null ? [row('Where the paper is', file.location)] : []),
  ];
}

function historyEntry(entry: HistoryEntry): TimelineEntry {
  return {
    label: { text: entry.after === undefined ? 'A fact changed' : 'The date changed' },
    text: entry.words,
    datetime: atTime(entry.on, entry.time ?? null),
    seq: entry.seq ?? null,
  };
}

/** Newest first, as the timeline of the design system has it; on one day in the order of the audit. */
function timeline(history: TimelineEntry[], events: TimelineEntry[]): TimelineEntry[] {
  const place = ({ datetime, seq }: TimelineEntry) => ({ on: datetime.timestamp, seq });
  return [...history, ...events].sort((one, other) => byPlace(place(one), place(other))).reverse();
}
