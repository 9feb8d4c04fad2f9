/** The everyday of a children's service: which kinds of file it has, how often, and how few of them are due. */
import type { CaseFile, Category } from '../../rules/facts.ts';
import {
  adoptersFile,
  adoptionFile,
  adultRiskFile,
  childFile,
  childhood,
  financialFile,
  fosterCarerFile,
  missingPersonFile,
  safeguardingFile,
  siblingsFile,
} from './cases.ts';
import type { Draft, YearsAgo } from './draft.ts';

/** One family's or one person's files, between one and three; shows no landmark. */
export function tellEveryday(draft: Draft): null {
  draft.chance.pickWeighted(EVERYDAY).tell(draft);
  for (const file of draft.bundle.files) addPaperwork(draft, file);
  return null;
}

/** As above, always one file. */
export function tellSingleFile(draft: Draft): null {
  addPaperwork(draft, childOf(draft, ['child_in_need'], [1.3, 24.8], [25.2, 34]));
  return null;
}

const DUE_SHARE = 0.035;
const STILL_CHILDREN_UNTIL = 17;

const EVERYDAY: readonly [Kind, ...Kind[]] = [
  { weight: 30, tell: (draft) => childOf(draft, ['child_in_need'], [1.3, 24.8], [25.2, 34]) },
  { weight: 13, tell: (draft) => childOf(draft, ['child_protection'], [1.3, 24.8], [25.2, 34]) },
  { weight: 8, tell: (draft) => childOf(draft, ['child_protection', 'child_in_need'], [1.3, 24.8], [25.2, 34]) },
  { weight: 6, tell: (draft) => childOf(draft, ['child_in_care'], [2, 74.5], [75.2, 84]) },
  { weight: 5, tell: (draft) => childOf(draft, ['child_in_care', 'child_protection'], [2, 55], [75.2, 84]) },
  { weight: 3, tell: (draft) => childOf(draft, ['child_in_care', 'child_protection', 'child_in_need'], [2, 40], [75.2, 84]) },
  { weight: 1, tell: (draft) => childOf(draft, ['privately_fostered_child'], [3, 70], [100.2, 106]) },
  { weight: 8, tell: familyApart },
  {
    weight: 3,
    tell: (draft) =>
      siblingsFile(
        draft,
        draft.chance.pick([['child_protection'], ['child_in_need', 'child_protection']]),
        dueOr(draft, [7, 24], [25.2, 33]),
      ),
  },
  { weight: 3, tell: (draft) => adoptionFile(draft, [1.5, 65]) },
  {
    weight: 2.5,
    tell: (draft) =>
      adoptersFile(draft, dueOr(draft, [0.2, 24.5], [25.2, 32]), { childPlaced: draft.chance.pick([true, true, true, null]) }),
  },
  { weight: 2, tell: (draft) => fosterCarerFile(draft, dueOr(draft, [0.2, 9.7], [10.2, 16])) },
  { weight: 2.5, tell: (draft) => fosterCarerFile(draft, null) },
  { weight: 3, tell: (draft) => safeguardingFile(draft, dueOr(draft, [0.3, 30], [35.2, 39])) },
  { weight: 1, tell: (draft) => safeguardingFile(draft, null) },
  { weight: 2.5, tell: (draft) => missingPersonFile(draft, draft.day(dueOr(draft, [0.1, 0.9], [1.3, 4]))) },
  { weight: 4, tell: (draft) => financialFile(draft, draft.day(dueOr(draft, [0.1, 5.8], [7.2, 12]))) },
  { weight: 1.5, tell: (draft) => adultRiskFile(draft, [1, 30]) },
];

interface Kind {
  weight: number;
  tell(draft: Draft): unknown;
}

/** One child with a file; a child of today may have an open one. */
function childOf(draft: Draft, categories: Category[], notDue: YearsAgo, due: YearsAgo): CaseFile {
  const file = childFile(draft, categories, dueOr(draft, notDue, due));
  const [child] = file.subjects;
  if (!child) return file;
  child.knownToAdultServices = draft.chance.pick([false, false, false, false, true, null]);
  if (child.dateOfBirth && child.dateOfBirth > draft.day([STILL_CHILDREN_UNTIL, STILL_CHILDREN_UNTIL]) && draft.chance.happens(0.4))
    file.closedOn = null;
  if (draft.chance.happens(0.6)) file.familyRef = draft.family([child]);
  return file;
}

/** A family of two or three children, each with a file of their own. */
function familyApart(draft: Draft): void {
  const youngest = draft.day(dueOr(draft, [2, 16], [25.2, 28]));
  const ages = draft.chance.pick([
    [0, 2.5],
    [0, 4],
    [0, 2, 5],
  ]);
  const children = ages.map((age) => draft.person({ dateOfBirth: draft.after(youngest, -age - 0.4, -age) }));
  const familyRef = draft.family(children);
  const categories = draft.chance.pick<Category[]>([['child_in_need'], ['child_protection'], ['child_protection', 'child_in_need']]);
  const files = children.map((child) => draft.file(categories, [child], { ...childhood(draft, [child]), familyRef }));
  const [first, second] = files;
  if (first && second && draft.chance.happens(0.3)) draft.bundle.sharing.push([first, second]);
}

function dueOr(draft: Draft, notDue: YearsAgo, due: YearsAgo): YearsAgo {
  return draft.chance.happens(DUE_SHARE) ? due : notDue;
}

/** Older files are more often on paper; originals are rare, and somebody forgot to say more often than not. */
function addPaperwork(draft: Draft, file: CaseFile): void {
  const beforeComputers = file.closedOn !== null && file.closedOn < '2004';
  if (draft.chance.happens(beforeComputers ? 0.45 : 0.12)) {
    file.medium = draft.chance.pick(['paper', 'both']);
    file.location = draft.shelf();
  }
  file.originalsHeld = draft.chance.pick([false, false, false, false, false, false, false, null, null, true]);
}
