/** The one registered file a person acts on: locked, or refused with what became of it. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { notRegistered } from './explain.ts';

export interface RegisteredFile {
  file_ref: string;
  categories: string[];
  subject_refs: string[];
  adoption_order_on: IsoDate | null;
  originals_held: boolean | null;
}

/** The file, locked until the transaction ends: meanwhile it is neither archived nor changed by an extract. */
export async function lockRegisteredFile(trx: Knex.Transaction, fileRef: string): Promise<RegisteredFile> {
  const file = await trx<RegisteredFile>('case_files').where({ file_ref: fileRef }).forUpdate().first();
  if (!file) throw await notRegistered(trx, fileRef);
  return file;
}
