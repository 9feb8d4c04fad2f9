/** What an extract lost or changed against the one before it: when that is too much to be believed, and its words. */

/** Kinds of rows and facts, in the order in which they are told, with how a person reads them. */
const LOSABLE = {
  files: 'files',
  documents: 'document rows',
  familyLinks: 'family links',
  deaths: 'recorded deaths',
  closures: 'closures',
  riskFlags: 'risk flags',
} as const;
export type Losable = keyof typeof LOSABLE;

/** What there was before by kind and what of it is lost; the births changed; and files and columns that the extract before had. */
export type ExtractChange = Record<`${Losable}Before` | `${Losable}Lost` | 'birthsBefore' | 'birthsChanged', number> & { lacks: string[] };

/** Whether an extract took away or changed so much that it is more likely wrong than right. */
export function extractIsSuspect(change: ExtractChange): boolean {
  return (
    change.lacks.length > 0 ||
    lossesOf(change).some(({ part, whole }) => (part >= 20 && part > whole * 0.01) || (part >= 10 && part >= whole))
  );
}

/** Whether an extract lost or changed anything, however little. */
export function hasLosses(change: ExtractChange): boolean {
  return change.lacks.length > 0 || lossesOf(change).some(({ part }) => part > 0);
}

/** What an extract lost or changed, in words, as its brake and the night tell it. Details of a brake of an earlier release have fewer kinds. */
export function extractChangeWords(change: Partial<ExtractChange>): string {
  const losses = lossesOf(change).filter(({ part }) => part > 0);
  const lost = losses.filter(({ verb }) => verb === 'lost').map(({ part, whole, words }) => `${part} of ${whole} ${words}`);
  const changed = losses.filter(({ verb }) => verb === 'changed').map(({ part, whole, words }) => `changed ${part} of ${whole} ${words}`);
  const lacks = change.lacks?.length ? [`lacks ${change.lacks.join(', ')}, which the one before had`] : [];
  return [...(lost.length > 0 ? [`lost ${lost.join(', ')}`] : []), ...changed, ...lacks].join('; ') || 'lost nothing';
}

interface Loss {
  verb: 'lost' | 'changed';
  words: string;
  part: number;
  whole: number;
}

function lossesOf(change: Partial<ExtractChange>): Loss[] {
  const lost = Object.entries(LOSABLE).map(([kind, words]): Loss => ({
    verb: 'lost',
    words,
    part: change[`${kind as Losable}Lost`] ?? 0,
    whole: change[`${kind as Losable}Before`] ?? 0,
  }));
  return [...lost, { verb: 'changed', words: 'dates of birth', part: change.birthsChanged ?? 0, whole: change.birthsBefore ?? 0 }];
}
