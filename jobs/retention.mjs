#!/usr/bin/env node
// The installed command. It runs what was compiled beside it, and where a checkout has other sources by now, compiles them first.
import { build, whyStale } from './build.mjs';

/** Its modules, its database and the files of a night are open at once. */
const LEAST_OPEN_FILES = 256;

const stale = whyStale();
if (stale === null || (await isBuilt(stale))) {
  // Traces of faults then name the TypeScript; reading the maps makes each start slower.
  if (process.env['RETENTION_TRACE']) process.setSourceMapsEnabled(true);
  const main = await loaded();
  process.exitCode = main === null ? 1 : await main(process.argv.slice(2));
}

/** Null where this process may not open as many files as there are modules, which each fails in words of its own. */
async function loaded() {
  try {
    return (await import('../.build/jobs/main.js')).main;
  } catch (error) {
    const { soft } = process.report.getReport().userLimits?.open_files ?? {};
    if (!(soft < LEAST_OPEN_FILES)) throw error;
    process.stderr.write(
      `retention: This process may open only ${soft} files at once, fewer than its own modules are. Nothing was run. Raise the limit to ${LEAST_OPEN_FILES} or more (ulimit -n, or LimitNOFILE= of the service), then run again.\n`,
    );
    return null;
  }
}

async function isBuilt(stale) {
  try {
    await build();
    return true;
  } catch (error) {
    process.stderr.write(
      `retention: ${stale}, and it could not be compiled here (${error.message}). Nothing was run. As the user who installed it, run "npm ci", or "npm run build" where its packages are installed.\n`,
    );
    process.exitCode = 1;
    return false;
  }
}
