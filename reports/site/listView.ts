/** Which files of a list its page shows, in which order and from where: read from an address or a form, and put into both again. */
import { ITEM_ORDERS, type ItemFilter, type ItemOrder, type Sorting } from '../../db/listPages.ts';
import { ITEM_STATUSES, type ItemStatus } from '../../rules/workflow.ts';
import type { Fields } from './page.ts';
import { readSorting, sortableHeads, sortingField, type SortableHead } from './sorting.ts';
import { addressOf } from './tables.ts';

const BY_PLACE: Sorting<ItemOrder> = { by: 'position', descending: false };

const HEADS = [
  ['#Number', 'position'],
  ['File', 'file'],
  ['Counted from'],
  ['Kept until', 'kept_until'],
  ['Overdue by'],
  ['Closed'],
  ['Cautions'],
  ['Status'],
] as const satisfies readonly (readonly [string, ItemOrder?])[];

/** What an address or a form asks to see. */
export function readView(fields: Fields): ItemFilter {
  const status = ITEM_STATUSES.find((word) => word === fields.one('status'));
  const [after, before] = [fields.number('after'), fields.number('before')];
  return {
    sort: readSorting(fields, ITEM_ORDERS, BY_PLACE),
    ...(status ? { status } : {}),
    ...(fields.one('cautions') === 'open' ? { cautioned: true } : {}),
    ...(before !== undefined ? { before } : after !== undefined ? { after } : {}),
  };
}

/** The same as fields of a form, so that what is decided leads back to what was shown. */
export function viewFields({ status, cautioned, sort, after, before }: ItemFilter): Record<string, string | number> {
  const sorted = sortingField(sort);
  return {
    ...(status ? { status } : {}),
    ...(cautioned ? { cautions: 'open' } : {}),
    ...(sorted === sortingField(BY_PLACE) ? {} : { sort: sorted }),
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
  };
}

/** The same as an address. */
export function viewAddress(list: number, view: ItemFilter): string {
  return addressOf(`/lists/${list}`, viewFields(view));
}

/** Where the pages before and after this one are; from an empty page the way back is to the first. */
export function pagesAround(
  list: number,
  view: ItemFilter,
  { rows, more }: { rows: readonly { position: number }[]; more: boolean },
): { earlier: string | null; later: string | null } {
  const { after, before, ...first } = view;
  const [top, last] = [rows[0], rows.at(-1)];
  if (top === undefined || last === undefined) {
    return { earlier: (after ?? before) === undefined ? null : viewAddress(list, first), later: null };
  }
  const isEarlier = before === undefined ? after !== undefined : more;
  return {
    earlier: isEarlier ? viewAddress(list, { ...first, before: top.position }) : null,
    later: before !== undefined || more ? viewAddress(list, { ...first, after: last.position }) : null,
  };
}

/** Heads of the table of files, each way of sorting from its beginning. */
export function itemHeads(list: number, { after: _after, before: _before, ...first }: ItemFilter): SortableHead[] {
  return sortableHeads<ItemOrder>(HEADS, first.sort, (sort) => viewAddress(list, { ...first, sort }));
}

/** Links that filter, each from the beginning and in the order that is shown. */
export function filterLinks(
  list: number,
  counts: readonly { status: ItemStatus; words: string; files: number }[],
  { status, cautioned, sort }: ItemFilter,
): { text: string; href: string; current: boolean }[] {
  return [
    { text: 'All', href: viewAddress(list, { sort }), current: status === undefined && !cautioned },
    ...counts.map((count) => ({
      text: `${count.words} (${count.files})`,
      href: viewAddress(list, { sort, status: count.status }),
      current: count.status === status,
    })),
    { text: 'Cautions nobody acknowledged', href: viewAddress(list, { sort, cautioned: true }), current: cautioned === true },
  ];
}
