/** The run ledger: what a night did is never rewritten, and one that does not account for every file did not succeed. */
import { neverDeleted, refuseIf, type Guard } from './guard.ts';

export const NIGHT_GUARDS: readonly Guard[] = [
  {
    table: 'runs',
    name: 'runs_are_never_rewritten',
    fires: 'before update',
    body: `${refuseIf('old.finished_at is not null', 'run % ended, and what it did is never rewritten', 'Run the night again; each run is a row of its own.', ['old.id'])}
      ${refuseIf(
        `new.kind = 'nightly' and new.outcome in ('succeeded', 'repeated') and (select count(*) from case_files) <> (select count(*) from determinations)`,
        'a night is accounted for: every file in the register has exactly one determination',
        'Run "retention doctor"; nothing is listed or archived meanwhile.',
      )}`,
  },
  neverDeleted('runs', 'runs', 'Each run is a row of its own.'),
];
