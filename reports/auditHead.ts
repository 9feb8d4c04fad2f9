/** The head of the audit in each night's report, for machines: what a later chain must contain. */
import { join } from 'node:path';
import { z } from 'zod';
import { isIsoDate, type IsoDate } from '../rules/dates.ts';
import { writeWhole } from './csv.ts';

/** Its name in the folder of a report. */
export const AUDIT_HEAD_FILE = 'audit-head.json';

/** How many events the audit had when a report was written, and the digest of the last; 64 zeros when there was none. */
export interface AuditHead {
  as_of: IsoDate;
  events: number;
  head: string;
  rehearsal: boolean;
  /** The id of the installation whose report it is, and which database wrote it; a report of an earlier release has neither. */
  installation?: string | undefined;
  database?: string | undefined;
}

const shape = z.object({
  as_of: z.string().refine(isIsoDate),
  events: z.number().int().min(0),
  head: z.string().regex(/^[0-9a-f]{64}$/),
  rehearsal: z.boolean(),
  installation: z.string().optional(),
  database: z.string().optional(),
});

/** Writes it into the folder of a report, and returns its name there. */
export async function writeAuditHead(folder: string, head: AuditHead): Promise<string> {
  await writeWhole(join(folder, AUDIT_HEAD_FILE), `${JSON.stringify(head)}\n`);
  return AUDIT_HEAD_FILE;
}

/** Reads what `writeAuditHead` wrote; null for any other text. */
export function parseAuditHead(text: string): AuditHead | null {
  try {
    return shape.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
