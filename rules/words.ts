/** The product's words for people: one sentence for every reason, block and caution. Command line and site say the same. */
import type { Block, Caution } from './checks.ts';
import type { Contradiction, DisposalAction, Gap, Outcome, Wait } from './determine.ts';
import type { Trigger } from './schedule.ts';

export const OUTCOME_WORDS: Record<Outcome, string> = {
  expires: 'has a date',
  awaiting: 'waits for an event',
  undetermined: 'cannot be determined',
  permanent: 'is kept permanently',
};

export const ACTION_WORDS: Record<DisposalAction, string> = {
  archive: 'move to the archive',
  transfer_to_adult_file: 'join to the person’s file in Adult Services',
  refer: 'a person decides what goes where',
};

/** Facts of the extract by their columns, as a person reads them. */
export const FACT_WORDS: Readonly<Record<string, string>> = {
  date_of_birth: 'Date of birth',
  date_of_death: 'Date of death',
  known_to_adult_services: 'Known to Adult Services',
  poses_risk_to_children: 'Poses a risk to children',
  categories: 'Categories',
  subject_refs: 'People it is about',
  family_ref: 'Family',
  opened_on: 'Opened',
  closed_on: 'Closed',
  adoption_order_on: 'Adoption order',
  approval_ended_on: 'Fostering approval ended',
  notified_on: 'Notification',
  last_entry_on: 'Last entry',
  withdrawn_on: 'Application withdrawn',
  child_placed: 'A child was placed',
  originals_held: 'Originals on the file',
  medium: 'Kept as',
};

/** What a period runs from: in words, and the column of the extract it comes from. */
export const TRIGGER_WORDS: Record<Trigger, { words: string; column: string }> = {
  birth: { words: 'date of birth', column: 'date_of_birth' },
  death: { words: 'date of death', column: 'date_of_death' },
  adoption_order: { words: 'date of the adoption order', column: 'adoption_order_on' },
  withdrawal: { words: 'date the application was withdrawn', column: 'withdrawn_on' },
  closure: { words: 'date the case was closed', column: 'closed_on' },
  approval_end: { words: 'date fostering approval (last) ended', column: 'approval_ended_on' },
  notification: { words: 'date of the (last) notification', column: 'notified_on' },
  financial_year_end: { words: 'end of the financial year of the last entry', column: 'last_entry_on' },
};

export const REASON_WORDS: Record<Contradiction | Gap | Wait, string> = {
  died_before_birth: 'The facts contradict each other: a death is recorded before the birth.',
  order_before_birth: 'The facts contradict each other: the adoption order is dated before a birth.',
  order_after_death: 'The facts contradict each other: the adoption order is dated after a death.',
  closed_before_opened: 'The facts contradict each other: the case was closed before it was opened.',
  date_in_future: 'The facts contradict each other: a recorded date lies in the future.',
  age_at_death_unclear: 'Missing: an exact date of birth, to tell whether the death was before the 18th birthday.',
  birth_unknown: 'Missing: a date of birth.',
  death_unknown: 'Missing: a date of death.',
  order_unknown: 'Missing: date of the adoption order.',
  withdrawal_unknown: 'Missing: date the application was withdrawn.',
  notification_unknown: 'Missing: date of the notification.',
  last_entry_unknown: 'Missing: date of the last entry.',
  approval_end_unknown: 'Missing: date fostering approval ended; the case is closed.',
  not_closed: 'The period starts when the case is closed.',
  approval_not_ended: 'The period starts when fostering approval ends.',
};

export const BLOCK_WORDS: Record<Block, string> = {
  open: 'The case is still open.',
  hold: 'A hold suspends disposal.',
  listed: 'It is on a disposal list already.',
  deferred: 'It was decided to keep it longer.',
  referred: 'A person must decide what goes where.',
  statutory_minimum: 'The law asks us to keep it longer than the policy does.',
  quarantined: 'Its row, that of a person on it, or a row of documents.csv that is or may be its own was rejected in the latest extract.',
  not_in_extract: 'It is not in the latest extract.',
  shortened: 'A change made its date earlier. Somebody must confirm this.',
  doubtful_birth: 'The date of birth can hardly be right for this file. Somebody must confirm it.',
  doubtful_date: 'A date on this file can hardly be right. Somebody must confirm it.',
  hold_moved: 'A hold covered it, and covers it no more only because a reference changed or a link went. Somebody must confirm this.',
  reference_reused: 'Its reference is that of an archived file about other people. Somebody must say which it is.',
  disagreement: 'Our two calculations gave different dates. Nothing will happen to this file until that is explained.',
};

export const CAUTION_WORDS: Record<Caution, string> = {
  interpretation: 'The policy is silent or was read by us. The policy’s owner has not confirmed this yet.',
  estimated_birth: 'Only the year or month of birth is known. We used its last day.',
  death_shortens: 'The recorded death brings the date forward. Check the certificate.',
  adult_services_unknown: 'It is not recorded whether this person is known to Adult Services. Find out before you decide.',
  originals_held: 'Original documents are on this file. Return them first.',
  sibling_live: 'Another file of this family is open or not yet due.',
  several_subjects: 'This file is about more than one person.',
  child_placed: 'A child was placed with these adopters, or it is not recorded. Is the child’s own file there?',
  review_outstanding: 'Its Safeguarding Unit review is due and not done.',
  paper: 'Part or all of this file is on paper.',
  document_unread: 'A document could not be read when the file was listed. The file cannot be archived until it can.',
  no_documents: 'No document of this file is named. What would be archived is the facts alone.',
  risk_unknown:
    'It is not recorded whether this person poses a risk to children. Such a file would be kept permanently: find out before you decide.',
  statutory_minimum: 'The law asks us to keep it longer than the policy does.',
};

/** A caution in words about this very item, where there is more to say than the caution. */
export function cautionOfItem(caution: Caution, { unread }: { unread: { numbers: readonly number[]; of: number } | null }): string {
  if (caution !== 'document_unread' || unread === null) return CAUTION_WORDS[caution];
  return `${CAUTION_WORDS[caution]} It is ${documentNumbers(unread)}.`;
}

/** Which documents of a file could not be read, by number in the order of their paths: "document 3 of 7". Names none. */
export function documentNumbers({ numbers, of }: { numbers: readonly number[]; of: number }): string {
  const shown = numbers.slice(0, 10).join(', ');
  const more = numbers.length > 10 ? ` and ${numbers.length - 10} more` : '';
  return `${numbers.length === 1 ? 'document' : 'documents'} ${shown}${more} of ${of}`;
}
