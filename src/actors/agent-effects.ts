/** What an agent's own machine asks of the world: to take over what is its, to let work in, to drain. */
import type { AgentEffectInput, agentEffects, DrainInput, DrainReport } from '../../machines/agent.ts';
import { effect } from '../runtime/effect.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { WorkTree } from './work-tree.ts';

/** `serve` begins to answer commands: an agent that says `running` answers. */
export function agentEffectsOf(runtime: Runtime, tree: WorkTree, serve: () => Promise<void>): typeof agentEffects {
  return {
    join: effect<void, AgentEffectInput>(async () => {
      await tree.open();
      await runtime.openMail();
      await serve();
    }),

    takeWork: effect<void, AgentEffectInput>(async ({ signal }) => {
      const opening = tree.open();
      runtime.takeStarts(opening);
      signal.addEventListener('abort', () => runtime.refuseStarts(), { once: true });
      await opening;
      tree.catchUp();
      if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
    }),

    drainChildren: effect<DrainReport, DrainInput>(({ input: { deadline } }) => tree.drain(deadline)),

    watchResting: effect<void, AgentEffectInput>(({ signal }) => tree.rest(signal)),
  };
}
