/** Commands about evidence: the audit chain. */
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readEvents, verifyChain, type AuditEvent, type ChainState } from '../../db/audit.ts';
import { withContext, type CommonOptions } from '../context.ts';
import { UsageError } from '../settings.ts';
import { declare, JSON_OUT, print, type CommandLine } from './commands.ts';

/** Declares audit verify and audit export. */
export function addEvidenceCommands(line: CommandLine): void {
  const program = line.program.command('audit').description('everything done and refused, chained by hash');
  const audit = { ...line, program };
  declare(audit, 'verify [file]', 'prove that no event was changed, removed, added or swapped; a file needs no database', 'audit verify', [
    JSON_OUT,
  ]).action(async (file: string | undefined, options: CommonOptions) => {
    if (file !== undefined) {
      show(line, { around: line.around, rehearsal: false }, options, await verifyChain(eventsOfFile(file)));
      return;
    }
    await withContext(line.around, options, 'read', async (context) =>
      show(line, context, options, await verifyChain(readEvents(context.db))),
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
      await pipeline(Readable.from(jsonLines(readEvents(db))), createWriteStream(file, { mode: 0o600, flags: 'wx' }));
      line.around.stdout.write(`Written to ${file}.\n`);
    }),
  );
}

function show(line: CommandLine, context: Parameters<typeof print>[0], options: CommonOptions, state: ChainState): void {
  print(context, options, state, ({ events, head, faults }) =>
    faults.length === 0 ? `The chain is whole: ${events} events. Head: ${head}` : `The chain is broken:\n${faults.join('\n')}`,
  );
  line.exitWith(state.faults.length === 0 ? 0 : 1);
}

async function* jsonLines(events: AsyncIterable<AuditEvent>): AsyncGenerator<string> {
  for await (const event of events) yield `${JSON.stringify(event)}\n`;
}

async function* eventsOfFile(file: string): AsyncGenerator<AuditEvent> {
  let number = 0;
  for await (const text of createInterface({ input: createReadStream(file) })) {
    number++;
    try {
      yield JSON.parse(text) as AuditEvent;
    } catch {
      throw new UsageError(`${file}, line ${number}, is not an event. Give the file that "retention audit export" wrote.`);
    }
  }
}
