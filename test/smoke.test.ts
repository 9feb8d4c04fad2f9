import { it, expect } from 'vitest';
import { freshDatabase } from './setup/database.ts';
import { isMigrated, migrate } from '../db/connect.ts';
it('clones', async () => {
  const [a, b] = await Promise.all([freshDatabase(), freshDatabase()]);
  expect(await isMigrated(a.db)).toBe(true);
  await migrate(b.db);
  console.log((await a.db.raw('select version(), datcollate, datctype, lower(\'ÁÉ\') from pg_database where datname=current_database()')).rows);
  await a.close(); await b.close();
});
