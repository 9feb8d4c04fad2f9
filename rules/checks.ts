/** Blocks and cautions: their words in the code, and those that follow from a file's own facts. */
import { categoriesOf, namesOfKind } from './categories.ts';
import { anniversary, dayAfter, type IsoDate } from './dates.ts';
import { datesRead, determine, isDue, type Determination, type Pair } from './determine.ts';
import { doubtfulDates, hasDoubtfulBirth } from './doubts.ts';
import { hasPaper, type CaseFile, type Subject } from './facts.ts';
import { rulesOf, type Schedule } from './schedule.ts';

/** Why a due file may not be listed or archived, in the order of the law. */
export const BLOCKS = [
  'open',
  'hold',
  'listed',
  'deferred',
  'referred',
  'statutory_minimum',
  'quarantined',
  'not_in_extract',
  'shortened',
  'doubtful_birth',
  'doubtful_date',
  'hold_moved',
  'reference_reused',
  'disagreement',
] as const;
export type Block = (typeof BLOCKS)[number];

/** What the people deciding must see and acknowledge first, in the order of the law. */
export const CAUTIONS = [
  'interpretation',
  'estimated_birth',
  'death_shortens',
  'adult_services_unknown',
  'originals_held',
  'sibling_live',
  'several_subjects',
  'child_placed',
  'review_outstanding',
  'paper',
  'document_unread',
  'no_documents',
  'risk_unknown',
  'statutory_minimum',
] as const;
export type Caution = (typeof CAUTIONS)[number];

/** Those that are said when a file is listed, and not of every file every night. */
export const CAUTIONS_WHEN_LISTED = ['document_unread', 'no_documents', 'risk_unknown'] as const satisfies readonly Caution[];
export type CautionWhenListed = (typeof CAUTIONS_WHEN_LISTED)[number];
/** Those of every file, listed or not. */
export type StandingCaution = Exclude<Caution, CautionWhenListed>;

/** The blocks a file carries by its own facts; the doubtful ones count until somebody has confirmed them. */
export function blocksOfFacts(file: CaseFile, determination: Determination, schedule: Schedule, asOf: IsoDate): Block[] {
  const blocks: Block[] = [];
  if (file.closedOn === null && requiresClosure(file, schedule)) blocks.push('open');
  if (determination.outcome === 'expires' && determination.action === 'refer') blocks.push('referred');
  if (schedule.statutory_minimum?.effect === 'block' && minimumStandsInTheWay(file, determination, schedule, asOf))
    blocks.push('statutory_minimum');
  if (hasDoubtfulBirth(file, schedule)) blocks.push('doubtful_birth');
  if (doubtfulDates(file, determination, schedule).length > 0) blocks.push('doubtful_date');
  return blocks;
}

/** The cautions a file carries by its own facts. */
export function cautionsOfFacts(file: CaseFile, determination: Determination, schedule: Schedule, asOf: IsoDate): Caution[] {
  const holds: Record<Exclude<StandingCaution, 'sibling_live' | 'review_outstanding'>, boolean> = {
    interpretation: decidedByReading(determination),
    estimated_birth: determination.pairs.some((pair) => pair.subject !== null && bornInPart(pair.subject) && pairReadsBirth(pair)),
    death_shortens: deathShortens(file, determination, schedule, asOf),
    adult_services_unknown: determination.pairs.some((pair) => underClause(pair) && pair.subject?.knownToAdultServices === null),
    originals_held: file.originalsHeld === true,
    several_subjects: file.subjects.length > 1,
    child_placed: file.childPlaced !== false && file.categories.some((category) => namesOfKind(schedule, 'adopters').includes(category)),
    paper: hasPaper(file),
    statutory_minimum: schedule.statutory_minimum?.effect === 'caution' && minimumStandsInTheWay(file, determination, schedule, asOf),
  };
  return CAUTIONS.filter((caution) => caution in holds && holds[caution as keyof typeof holds]);
}

/**
 * The last day the law asks for, with its authority; `until` is null when the order's date is unknown. Null where the
 * schedule sets no minimum for this file.
 */
export function statutoryMinimum(file: CaseFile, schedule: Schedule): { until: IsoDate | null; authority: string } | null {
  const minimum = schedule.statutory_minimum;
  if (!minimum || !categoriesOf(file, schedule).includes(minimum.category)) return null;
  const orderOn = file.adoptionOrderOn;
  if (!orderOn) return { until: null, authority: minimum.periods.map((period) => period.authority).join('; ') };
  const period = minimum.periods.find((p) => !p.order_from || orderOn >= p.order_from);
  return period ? { until: anniversary(orderOn, period.years), authority: period.authority } : null;
}

function requiresClosure(file: CaseFile, schedule: Schedule): boolean {
  return categoriesOf(file, schedule).some((category) => rulesOf(schedule, category).some((rule) => rule.requires_closure));
}

function minimumStandsInTheWay(file: CaseFile, determination: Determination, schedule: Schedule, asOf: IsoDate): boolean {
  if (!isDue(determination, asOf)) return false;
  const minimum = statutoryMinimum(file, schedule);
  return minimum !== null && (minimum.until === null || dayAfter(minimum.until) > asOf);
}

function decidedByReading(determination: Determination): boolean {
  if (determination.outcome !== 'expires' && determination.outcome !== 'permanent') return false;
  return determination.rule.interpretation?.confirmed === false;
}

function bornInPart(subject: Subject): boolean {
  return subject.dateOfBirth !== null && subject.dateOfBirth.length < 10;
}

function pairReadsBirth(pair: Pair): boolean {
  return pair.rule !== null && datesRead(pair.rule).includes('birth');
}

function underClause(pair: Pair): boolean {
  return pair.rule !== null && 'adult_services_clause' in pair.rule && pair.rule.adult_services_clause === true;
}

/** The last day the file would be kept had no death been recorded; null where it would have no such day. */
export function retainedHadNobodyDied(file: CaseFile, schedule: Schedule, asOf: IsoDate): IsoDate | null {
  const living = { ...file, subjects: file.subjects.map((subject) => ({ ...subject, dateOfDeath: null })) };
  const without = determine(living, schedule, asOf);
  return without.outcome === 'expires' ? without.retainUntil : null;
}

function deathShortens(file: CaseFile, determination: Determination, schedule: Schedule, asOf: IsoDate): boolean {
  if (determination.outcome !== 'expires' || file.subjects.every((subject) => subject.dateOfDeath === null)) return false;
  const without = retainedHadNobodyDied(file, schedule, asOf);
  return without === null || without > determination.retainUntil;
}
