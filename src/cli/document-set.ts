/** Sets of documents, as they are written and as they are in the cluster: what is wrong in one, and how two differ. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { nearest } from '../core/nearest.ts';
import { type Defaults, defaultsOf, defaultsSchema, effectivePlan } from '../domain/defaults.ts';
import { wrongLinesOf } from '../domain/invalid.ts';
import { type PlanDocument, planDocumentSchema } from '../domain/plan.ts';
import { type Schedule, scheduleSchema } from '../domain/schedule.ts';
import { faultOfPlan } from '../domain/schedule-plans.ts';
import { isObject } from '../view/wire.ts';
import type { WrittenDocument } from './documents.ts';

/** By the kind that stands in a document, in the order in which they are put: its word, its list's key, its schema. */
export const kinds = {
  Defaults: { noun: 'defaults', list: 'defaults', schema: defaultsSchema },
  Plan: { noun: 'plan', list: 'plans', schema: planDocumentSchema },
  Schedule: { noun: 'schedule', list: 'schedules', schema: scheduleSchema },
} as const;

export type KindName = keyof typeof kinds;
export const kindNames = Object.keys(kinds) as KindName[];

export interface SetDocument {
  kind: KindName;
  name: string;
  body: Record<string, unknown>;
  /** Where it is written; empty for one that is in the cluster. */
  where: string;
}

/** One that is in the cluster. */
export interface KeptDocument extends SetDocument {
  revision: number;
}

export interface Change {
  kind: KindName;
  name: string;
  change: 'create' | 'change' | 'unchanged' | 'delete';
  /** Of a change, a line each: `retry.attempts: 3 -> 5`. */
  differs: string[];
}

/** The documents as a set, or all that is wrong with them by themselves, a line each. */
export function setOf(written: readonly WrittenDocument[]): { documents: SetDocument[] } | { wrong: string[] } {
  const wrong = written.flatMap(wrongIn);
  if (wrong.length > 0) return { wrong };
  const documents = written.map(({ where, kind, body }) => ({
    where,
    kind: kind as KindName,
    body,
    name: String(body.name),
  }));
  const first = new Map<string, SetDocument>();
  for (const document of documents) {
    const before = first.get(keyOf(document));
    if (before) wrong.push(`${document.where}: ${titleOf(document)} is in ${before.where} already`);
    else first.set(keyOf(document), document);
  }
  if (wrong.length > 0) return { wrong };
  return { documents: kindNames.flatMap(kind => documents.filter(each => each.kind === kind)) };
}

/** One that a list of the wire shows, without what is told beside the document. */
export function keptOf(kind: KindName, row: Record<string, unknown>): KeptDocument {
  const known = Object.keys(kinds[kind].schema.shape);
  const body = Object.fromEntries(Object.entries(row).filter(([field]) => known.includes(field)));
  return { kind, name: String(row.name), body, where: '', revision: Number(row.revision) };
}

/** What makes the cluster hold the set; with `prune` nothing else. Deletions come last, and what others need the very last. */
export function changesOf(set: readonly SetDocument[], kept: readonly KeptDocument[], prune: boolean): Change[] {
  const there = new Map(kept.map(each => [keyOf(each), each]));
  const puts = set.map(({ kind, name, body }): Change => {
    const before = there.get(keyOf({ kind, name }));
    if (!before) return { kind, name, change: 'create', differs: [] };
    const differs = differences(before.body, body);
    return { kind, name, change: differs.length > 0 ? 'change' : 'unchanged', differs };
  });
  if (!prune) return puts;
  const wanted = new Set(set.map(keyOf));
  const gone = kept.filter(each => !wanted.has(keyOf(each)));
  const deletions = kindNames.toReversed().flatMap(kind => gone.filter(each => each.kind === kind));
  return [...puts, ...deletions.map(({ kind, name }): Change => ({ kind, name, change: 'delete', differs: [] }))];
}

/** All documents that there will be. */
export function afterwards(set: readonly SetDocument[], kept: readonly KeptDocument[], prune: boolean): SetDocument[] {
  const wanted = new Set(set.map(keyOf));
  return prune ? [...set] : [...set, ...kept.filter(each => !wanted.has(keyOf(each)))];
}

/** What would be wrong in a cluster that holds these, a line each; what was wrong before is not told of what stays. */
export function wrongTogether(after: readonly SetDocument[], before: readonly KeptDocument[]): string[] {
  const [defaults, plans] = [defaultsIn(after), plansIn(after)];
  const earlier = defaultsIn(before);
  const wrongPlans = after.flatMap(({ kind, body, where }) => {
    if (kind !== 'Plan') return [];
    const plan = body as PlanDocument;
    const merged = effectivePlan(plan, defaults);
    if ('plan' in merged || (where === '' && 'wrong' in effectivePlan(plan, earlier))) return [];
    const from = merged.from.length === 0 ? 'no Defaults match it' : `with the Defaults ${merged.from.join(', ')}`;
    return [`${where || `plan ${plan.name}, which is there already`}: ${merged.wrong} (${from})`];
  });
  const wrongSchedules = after.flatMap(({ kind, body, where }) => {
    if (kind !== 'Schedule' || where === '') return [];
    const fault = faultOfPlan(body as Schedule, plans);
    return fault ? [`${where}: ${fault.message}; ${fault.hint}`] : [];
  });
  return [...wrongPlans, ...wrongSchedules];
}

/** The plans that are to be asked about: those of the set, and those that other Defaults make different ones; `stays` is neither. */
export function plansToTry(
  after: readonly SetDocument[],
  before: readonly KeptDocument[],
): { plan: PlanDocument; defaults: Defaults[]; stays: boolean }[] {
  const [defaults, earlier] = [defaultsIn(after), defaultsIn(before)];
  const there = new Map(before.map(each => [keyOf(each), each.body]));
  return after.flatMap(({ kind, name, body, where }) => {
    if (kind !== 'Plan') return [];
    const plan = body as PlanDocument;
    const matching = defaultsOf(plan, defaults);
    const isAlike = isDeepStrictEqual(matching, defaultsOf(plan, earlier));
    const stays = isAlike && isDeepStrictEqual(body, there.get(keyOf({ kind, name })));
    return where !== '' || !isAlike ? [{ plan, defaults: matching, stays }] : [];
  });
}

export function plansIn(documents: readonly SetDocument[]): PlanDocument[] {
  return documents.filter(({ kind }) => kind === 'Plan').map(({ body }) => body as PlanDocument);
}

/** `plan photos`. */
export function titleOf({ kind, name }: Pick<SetDocument, 'kind' | 'name'>): string {
  return `${kinds[kind].noun} ${name}`;
}

function defaultsIn(documents: readonly SetDocument[]): Defaults[] {
  return documents.filter(({ kind }) => kind === 'Defaults').map(({ body }) => body as Defaults);
}

function keyOf({ kind, name }: Pick<SetDocument, 'kind' | 'name'>): string {
  return `${kind}/${name}`;
}

function differences(before: unknown, after: unknown, path: string[] = []): string[] {
  if (isObject(before) && isObject(after))
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap(field =>
      differences(before[field], after[field], [...path, field]),
    );
  if (isDeepStrictEqual(before, after)) return [];
  const text = (value: unknown) => (value === undefined ? '(none)' : JSON.stringify(value));
  return [`${path.join('.')}: ${text(before)} -> ${text(after)}`];
}

function wrongIn({ where, kind, body }: WrittenDocument): string[] {
  if (isKind(kind)) {
    const { schema } = kinds[kind];
    const checked = schema.safeParse(body);
    return checked.success ? [] : wrongLinesOf(checked.error, schema, body).map(line => `${where}: ${line}`);
  }
  const taken = kindNames.join(', ');
  if (kind === '') return [`${where}: kind: is missing; write one of ${taken}`];
  if (kind === 'Agent')
    return [`${where}: kind Agent is an agent's own file: start it with \`reeve agent --config FILE\``];
  if (kind === 'Stream') return [`${where}: kind Stream is not known to this version of Reeve, which takes ${taken}`];
  const near = nearest(kind, [...kindNames, 'Agent', 'Stream']);
  return [`${where}: kind ${kind} is not known${near ? `; did you mean ${near}?` : `; write one of ${taken}`}`];
}

function isKind(kind: string): kind is KindName {
  return Object.hasOwn(kinds, kind);
}
