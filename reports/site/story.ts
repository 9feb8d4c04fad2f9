/** The story of one file as its page tells it: to who sees names with names, to an auditor without names, notes or places. */
import { loadCaseFiles } from '../../db/caseFiles.ts';
import { explainFile } from '../../db/explain.ts';
import { listedDocuments } from '../../db/items.ts';
import { scheduleInForce } from '../../db/schedules.ts';
import { shortDate } from '../../rules/dates.ts';
import type { Explanation, HistoryEntry } from '../../rules/explain.ts';
import { Refusal } from '../../rules/refusal.ts';
import { BLOCK_WORDS } from '../../rules/words.ts';
import { storyHeadline, storyParagraphs } from '../explanation.ts';
import { seesNames, type SignedVisit } from './page.ts';

/** Facts whose values are dates, references and words of ours. Whatever is not among them may hold a name, a note or a place. */
const PLAIN_FACT =
  /^(person: (date of birth|date of death|known to adult services|poses risk to children)|(categories|subject refs|family ref|opened on|closed on|adoption order on|approval ended on|notified on|last entry on|withdrawn on|child placed|originals held|medium)) changed on /;

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
  const explanation = await explainFile(db, await scheduleInForce(db, asOf), asOf, fileRef);
  const [caseFile] = await loadCaseFiles(db, [fileRef]);
  const documents = (await listedDocuments(db, [fileRef])).get(fileRef) ?? [];
  const standing = explanation.blocks
    .map((block, i) => ({ block, words: names ? (explanation.block_words[i] ?? '') : BLOCK_WORDS[block] }))
    .filter(({ block }) => !(ofList && block === 'listed'));
  return {
    ...explanation,
    headline: storyHeadline({ ...explanation, blocks: standing.map(({ block }) => block) }),
    paragraphs: storyParagraphs(explanation),
    blockWords: standing.map(({ words }) => words),
    timeline: timeline(explanation, names),
    subjects: (caseFile?.subjects ?? []).map((subject) => ({ ...subject, name: names ? subject.name : null })),
    medium: caseFile?.medium ?? null,
    location: names ? (caseFile?.location ?? null) : null,
    documents: documents.map(({ path, size }, i) => ({ name: names ? path : `Document ${i + 1}`, size })),
    names,
  };
}

/** Newest first, as the timeline of the design system has it. */
function timeline({ history }: Explanation, names: boolean) {
  return history.toReversed().map((entry) => ({
    label: { text: isOfDate(entry) ? 'The date changed' : 'A fact changed' },
    text:
      names || isOfDate(entry) || PLAIN_FACT.test(entry.words)
        ? entry.words
        : `A fact that is not shown to you changed on ${shortDate(entry.on)}.`,
    datetime: { timestamp: entry.on, format: 'long' },
  }));
}

function isOfDate({ after }: HistoryEntry): boolean {
  return after !== undefined;
}
