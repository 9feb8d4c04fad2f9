/** Owns the error of every archive store: a location that is taken, missing or unsafe. */

export type StoreFault = 'taken' | 'missing' | 'unsafe';

const CAUSE_AND_NEXT: Record<StoreFault, string> = {
  taken:
    'is already in the archive store and is not overwritten. It may hold what is nowhere else: find out whose it is ("retention doctor --bags"), and move it to another folder of the store, then run again.',
  missing: 'is not in the archive store. Check ARCHIVE_URL and that its share is mounted; if they are right, bring it back from a backup.',
  unsafe: 'is not a plain relative path, so the archive store refuses it. Check where it comes from: the index may have been edited.',
};

/** `location` holds a file reference at most, so it may be logged. */
export class StoreProblem extends Error {
  override readonly name = 'StoreProblem';
  readonly problem: StoreFault;
  readonly location: string;

  constructor(problem: StoreFault, location: string) {
    super(`${location} ${CAUSE_AND_NEXT[problem]}`);
    this.problem = problem;
    this.location = location;
  }
}
