/** The retention schedule: its YAML read, checked, and typed. What the policy says is all in the YAML, nothing here. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { isIsoDate, type IsoDate } from './dates.ts';
import type { Category } from './facts.ts';
import { mistakesIn } from './scheduleMistakes.ts';

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

const id = z.string().regex(/^[a-z0-9-]+$/, 'use lower-case letters, digits and hyphens');
const words = z.string().trim().min(1);
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

const scheduleShape = z.strictObject({
  schedule: id,
  version: z.string().regex(/^[\w.-]+$/, 'use letters, digits, dots and hyphens, in quotes'),
  title: words,
  source: words,
  in_force_from: isoDay,
  history: z.array(z.strictObject({ on: isoDay, what: words, rules: words, authority: words })).min(1),
  categories: z.record(
    z.string().regex(/^[a-z_]+$/, 'use lower-case letters and underscores'),
    z.union([
      z.strictObject({ label: words }),
      z.strictObject({ label: words, child: z.literal(true), adult_from_age: z.number().int().min(18).max(30) }),
    ]),
  ),
  placeholders: z
    .array(isoDay)
    .min(1)
    .default(() => [...PLACEHOLDERS]),
  rules: z
    .array(z.union([permanentRule, timedRule]))
    .min(1)
    .max(63),
  statutory_minimum: z
    .strictObject({
      category: z.string(),
      from: z.literal('adoption_order'),
      effect: z.enum(['block', 'caution']),
      periods: z.array(z.strictObject({ order_from: isoDay.optional(), years, authority: words })).min(1),
    })
    .optional(),
});

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
  return parseSchedule(readFileSync(path, 'utf8'), path);
}

/** As `loadSchedule`, from text; `name` is what the error messages call it. */
export function parseSchedule(text: string, name: string): Schedule {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (offset: number) => `${name}, line ${lines.linePos(offset).line}`;
  if (document.errors.length > 0) {
    throw new ScheduleError(document.errors.map((e) => `${at(e.pos[0])}: not YAML: ${e.message}`).join('\n'));
  }
  const checked = scheduleShape.safeParse(document.toJS());
  const mistakes = checked.success
    ? mistakesIn(checked.data)
    : checked.error.issues.map((issue) => ({ path: issue.path, message: issueWords(issue) }));
  if (mistakes.length > 0) {
    throw new ScheduleError(mistakes.map((m) => `${at(offsetOf(document, m.path))}: ${m.message}`).join('\n'));
  }
  return checked.data as Schedule;
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

function issueWords(issue: z.core.$ZodIssue): string {
  const where = issue.path.length > 0 ? issue.path.join('.') : 'the schedule';
  if (issue.code !== 'invalid_union') return `${where}: ${issue.message}`;
  const closest = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
  return `${where}: ${closest.map((i) => `${i.path.join('.')} ${i.message}`.trim()).join('; ') || issue.message}`;
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
