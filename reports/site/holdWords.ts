/** Holds in the words of pages. Who ordered one and why it may be released is free text: for those who see names. */
import type { HoldState, HoldSummary } from '../../db/holds.ts';
import type { LostCover } from '../../db/lostCover.ts';
import { presentName } from '../../rules/categories.ts';
import { longDate } from '../../rules/dates.ts';
import type { Schedule } from '../../rules/schedule.ts';
import type { HoldKind, HoldScope } from '../../rules/workflow.ts';

export const HOLD_KIND_WORDS: Record<HoldKind, string> = {
  inquiry: 'Public inquiry',
  litigation: 'Claim or court case',
  police: 'Police investigation',
  subject_access_request: 'Subject access request',
  complaint: 'Complaint',
  practice_review: 'Safeguarding practice review',
  miscarriage_review: 'Review of a possible miscarriage of justice',
  court_or_regulator: 'Order of a court or a regulator',
  person_asked: 'The person asked us to keep it',
  other: 'Other',
};

/** What a scope covers, where one is chosen. */
export const HOLD_SCOPE_WORDS: Record<HoldScope, { text: string; hint: string }> = {
  file: { text: 'One file', hint: 'By its reference' },
  person: { text: 'A person', hint: 'Every file about the person' },
  family: { text: 'A family', hint: 'Its files, and every file about one of its children' },
  category: { text: 'A category', hint: 'Every file that has it, whichever rule decides' },
  everything: { text: 'Every file', hint: 'Nothing at all is disposed of' },
};

const STATE_WORDS: Record<HoldState, { text: string; colour: string }> = {
  in_force: { text: 'In force', colour: 'blue' },
  release_asked: { text: 'In force, release asked for', colour: 'yellow' },
  release_lapsed: { text: 'In force, request for release lapsed', colour: 'orange' },
  released: { text: 'Released', colour: 'grey' },
};

/** A hold as a page shows it. */
export function shownHold(hold: HoldSummary & LostCover, schedule: Schedule, names: boolean) {
  const { text, colour } = STATE_WORDS[hold.state];
  return {
    ...hold,
    authority: names ? hold.authority : null,
    release_reason: names ? hold.release_reason : null,
    kindWords: HOLD_KIND_WORDS[hold.kind],
    covers: coversWords(hold, schedule),
    stateWords: text,
    colour,
  };
}

/** When it was released, and by whom; for a hold in force null. */
export function releasedWords({ released_by, released_on }: HoldSummary): string | null {
  return released_on === null ? null : `${released_by ?? ''} confirmed its release on ${longDate(released_on)}.`;
}

function coversWords({ scope, scope_ref }: HoldSummary, schedule: Schedule): string {
  const ref = scope_ref ?? '';
  if (scope === 'everything') return HOLD_SCOPE_WORDS.everything.text;
  if (scope === 'category') return `Category: ${schedule.categories[presentName(schedule, ref)]?.label ?? ref}`;
  return `${{ file: 'File', person: 'Person', family: 'Family' }[scope]} ${ref}`;
}
