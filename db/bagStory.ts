/** What a bag tells of its own archiving: whose file, on which signature, when. Read by a database that does not know it. */
import { z } from 'zod';
import type { IsoDate } from '../rules/dates.ts';
import { itemDigest, type ItemContent } from '../rules/digest.ts';
import type { VerifiedBag } from './bag.ts';
import { bagFileName } from './bagFormat.ts';
import type { ArchivedFacts } from './restoredFile.ts';

export interface BagStory {
  location: string;
  sha256: string;
  size: number;
  documents: VerifiedBag['documents'];
  archivedOn: IsoDate;
  facts: ArchivedFacts;
  clause: string;
  list: SignedList;
  item: ItemContent & { decision: NonNullable<ItemContent['decision']> };
  itemDigest: string;
}
export type SignedList = z.infer<typeof signedListShape>;

const day = z.iso.date();
const signedListShape = z.object({
  id: z.number().int().positive(),
  rule: z.string(),
  action: z.string(),
  schedule_version: z.string(),
  listed_on: day,
  signed_by: z.string(),
  signed_on: day,
  signed_digest: z.string(),
  cooling_off_days: z.number().int(),
});
const recordsShape = z.object({
  facts: z.looseObject({
    fileRef: z.string(),
    categories: z.array(z.string()),
    subjects: z.array(z.looseObject({ personRef: z.string() })),
  }),
  determination: z.looseObject({ clause: z.string() }),
  'sign-off': z.object({
    list: signedListShape,
    item: z.looseObject({
      list: z.number(),
      file_ref: z.string(),
      anchor_on: day,
      retain_until: day,
      decision: z.looseObject({ decision: z.literal('approved'), decided_by: z.string(), decided_on: day }),
    }),
    item_digest: z.string(),
  }),
});

/** The story of a verified bag; or, in words, why it has none that can be believed. */
export function storyOf(bag: VerifiedBag, location: string): BagStory | string {
  const read = recordsShape.safeParse(bag.records);
  const archivedOn = bag.info['Bagging-Date'];
  if (!read.success || archivedOn === undefined) return 'it does not hold the records that this product writes';
  const { list, item_digest } = read.data['sign-off'];
  // Checked above as far as it is read here; the digest proves the rest.
  const facts = read.data.facts as unknown as ArchivedFacts;
  const item = read.data['sign-off'].item as unknown as BagStory['item'];
  const own = [item.file_ref, facts.fileRef].every((fileRef) => location.endsWith(bagFileName(fileRef)));
  if (!own || item.list !== list.id) return 'its records are those of another file or list';
  if (itemDigest(item) !== item_digest) return 'what was signed does not have the digest it was signed with';
  const unlike = whyUnlikeSigned(bag.documents, item.documents);
  if (unlike !== null) return unlike;
  const { sha256, size, documents } = bag;
  return {
    location,
    sha256,
    size,
    documents,
    archivedOn,
    facts,
    clause: read.data.determination.clause,
    list,
    item,
    itemDigest: item_digest,
  };
}

/**
 * In words, how the documents in a bag differ from those that its sign-off names; null when they are the same. The manifests
 * cannot tell: who makes a bag anew writes them anew.
 */
function whyUnlikeSigned(packed: VerifiedBag['documents'], signed: ItemContent['documents']): string | null {
  const there = new Map(packed.map((document) => [document.path, document]));
  const missing = signed.filter(({ path }) => !there.has(path)).length;
  const changed = signed.filter(({ path, size, sha256 }) => {
    const found = there.get(path);
    return found !== undefined && (found.size !== size || found.sha256 !== sha256?.toLowerCase());
  }).length;
  const extra = packed.length - (signed.length - missing);
  if (missing + changed + extra === 0) return null;
  return `of the ${signed.length} documents that were signed, ${missing} are missing and ${changed} are others, and ${extra} that nobody signed are in it`;
}
