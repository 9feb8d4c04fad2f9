/** Settings: from the environment or `.env`, checked at start, each with what to do when it is wrong. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import nodeCron from 'node-cron';
import { z } from 'zod';
import { ROLES, type Role } from '../rules/workflow.ts';

export interface Settings {
  databaseUrl: string | null;
  ownerUrl: string | null;
  home: string;
  documentRoot: string;
  archiveUrl: string;
  coolingOffDays: number;
  listSize: number;
  openItems: number;
  maxAgeDays: number;
  keepDays: number;
  archiving: boolean;
  night: string;
  rehearsal: boolean;
  logLevel: LogLevel;
  token: string | null;
  /** Where people reach the site; null: where `serve` listens. */
  siteUrl: string | null;
  /** Null: local accounts. */
  openId: { issuer: string; clientId: string; clientSecret: string; rolesClaim: string; maxAge: number } | null;
  /** Null: as the kind of the database has it. */
  secondFactorFor: readonly Role[] | null;
  passwordWords: readonly string[];
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A setting, an argument or a combination of them that cannot be: exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** What each setting is, its default and its meaning: `retention help settings`, the README and the check all read this. */
export const SETTINGS = {
  DATABASE_URL: ['', 'PostgreSQL 15 or later; without it an embedded PostgreSQL under RETENTION_HOME'],
  DATABASE_OWNER_URL: [
    '',
    'the same database as the role that owns its tables: for "retention migrate", "restore-backup" and "users recover" alone',
  ],
  RETENTION_HOME: ['./data', 'folder for what this installation keeps: the embedded database, reports'],
  DOCUMENT_ROOT: ['RETENTION_HOME/documents', 'folder that the paths in documents.csv are relative to'],
  ARCHIVE_URL: ['RETENTION_HOME/archive', 'where archived bags lie: a folder, as path or file: URL'],
  COOLING_OFF_DAYS: ['7', 'days between sign-off and archiving; at least 1 in a live database'],
  LIST_SIZE: ['200', 'most files on one list'],
  OPEN_ITEMS: ['1000', 'the night opens new lists only up to this many undecided files'],
  MAX_AGE_DAYS: ['14', 'days after which the last good extract or night is too old to list and archive on'],
  KEEP_DAYS: ['90', 'days that reports, rejects and backups are kept'],
  ARCHIVING: ['on', 'off stops archiving, whatever was signed'],
  NIGHT: ['30 2 * * *', 'when the scheduler runs the night, as a cron expression in London time; not between 1 and 2, when clocks change'],
  RETENTION_REHEARSAL: ['', '1 when a database is first made makes it a rehearsal, for ever'],
  LOG_LEVEL: ['info', 'least level of what is logged to standard error: trace, debug, info, warn, error, fatal or silent'],
  RETENTION_TOKEN: ['', 'on a live database: the personal token of who acts'],
  SITE_URL: ['', 'where people reach the site, as https://retention.example; without it where "retention serve" listens on this machine'],
  SECOND_FACTOR: [
    '',
    'roles that need a second factor where people have passwords, as authoriser,admin; none for nobody; without it authoriser and admin on a live database, and nobody in a rehearsal',
  ],
  PASSWORD_WORDS: ['', 'words of your authority, with commas between, that no password may be made of: its name, places, systems'],
  OIDC_ISSUER: ['', 'OpenID Connect provider that signs people in to the site; without it people have local accounts'],
  OIDC_CLIENT_ID: ['', 'what the provider knows the site as'],
  OIDC_CLIENT_SECRET: ['', 'the secret it gave the site'],
  OIDC_ROLES_CLAIM: ['roles', 'claim of the provider that names a person’s roles'],
  OIDC_MAX_AGE: ['36000', 'seconds since a person proved to the provider who they are, at most; it must say when that was (auth_time)'],
} as const satisfies Record<string, readonly [defaultValue: string, meaning: string]>;

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d+$/, 'is not a whole number')
    .transform(Number)
    .pipe(z.number().min(least, `must be at least ${least}`).max(most, `must be at most ${most}`));

const databaseUrl = z
  .string()
  .refine((url) => url === '' || /^postgres(ql)?:\/\//.test(url), 'must look like postgres://user:password@host:5432/database')
  .refine(
    (url) => url === '' || isReadUnambiguously(url),
    'cannot be read. In a user name or password write % as %25, @ as %40, : as %3A, / as %2F, ? as %3F and # as %23',
  );

const shape = z.object({
  DATABASE_URL: databaseUrl,
  DATABASE_OWNER_URL: databaseUrl,
  RETENTION_HOME: z.string().min(1),
  DOCUMENT_ROOT: z.string(),
  ARCHIVE_URL: z.string(),
  COOLING_OFF_DAYS: wholeNumber(0, 365),
  LIST_SIZE: wholeNumber(1, 10_000),
  OPEN_ITEMS: wholeNumber(1, 1_000_000),
  MAX_AGE_DAYS: wholeNumber(1, 365),
  KEEP_DAYS: wholeNumber(1, 3650),
  ARCHIVING: z.enum(['on', 'off'], 'must be on or off'),
  NIGHT: z
    .string()
    .refine((expression) => nodeCron.validate(expression), { abort: true, message: 'is not a cron expression such as "30 2 * * *"' })
    .refine(
      (expression) => !runsAtOne(expression),
      'must not fall between 1 and 2 in the night: that hour is skipped or doubled when clocks change',
    ),
  RETENTION_REHEARSAL: z.enum(['', '0', '1'], 'must be 1 or empty'),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`),
  RETENTION_TOKEN: z.string(),
  SITE_URL: z.string().superRefine((url, context) => {
    const problem = url === '' ? null : problemOfSiteUrl(url);
    if (problem !== null) context.addIssue(problem);
  }),
  SECOND_FACTOR: z
    .string()
    .refine(
      (text) => text === '' || text === 'none' || wordsOf(text).every((word) => (ROLES as readonly string[]).includes(word)),
      `must be none, or roles with commas between, of ${ROLES.join(', ')}`,
    ),
  PASSWORD_WORDS: z.string(),
  OIDC_ISSUER: z.string().refine((url) => url === '' || isSafeAddress(url), 'must be an https address'),
  OIDC_CLIENT_ID: z.string(),
  OIDC_CLIENT_SECRET: z.string(),
  OIDC_ROLES_CLAIM: z.string().min(1),
  OIDC_MAX_AGE: wholeNumber(1, 2_592_000),
});

/** Reads the settings. Throws UsageError naming every setting that is wrong. Paths are made absolute from `cwd`. */
export function readSettings(env: Record<string, string | undefined>, cwd: string): Settings {
  const all = { ...fromDotEnv(cwd), ...env };
  const given = Object.fromEntries(
    Object.entries(SETTINGS).map(([name, [standard]]) => [name, all[name] || (standard.startsWith('RETENTION_HOME') ? '' : standard)]),
  );
  const checked = shape.safeParse(given);
  if (!checked.success) {
    throw new UsageError(
      checked.error.issues
        .map((issue) => `${issue.path.join('.')} ${issue.message}. "retention help settings" lists every setting.`)
        .join('\n'),
    );
  }
  const read = checked.data;
  const home = resolve(cwd, read.RETENTION_HOME);
  return {
    databaseUrl: read.DATABASE_URL || null,
    ownerUrl: read.DATABASE_OWNER_URL || null,
    home,
    documentRoot: resolve(cwd, read.DOCUMENT_ROOT || join(home, 'documents')),
    archiveUrl: read.ARCHIVE_URL || join(home, 'archive'),
    coolingOffDays: read.COOLING_OFF_DAYS,
    listSize: read.LIST_SIZE,
    openItems: read.OPEN_ITEMS,
    maxAgeDays: read.MAX_AGE_DAYS,
    keepDays: read.KEEP_DAYS,
    archiving: read.ARCHIVING === 'on',
    night: read.NIGHT,
    rehearsal: read.RETENTION_REHEARSAL === '1',
    logLevel: read.LOG_LEVEL,
    token: read.RETENTION_TOKEN || null,
    siteUrl: read.SITE_URL === '' ? null : new URL(read.SITE_URL).origin,
    openId: readOpenId(read),
    secondFactorFor: read.SECOND_FACTOR === '' ? null : ROLES.filter((role) => wordsOf(read.SECOND_FACTOR).includes(role)),
    passwordWords: wordsOf(read.PASSWORD_WORDS),
  };
}

function wordsOf(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function readOpenId(read: z.infer<typeof shape>): Settings['openId'] {
  const {
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: clientId,
    OIDC_CLIENT_SECRET: clientSecret,
    OIDC_ROLES_CLAIM: rolesClaim,
    OIDC_MAX_AGE: maxAge,
  } = read;
  if (issuer === '' && clientId === '' && clientSecret === '') return null;
  if (issuer === '' || clientId === '' || clientSecret === '')
    throw new UsageError('OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together: set all three, or none of them.');
  return { issuer, clientId, clientSecret, rolesClaim, maxAge };
}

/** Over plain http only what never leaves this machine. */
function isSafeAddress(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

/** What is wrong with the address people reach the site at; null when nothing is. Capitals of a host name mean nothing. */
function problemOfSiteUrl(url: string): string | null {
  const form = 'must look like https://retention.example';
  if (!URL.canParse(url)) return form;
  const { username, password, pathname, search, hash } = new URL(url);
  if (!isSafeAddress(url)) return `${form}: over anything but https what people read and sign could be changed on the way`;
  if (username !== '' || password !== '') return `${form}, without a user name or password`;
  if (pathname !== '/' || search !== '' || hash !== '')
    return `${form}, without a path: the site has a host name of its own. Leave out ${pathname}${search}${hash}`;
  return null;
}

/** True for a name or address that is this machine alone. */
export function isLoopback(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** What the driver cannot read it takes for another place: an @ or # too many, and it would ask this machine for a database. */
function isReadUnambiguously(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password, pathname, search, hash } = new URL(url);
  if (hash !== '' || url.endsWith('#') || /@/.test(pathname + search)) return false;
  try {
    return [username, password, pathname].every((part) => typeof decodeURIComponent(part) === 'string');
  } catch {
    return false;
  }
}

/** "The database retention was asked for as m.jones at db.example:5432": never the password. */
export function databasePlace(databaseUrl: string): string {
  const { hostname, port, username, pathname, searchParams } = new URL(databaseUrl);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname);
  const at = host === '' || host.startsWith('/') ? `the socket in ${host || 'its usual folder'}` : `${host}:${port || '5432'}`;
  return `The database ${decodeURIComponent(pathname.slice(1))} was asked for as ${decodeURIComponent(username) || (searchParams.get('user') ?? 'nobody')} at ${at} (DATABASE_URL).`;
}

function fromDotEnv(cwd: string): Record<string, string | undefined> {
  const path = join(cwd, '.env');
  return existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {};
}

/** True when the hour field of a cron expression lets the job start between one and two o'clock. */
function runsAtOne(expression: string): boolean {
  const fields = expression.trim().split(/\s+/);
  // Nicknames: @daily and all longer ones are midnight.
  if (fields[0]?.startsWith('@')) return fields[0] === '@hourly';
  const hours = fields.at(-4) ?? '*';
  return hours.split(',').some((part) => {
    const [range = '*', step = '1'] = part.split('/');
    const [from, to] =
      range === '*'
        ? [0, 23]
        : [Number(range.split('-')[0]), Number(range.split('-')[1] ?? (part.includes('/') ? 23 : range.split('-')[0]))];
    // node-cron lets a range go on past midnight: 22-2 has one o'clock in it, as hour 25.
    const last = to < from ? to + 24 : to;
    return [1, 25].some((hour) => from <= hour && hour <= last && (hour - from) % Number(step) === 0);
  });
}
