/** Proves an exported certificate by itself, without a database: its digest, and that everything in it adds up. */
import { z } from 'zod';
import { canonicalJson, sha256 } from '../rules/digest.ts';
import { samePerson } from '../rules/userNames.ts';
import { CERTIFICATE_STATEMENT, type Certificate } from './certificates.ts';
import { sum } from './counts.ts';

export interface CheckedCertificate {
  list: number;
  digest: string;
  rehearsal: boolean;
  /** What is wrong, in words; empty when nothing is. */
  faults: string[];
}

/** Checks the text of a file that `certificate show --out` wrote. Null when it is no such file. */
export function checkCertificate(text: string): CheckedCertificate | null {
  const read = Exported.safeParse(parsed(text));
  if (!read.success) return null;
  // Not what the schema made of it: a member it does not know was signed for as well.
  const { certificate, digest } = read.data as unknown as { certificate: Certificate; digest: string };
  const found = sha256(canonicalJson(certificate));
  const faults = [
    ...(found === digest ? [] : [`the certificate was changed: its digest is ${found}, and the file says ${digest}`]),
    ...faultsOfSums(certificate),
    ...faultsOfFiles(certificate),
  ];
  return { list: certificate.certificate, digest: found, rehearsal: certificate.rehearsal, faults };
}

const whole = z.number().int().nonnegative();
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);
const digestText = z.string().regex(/^[0-9a-f]{64}$/);
const documents = z.looseObject({ expected: whole, packed: whole });

const Exported = z.looseObject({
  digest: digestText,
  certificate: z.looseObject({
    certificate: whole,
    rehearsal: z.boolean(),
    issued_on: day,
    statement: z.string(),
    list: z.looseObject({ id: whole, signed_by: z.string(), signed_on: day, signed_digest: digestText }),
    clause: z.string(),
    items: whole,
    expected: whole,
    actual: z.looseObject({ archived: whole, transferred: whole, restored: whole, withdrawn: whole }),
    documents,
    not_covered: z.looseObject({ kept: whole, referred: whole, withdrawn: whole }),
    files: z.array(z.looseObject({ file_ref: z.string(), archived_on: day, decided_by: z.string(), bag_sha256: digestText, documents })),
  }),
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function faultsOfSums({ items, expected, actual, not_covered, documents, files, list, certificate, statement }: Certificate): string[] {
  const { archived, transferred, restored, withdrawn } = actual;
  const moved = archived + transferred + restored;
  const sums: [what: string, one: number, other: number][] = [
    ['files approved, and what became of them', expected, moved + withdrawn],
    ['files on the list, and what became of them', items, moved + not_covered.kept + not_covered.referred + not_covered.withdrawn],
    ['files moved, and files named', archived + transferred, files.length],
    ['documents expected, and those expected file by file', documents.expected, sum(files.map((file) => file.documents.expected))],
    ['documents packed, and those packed file by file', documents.packed, sum(files.map((file) => file.documents.packed))],
    ['the number of the certificate, and that of the list', certificate, list.id],
  ];
  const faults = sums.filter(([, one, other]) => one !== other).map(([what, one, other]) => `${what} do not add up: ${one} and ${other}`);
  return statement === CERTIFICATE_STATEMENT ? faults : [...faults, 'its statement is not the one every certificate makes'];
}

function faultsOfFiles({ files, list, issued_on }: Certificate): string[] {
  const faults = files.flatMap((file) => {
    const { file_ref, archived_on, decided_by } = file;
    return [
      ...(file.documents.packed === file.documents.expected
        ? []
        : [`${file_ref}: ${file.documents.expected} documents expected, ${file.documents.packed} packed`]),
      ...(samePerson(decided_by, list.signed_by) ? [`${file_ref}: decided and signed by the same person`] : []),
      ...(archived_on > issued_on || archived_on < (list.signed_on ?? '') ? [`${file_ref}: archived outside the life of its list`] : []),
    ];
  });
  return new Set(files.map((file) => file.file_ref)).size === files.length ? faults : [...faults, 'a file is named twice'];
}
