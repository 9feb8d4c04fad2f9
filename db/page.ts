/** Some rows of many, read by key: a page costs the same however many there are. */

/** Some rows, and whether there are more. */
export interface Page<Row> {
  rows: Row[];
  more: boolean;
}

/** The page of at most `limit` rows, of which one more was asked for to know whether there are more. */
export function pageOf<Row>(rows: readonly Row[], limit: number): Page<Row> {
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}
