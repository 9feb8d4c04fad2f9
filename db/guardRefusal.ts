/** What a guard of the database says when it refuses: its own words, which name references and days, never names or births. */

const RAISED = 'P0001';

/** The guard's words and what it says to do; null for any other error. */
export function guardRefusal(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || error.code !== RAISED) return null;
  const own = ownWords(error);
  return 'hint' in error && typeof error.hint === 'string' && error.hint !== '' ? `${own}. ${error.hint}` : own;
}

/** What the database said, without the statement that the driver puts before it: its values are names and births. */
export function ownWords({ message }: Error): string {
  return message.slice(message.lastIndexOf(' - ') + 1).replace(/^- /, '');
}
