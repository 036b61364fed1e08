/** What the agents' files define, beside the plans that name it: a document an agent, written when the agent starts. */
import { isDeepStrictEqual } from 'node:util';
import type { AgentDefinitions, DefinitionsStore } from '../domain/agent-definitions.ts';
import type { Link } from './connection.ts';
import { Documents } from './documents.ts';
import type { Names } from './names.ts';

export class NatsDefinitionsStore implements DefinitionsStore {
  readonly #documents: Documents<AgentDefinitions>;

  constructor(link: Link, names: Names) {
    this.#documents = new Documents(link, names.plansBucket, 'the definitions of agents');
  }

  async get(agent: string): Promise<AgentDefinitions | undefined> {
    return (await this.#documents.read(keyOf(agent)))?.document;
  }

  async put(definitions: AgentDefinitions): Promise<void> {
    await this.#documents.change(keyOf(definitions.agent), now =>
      isDeepStrictEqual(now, definitions) ? undefined : definitions,
    );
  }
}

function keyOf(agent: string): string {
  return `agent.${agent}`;
}
