/** What people did with a file, in the words of its timeline. What a person wrote is for those who see names. */
import type { StoryEvent } from '../../db/fileStory.ts';
import { shortDate } from '../../rules/dates.ts';
import type { HoldKind, ItemStatus, OriginalsOutcome, ReasonCode } from '../../rules/workflow.ts';
import { HOLD_KIND_WORDS } from './holdWords.ts';
import { REASON_CODE_WORDS, sentence, STATUS_WORDS } from './words.ts';

/** An entry of the timeline as the macro of the design system takes it. */
export interface TimelineEntry {
  label: { text: string };
  text: string;
  byline?: { text: string };
  datetime: { timestamp: string; format: string };
  /** Place in the audit. */
  seq: number | null;
}

const ORIGINALS_WORDS: Record<OriginalsOutcome, string> = {
  returned: 'Returned to the person.',
  given: 'Given to the adopters.',
  not_traced: 'Nobody was found to return them to.',
};

const CONFIRMED_WORDS: Record<string, string> = {
  shortened: 'The earlier date is right.',
  doubtful_birth: 'The birth is right.',
  doubtful_date: 'The doubtful date is right.',
  hold_moved: 'It may go without the hold that covered it.',
};

/** The business date, and the time of day where the audit tells it; see the filter `date`. */
export function atTime(on: string, time: string | null): TimelineEntry['datetime'] {
  return { timestamp: on, format: time ?? '' };
}

/** The entry of an event. */
export function eventEntry(event: StoryEvent, names: boolean): TimelineEntry {
  const { label, text } = EVENT_TEXTS[event.kind](event);
  const free = names && event.free !== null ? sentence(event.free) : '';
  return {
    label: { text: label },
    text: [text, free].filter((words) => words !== '').join(' '),
    ...(event.who === null ? {} : { byline: { text: event.who } }),
    datetime: atTime(event.on, event.time),
    seq: event.seq,
  };
}

const EVENT_TEXTS: Record<StoryEvent['kind'], (event: StoryEvent) => { label: string; text: string }> = {
  listed: (event) => ({ label: 'Put on a disposal list', text: ofList(event) }),
  decided: (event) => ({ label: `Decided: ${STATUS_WORDS[event.word as ItemStatus].toLowerCase()}`, text: ofList(event) }),
  signed_off: (event) => ({ label: 'Its list was signed off', text: ofList(event) }),
  taken_off: (event) => ({ label: 'Taken off its list', text: ofList(event) }),
  kept: (event) => ({ label: 'Kept longer', text: `${through(event)} ${REASON_CODE_WORDS[event.word as ReasonCode]}.` }),
  referred: (event) => ({ label: 'Referred to a person', text: ofList(event) }),
  referral_closed: () => ({ label: 'The referral was closed', text: '' }),
  confirmed: (event) => ({ label: 'Confirmed', text: CONFIRMED_WORDS[event.word ?? ''] ?? '' }),
  hold_placed: (event) => ({ label: `Hold ${event.number ?? ''} was placed`, text: `${HOLD_KIND_WORDS[event.word as HoldKind]}.` }),
  hold_released: (event) => ({ label: `Hold ${event.number ?? ''} was released`, text: `${HOLD_KIND_WORDS[event.word as HoldKind]}.` }),
  review_done: (event) => ({ label: 'Safeguarding Unit review done', text: `It was due on ${shortDate(event.day ?? '')}.` }),
  originals: (event) => ({ label: 'Original documents', text: ORIGINALS_WORDS[event.word as OriginalsOutcome] }),
  restore_asked: (event) => ({ label: 'Bringing it back from the archive was asked for', text: through(event) }),
  restored: (event) => ({ label: 'Brought back from the archive', text: through(event) }),
};

function ofList({ number }: StoryEvent): string {
  return number === null ? '' : `List ${number}.`;
}

function through({ day }: StoryEvent): string {
  return `Through ${shortDate(day ?? '')}.`;
}
