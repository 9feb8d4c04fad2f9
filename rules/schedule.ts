/** The retention schedule: its YAML read, checked, and typed. What the policy says is all in the YAML, nothing here. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMap, isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { z } from 'zod';
import { CATEGORY_KINDS, withKinds } from './categories.ts';
import { isIsoDate, type IsoDate } from './dates.ts';
import type { Category } from './facts.ts';
import { mistakesIn, type Mistake } from './scheduleMistakes.ts';
import { slipsIn, type Shape } from './scheduleSlips.ts';

/** The events a period can run from. `financial_year_end` is the 31 March on or after the last entry. */
export const TRIGGERS = [
  'birth',
  'death',
  'adoption_order',
  'withdrawal',
  'closure',
  'approval_end',
  'notification',
  'financial_year_end',
] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** Dates that systems put in when they know none; a schedule that names none of its own has these. */
export const PLACEHOLDERS: readonly IsoDate[] = [
  '0001-01-01',
  '1753-01-01',
  '1899-12-30',
  '1899-12-31',
  '1900-01-01',
  '1901-01-01',
  '1970-01-01',
];
/** Those of them that nobody is born on: children were born on 1 January 1970. */
export const PLACEHOLDER_BIRTHS: readonly IsoDate[] = PLACEHOLDERS.filter((day) => day < '1902');

/** Ids and versions are parts of indexes and of the names of functions. */
const LONGEST_NAME = 60;
const LONGEST_WORDS = 2000;

const id = z
  .string()
  .regex(/^[a-z0-9-]+$/, 'use lower-case letters, digits and hyphens')
  .max(LONGEST_NAME);
const words = z
  .string()
  .trim()
  .min(1)
  .max(LONGEST_WORDS)
  .refine(
    (text) => !/(?![\n\t])[\p{Cc}\p{Cs}]/u.test(text),
    'leave out the control character, or half of a character, that no database stores',
  );
const isoDay = z.string().refine(isIsoDate, 'write a date as "yyyy-mm-dd", in quotes');
const years = z.number().int().min(1).max(200);
const trigger = z.enum(TRIGGERS);

const condition = z
  .strictObject({
    died: z.enum(['before_18', 'after_18']).optional(),
    child_placed: z.literal('no').optional(),
    any_of: z
      .array(z.enum(['died', 'withdrawn']))
      .min(1)
      .optional(),
  })
  .refine((when) => Object.values(when).some((part) => part !== undefined), {
    error: 'an empty condition says nothing; write died, child_placed or any_of, or leave "when" out for the rule of all other files',
  });

const interpretation = z.strictObject({ text: words, authority: words, confirmed: z.boolean() });

const ruleCommon = {
  id,
  category: z.string(),
  clause: z.tuple([words, words, words]),
  requires_closure: z.boolean(),
  appraise: z.enum(['individually', 'together']),
  interpretation: interpretation.optional(),
};

const timedRule = z.strictObject({
  ...ruleCommon,
  when: condition.optional(),
  keep_years: years,
  from: z.union([
    trigger,
    z.strictObject({ latest_of: z.array(trigger).min(2) }),
    z.strictObject({ latest_known_of: z.array(trigger).min(2) }),
  ]),
  adult_services_clause: z.literal(true).optional(),
  review: z.literal('youngest_child_18').optional(),
});

const permanentRule = z.strictObject({
  ...ruleCommon,
  permanent: z.literal(true),
  also_when_subject_poses_risk: z.literal(true).optional(),
});

const categoryName = z
  .string()
  .regex(/^[a-z_]+$/, 'use lower-case letters and underscores')
  .max(LONGEST_NAME);
const categoryCommon = { label: words, is: z.enum(CATEGORY_KINDS).optional(), formerly: z.array(categoryName).min(1).optional() };
const plainCategory = z.strictObject({ ...categoryCommon, child: z.never().optional(), adult_from_age: z.never().optional() });
const childCategory = z.strictObject({ ...categoryCommon, child: z.literal(true), adult_from_age: z.number().int().min(18).max(30) });

const minimumPeriod = z.strictObject({ order_from: isoDay.optional(), years, authority: words });
const statutoryMinimum = z.strictObject({
  category: z.string(),
  from: z.literal('adoption_order'),
  effect: z.enum(['block', 'caution']),
  periods: z.array(minimumPeriod).min(1),
});
const givenUp = z.strictObject({ protection: words, authority: words });
const historyLine = z.strictObject({ on: isoDay, what: words, rules: words, authority: words });

const scheduleShape = z.strictObject({
  schedule: id,
  version: z
    .string()
    .regex(/^[\w.-]+$/, 'use letters, digits, dots and hyphens, in quotes')
    .max(LONGEST_NAME),
  title: words,
  source: words,
  in_force_from: isoDay,
  history: z.array(historyLine).min(1),
  categories: z.record(categoryName, z.union([plainCategory, childCategory])),
  placeholders: z
    .array(isoDay)
    .min(1)
    .default(() => [...PLACEHOLDERS]),
  rules: z
    .array(z.union([permanentRule, timedRule]))
    .min(1)
    .max(63),
  statutory_minimum: statutoryMinimum.optional(),
  gives_up: z.array(givenUp).min(1).optional(),
});

/** Which form of what may stand at a place was meant, and which keys it has. */
const SHAPE: Shape = {
  meantAt(path, value) {
    const has = (key: string) => typeof value === 'object' && value !== null && Object.hasOwn(value, key);
    if (path.at(-1) === 'from') return typeof value !== 'object' || value === null ? 0 : has('latest_of') ? 1 : 2;
    if (path[0] === 'categories') return has('child') || has('adult_from_age') ? 1 : 0;
    return has('permanent') ? 0 : 1;
  },
  keysAt(path, value) {
    const meant = SHAPE.meantAt(path, value);
    if (path.at(-1) === 'when') return Object.keys(condition.shape);
    if (path.at(-1) === 'from') return ['latest_of', 'latest_known_of'];
    if (path.at(-1) === 'interpretation') return Object.keys(interpretation.shape);
    if (path[0] === 'rules') return Object.keys(meant === 0 ? permanentRule.shape : timedRule.shape);
    if (path[0] === 'categories') return Object.keys(meant === 0 ? plainCategory.shape : childCategory.shape);
    if (path[0] === 'history') return Object.keys(historyLine.shape);
    if (path[0] === 'gives_up') return Object.keys(givenUp.shape);
    if (path[0] === 'statutory_minimum') return Object.keys(path.length > 1 ? minimumPeriod.shape : statutoryMinimum.shape);
    return Object.keys(scheduleShape.shape);
  },
};

export type Schedule = z.infer<typeof scheduleShape>;
export type TimedRule = z.infer<typeof timedRule>;
export type PermanentRule = z.infer<typeof permanentRule>;
export type Rule = TimedRule | PermanentRule;
export type RuleCondition = z.infer<typeof condition>;

/** A mistake in a schedule file; the message names the file, the line and what to write instead. */
export class ScheduleError extends Error {
  override name = 'ScheduleError';
}

/** The file of the schedule that ships with the product: the policy's version of 9 June 2023. */
export const SHIPPED_SCHEDULE = fileURLToPath(new URL('./schedules/recording-policy-2023-06-09.yaml', import.meta.url));

/** The schedule that ships with the product, read and checked. */
export function shippedSchedule(): Schedule {
  return loadSchedule(SHIPPED_SCHEDULE);
}

/** Reads and checks one schedule file. Throws ScheduleError listing every mistake with its line. */
export function loadSchedule(path: string): Schedule {
  return parseSchedule(scheduleText(path), path);
}

/** The text of a schedule file. Throws ScheduleError where there is none, or with the first line that is not UTF-8. */
export function scheduleText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      const why =
        code === 'ENOENT'
          ? 'there is no such file'
          : code === 'EISDIR'
            ? 'this is a folder'
            : `it cannot be read (${code ?? String(error)})`;
      throw new ScheduleError(`${path}: ${why}. Name the YAML file of a schedule.`);
    }
    const replaced = readFileSync(path, 'utf8');
    const line = replaced.slice(0, replaced.indexOf('\ufffd')).split('\n').length;
    throw new ScheduleError(`${path}, line ${line}: not UTF-8. Save the file as UTF-8: as it is, words of the policy would be lost.`);
  }
}

/** As `loadSchedule`, from text; `name` is what the error messages call it. */
export function parseSchedule(text: string, name: string): Schedule {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const fail = (mistakes: { offset: number; message: string }[]): never => {
    throw new ScheduleError(mistakes.map(({ offset, message }) => `${name}, line ${lines.linePos(offset).line}: ${message}`).join('\n'));
  };
  if (text.includes('\0')) fail([{ offset: text.indexOf('\0'), message: 'a NUL character, which no database stores. Leave it out.' }]);
  if (document.errors.length > 0) fail(document.errors.map((e) => ({ offset: e.pos[0], message: `not YAML: ${e.message}` })));
  if (document.contents === null) fail([{ offset: 0, message: 'the file says nothing. Start from a copy of the schedule in force.' }]);
  const unusable = unusableNodes(document);
  if (unusable.length > 0) fail(unusable);

  const file: unknown = valuesOf(document, () =>
    fail([{ offset: 0, message: 'its aliases stand for too much. Write the values themselves.' }]),
  );
  const checked = scheduleShape.safeParse(file);
  const mistakes: Mistake[] = checked.success ? mistakesIn(checked.data) : slipsIn(checked.error.issues, file, SHAPE);
  if (mistakes.length > 0) fail(mistakes.map(({ path, message }) => ({ offset: offsetOf(document, path), message })));
  const schedule = checked.data as Schedule;
  return { ...schedule, categories: withKinds(schedule.categories) };
}

/** The parser gives up on aliases of aliases, by which a few lines become millions. */
function valuesOf(document: Document.Parsed, fail: () => never): unknown {
  try {
    return document.toJS();
  } catch (error) {
    if (error instanceof ReferenceError) return fail();
    throw error;
  }
}

/** What YAML allows and no schedule needs: an alias that stands for nothing, a key that objects have by themselves. */
function unusableNodes(document: Document.Parsed): { offset: number; message: string }[] {
  const found: { offset: number; message: string }[] = [];
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) === undefined)
        found.push({
          offset: alias.range?.[0] ?? 0,
          message: `*${alias.source} stands for nothing: no &${alias.source} is above. Write the value itself`,
        });
    },
    Pair: (_key, { key }) => {
      if (isScalar(key) && key.value === '__proto__')
        found.push({ offset: key.range?.[0] ?? 0, message: '"__proto__" is no key of a schedule: leave it out, or choose another name' });
    },
  });
  return found;
}

/** The rule of that id. Throws when the schedule has none: an id always comes from the same schedule. */
export function ruleById(schedule: Schedule, ruleId: string): Rule {
  const rule = schedule.rules.find((r) => r.id === ruleId);
  if (!rule) throw new Error(`Schedule ${schedule.version} has no rule "${ruleId}".`);
  return rule;
}

/** The rules of a category, those with a condition first: the first that applies is the one. */
export function rulesOf(schedule: Schedule, category: Category): Rule[] {
  const own = schedule.rules.filter((rule) => rule.category === category);
  return [...own.filter((rule) => 'when' in rule && rule.when), ...own.filter((rule) => !('when' in rule && rule.when))];
}

/** The clause as people read it: the kind of file and its period, in the policy's words. */
export function clauseWords(rule: Rule): string {
  return `${rule.clause[0]}: ${rule.clause[1]}`;
}

/** Where in the text the value at `path` stands, or the nearest thing around it. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const parent: unknown = document.getIn(path.slice(0, depth - 1), true) ?? document.contents;
    const key = path[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === key);
      if (pair && isScalar(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node = document.getIn(path.slice(0, depth), true) as { range?: [number, number, number] | null } | undefined;
    if (node?.range) return node.range[0];
  }
  return 0;
}
