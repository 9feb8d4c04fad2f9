#!/usr/bin/env node
// The installed command. It runs what was compiled beside it, and where a checkout has other sources by now, compiles them first.
import { build, whyStale } from './build.mjs';

const stale = whyStale();
if (stale === null || (await isBuilt(stale))) {
  // Traces of faults then name the TypeScript; reading the maps makes each start slower.
  if (process.env['RETENTION_TRACE']) process.setSourceMapsEnabled(true);
  const { main } = await import('../.build/jobs/main.js');
  process.exitCode = await main(process.argv.slice(2));
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
