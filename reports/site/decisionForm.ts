/** The form by which files are decided, on one file's page and on a list's: read, checked, and what a refusal says beside it. */
import type { Caution } from '../../rules/checks.ts';
import { shortDate } from '../../rules/dates.ts';
import { cautionOfItem } from '../../rules/words.ts';
import type { DecisionAsked } from '../../db/decide.ts';
import type { ListedItem } from '../../db/listPages.ts';
import { DECISIONS, REASON_CODES } from '../../rules/workflow.ts';
import type { FieldError, FormState } from './acting.ts';
import { readDayField, typedDay } from './dayField.ts';
import type { Fields } from './page.ts';
import { REASON_CODE_WORDS } from './words.ts';

/** Nothing is chosen before a person chooses it. */
export const NOTHING_DECIDED: FormState = {
  typed: {
    ...{ decision: '', keep_day: '', keep_month: '', keep_year: '', reason_code: '', to_whom: '', note: '', which: '' },
    ...{ file: [], caution: [] },
  },
  errors: [],
};

/** Choices of the form as the macros take them; the first is no reason. */
export function reasonChoices(chosen: string): { value: string; text: string; selected: boolean }[] {
  return [
    { value: '', text: 'Choose a reason', selected: chosen === '' },
    ...REASON_CODES.map((code) => ({ value: code, text: REASON_CODE_WORDS[code], selected: code === chosen })),
  ];
}

/** What was typed, kept whatever is wrong with it. */
export function typedDecision(body: Fields): FormState['typed'] {
  const text = (name: string) => [name, body.one(name)] as const;
  return {
    ...Object.fromEntries(['decision', 'reason_code', 'to_whom', 'note', 'which'].map(text)),
    ...typedDay(body, 'keep'),
    file: body.many('file'),
    caution: body.many('caution'),
  };
}

/** The decision a form asks for, or what is wrong with it. `acknowledges`: every caution was ticked. */
export function readDecision(body: Fields, acknowledges: boolean): { asked: DecisionAsked } | { errors: FieldError[] } {
  const decision = DECISIONS.find((word) => word === body.one('decision'));
  if (!decision) return { errors: [{ field: 'decision', text: 'Choose what is decided' }] };
  const note = body.one('note').trim() || null;
  if (decision === 'approved') return { asked: { decision, acknowledgeCautions: acknowledges, note } };
  if (decision === 'referred') return readReferring(body, note);
  return readKeeping(body, note);
}

/** Cautions nobody acknowledged yet, each to be ticked by itself before the file can be approved; in words about this file, if there are. */
export function openCautions(item: ListedItem, words: Partial<Record<Caution, string>> = {}): { value: string; text: string }[] {
  return item.cautions
    .filter((caution) => caution.acknowledged_by === null)
    .map(({ caution }) => ({ value: caution, text: `${words[caution] ?? cautionOfItem(caution, item)}${doneWords(item, caution)}` }));
}

function doneWords({ cautions_done }: ListedItem, caution: Caution): string {
  const done = cautions_done.find((one) => one.caution === caution);
  return done ? ` This was done on ${shortDate(done.on)}, as ${done.by} recorded.` : '';
}

/** What the command's refusals say beside a field of the form, or where its page shows no form any more beside `file`. */
export const DECISION_REFUSALS = {
  keep_until_past: { field: 'keep_day' },
  note_missing: { field: 'note', words: 'Say in the note what the reason is' },
  cautions_open: {
    field: 'file',
    words:
      'Some of these files carry cautions that nobody acknowledged. Nothing was decided. Open each of them, read its cautions and decide it there.',
  },
  facts_changed: {
    field: 'decision',
    words:
      'Facts or documents of what you chose changed after the list was made. Nothing was decided. The next night takes those files off; decide the others.',
  },
  items_blocked: { field: 'decision' },
  item_withdrawn: { field: 'file', words: 'What you chose was taken off the list meanwhile. There is nothing to decide about it.' },
  wrong_state: { field: 'file', words: 'This list is not being decided any more: it was signed, or cancelled. Nothing was decided.' },
  appraise_individually: {
    field: 'file',
    words: 'The rule asks that each file is appraised by itself. Open a file to decide it. Nothing was decided.',
  },
} as const;

function readReferring(body: Fields, note: string | null): { asked: DecisionAsked } | { errors: FieldError[] } {
  const toWhom = body.one('to_whom').trim();
  if (toWhom === '') return { errors: [{ field: 'to_whom', text: 'Say to whom it is referred' }] };
  return { asked: { decision: 'referred', note: note === null ? toWhom : `${toWhom}: ${note}` } };
}

function readKeeping(body: Fields, note: string | null): { asked: DecisionAsked } | { errors: FieldError[] } {
  const keepUntil = readDayField(body, 'keep');
  const reasonCode = REASON_CODES.find((code) => code === body.one('reason_code'));
  const errors = [
    ...(keepUntil === null ? [{ field: 'keep_day', text: 'Enter the day through which it is kept, for example 31 3 2030' }] : []),
    ...(reasonCode === undefined ? [{ field: 'reason_code', text: 'Choose why it is kept' }] : []),
  ];
  return keepUntil === null || reasonCode === undefined ? { errors } : { asked: { decision: 'kept', keepUntil, reasonCode, note } };
}
