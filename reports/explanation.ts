/** `retention explain` in words: the whole story of one date, for a terminal or a page. */
import { longDate, shortDate } from '../rules/dates.ts';
import type { ExplainedPair, Explanation } from '../rules/explain.ts';
import { ACTION_WORDS } from '../rules/words.ts';
import type { DisposalAction } from '../rules/determine.ts';

/** The story as lines of text. References only, no names. */
export function explanationText(story: Explanation): string {
  return [
    `File ${story.file_ref}, as of ${longDate(story.as_of)}`,
    '',
    storyHeadline(story),
    ...storyParagraphs(story),
    ...section('This file cannot be disposed of:', story.block_words),
    ...section('Before deciding:', story.caution_words),
    ...section('What was looked at:', story.pairs.map(pairWords)),
    ...section(
      'History:',
      story.history.map((entry) => `${shortDate(entry.on)}${entry.time ? ` ${entry.time}` : ''}  ${entry.words}`),
    ),
    '',
    `Schedule version ${story.schedule_version}.`,
  ].join('\n');
}

/** The clause, our reading of it, the arithmetic and what is done when the time comes: a sentence or two each. */
export function storyParagraphs(story: Explanation): string[] {
  const lines: string[] = [];
  if (story.clause) lines.push(`The policy says: "${story.clause}" (rule ${story.rule}).`);
  if (story.interpretation)
    lines.push(
      `Our reading: ${story.interpretation.text} Authority: ${story.interpretation.authority}.${story.interpretation.confirmed ? '' : ' Not confirmed yet.'}`,
    );
  lines.push(story.arithmetic);
  if (story.action) lines.push(`When the time comes: ${ACTION_WORDS[story.action as DisposalAction]}.`);
  if (story.review_on) lines.push(`Safeguarding Unit review: ${longDate(story.review_on)}.`);
  return lines;
}

/** What it comes to, in one sentence. */
export function storyHeadline(story: Explanation): string {
  if (story.outcome === 'permanent') return 'This file is kept permanently.';
  if (!story.eligible_from) return 'This file has no date, so it is kept.';
  if (!story.due) return `This file is kept at least until ${longDate(story.retain_until ?? '')}.`;
  return story.blocks.length > 0
    ? `The period of this file ended on ${longDate(story.retain_until ?? '')}, but something stands in the way.`
    : `This file can be considered for disposal from ${longDate(story.eligible_from)}.`;
}

function pairWords(pair: ExplainedPair): string {
  const who = pair.subject ? `${pair.category}, ${pair.subject}` : pair.category;
  const clause = pair.clause ? ` "${pair.clause}".` : '';
  const dates = pair.retain_until ? ` From ${shortDate(pair.anchor_on ?? '')} (${pair.anchor}) to ${shortDate(pair.retain_until)}.` : '';
  return `${who}:${clause}${dates} ${pair.why}`;
}

function section(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  - ${line}`)];
}
