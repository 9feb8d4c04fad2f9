/** How the tests run: over one real PostgreSQL for the whole run, three files at a time, for each waits for its processes now and then. */
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

/** Faults that take minutes even in small, and of which another test tries a few in every run. */
const BY_PROVE_ALONE = [
  'changeDays',
  'clocks',
  'confirmRaces',
  'disk',
  'documents',
  'firstStarts',
  'holdRaces',
  'hostileDates',
  'hostileNames',
  'hostileReferences',
  'leastPrivilege',
  'listRaces',
  'moments',
  'postgres',
  'races',
  'secrets',
].map((name) => `test/faults/${name}.test.ts`);

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(process.env['RETENTION_PROVE'] === 'full' ? [] : BY_PROVE_ALONE)],
    globalSetup: [fileURLToPath(new URL('./setup/postgres.ts', import.meta.url))],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
    // What a worker has loaded serves its next files too: nothing is mocked, and each test has a database and folders of its own.
    isolate: false,
  },
});
