/** A page with one short form: what it is about, what will come of it, a few fields and one button. */
import { shownErrors, type FormState } from './acting.ts';
import { page, type Answer } from './page.ts';

/** A field by what is typed into it; `day` stands for three, as dayField.ts reads them. */
export interface ShortField {
  kind: 'line' | 'text' | 'day';
  id: string;
  label: string;
  hint?: string;
}

export interface ShortForm {
  /** Where the page goes back to, and what that is called. */
  back: { text: string; href: string };
  /** Above the heading: the list or file it is about. */
  caption: string;
  title: string;
  paragraphs: readonly string[];
  /** What cannot be undone. */
  warning?: string;
  action: string;
  hidden?: Record<string, string>;
  fields: readonly ShortField[];
  button: string;
}

/** The page of a form as it was left; with errors it answers 422. */
export function shortForm(form: ShortForm, { typed, errors }: FormState): Answer {
  return page('shortForm', form.title, { form, typed, errors: shownErrors(errors) }, errors.length > 0 ? 422 : 200);
}
