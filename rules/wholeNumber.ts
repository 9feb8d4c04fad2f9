/** Numbers of lists, holds and runs as people type them. */

/** The largest `integer` of PostgreSQL, by which the database counts. */
export const LARGEST_NUMBER = 2_147_483_647;

/** A whole number from 1 to LARGEST_NUMBER, or undefined. */
export function wholeNumber(text: string | undefined): number | undefined {
  const number = /^[1-9]\d{0,9}$/.test(text ?? '') ? Number(text) : undefined;
  return number !== undefined && number <= LARGEST_NUMBER ? number : undefined;
}
