/** What somebody may do from a page besides what its form does, as links. */
import { CONFIRMABLE } from '../../db/confirm.ts';
import { OPEN_STATES, type ListState } from '../../rules/workflow.ts';
import { may, type SignedVisit } from './page.ts';
import { refText } from './workKeys.ts';

interface ActionLink {
  text: string;
  href: string;
}

/** Of a file: what is doubted to be confirmed, a hold, taking it off its list; once it is gone, bringing it back. */
export function fileActions(
  visit: SignedVisit,
  ref: string,
  { blocks, gone, list }: { blocks: readonly string[]; gone: boolean; list?: { id: number; state: ListState } },
): ActionLink[] {
  const doubted = CONFIRMABLE.some((block) => blocks.includes(block));
  const scoped = new URLSearchParams({ scope: 'file', ref }).toString();
  const named = new URLSearchParams({ file: ref }).toString();
  return [
    ...(doubted && may(visit, 'confirm') ? [{ text: 'Confirm that the record is right', href: `/files/confirm?${refText(ref)}` }] : []),
    ...(blocks.includes('reference_reused') && may(visit, 'confirm')
      ? [
          { text: 'Its reference: it is another file', href: `/files/reference?${refText(ref)}&verdict=another_file` },
          { text: 'Its reference: it is the archived file, come back', href: `/files/reference?${refText(ref)}&verdict=came_back` },
        ]
      : []),
    ...(!gone && may(visit, 'hold') ? [{ text: 'Place a hold on this file', href: `/holds/place?${scoped}` }] : []),
    ...(!gone && list && OPEN_STATES.includes(list.state) && may(visit, 'withdraw')
      ? [{ text: `Take this file off list ${list.id}`, href: `/lists/${list.id}/withdraw?${named}` }]
      : []),
    ...(gone && may(visit, 'restore') ? [{ text: 'Bring this file back from the archive', href: `/restore?${refText(ref)}` }] : []),
  ];
}

/** Of a list that is not over yet. */
export function listActions(visit: SignedVisit, { id, state }: { id: number; state: ListState }): ActionLink[] {
  if (!OPEN_STATES.includes(state)) return [];
  return [
    ...(may(visit, 'withdraw') ? [{ text: 'Take files off this list', href: `/lists/${id}/withdraw` }] : []),
    ...(may(visit, 'cancel') ? [{ text: 'Cancel this list', href: `/lists/${id}/cancel` }] : []),
  ];
}
