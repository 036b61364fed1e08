/** Whether an agent is well, for whoever asks it over HTTP: it runs, and NATS is there. Fed by its facts alone. */
import type { Observer } from '../domain/facts.ts';

export interface Health {
  observe: Observer;
  /** What keeps it from being well, in words; undefined where nothing does. */
  trouble(): string | undefined;
}

export function createHealth(): Health {
  let state = 'starting';
  let isAway = false;
  return {
    observe: fact => {
      if (fact.fact === 'nats.away') isAway = true;
      if (fact.fact === 'nats.back' || fact.fact === 'agent.started') isAway = false;
      if (fact.fact === 'actor.transition' && fact.kind === 'agent') state = fact.state.split('.', 1)[0] ?? '';
      if (fact.fact === 'agent.stopped') state = 'stopped';
    },
    trouble: () => {
      if (isAway) return 'NATS is away';
      return state === 'running' ? undefined : `the agent is ${state}`;
    },
  };
}
