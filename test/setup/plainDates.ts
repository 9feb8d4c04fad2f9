/** Civil dates by whole-number arithmetic on year, month and day alone: what the product's dates are compared with. */

export interface Day {
  y: number;
  m: number;
  d: number;
}

export function isLeapYear(y: number): boolean {
  return (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0;
}

export function daysInMonth(y: number, m: number): number {
  return m === 2 ? (isLeapYear(y) ? 29 : 28) : [4, 6, 9, 11].includes(m) ? 30 : 31;
}

export function dayOf(iso: string): Day {
  return { y: Number(iso.slice(0, 4)), m: Number(iso.slice(5, 7)), d: Number(iso.slice(8, 10)) };
}

export function isoOf({ y, m, d }: Day): string {
  return `${String(y).padStart(4, '0')}-${String(m).padStart(2, '0')}-${String(d).padStart(2, '0')}`;
}

/** The same day and month `years` on, or 1 March where there is no 29 February. */
export function yearsOn(iso: string, years: number): string {
  const { y, m, d } = dayOf(iso);
  return isoOf(d > daysInMonth(y + years, m) ? { y: y + years, m: m + 1, d: 1 } : { y: y + years, m, d });
}

/** `days` later or, when negative, earlier; one month at a time. */
export function daysOn(iso: string, days: number): string {
  let { y, m, d } = dayOf(iso);
  d += days;
  while (d > daysInMonth(y, m)) {
    d -= daysInMonth(y, m);
    [y, m] = m === 12 ? [y + 1, 1] : [y, m + 1];
  }
  while (d < 1) {
    [y, m] = m === 1 ? [y - 1, 12] : [y, m - 1];
    d += daysInMonth(y, m);
  }
  return isoOf({ y, m, d });
}

/** The 31 March that ends the financial year of the day. */
export function marchAfter(iso: string): string {
  const { y, m } = dayOf(iso);
  return isoOf({ y: m <= 3 ? y : y + 1, m: 3, d: 31 });
}

/** First and last day a birth known as `yyyy`, `yyyy-mm` or `yyyy-mm-dd` can have been. */
export function daysOfBirth(birth: string): { first: string; last: string } {
  if (birth.length === 4) return { first: `${birth}-01-01`, last: `${birth}-12-31` };
  const { y, m } = dayOf(`${birth}-01`);
  if (birth.length === 7) return { first: `${birth}-01`, last: isoOf({ y, m, d: daysInMonth(y, m) }) };
  return { first: birth, last: birth };
}
