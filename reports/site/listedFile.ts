/** One file of a list as its row, or the head of its page, shows it. Notes and free text are for those who see names. */
import type { ListedItem } from '../../db/listPages.ts';
import type { Standing } from '../../db/standing.ts';
import { addDays, daysBetween, type IsoDate } from '../../rules/dates.ts';
import { BLOCK_WORDS, cautionOfItem } from '../../rules/words.ts';
import { HOLD_KIND_WORDS } from './holdWords.ts';
import { cautionLabel, counted, REASON_CODE_WORDS, STATUS_WORDS } from './words.ts';

/** The row of an item. */
export function shownItem(item: ListedItem, asOf: IsoDate, names: boolean, standing?: Standing) {
  const {
    position,
    file_ref,
    status,
    anchor_on,
    retain_until,
    anchor_year,
    retain_year,
    decided_by,
    decided_on,
    keep_until,
    reason_code,
    closed_on,
  } = item;
  return {
    position,
    file_ref,
    status,
    statusWords: STATUS_WORDS[status],
    statusReason: names ? item.status_reason : null,
    anchor_on,
    retain_until,
    closed_on,
    anchor_year,
    retain_year,
    overdue: retain_until === null ? null : overdueWords(retain_until, asOf),
    cautions: item.cautions.map(({ caution, acknowledged_by }) => ({
      label: cautionLabel(caution),
      words: cautionOfItem(caution, item),
      by: acknowledged_by,
      done: item.cautions_done.find((done) => done.caution === caution) ?? null,
    })),
    openCautions: item.cautions.filter((caution) => caution.acknowledged_by === null).length,
    releasedHolds: item.released_holds,
    standing: standing === undefined ? [] : shownStanding(standing),
    decided_by,
    decided_on,
    keep_until,
    reason: reason_code === null ? null : REASON_CODE_WORDS[reason_code],
    note: names ? item.note : null,
    decidable: status === 'pending' || status === 'approved' || status === 'kept' || status === 'referred',
  };
}

/** What stands in the way now: each hold by its number and kind, with where to read of it; anything else in its sentence. */
function shownStanding({ blocks, holds }: Standing): { text: string; href: string | null }[] {
  const others = blocks.filter((block) => block !== 'hold' && (block !== 'hold_moved' || holds.length === 0));
  const lost = blocks.includes('hold_moved') && !blocks.includes('hold');
  return [
    ...holds.map(({ id, kind }) => ({
      text: `Hold ${id} ${lost ? 'covered it, and covers it no more' : 'suspends disposal'}: ${HOLD_KIND_WORDS[kind]}`,
      href: `/holds/${id}`,
    })),
    ...others.map((block) => ({ text: BLOCK_WORDS[block], href: null })),
  ];
}

/** "3 years", "5 months", "12 days": whole ones since the first day it could be disposed of. */
function overdueWords(retainUntil: IsoDate, asOf: IsoDate): string {
  const from = addDays(retainUntil, 1);
  const [year = 0, month = 0, day = 0] = asOf.split('-').map(Number);
  const [fromYear = 0, fromMonth = 0, fromDay = 0] = from.split('-').map(Number);
  const months = (year - fromYear) * 12 + month - fromMonth - (day < fromDay ? 1 : 0);
  if (months >= 12) return counted(Math.floor(months / 12), 'year');
  if (months >= 1) return counted(months, 'month');
  return counted(Math.max(0, daysBetween(from, asOf)), 'day');
}
