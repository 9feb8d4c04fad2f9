/** Commands about evidence: the audit chain. */
import { readEvents, verifyChain, type ChainState, type NotedHead } from '../../db/audit.ts';
import { notedDigest, readExport, readNotedHeads, writeExport } from '../auditFile.ts';
import { withContext, type CommonOptions } from '../context.ts';
import { declare, JSON_OUT, print, printable, type CommandLine } from './commands.ts';

interface VerifyOptions extends CommonOptions {
  report?: string[];
  head?: string[];
}
type Verified = ChainState & { heads: NotedHead[] };

/** Declares audit verify and audit export. */
export function addEvidenceCommands(line: CommandLine): void {
  const program = line.program.command('audit').description('everything done and refused, chained by hash');
  const audit = { ...line, program };
  declare(
    audit,
    'verify [file]',
    'prove that no event was changed, removed, added or swapped; a file needs no database',
    'audit verify audit.jsonl --report /srv/reports/2026-11-22',
    [JSON_OUT],
  )
    .option('--report <folder...>', 'the folder of a report, or of all of them: prove that the chain still contains what each noted of it')
    .option('--head <digest...>', 'the hash of an event, noted anywhere: prove that the chain still contains it')
    .addHelpText(
      'after',
      `
A chain proves by itself that nothing in it was changed. That nothing was cut off its end, and that it was not made anew as
a whole, only a head proves that was noted earlier and kept elsewhere: each night's report holds one.
Exit 0 when the chain is whole, 1 when it is not, 2 when the file is none that was exported.`,
    )
    .action(async (file: string | undefined, options: VerifyOptions) => {
      const heads = await headsOf(options);
      if (file !== undefined) {
        show(line, { around: line.around, rehearsal: false }, options, { ...(await verifyChain(readExport(file), heads)), heads });
        return;
      }
      await withContext(line.around, options, 'read', async (context) =>
        show(line, context, options, { ...(await verifyChain(readEvents(context.db), heads)), heads }),
      );
    });
  declare(
    audit,
    'export <file>',
    'write the chain, one event a line, so that it can be proved elsewhere',
    'audit export audit.jsonl',
    [],
  ).action((file: string, options: CommonOptions) =>
    withContext(line.around, options, 'read', async ({ db }) => {
      const { events, head } = await writeExport(file, readEvents(db));
      line.around.stdout.write(`Written to ${file}: ${events} events. Head: ${head}\n`);
    }),
  );
}

async function headsOf({ report = [], head = [] }: VerifyOptions): Promise<NotedHead[]> {
  const reported: NotedHead[] = [];
  for (const place of report) reported.push(...(await readNotedHeads(place)));
  return [...reported, ...head.map(notedDigest)];
}

function show(line: CommandLine, context: Parameters<typeof print>[0], options: CommonOptions, verified: Verified): void {
  print(context, options, verified, verifiedWords);
  line.exitWith(verified.faults.length === 0 ? 0 : 1);
}

function verifiedWords({ events, head, faults, heads }: Verified): string {
  if (faults.length > 0) return `The chain is broken:\n${faults.map(printable).join('\n')}`;
  const contained = heads.map(({ where, events: then }) => `It contains ${where}${then === null ? '' : `, event ${then}`}.`);
  return [`The chain is whole: ${events} events. Head: ${head}`, ...contained].join('\n');
}
