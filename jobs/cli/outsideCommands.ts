/** Commands about what happens outside the computer: a file joins an adult's file, paper is moved, and what still waits. */
import {
  readWaiting,
  recordPaperMoved,
  recordReceipt,
  type RecordedOutside,
  type RecordingOutside,
  type WaitingFile,
} from '../../db/outside.ts';
import type { ArchiveStore } from '../../db/archiveStore.ts';
import type { Person } from '../../rules/people.ts';
import { shortDate } from '../../rules/dates.ts';
import type { CommonOptions, Context } from '../context.ts';
import { addArchivedCommands } from './archivedCommands.ts';
import { actingOnArchive, followedWords, type ArchiveCommand, type Followed } from './archiving.ts';
import { AS, AS_OF, declare, JSON_OUT, reading, table, type CommandLine } from './commands.ts';

/** Declares transfer received, paper done and waiting; and find, restore and certificate. */
export function addOutsideCommands(line: CommandLine): void {
  const transfer = {
    ...line,
    program: line.program.command('transfer').description('files that join the person’s file in Adult Services'),
  };
  declare(
    transfer,
    'received <file>',
    'record which adult’s file received a file; it leaves the register',
    'transfer received CF-000123 --as-file AS-77120 --as m.jones',
    [AS, AS_OF, JSON_OUT],
  )
    .requiredOption('--as-file <ref>', 'reference of the adult’s file; it stays in the residual record, so never a name')
    .action((fileRef: string, options: CommonOptions & { asFile: string }) =>
      actingOnArchive(
        line,
        options,
        recording('transfer_received', fileRef, (outside) => recordReceipt(fileRef, options.asFile, outside)),
      ),
    );
  const paper = { ...line, program: line.program.command('paper').description('the paper of files that are archived') };
  declare(
    paper,
    'done <file>',
    'record where the paper of a file was moved to; it leaves the register',
    'paper done CF-000123 --moved-to "County record office, box 12/881" --as m.jones',
    [AS, AS_OF, JSON_OUT],
  )
    .requiredOption('--moved-to <text>', 'where the paper is now; kept apart, for compliance alone')
    .action((fileRef: string, options: CommonOptions & { movedTo: string }) =>
      actingOnArchive(
        line,
        options,
        recording('paper_done', fileRef, (outside) => recordPaperMoved(fileRef, options.movedTo, outside)),
      ),
    );
  declare(line, 'waiting', 'bagged files that wait for a receipt or for their paper, longest first', 'waiting', [JSON_OUT]).action(
    (options: CommonOptions) => reading(line, options, ({ db }) => readWaiting(db), waitingWords),
  );
  addArchivedCommands(line);
}

function recording(
  what: string,
  fileRef: string,
  record: (outside: RecordingOutside) => Promise<RecordedOutside>,
): ArchiveCommand<RecordedOutside> {
  return {
    what,
    fileRef,
    act: (person, context, store) => record(recordingOf(person, context, store)),
    words: recordedWords,
    exitCode: ({ disagreement, taken_off }) => (disagreement || taken_off !== null ? 1 : 0),
  };
}

function recordingOf(person: Person, { db, schedule, settings, asOf }: Context, store: ArchiveStore): RecordingOutside {
  return { db, schedule, store, documentRoot: settings.documentRoot, archiving: settings.archiving, person, asOf };
}

function recordedWords(result: RecordedOutside & Followed): string {
  const { file_ref, list, status, list_state, disagreement, taken_off } = result;
  if (taken_off !== null)
    return `Nothing was recorded, and ${file_ref} came off list ${list}: ${taken_off}. The next night lists it with what is there now, where it may be. ${followedWords(result)}`;
  if (disagreement)
    return `${file_ref} stays where it is, and nothing was recorded: our two calculations gave different answers. The file is blocked and the brake "disagreement" is on; "retention brake list" says what to do.`;
  const after = status === 'waiting_for_paper' ? 'It waits for its paper now: retention paper done.' : `It is ${status}.`;
  return `Recorded for ${file_ref}. ${after} List ${list} is ${list_state.replaceAll('_', ' ')}. ${followedWords(result)}`;
}

function waitingWords(files: WaitingFile[]): string {
  if (files.length === 0) return 'Nothing waits outside the computer.';
  return table(
    ['file', 'list', 'waits for', 'since', 'rule', 'received as'],
    files.map((file) => [
      file.file_ref,
      file.list,
      file.waits_for === 'receipt' ? 'a receipt by Adult Services' : 'its paper',
      shortDate(file.since),
      file.rule,
      file.adult_file_ref,
    ]),
  );
}
