/** The workflow as data: states of a list, statuses of an item, who may do what. Command line, site and database read this. */
import { addDays, type IsoDate } from './dates.ts';

export const LIST_STATES = ['for_decision', 'for_sign_off', 'cooling_off', 'in_progress', 'complete', 'cancelled'] as const;
export type ListState = (typeof LIST_STATES)[number];

/** The states a list may move to from each state. */
export const LIST_MOVES: Record<ListState, readonly ListState[]> = {
  for_decision: ['for_sign_off', 'complete', 'cancelled'],
  for_sign_off: ['for_decision', 'cooling_off', 'complete', 'cancelled'],
  cooling_off: ['in_progress', 'complete', 'cancelled'],
  in_progress: ['complete', 'cancelled'],
  complete: [],
  cancelled: [],
};

export const OPEN_STATES: readonly ListState[] = LIST_STATES.filter((state) => LIST_MOVES[state].length > 0);

/** States in which a list is not yet signed, so that its decisions may change. */
export const UNSIGNED_STATES = ['for_decision', 'for_sign_off'] as const satisfies readonly ListState[];

export const ITEM_STATUSES = [
  'pending',
  'approved',
  'kept',
  'referred',
  'waiting_for_receipt',
  'waiting_for_paper',
  'archived',
  'transferred',
  'withdrawn',
  'failed',
] as const;
export type ItemStatus = (typeof ITEM_STATUSES)[number];

/** The statuses an item may move to from each status. Decisions may change until the list is signed. */
export const ITEM_MOVES: Record<ItemStatus, readonly ItemStatus[]> = {
  pending: ['approved', 'kept', 'referred', 'withdrawn'],
  approved: ['kept', 'referred', 'archived', 'waiting_for_receipt', 'waiting_for_paper', 'failed', 'withdrawn'],
  kept: ['approved', 'referred', 'withdrawn'],
  referred: ['approved', 'kept', 'withdrawn'],
  failed: ['archived', 'waiting_for_receipt', 'waiting_for_paper', 'withdrawn'],
  waiting_for_receipt: ['transferred', 'waiting_for_paper', 'withdrawn'],
  waiting_for_paper: ['archived', 'transferred', 'withdrawn'],
  archived: [],
  transferred: [],
  withdrawn: [],
};

/** Statuses of an item on a signed list that still has something to happen to it; a list with one is not complete. */
export const UNFINISHED_STATUSES = [
  'pending',
  'approved',
  'failed',
  'waiting_for_receipt',
  'waiting_for_paper',
] as const satisfies readonly ItemStatus[];

export const DECISIONS = ['approved', 'kept', 'referred'] as const;
export type Decision = (typeof DECISIONS)[number];

export const REASON_CODES = [
  'claim',
  'subject_access_request',
  'inquiry',
  'police',
  'complaint',
  'practice_review',
  'sibling_live',
  'duplicate_person',
  'birth_doubtful',
  'closure_doubtful',
  'adult_services',
  'archival_interest',
  'person_asked',
  'other',
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];

export const HOLD_KINDS = [
  'inquiry',
  'litigation',
  'police',
  'subject_access_request',
  'complaint',
  'practice_review',
  'miscarriage_review',
  'court_or_regulator',
  'person_asked',
  'other',
] as const;
export type HoldKind = (typeof HOLD_KINDS)[number];

export const HOLD_SCOPES = ['everything', 'category', 'family', 'person', 'file'] as const;
export type HoldScope = (typeof HOLD_SCOPES)[number];

/** What became of original documents: with the person, with the adopters, or nobody was found. */
export const ORIGINALS_OUTCOMES = ['returned', 'given', 'not_traced'] as const;
export type OriginalsOutcome = (typeof ORIGINALS_OUTCOMES)[number];

export const BRAKES = ['volume', 'disagreement', 'extract', 'stale', 'restored', 'guards', 'schedule'] as const;
export type BrakeName = (typeof BRAKES)[number];

export const ROLES = ['records_manager', 'authoriser', 'compliance', 'auditor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Whose role needs a second factor on a live database, unless a setting says otherwise. */
export const SECOND_FACTOR_FOR: readonly Role[] = ['authoriser', 'admin'];

/** Whose account no admin resets alone: whoever became them would sign, or give others what they want. */
export const RESET_BY_TWO: readonly Role[] = ['records_manager', 'authoriser', 'admin'];

/** Everything a person can do, with the roles that may. The service itself (the night) needs no role. */
export const PERMISSIONS = {
  read: ['records_manager', 'authoriser', 'compliance', 'auditor'],
  find: ['compliance'],
  decide: ['records_manager'],
  withdraw: ['records_manager'],
  close_referral: ['records_manager'],
  confirm: ['records_manager'],
  sign_off: ['records_manager', 'authoriser'],
  send_back: ['records_manager', 'authoriser'],
  cancel: ['records_manager', 'authoriser'],
  record_outside: ['records_manager'],
  hold: ['records_manager', 'compliance'],
  restore: ['records_manager'],
  release_brake: ['authoriser'],
  claim_root: ['authoriser', 'admin'],
  change_schedule: ['records_manager'],
  manage_people: ['admin'],
} as const satisfies Record<string, readonly Role[]>;
export type Permission = keyof typeof PERMISSIONS;

/** Who sees names, notes, names of documents and where paper is; whoever else may read sees references and dates. */
export const NAMES_ARE_FOR: readonly Role[] = ['records_manager', 'authoriser', 'compliance'];

/** Days after which a sign-off that led to no archiving lapses; a long cooling-off still leaves the nights of a month after it. */
export const SIGN_OFF_LAPSES_AFTER_DAYS = 90;
export const NIGHTS_AFTER_COOLING_OFF = 30;

/** Days from a sign-off after which it lapses, by the cooling-off that was fixed with it; the database asks the same. */
export function signOffLastsDays(coolingOffDays: number): number {
  return Math.max(SIGN_OFF_LAPSES_AFTER_DAYS, coolingOffDays + NIGHTS_AFTER_COOLING_OFF);
}

/** Days for which a row that is away may be a mistake of the source system, and nothing rests on its absence. */
export const ROW_MAY_BE_AWAY_DAYS = 30;

/** Days after which a list, a receipt or paper has waited longer than it should: its files are over their dates all the while. */
export const WAITS_TOO_LONG_AFTER_DAYS = 30;

/** Failed nights after which an item is withdrawn. */
export const ATTEMPTS_BEFORE_WITHDRAWAL = 5;

/** Days after which an unconfirmed request (to release a hold, to restore a file, to withdraw a version of the schedule) lapses. */
export const REQUEST_LAPSES_AFTER_DAYS = 30;

/** True from the day after its last one: then it counts for nothing, and somebody asks anew. */
export function requestHasLapsed(askedOn: IsoDate, asOf: IsoDate): boolean {
  return asOf > addDays(askedOn, REQUEST_LAPSES_AFTER_DAYS);
}

/** True when somebody with these roles may do it. */
export function mayDo(roles: readonly Role[], permission: Permission): boolean {
  const allowed: readonly Role[] = PERMISSIONS[permission];
  return roles.some((role) => allowed.includes(role));
}
