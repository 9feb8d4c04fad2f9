/** How the tests run: over one real PostgreSQL for the whole run, two files at a time. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: [fileURLToPath(new URL('./setup/postgres.ts', import.meta.url))],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // knex imports migrations by itself, past vitest, so Node must be able to read TypeScript.
    execArgv: ['--import', 'tsx'],
  },
});
