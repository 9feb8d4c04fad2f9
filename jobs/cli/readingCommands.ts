/** Commands that read: why this date, which lists, what ran. */
import { PassThrough, type Writable } from 'node:stream';
import { copyDeterminations } from '../../db/determinationsCsv.ts';
import { explainFile } from '../../db/explain.ts';
import { everyItem, oneList, sendBacks, type ListedItem, type SendBack } from '../../db/listPages.ts';
import { readLists, type ListSummary } from '../../db/lists.ts';
import { standingWords, whatStands, type Standing } from '../../db/standing.ts';
import { latestRuns } from '../../db/runs.ts';
import type { Block } from '../../rules/checks.ts';
import { shortDate } from '../../rules/dates.ts';
import { documentNumbers } from '../../rules/words.ts';
import { LIST_STATES } from '../../rules/workflow.ts';
import { writeWholeBy } from '../../reports/csv.ts';
import { explanationText } from '../../reports/explanation.ts';
import { withContext, type CommonOptions } from '../context.ts';
import { AS_OF, declare, JSON_OUT, printable, reading, readNumber, readWord, refuseReader, table, type CommandLine } from './commands.ts';

/** Declares explain, determinations, lists, show and runs. */
export function addReadingCommands(line: CommandLine): void {
  declare(line, 'explain <file>', 'why this date: the whole story of one file', 'explain CF-000123', [AS_OF, JSON_OUT]).action(
    (fileRef: string, options: CommonOptions) =>
      reading(
        line,
        options,
        ({ db, schedule, asOf }) => explainFile(db, schedule, asOf, fileRef),
        (story) => printable(explanationText(story)),
      ),
  );

  declare(line, 'determinations', 'every file with its date, blocks and cautions, as CSV', 'determinations --out determinations.csv', [
    AS_OF,
  ])
    .option('--out <file>', 'the file to write; standard output otherwise')
    .action((options: CommonOptions & { out?: string }) =>
      withContext(line.around, options, 'read', async (context) => {
        const { db, schedule, asOf } = context;
        await refuseReader(context);
        const copyTo = (output: Writable) => copyDeterminations(db, schedule, asOf, output);
        await (options.out ? writeWholeBy(options.out, copyTo) : copyTo(through(line.around.stdout)));
        if (options.out) line.around.stdout.write(`Written to ${options.out}.\n`);
      }),
    );

  declare(line, 'lists', 'disposal lists, newest first', 'lists --state for_sign_off', [JSON_OUT])
    .option('--state <state>', `only those that are ${LIST_STATES.join(', ')}`)
    .action((options: CommonOptions & { state?: string }) => {
      const state = options.state === undefined ? undefined : readWord(options.state, LIST_STATES, 'A state');
      return reading(line, options, ({ db }) => readLists(db, state), listsWords);
    });

  declare(line, 'show <list>', 'one disposal list with its items', 'show 12', [AS_OF, JSON_OUT]).action(
    (list: string, options: CommonOptions) => {
      const id = readNumber(list, 'The number of a list');
      return reading(
        line,
        options,
        async ({ db, schedule, asOf, rehearsal }) => {
          const items = await everyItem(db, id);
          const binding = items.filter((item) => item.binding).map((item) => item.file_ref);
          const list = { ...(await oneList(db, id)), send_backs: await sendBacks(db, id) };
          return listAsJson(list, items, await whatStands(db, schedule, asOf, binding), rehearsal);
        },
        showWords,
      );
    },
  );

  declare(line, 'runs', 'the run ledger, newest first', 'runs', [JSON_OUT]).action((options: CommonOptions) =>
    reading(
      line,
      options,
      ({ db }) => latestRuns(db, 30),
      (runs) =>
        table(
          ['run', 'kind', 'as of', 'outcome', 'error'],
          runs.map((run) => [run.id, run.kind, shortDate(run.as_of), run.outcome, run.error]),
        ),
    ),
  );
}

/** `blocks` and `holds` are what stands in the way as of this second, of files that something may still happen to. */
type ShownItem = Omit<ListedItem, 'cautions' | 'list_id' | 'closed_on'> & {
  cautions: string[];
  acknowledged: string[];
  blocks: Block[];
  holds: Standing['holds'];
};
type ShownList = ListSummary & { send_backs: SendBack[]; rehearsal: boolean; list_items: ShownItem[] };

function listAsJson(
  list: ListSummary & { send_backs: SendBack[] },
  items: ListedItem[],
  standing: ReadonlyMap<string, Standing>,
  rehearsal: boolean,
): Omit<ShownList, 'items' | 'list_items'> & { items: ShownItem[] } {
  return {
    ...list,
    rehearsal,
    items: items.map(({ list_id: _list, closed_on: _closed, cautions, ...item }) => ({
      ...item,
      cautions: cautions.map((caution) => caution.caution),
      acknowledged: cautions.filter((caution) => caution.acknowledged_by !== null).map((caution) => caution.caution),
      blocks: standing.get(item.file_ref)?.blocks ?? [],
      holds: standing.get(item.file_ref)?.holds ?? [],
    })),
  };
}

function listsWords(lists: ListSummary[]): string {
  if (lists.length === 0) return 'There are no disposal lists. "retention nightly" makes them when files are due.';
  return table(
    ['list', 'state', 'rule', 'action', 'files', 'listed on', 'signed by'],
    lists.map((list) => [
      list.id,
      list.state.replaceAll('_', ' '),
      list.rule,
      list.action,
      list.items,
      shortDate(list.listed_on),
      list.signed_by,
    ]),
  );
}

function showWords(list: ReturnType<typeof listAsJson>): string {
  const rows = list.items.map((item) => [
    item.file_ref,
    item.anchor_on ? shortDate(item.anchor_on) : item.anchor_year,
    item.retain_until ? shortDate(item.retain_until) : item.retain_year,
    [
      ...(item.blocks.length > 0 ? [`CANNOT GO NOW: ${standingWords(item)}`] : []),
      ...releasedWords(item),
      ...item.cautions.map((caution) => `${caution}${cautionWords(item, caution)}`),
    ].join('\n'),
    `${item.status.replaceAll('_', ' ')}${item.decided_by ? `\nby ${item.decided_by}` : ''}${item.note ? `\n${printable(item.note)}` : ''}${item.status_reason ? `\n${item.status_reason}` : ''}`,
  ]);
  return [
    `List ${list.id}: ${list.rule}, ${list.action}, ${list.state.replaceAll('_', ' ')}, listed on ${shortDate(list.listed_on)}`,
    ...(list.signed_by
      ? [`Signed off by ${list.signed_by} on ${shortDate(list.signed_on ?? '')}, cooling-off ${list.cooling_off_days} days`]
      : []),
    ...list.send_backs.map(
      ({ sent_back_by, sent_back_on, reason }) => `Sent back by ${sent_back_by} on ${shortDate(sent_back_on)}: ${printable(reason)}`,
    ),
    table(['file', 'from', 'kept until', 'cautions', 'status'], rows),
    `Digest: ${list.digest}`,
  ].join('\n');
}

function cautionWords({ acknowledged, cautions_done, unread }: ShownItem, caution: string): string {
  const done = cautions_done.find((one) => one.caution === caution);
  const said = [
    ...(caution === 'document_unread' && unread !== null ? [documentNumbers(unread)] : []),
    ...(acknowledged.includes(caution) ? ['acknowledged'] : []),
    ...(done ? [`done on ${shortDate(done.on)} by ${done.by}`] : []),
  ];
  return said.length > 0 ? ` (${said.join('; ')})` : '';
}

/** Why a file that was due long ago is on a list only now. */
function releasedWords({ released_holds }: ShownItem): string[] {
  return released_holds.map((hold) => `newly eligible because hold ${hold} was released`);
}

/** Standard output must stay open when the copy ends. */
function through(stdout: NodeJS.WritableStream): PassThrough {
  const pass = new PassThrough();
  pass.pipe(stdout, { end: false });
  return pass;
}
