/**
 * What an agent's own file defines, by name, as the other agents may know it: enough to say before a plan is stored that
 * an agent could not run it. No path, command or secret of the file is in it.
 */
import { nearest } from '../core/nearest.ts';
import type { AgentConfig } from './agent-config.ts';
import type { Plan } from './plan.ts';
import { type RepositoryType, repositoryTypeOf } from './repository-config.ts';
import { type TurnLimits, turnLimitsOf } from './turn.ts';

export interface AgentDefinitions {
  agent: string;
  repositories: Record<string, { type: RepositoryType }>;
  credentials: string[];
  hooks: string[];
  /** Of each command, what the value of each parameter must match as a whole. */
  exec: Record<string, Record<string, string>>;
  /** How many runs it works on at once: what a run waits for can be told by anybody. */
  limits: TurnLimits;
}

/** Where agents tell each other what their files define. */
export interface DefinitionsStore {
  /** Undefined for an agent that never told: one of an older version. */
  get(agent: string): Promise<AgentDefinitions | undefined>;
  put(definitions: AgentDefinitions): Promise<void>;
}

/** What is wrong with a plan on one agent, and what to do about it. */
export interface Fault {
  message: string;
  hint: string;
}

export function definitionsOf(config: AgentConfig): AgentDefinitions {
  return {
    agent: config.name,
    repositories: Object.fromEntries(
      Object.entries(config.repositories).map(([name, { type }]) => [name, { type }] as const),
    ),
    credentials: Object.keys(config.credentials),
    hooks: Object.keys(config.hooks),
    exec: Object.fromEntries(Object.entries(config.exec).map(([name, { params }]) => [name, params ?? {}] as const)),
    limits: turnLimitsOf(config),
  };
}

/** Every name of a plan that an agent's file does not define, or defines as something that the plan cannot use. */
export function faultsOf(plan: Plan, definitions: AgentDefinitions): Fault[] {
  const { agent } = definitions;
  const { engine } = plan;
  const lacks = (what: string, section: string, name: string, known: string[]): Fault[] =>
    known.includes(name)
      ? []
      : [{ message: `agent ${agent} has no ${what} ${name}`, hint: hintFor(name, known, section, agent) }];
  const hooks = [...new Set([...(plan.hooks?.before ?? []), ...(plan.hooks?.finally ?? [])])];
  const credentials = 'credentials' in engine && engine.credentials !== undefined ? [engine.credentials] : [];
  return [
    ...repositoryFaults(plan, definitions),
    ...hooks.flatMap(name => lacks('hook', 'hooks', name, definitions.hooks)),
    ...credentials.flatMap(name => lacks('credentials', 'credentials', name, definitions.credentials)),
    ...(engine.type === 'exec' ? lacks('exec', 'exec', engine.use, Object.keys(definitions.exec)) : []),
    ...(engine.type === 'exec' ? paramFaults(engine.params ?? {}, engine.use, definitions) : []),
  ];
}

function repositoryFaults({ repository, engine }: Plan, { agent, repositories }: AgentDefinitions): Fault[] {
  if (typeof repository !== 'string') return [];
  const found = Object.hasOwn(repositories, repository) ? repositories[repository] : undefined;
  const wanted = repositoryTypeOf[engine.type];
  if (!found) {
    const hint = hintFor(repository, Object.keys(repositories), 'repositories', agent);
    return [{ message: `agent ${agent} has no repository ${repository}`, hint }];
  }
  if (found.type === wanted) return [];
  return [
    {
      message: `the engine ${engine.type} writes to a repository of type ${wanted}, and ${repository} of agent ${agent} is of type ${found.type}`,
      hint: `name a repository of type ${wanted} from the file of agent ${agent}`,
    },
  ];
}

function paramFaults(params: Record<string, string>, use: string, { agent, exec }: AgentDefinitions): Fault[] {
  const patterns = Object.hasOwn(exec, use) ? exec[use] : undefined;
  if (!patterns) return [];
  return Object.entries(params).flatMap(([name, value]) => {
    const pattern = Object.hasOwn(patterns, name) ? patterns[name] : undefined;
    const where = `exec.${use}.params`;
    if (pattern === undefined)
      return [
        {
          message: `exec ${use} of agent ${agent} has no parameter ${name}`,
          hint: hintFor(name, Object.keys(patterns), where, agent),
        },
      ];
    if (new RegExp(`^(?:${pattern})$`).test(value)) return [];
    return [
      {
        message: `engine.params.${name}: ${JSON.stringify(value)} does not match ${pattern} as a whole, which exec ${use} of agent ${agent} asks for`,
        hint: `write a value that matches, or change ${where} in the file of agent ${agent}`,
      },
    ];
  });
}

function hintFor(name: string, known: string[], section: string, agent: string): string {
  const near = nearest(name, known);
  return near ? `did you mean ${near}?` : `define it under ${section} in the file of agent ${agent}`;
}
