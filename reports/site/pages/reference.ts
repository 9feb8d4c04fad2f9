/** Saying which file it is that has the reference of an archived one and is about other people. */
import { REFERENCE_VERDICTS, type ReferenceVerdict } from '../../../db/archivedReference.ts';
import { explainFile } from '../../../db/explain.ts';
import { settledWords, settleReference } from '../../../db/reusedReferences.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { actingOnForm, type FormState } from '../acting.ts';
import { redirect, type Answer, type Route, type SignedVisit } from '../page.ts';
import { shortForm } from '../shortForm.ts';
import { refText } from '../workKeys.ts';

export const referenceRoutes: readonly Route[] = [
  {
    method: 'GET',
    url: '/files/reference',
    needs: 'confirm',
    handler: (visit) => referencePage(visit, visit.query.one('ref'), verdictOf(visit.query.one('verdict'))),
  },
  { method: 'POST', url: '/files/reference', needs: 'confirm', handler: settle },
];

/** What each answer is called, and what comes of it. */
const ANSWERS: Record<ReferenceVerdict, { title: string; comes: string }> = {
  came_back: {
    title: 'It is the archived file, come back',
    comes:
      'The file leaves the register again. Its rows in the extract count as the archived file’s, and the source is asked to delete them.',
  },
  another_file: {
    title: 'It is another file',
    comes: 'The file keeps the reference. The archived one is kept apart with its bag, and is still found by its people.',
  },
};

async function referencePage(
  { db, asOf }: SignedVisit,
  ref: string,
  verdict: ReferenceVerdict,
  state: FormState = { typed: {}, errors: [] },
): Promise<Answer> {
  if (ref === '') return redirect('/files', 'Choose the file first.', 'information');
  const { blocks } = await explainFile(db, await scheduleInForce(db, asOf), asOf, ref);
  const file = { text: `File ${ref}`, href: `/files?${refText(ref)}` };
  if (!blocks.includes('reference_reused')) return redirect(file.href, `No archived file has the reference ${ref}.`, 'information');
  return shortForm(
    {
      back: file,
      caption: file.text,
      title: ANSWERS[verdict].title,
      paragraphs: [
        'An archived file had this reference and was about other people. Look at both: the one in the source system, and the one in the archive.',
        ANSWERS[verdict].comes,
      ],
      action: '/files/reference',
      hidden: { ref, verdict },
      fields: [{ kind: 'text', id: 'reason', label: 'How you know', hint: 'For example, both files seen' }],
      button: ANSWERS[verdict].title,
    },
    state,
  );
}

async function settle(visit: SignedVisit): Promise<Answer> {
  const { body, person, asOf } = visit;
  const [ref, verdict, reason] = [body.one('ref'), verdictOf(body.one('verdict')), body.one('reason')];
  const refusals = { reason_missing: { field: 'reason', words: 'Say how you know' }, reference_not_reused: { field: 'reason' } };
  const outcome = await actingOnForm(visit, 'confirm', refusals, (trx) => settleReference(trx, ref, { verdict, reason }, { person, asOf }));
  if (!('errors' in outcome)) return redirect(`/files?${refText(ref)}`, settledWords(outcome.done));
  if (outcome.code === 'reference_not_reused')
    return redirect(`/files?${refText(ref)}`, `Nothing was done: no archived file has the reference ${ref}.`, 'information');
  return referencePage(visit, ref, verdict, { typed: { reason }, errors: outcome.errors });
}

/** Whatever an address says that is neither, is the answer that changes less. */
function verdictOf(word: string): ReferenceVerdict {
  return REFERENCE_VERDICTS.find((verdict) => verdict === word) ?? 'another_file';
}
