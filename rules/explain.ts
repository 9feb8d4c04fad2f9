/** Why this date: a determination put into words and into the JSON that `retention explain` prints. */
import { retainedHadNobodyDied, statutoryMinimum, type Block, type Caution } from './checks.ts';
import { isDue, type Determination, type Pair } from './determine.ts';
import { longDate, possibleDays, shortDate, type IsoDate } from './dates.ts';
import { doubtfulDates, type DoubtfulDate } from './doubts.ts';
import type { CaseFile } from './facts.ts';
import { clauseWords, type Schedule, type TimedRule, type Trigger } from './schedule.ts';
import { BLOCK_WORDS, CAUTION_WORDS, FACT_WORDS, REASON_WORDS, TRIGGER_WORDS } from './words.ts';

/** One (subject, category) pair as printed; never a name, for the reader may not be allowed one. */
export interface ExplainedPair {
  category: string;
  subject: string | null;
  outcome: Pair['outcome'];
  rule: string | null;
  clause: string | null;
  anchor: string | null;
  anchor_on: IsoDate | null;
  retain_until: IsoDate | null;
  decides: boolean;
  why: string;
}

export interface HistoryEntry {
  on: IsoDate;
  words: string;
  /** Place in the audit, and the time of day; null where the audit does not tell. */
  seq?: number | null;
  time?: string | null;
  /** Present on changes of the date: what the schedule said before and after. */
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
}

export interface Explanation {
  file_ref: string;
  as_of: IsoDate;
  outcome: Determination['outcome'];
  rule: string | null;
  clause: string | null;
  /** The column of the extract the period runs from. */
  anchor: string | null;
  anchor_on: IsoDate | null;
  retain_until: IsoDate | null;
  eligible_from: IsoDate | null;
  due: boolean;
  action: string | null;
  review_on: IsoDate | null;
  reason: string | null;
  schedule_version: string;
  interpretation: { text: string; authority: string; confirmed: boolean } | null;
  arithmetic: string;
  pairs: ExplainedPair[];
  blocks: Block[];
  cautions: Caution[];
  /** A sentence for each block and caution, in their order. */
  block_words: string[];
  caution_words: string[];
  history: HistoryEntry[];
}

/** What stands beside the determination: found by the database, because it comes from other records. */
export interface Circumstances {
  blocks: Block[];
  cautions: Caution[];
  /** Sentences that say more of a block than its standard words, for example which hold. */
  details: Partial<Record<Block, string>>;
  history: HistoryEntry[];
}

/** The whole story of one file's date. */
export function explain(
  file: CaseFile,
  determination: Determination,
  schedule: Schedule,
  asOf: IsoDate,
  around: Circumstances,
): Explanation {
  const expires = determination.outcome === 'expires' ? determination : null;
  const rule = 'rule' in determination ? determination.rule : null;
  return {
    file_ref: file.fileRef,
    as_of: asOf,
    outcome: determination.outcome,
    rule: rule?.id ?? null,
    clause: rule ? clauseWords(rule) : null,
    anchor: expires ? TRIGGER_WORDS[expires.anchor].column : null,
    anchor_on: expires?.anchorOn ?? null,
    retain_until: expires?.retainUntil ?? null,
    eligible_from: expires?.eligibleFrom ?? null,
    due: isDue(determination, asOf),
    action: expires?.action ?? null,
    review_on: determination.reviewOn,
    reason: 'reason' in determination ? determination.reason : null,
    schedule_version: determination.scheduleVersion,
    interpretation: rule?.interpretation ?? null,
    arithmetic: arithmetic(file, determination),
    pairs: determination.pairs.map((pair) => explainPair(pair, determination)),
    blocks: around.blocks,
    cautions: around.cautions,
    block_words: around.blocks.map((block) => around.details[block] ?? blockSentence(block, file, determination, schedule)),
    caution_words: around.cautions.map((caution) =>
      caution === 'death_shortens' ? deathSentence(file, determination, schedule, asOf) : cautionSentence(caution, rule),
    ),
    history: around.history,
  };
}

/** How the dates come about, in a sentence or two. */
export function arithmetic(file: CaseFile, determination: Determination): string {
  if (determination.outcome === 'permanent') {
    return determination.flagged
      ? 'A person on this file is recorded as posing a risk to children. It is kept permanently and is never listed.'
      : 'Files of this kind are kept permanently and are never listed.';
  }
  if (determination.outcome === 'undetermined') {
    return `We cannot work out a date for this file. ${REASON_WORDS[determination.reason]} We keep the file, and look again every night.`;
  }
  if (determination.outcome === 'awaiting') return `This file has no date yet. ${REASON_WORDS[determination.reason]}`;
  const { rule, anchor, anchorOn, retainUntil, eligibleFrom } = determination;
  return `${anchorSentence(file, anchor, anchorOn)} ${yearsEnd(rule)} on ${longDate(retainUntil)}, and we keep the file for all of that day. It can be considered for disposal from ${longDate(eligibleFrom)}.`;
}

function anchorSentence(file: CaseFile, anchor: Trigger, anchorOn: IsoDate): string {
  const what = TRIGGER_WORDS[anchor].words;
  const sentence = `${what.charAt(0).toUpperCase()}${what.slice(1)}: ${longDate(anchorOn)}`;
  if (anchor === 'birth') {
    const recorded = file.subjects
      .map((subject) => subject.dateOfBirth)
      .find((birth) => birth && birth.length < 10 && possibleDays(birth).latest === anchorOn);
    if (recorded) return `${sentence} (only ${longDate(recorded)} is known, so its last day counts).`;
  }
  if (anchor === 'financial_year_end' && file.lastEntryOn) return `${sentence} (last entry: ${longDate(file.lastEntryOn)}).`;
  return `${sentence}.`;
}

function yearsEnd(rule: TimedRule): string {
  return rule.keep_years === 1 ? 'The year ends' : `The ${rule.keep_years} years end`;
}

function explainPair(pair: Pair, determination: Determination): ExplainedPair {
  const expires = pair.outcome === 'expires' ? pair : null;
  return {
    category: pair.category,
    subject: pair.subject?.personRef ?? null,
    outcome: pair.outcome,
    rule: pair.rule?.id ?? null,
    clause: pair.rule ? clauseWords(pair.rule) : null,
    anchor: expires ? TRIGGER_WORDS[expires.anchor].column : null,
    anchor_on: expires?.anchorOn ?? null,
    retain_until: expires?.retainUntil ?? null,
    decides: decides(pair, determination),
    why: whyPair(pair, determination),
  };
}

function decides(pair: Pair, determination: Determination): boolean {
  if (determination.outcome === 'permanent') return pair.outcome === 'permanent';
  if (determination.outcome !== 'expires' || pair.outcome !== 'expires') {
    return 'reason' in pair && 'reason' in determination && pair.reason === determination.reason;
  }
  return pair.rule === determination.rule && pair.anchorOn === determination.anchorOn && pair.retainUntil === determination.retainUntil;
}

function whyPair(pair: Pair, determination: Determination): string {
  if (decides(pair, determination)) return 'This decides.';
  if (pair.outcome === 'undetermined' || pair.outcome === 'awaiting') return REASON_WORDS[pair.reason];
  if (determination.outcome === 'permanent') return 'A record kept permanently goes before any period.';
  if (determination.outcome === 'undetermined') return 'What cannot be determined goes before any date: the file is kept.';
  if (determination.outcome === 'awaiting') return 'Another period of this file has not begun.';
  if (pair.outcome === 'expires' && pair.retainUntil < determination.retainUntil) {
    return `It ends sooner, on ${longDate(pair.retainUntil)}; the longest period decides.`;
  }
  return 'It ends on the same day; the earlier row of the table decides.';
}

function blockSentence(block: Block, file: CaseFile, determination: Determination, schedule: Schedule): string {
  if (block === 'doubtful_date') return doubtSentence(doubtfulDates(file, determination, schedule));
  if (block !== 'statutory_minimum' || determination.outcome !== 'expires') return BLOCK_WORDS[block];
  const minimum = statutoryMinimum(file, schedule);
  const until = minimum?.until ? `until ${longDate(minimum.until)}` : 'for a period from the adoption order, whose date is not known';
  return `The policy's date is ${longDate(determination.retainUntil)}. The law asks us to keep it ${until} (${minimum?.authority ?? ''}).`;
}

function doubtSentence(doubts: DoubtfulDate[]): string {
  const said = doubts.map(({ trigger, on, why }) => {
    const because =
      why === 'placeholder' ? 'a date that systems put in when they know none' : 'more than a year before the case was opened';
    return `${FACT_WORDS[TRIGGER_WORDS[trigger].column]} ${shortDate(on)} is ${because}.`;
  });
  return [...said, BLOCK_WORDS.doubtful_date].join(' ');
}

/** With both years, or both days where the year is the same. */
function deathSentence(file: CaseFile, determination: Determination, schedule: Schedule, asOf: IsoDate): string {
  const without = retainedHadNobodyDied(file, schedule, asOf);
  if (without === null || determination.outcome !== 'expires') return CAUTION_WORDS.death_shortens;
  const [from, to] = [without, determination.retainUntil];
  const said = (day: IsoDate) => (from.slice(0, 4) === to.slice(0, 4) ? longDate(day) : day.slice(0, 4));
  return `The recorded death brings the date forward from ${said(from)} to ${said(to)}. Check the certificate.`;
}

function cautionSentence(caution: Caution, rule: { interpretation?: { text: string } | undefined } | null): string {
  if (caution === 'interpretation' && rule?.interpretation)
    return `${rule.interpretation.text} The policy’s owner has not confirmed this yet.`;
  return CAUTION_WORDS[caution];
}
