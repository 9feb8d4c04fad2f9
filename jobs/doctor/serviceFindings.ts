/** What the doctor says of nights, register, people and evidence, from what the database knows. Pure. */
import type { RegisterHealth, ServiceHealth } from '../../db/health.ts';
import type { Differences } from '../../db/identity.ts';
import type { Installation } from '../../db/installation.ts';
import { addDays, shortDate, type IsoDate } from '../../rules/dates.ts';
import type { Wait } from '../../db/waits.ts';
import { WAITS_TOO_LONG_AFTER_DAYS } from '../../rules/workflow.ts';
import { brakeWords } from '../brakeWords.ts';
import { LOST_OUTPUT_NEXT, lostOutputWords, type LostOutput } from '../output.ts';
import { fault, ok, some, warning, type Circumstance, type Finding } from './findings.ts';

const EXPIRES_SOON_MS = 14 * 24 * 60 * 60 * 1000;

/** When extracts and nights last came, how the last night ended, and which brakes are on. */
export function nightFindings(service: ServiceHealth, where: Circumstance): Finding[] {
  return [
    ageFinding('extract', 'extract', service.lastImported, where),
    ageFinding('night', 'successful night', service.lastNight, where),
    ...lastRunFindings(service),
    ...(service.brakes.length === 0 ? [ok('brakes', 'No brake is on.')] : service.brakes.map((brake) => brakeFinding(brake))),
  ];
}

/** Every file once, by a schedule that is known, and by both calculations alike. */
export function registerFindings(register: RegisterHealth, versionInForce: string): Finding[] {
  const { files, determined, versions, danglingSubjects, openDisagreements, sample } = register;
  const others = versions.filter(({ version }) => version !== versionInForce);
  return [
    files === determined && files === versions.reduce((sum, version) => sum + version.files, 0)
      ? ok('determinations', `${files} files, each with one determination.`)
      : files > determined
        ? fault('determinations', `${files - determined} of ${files} files have no determination.`, 'Run "retention compute".')
        : fault(
            'determinations',
            `${files} files, but their determinations do not add up to them.`,
            'Restore the latest backup into an empty database.',
          ),
    others.length === 0
      ? ok('schedule', `Version ${versionInForce} is in force.`)
      : warning(
          'schedule',
          `Version ${versionInForce} is in force, but ${others.map(({ version, files: n }) => `${n} files are determined by ${version}`).join(', ')}.`,
          'Run "retention compute", or wait for the night.',
        ),
    danglingSubjects === 0
      ? ok('subjects', 'Every subject of a file is in the register.')
      : fault(
          'subjects',
          `${danglingSubjects} files name a person who is not in the register.`,
          'Import a complete extract; until then their dates may be wrong, so put a hold on everything.',
        ),
    openDisagreements === 0
      ? ok('disagreements', 'No file is blocked because the two calculations differ.')
      : warning(
          'disagreements',
          `${openDisagreements} files are blocked because the two calculations differ.`,
          'Send "retention explain FILE_REF" of one to who maintains this product.',
        ),
    sampleFinding(sample),
  ];
}

/** What has waited for people too long, by the same count as home's, with what to do. A disagreement is a finding of the register. */
const OVERDUE_WORDS: Record<
  Exclude<Wait, 'disagreements' | 'releases' | 'referrals'>,
  [check: string, says: (n: number) => string, next: string]
> = {
  holds_due: ['holds', (n) => `Holds due for review: ${n}.`, 'See "retention hold list --due"; ask for the release of those that ended.'],
  holds_that_lost: [
    'holds',
    (n) => `Holds in force that lost files they covered, or cover nothing any more, because a reference changed or a link went: ${n}.`,
    'See "retention hold list"; place a hold on the new reference, then "retention confirm FILE_REF --reason …".',
  ],
  reviews: [
    'reviews',
    (n) => `Safeguarding Unit reviews that are due: ${n}.`,
    'See "retention review list"; record each with "retention review done".',
  ],
  originals: [
    'originals',
    (n) => `Files with originals that should be back with the person: ${n}.`,
    'See "retention originals list"; record each with "retention originals returned".',
  ],
  removals: [
    'removals',
    (n) => `Archived files that are still in the source system: ${n}.`,
    'Have them deleted there: removals.csv of the morning’s report names them.',
  ],
  receipts: [
    'waiting',
    (n) => `Files that have waited more than ${WAITS_TOO_LONG_AFTER_DAYS} days for a receipt: ${n}.`,
    'See "retention waiting"; record what happened with "transfer received".',
  ],
  paper: [
    'waiting',
    (n) => `Files that have waited more than ${WAITS_TOO_LONG_AFTER_DAYS} days for their paper: ${n}.`,
    'See "retention waiting"; record what happened with "paper done".',
  ],
  lists_to_decide: [
    'lists',
    (n) => `Disposal lists that have been undecided for more than ${WAITS_TOO_LONG_AFTER_DAYS} days: ${n}.`,
    'See "retention lists --state for_decision"; decide on them, or cancel them.',
  ],
  lists_to_sign: [
    'lists',
    (n) => `Disposal lists that have waited more than ${WAITS_TOO_LONG_AFTER_DAYS} days for a signature: ${n}.`,
    'See "retention lists --state for_sign_off"; sign them, or send them back.',
  ],
};

/** What only people can do. */
export function peopleFindings({ kind }: Installation, service: ServiceHealth, now: number): Finding[] {
  const findings = (Object.keys(OVERDUE_WORDS) as (keyof typeof OVERDUE_WORDS)[]).flatMap((wait) => {
    const { overdue } = service.waits[wait];
    const [check, says, next] = OVERDUE_WORDS[wait];
    return overdue === 0 ? [] : [warning(check, says(overdue), next)];
  });
  findings.push(...nameFindings(service));
  const expired = service.secrets.filter(({ expires_at }) => expires_at === null || expires_at.getTime() <= now).map(({ user }) => user);
  const soon = service.secrets
    .filter(({ expires_at }) => expires_at !== null && expires_at.getTime() > now && expires_at.getTime() < now + EXPIRES_SOON_MS)
    .map(({ user }) => user);
  if (kind === 'live' && expired.length > 0)
    findings.push(
      warning(
        'tokens',
        `Without a token in force: ${some(expired)}.`,
        'An admin adds them again ("retention users add"), and they enrol with the new code.',
      ),
    );
  if (kind === 'live' && soon.length > 0)
    findings.push(warning('tokens', `Their token expires within two weeks: ${some(soon)}.`, 'An admin adds them again before that.'));
  return findings.length > 0 ? findings : [ok('people', 'Nothing waits longer than it should.')];
}

/** Whether this is the very database whose folders and reports these are. */
export function identityFindings({ words }: Differences): Finding[] {
  if (words.length === 0) return [ok('identity', 'Its folders and its last report know this database.')];
  return [
    fault(
      'identity',
      `This database is a copy, or comes from before: ${words.join('; ')}.`,
      'Find out which database is to go on, and stop the nights of the other. In this one the brake "restored" stops listing and archiving: confirm what it names, then an authoriser releases it.',
    ),
  ];
}

/** Added before names were compared: one person may have two of them, and count as two. */
function nameFindings({ names: { alike, unusable } }: ServiceHealth): Finding[] {
  const next = 'Add each person under a name of their own ("retention users add"), and close the other accounts on the site’s people page.';
  return [
    ...(alike.length > 0
      ? [warning('user names', `Nobody can tell these user names apart: ${some(alike.map((names) => names.join(' and ')))}.`, next)]
      : []),
    ...(unusable.length > 0 ? [warning('user names', `These user names could be taken for others: ${some(unusable)}.`, next)] : []),
  ];
}

/** Whether the evidence is whole, and what of archived files is still at the source. */
export function evidenceFindings({ chain, sources, sourcesAgain }: ServiceHealth): Finding[] {
  return [
    chain.faults.length === 0
      ? ok('audit', `The audit chain is whole: ${chain.events} events, head ${chain.head}.`)
      : fault(
          'audit',
          `The audit chain is broken: ${chain.faults.slice(0, 3).join('; ')}.`,
          'Keep this database as it is, stop the nights, and find out who changed it; the heads in earlier reports say since when.',
        ),
    sources.failed > 0
      ? warning(
          'sources',
          `${sources.failed} source documents of archived files could not be removed.`,
          'Each night tries again; check that the document root is writable and that nobody has changed them.',
        )
      : ok(
          'sources',
          sources.toRemove > 0
            ? `${sources.toRemove} source documents are removed by the next night.`
            : 'No source document waits to be removed.',
        ),
    ...sourcesAgain.map(({ file_ref, documents, since }) =>
      warning(
        'sources',
        `${documents} source documents of ${file_ref} were removed and lie under the document root again, since ${shortDate(since)} or before.`,
        'Find out what brought them back, as a share restored from its backup does, and remove them: they are in the bag of their file.',
      ),
    ),
  ];
}

function ageFinding(check: string, what: string, last: IsoDate | null, { asOf, maxAgeDays }: Circumstance): Finding {
  if (last === null) return warning(check, `There was no ${what} yet.`, 'Run "retention nightly --import DIR".');
  const says = `The last ${what} was on ${shortDate(last)}.`;
  if (last < addDays(asOf, -maxAgeDays))
    return fault(
      check,
      `${says} That is more than MAX_AGE_DAYS (${maxAgeDays}) ago.`,
      'Find out why none came; the next night will stop with the brake "stale".',
    );
  if (last < addDays(asOf, -2)) return warning(check, says, 'Find out why none came since.');
  return ok(check, says);
}

function lastRunFindings({ latestNight, abandonedRuns }: ServiceHealth): Finding[] {
  const findings: Finding[] = [];
  if (latestNight?.outcome === 'failed' || latestNight?.outcome === 'interrupted')
    findings.push(
      fault(
        'last night',
        `The night of ${shortDate(latestNight.as_of)} ${latestNight.outcome === 'failed' ? `failed: ${latestNight.error ?? ''}` : 'was interrupted.'}`,
        'Put right what it names, then run "retention nightly" again.',
      ),
    );
  const lost = lostOutputWords(latestNight?.counts['output_lost'] as LostOutput | undefined);
  if (lost !== null) findings.push(warning('log', `Of the last night: ${lost}`, LOST_OUTPUT_NEXT));
  if (abandonedRuns.length > 0)
    findings.push(
      warning(
        'runs',
        `Runs ${some(abandonedRuns.map(String))} are entered as running, but their process is gone.`,
        'The next run marks them as interrupted and finishes what they left.',
      ),
    );
  return findings.length > 0 ? findings : [ok('runs', 'No run failed lately, and none was left half-way.')];
}

function brakeFinding({ name, tripped_on, details }: ServiceHealth['brakes'][number]): Finding {
  const [says = '', next = ''] = brakeWords(name, details).split(/(?<=\)\.) /);
  return warning('brakes', `${says} Since ${shortDate(tripped_on)}.`, next);
}

function sampleFinding(sample: RegisterHealth['sample']): Finding {
  if (sample === null)
    return warning(
      'both calculations',
      'The latest facts have not been determined yet, so no sample was tried.',
      'Run "retention compute", then this again.',
    );
  if (sample.differ.length === 0) return ok('both calculations', `They agree on a sample of ${sample.checked} files.`);
  return fault(
    'both calculations',
    `They differ on ${sample.differ.length} of ${sample.checked} files: ${some(sample.differ)}.`,
    'Put a hold on everything, and send "retention explain FILE_REF" of one to who maintains this product.',
  );
}
