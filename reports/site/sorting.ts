/** Tables sorted by links: what the address asks for, and heads that say how the table is sorted and lead to the other ways. */
import type { Sorting } from '../../db/listPages.ts';
import type { Fields } from './page.ts';

/** A head of a table as its template draws it. */
export interface SortableHead {
  text: string;
  numeric: boolean;
  /** Null where the table cannot be sorted by it. */
  href: string | null;
  sorted: 'ascending' | 'descending' | 'none' | null;
}

/** The sorting that `sort` asks for: one of the orders, with a dash before it for the other way round. */
export function readSorting<Order extends string>(
  fields: Fields,
  orders: Readonly<Record<Order, string>>,
  otherwise: Sorting<Order>,
): Sorting<Order> {
  const [, dash, word] = /^(-?)(.*)$/.exec(fields.one('sort')) ?? [];
  const by = (Object.keys(orders) as Order[]).find((order) => order === word);
  return by === undefined ? otherwise : { by, descending: dash === '-' };
}

/** The same as an address asks for it. */
export function sortingField({ by, descending }: Sorting<string>): string {
  return `${descending ? '-' : ''}${by}`;
}

/** Heads of a table, of which those with an order are links; text that begins with `#` is the head of numbers. */
export function sortableHeads<Order extends string>(
  heads: readonly (readonly [text: string, order?: Order])[],
  sort: Sorting<Order>,
  address: (sort: Sorting<Order>) => string,
): SortableHead[] {
  return heads.map(([text, order]) => {
    const words = { text: text.replace(/^#/, ''), numeric: text.startsWith('#') };
    if (order === undefined) return { ...words, href: null, sorted: null };
    const current = sort.by === order;
    const href = address({ by: order, descending: current && !sort.descending });
    return { ...words, href, sorted: current ? (sort.descending ? 'descending' : 'ascending') : 'none' };
  });
}
