/** The command of the sign-off site. */
import type { FastifyInstance } from 'fastify';
import { openArchiveStore } from '../../db/archiveStore.ts';
import { longDate } from '../../rules/dates.ts';
import { SECOND_FACTOR_FOR } from '../../rules/workflow.ts';
import type { SitePerson } from '../../reports/site/page.ts';
import { todayInLondon } from '../clock.ts';
import { tracesOf, withContext, type CommonOptions, type Context } from '../context.ts';
import { describeError } from '../log.ts';
import { isLoopback, UsageError } from '../settings.ts';
import { stopRequested } from '../stopRequested.ts';
import { AS_OF, declare, type CommandLine } from './commands.ts';

/** People of a rehearsal on this machine alone: no account is made of them, so that the command line takes any name as before. */
export const SAMPLE_PEOPLE: readonly SitePerson[] = [
  { name: 'm.jones', roles: ['records_manager'] },
  { name: 'a.khan', roles: ['authoriser', 'compliance'] },
  { name: 's.lee', roles: ['admin'] },
];

interface ServeOptions extends CommonOptions {
  port: string;
  host: string;
}

/** Declares serve. */
export function addSiteCommands(line: CommandLine): void {
  declare(line, 'serve', 'the sign-off site, until it is told to stop', 'serve --port 3000', [AS_OF])
    .option('--port <port>', 'where to listen', '3000')
    .option('--host <address>', 'on which address; others than this machine alone need SITE_URL with https', '127.0.0.1')
    .addHelpText(
      'after',
      `
It listens on this machine alone. To let others in, set SITE_URL to the https address that people use, and put a proxy
on this machine before it that ends https and sends X-Forwarded-Proto and X-Forwarded-For. SIGTERM and SIGINT end it cleanly.`,
    )
    .action((options: ServeOptions) => withContext(line.around, options, 'write', (context) => serve(context, options)));
}

/** Serves until the process is told to stop; requests under way are answered first. */
async function serve(context: Context, options: ServeOptions): Promise<void> {
  const { around, log, rehearsal, asOf } = context;
  const stopping = stopRequested();
  const port = readPort(options.port);
  refuseUnsafe(options.host, context);
  const site = await startSite(context, options);
  try {
    const address = await site.listen({ port, host: options.host });
    if (rehearsal) around.stdout.write('REHEARSAL: nothing here is the real register.\n');
    around.stdout.write(
      `The site is at ${context.settings.siteUrl ?? address}${options.asOf ? `, as of ${longDate(asOf)}` : ''}. Ctrl-C ends it.\n`,
    );
    log.info({ address }, 'site.started');
    await stopping;
    log.info('site.stopping');
  } finally {
    await site.close();
  }
  log.info('site.stopped');
}

async function startSite(context: Context, options: ServeOptions): Promise<FastifyInstance> {
  // Loaded here alone: the site and its server are a third of all the code, and every other command starts sooner without.
  const { buildSite } = await import('../../reports/site/server.ts');
  const { openProvider } = await import('../../reports/site/openId.ts');
  const { settings, around, db, installation, rehearsal, asOf, log } = context;
  const origin = settings.siteUrl ?? `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${options.port}`;
  return buildSite({
    db,
    today: () => (options.asOf === undefined ? todayInLondon(around.clock) : asOf),
    coolingOffDays: settings.coolingOffDays,
    archive: {
      store: openArchiveStore(settings.archiveUrl),
      documentRoot: settings.documentRoot,
      on: settings.archiving,
      traces: () => tracesOf(context),
    },
    kind: installation.kind,
    samplePeople: rehearsal && isLoopback(options.host) && isLoopback(new URL(origin).hostname) ? SAMPLE_PEOPLE : [],
    origin,
    secondFactorFor: settings.secondFactorFor ?? (rehearsal ? [] : SECOND_FACTOR_FOR),
    passwordWords: [...settings.passwordWords, ...(settings.siteUrl === null ? [] : new URL(settings.siteUrl).hostname.split('.'))],
    openId: settings.openId && (await openProvider(settings.openId, origin)),
    log,
    describe: describeError,
  });
}

function readPort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new UsageError('--port takes a number up to 65535.');
  return Number(text);
}

/** Passwords and names never go over a network in the clear. */
function refuseUnsafe(host: string, { settings }: Context): void {
  if (isLoopback(host) || settings.siteUrl?.startsWith('https:')) return;
  throw new UsageError(
    `--host ${host} lets other machines in. Set SITE_URL to the https address that people use, and put a proxy before the site that ends https; or leave --host out.`,
  );
}
