/** What the doctor says: findings, and those about the server and where this process runs. Pure, each with what to do next. */
import type { ServerHealth } from '../../db/health.ts';
import type { Installation } from '../../db/installation.ts';
import { shortDate, type IsoDate } from '../../rules/dates.ts';

export interface Finding {
  check: string;
  level: 'ok' | 'warning' | 'fault';
  says: string;
  next: string | null;
}

/** Where this process runs, and under which settings. */
export interface Circumstance {
  asOf: IsoDate;
  maxAgeDays: number;
  coolingOffDays: number;
  embedded: boolean;
  asRoot: boolean;
  /** Milliseconds since 1970 by this machine's clock. */
  machineNow: number;
  machineToday: IsoDate;
}

const CLOCKS_DIFFER_MS = 60 * 1000;

export function ok(check: string, says: string): Finding {
  return { check, level: 'ok', says, next: null };
}

export function warning(check: string, says: string, next: string): Finding {
  return { check, level: 'warning', says, next };
}

export function fault(check: string, says: string, next: string): Finding {
  return { check, level: 'fault', says, next };
}

/** The server itself: its version, and whether this release's tables are in it. */
export function serverFindings({ version, migrations, guards, otherSettings }: ServerHealth): Finding[] {
  const database = ok('database', `PostgreSQL ${version} answers.`);
  if (migrations.unknown.length > 0)
    return [
      database,
      fault(
        'migrations',
        `A later release has changed this database (${migrations.unknown.join(', ')}).`,
        'Install that release again; this one may damage what it does not know.',
      ),
    ];
  if (migrations.none)
    return [
      database,
      warning(
        'migrations',
        'The database has no tables yet.',
        'The first command makes them: retention nightly, or retention restore-backup FILE.',
      ),
    ];
  if (migrations.missing.length > 0)
    return [
      database,
      warning(
        'migrations',
        `${migrations.missing.length} migrations of this release have not run.`,
        'Back up first, with the release that ran until now ("retention backup FILE"): the next command of this one runs them before anything else.',
      ),
    ];
  return [database, sessionFinding(otherSettings), ok('migrations', 'All migrations of this release have run.'), ...guardFindings(guards)];
}

/** No fault, for each connection of ours sets them; who else works on this database should know of them. */
function sessionFinding(others: ServerHealth['otherSettings']): Finding {
  const all = 'Every connection of the product sets for itself what it relies on';
  if (others.length === 0) return ok('connection', `${all}.`);
  const said = others.map(({ name, value, by }) => `${name} (the ${by} has "${value}")`).join(', ');
  return ok('connection', `${all}, among it what is set otherwise here: ${said}.`);
}

function guardFindings({ installed, switchedOff }: ServerHealth['guards']): Finding[] {
  if (switchedOff.length > 0)
    return [
      fault(
        'guards',
        `Somebody switched off what the database refuses by itself: ${some(switchedOff)}.`,
        'Find out who and why; then run "retention migrate" as the owner, and "retention audit verify".',
      ),
    ];
  if (installed) return [ok('guards', 'The database refuses by itself what the rules forbid.')];
  return [
    warning(
      'guards',
      'What the database refuses by itself is not that of this release, or lacks a version of the schedule: nothing is listed or archived under it.',
      'Run "retention migrate" with the role that owns the tables.',
    ),
  ];
}

/** Whether a live database is kept as one should be; the threat model of the architecture says why. */
export function safetyFindings({ kind }: Installation, server: ServerHealth, where: Circumstance): Finding[] {
  if (kind === 'rehearsal') return [ok('installation', 'This is a rehearsal.')];
  const findings: Finding[] = [];
  if (where.embedded)
    findings.push(
      warning(
        'installation',
        'This live database is the embedded one: whoever runs it owns it, and can rewrite it.',
        'For real use set DATABASE_URL to a PostgreSQL server that others look after.',
      ),
    );
  else if (server.powers.length > 0)
    findings.push(
      warning(
        'installation',
        `This live database is reached with too much power: ${server.user} ${server.powers.join(', ')}.`,
        'Reach it with a role that owns nothing, as the README sets up; keep the owner for "retention migrate", and each night’s audit head outside.',
      ),
    );
  if (server.forgets.length > 0)
    findings.push(
      warning(
        'installation',
        `The server has ${server.forgets.join(' and ')} off: after a power cut it can forget or damage what it had confirmed, and sources are removed on its word.`,
        'Have an administrator of the server set it to on in postgresql.conf and reload.',
      ),
    );
  if (where.asRoot)
    findings.push(
      warning(
        'installation',
        'This process runs as root.',
        'Run the service as a user of its own, who owns RETENTION_HOME and the archive.',
      ),
    );
  if (where.coolingOffDays < 1)
    findings.push(
      fault('settings', 'COOLING_OFF_DAYS is 0, and a live database refuses to run so.', 'Set COOLING_OFF_DAYS to at least 1.'),
    );
  return findings.length > 0 ? findings : [ok('installation', 'This is a live database.')];
}

/** The machine's clock against the database's: nothing is archived early by a wrong one, but nights are refused. */
export function clockFindings({ kind }: Installation, server: ServerHealth, { machineNow, machineToday }: Circumstance): Finding[] {
  const apart = Math.round(Math.abs(machineNow - server.now) / 1000);
  if (apart * 1000 <= CLOCKS_DIFFER_MS)
    return [ok('clocks', `Machine and database agree that it is ${shortDate(server.today)} in London.`)];
  const says = `The clocks of this machine (${shortDate(machineToday)}) and the database (${shortDate(server.today)}) are ${apart} seconds apart.`;
  const next = 'Set both by a time service.';
  return [kind === 'live' && machineToday !== server.today ? fault('clocks', says, next) : warning('clocks', says, next)];
}

/** The first few of many, and how many more there are. */
export function some(names: readonly string[]): string {
  const most = 10;
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}
