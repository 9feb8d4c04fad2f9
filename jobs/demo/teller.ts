/** Tells the council bundle by bundle: the stories, spread over the register, the everyday between them, births kept apart. */
import type { IsoDate } from '../../rules/dates.ts';
import type { CaseFile } from '../../rules/facts.ts';
import { shippedSchedule } from '../../rules/schedule.ts';
import { BirthKeeper } from './births.ts';
import { Chance } from './chance.ts';
import { Draft, type Bundle, type Numbers } from './draft.ts';
import { tellEveryday, tellSingleFile } from './everyday.ts';
import { BLOCKED, CANDIDATES, CAUTIONED, type Story } from './storiesDue.ts';
import { CHANGING, REFUSED } from './storiesFlawed.ts';
import { UNDATED } from './storiesUndated.ts';

/** `shown` is the reference of the file by which the story shows the landmarks `shows`. */
export interface ToldBundle {
  bundle: Bundle;
  shows: readonly string[];
  shown: string;
}

/** The stories, evenly spread over the register, and the everyday between them. */
export function* tellBundles(asOf: IsoDate, files: number, withDocuments: boolean): Generator<ToldBundle> {
  const teller = new Teller(asOf, files);
  const stories = inTurn(
    [...CANDIDATES, ...CAUTIONED, ...BLOCKED, ...UNDATED, ...REFUSED, ...CHANGING].filter(
      (story) => withDocuments || !story.needsDocuments,
    ),
  );
  const stride = files / stories.length;
  for (const [i, story] of stories.entries()) {
    yield teller.tell(story.shows, (draft) => story.tell(draft));
    while (teller.filesTold < Math.min(files, (i + 1) * stride))
      yield teller.tell([], files - teller.filesTold > 3 ? tellEveryday : tellSingleFile);
  }
}

/** Up to here every birth can be kept to itself; with many more files every day of the calendar is somebody's or something's. */
const MOST_FILES_WITH_OWN_BIRTHS = 4_000;
const MOST_ATTEMPTS = 5_000;

/** Every story once, then again those told twice, and so on: the examples of one kind lie apart. */
function inTurn(stories: readonly Story[]): Story[] {
  const most = Math.max(...stories.map((story) => story.times));
  return Array.from({ length: most }, (_, round) => stories.filter((story) => story.times > round)).flat();
}

class Teller {
  readonly #asOf: IsoDate;
  readonly #chance: Chance;
  readonly #births: BirthKeeper | null;
  #numbers: Numbers = { file: 0, person: 0, family: 0 };

  constructor(asOf: IsoDate, files: number) {
    this.#asOf = asOf;
    this.#chance = new Chance(`council of ${asOf}`);
    this.#births = files <= MOST_FILES_WITH_OWN_BIRTHS ? new BirthKeeper(shippedSchedule(), asOf) : null;
  }

  get filesTold(): number {
    return this.#numbers.file;
  }

  /** Tells it anew, with other dates, until its births are nothing else's date. */
  tell(shows: readonly string[], story: (draft: Draft) => CaseFile | null): ToldBundle {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const numbers = { ...this.#numbers };
      const draft = new Draft(this.#asOf, this.#chance, numbers);
      const shown = story(draft)?.fileRef ?? '';
      if (this.#births && !this.#births.accepts(draft.bundle)) continue;
      this.#numbers = numbers;
      return { bundle: draft.bundle, shows, shown };
    }
    throw new Error(`No dates are left for the story of ${shows.join(', ') || 'an everyday file'}: ask for fewer files.`);
  }
}
