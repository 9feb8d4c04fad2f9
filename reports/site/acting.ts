/** How pages act: what a command does, in one transaction, with refusals recorded; and what a refusal says on a page. */
import type { Knex } from 'knex';
import { actAs } from '../../db/acting.ts';
import { requireClocksAgree } from '../../db/installation.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { noteInRoots, rootsOf } from '../../db/roots.ts';
import { Refusal } from '../../rules/refusal.ts';
import type { SignedVisit } from './page.ts';

/** An error of a form: the field it is about, and what is wrong with it. The field's input has that id. */
export interface FieldError {
  field: string;
  text: string;
}

/** What was typed into a form, and what is wrong with it. */
export interface FormState {
  typed: Record<string, string | string[]>;
  errors: FieldError[];
}

/** Acts as the person who is signed in, in one transaction. A Refusal is an event of the audit, and thrown on. */
export async function acting<T>(visit: SignedVisit, what: string, act: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  const { db, person, site, asOf } = visit;
  if (site.kind === 'live') await requireClocksAgree(db, asOf);
  const done = await recordingRefusals(db, person, what, () => actAs(db, person, act));
  const { store, documentRoot } = site.archive;
  // It is done; where the roots cannot take the mark now, the next command writes it.
  await noteInRoots(db, rootsOf(store, documentRoot)).catch((error: unknown) => {
    site.log.warn({ error: site.describe(error) }, 'roots.not_marked');
  });
  return done;
}

/** Which field of a form a refusal is about, by its code; with words where the command's do not fit a page. */
export type FormRefusals = Partial<Record<string, { field: string; words?: string }>>;

/** What a form did; or the errors of its fields, and the code of the refusal. */
export type FormOutcome<T> = { done: T } | { errors: FieldError[]; code: string };

/** The same as `acting` for a form: what is refused comes back as an error of the field it is about. */
export async function actingOnForm<T>(
  visit: SignedVisit,
  what: string,
  refusals: FormRefusals,
  act: (trx: Knex.Transaction) => Promise<T>,
): Promise<FormOutcome<T>> {
  return onForm(refusals, () => acting(visit, what, act));
}

/** Does what a form asks. A refusal of a code that is none of the form's is thrown on, to a page of its own. */
export async function onForm<T>(refusals: FormRefusals, act: () => Promise<T>): Promise<FormOutcome<T>> {
  try {
    return { done: await act() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const known = refusals[error.code];
    if (!known) throw error;
    return { errors: [{ field: known.field, text: known.words ?? error.message }], code: error.code };
  }
}

/** Errors as the macros of the design system take them: for the summary at the top, and by field. */
export function shownErrors(errors: readonly FieldError[]): {
  summary: { text: string; href: string }[];
  of: Record<string, { text: string }>;
} {
  return {
    summary: errors.map(({ field, text }) => ({ text, href: `#${field}` })),
    of: Object.fromEntries(errors.toReversed().map(({ field, text }) => [field, { text }])),
  };
}
