/** The words of the workflow as pages say them. */
import type { MadeCode } from '../../db/codes.ts';
import type { Caution } from '../../rules/checks.ts';
import type { ItemStatus, ReasonCode, Role } from '../../rules/workflow.ts';

export const ROLE_WORDS: Record<Role, string> = {
  records_manager: 'Records manager',
  authoriser: 'Authoriser',
  compliance: 'Compliance',
  auditor: 'Auditor',
  admin: 'Admin',
};

/** What a role is for, where one is chosen. */
export const ROLE_HINTS: Record<Role, string> = {
  records_manager: 'Decides on files, places holds, signs lists that others decided',
  authoriser: 'Signs lists, releases brakes',
  compliance: 'Finds people’s files, places holds, reads reports',
  auditor: 'Reads, without names, notes, document names or locations',
  admin: 'Manages people, and sees no files; goes with no other role',
};

export const STATUS_WORDS: Record<ItemStatus, string> = {
  pending: 'Undecided',
  approved: 'Approved',
  kept: 'Kept',
  referred: 'Referred',
  waiting_for_receipt: 'Waiting for a receipt',
  waiting_for_paper: 'Waiting for paper',
  archived: 'Archived',
  transferred: 'Transferred',
  withdrawn: 'Withdrawn',
  failed: 'Failed',
};

export const REASON_CODE_WORDS: Record<ReasonCode, string> = {
  claim: 'A claim against the council',
  subject_access_request: 'A subject access request',
  inquiry: 'An inquiry',
  police: 'A police investigation',
  complaint: 'A complaint',
  practice_review: 'A practice review',
  sibling_live: 'A sibling’s file is still in use',
  duplicate_person: 'The person may be recorded twice',
  birth_doubtful: 'The date of birth is doubtful',
  closure_doubtful: 'The date of closure is doubtful',
  adult_services: 'Adult Services need it',
  archival_interest: 'It may be of interest to the county archive',
  person_asked: 'The person asked us to keep it',
  other: 'Another reason, which the note says',
};

/** A caution in a few words, for a table. */
export function cautionLabel(caution: Caution): string {
  return caution.replaceAll('_', ' ');
}

/** "1 file", "2,131 files": the unit is one whose plural ends in s. */
export function counted(count: number, unit: string): string {
  return `${count.toLocaleString('en-GB')} ${unit}${count === 1 ? '' : 's'}`;
}

/** The words, beginning with a capital. */
export function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** "Child protection, child in care". */
export function categoryWords(categories: readonly string[]): string {
  return sentence(categories.join(', ').replaceAll('_', ' '));
}

/** "28 November 2026 at 09:12", in London. */
export function moment(at: Date): string {
  return at.toLocaleString('en-GB', { timeZone: 'Europe/London', dateStyle: 'long', timeStyle: 'short' });
}

/** What a person is told of a code that somebody else made for their account. */
export function madeCodeWords({ made_by, made_at, seconded_by, used_at }: MadeCode): string {
  const confirmed = seconded_by === null ? '' : `, confirmed by ${seconded_by}`;
  const used = used_at === null ? 'which was not used yet' : `which was used on ${moment(used_at)}`;
  return `${made_by} made a one-time code for you on ${moment(made_at)}${confirmed}, ${used}. If you know nothing of it, tell who runs this site.`;
}
