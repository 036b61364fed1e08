/** What `reeve check` looks at for a command of the agent's file: that it is there, takes the plan, and has its place. */
import { access, constants } from 'node:fs/promises';
import { FailureError } from '../../core/failure.ts';
import type { Check, EngineScope } from '../engine.ts';
import { checkPlaces } from '../place-checks.ts';
import { definitionOf } from './definition.ts';
import { userOf } from './user.ts';

export async function checkExec(scope: EngineScope): Promise<Check[]> {
  return [await checkCommand(scope), ...(await checkPlaces(scope))];
}

async function checkCommand({ key, run, config }: EngineScope): Promise<Check> {
  const name = 'command';
  try {
    const { backup, restore, user } = definitionOf(run.document, config);
    for (const [command] of restore ? [backup, restore] : [backup]) await access(command, constants.X_OK);
    if (user !== undefined) await userOf(user, { key });
    const hint = restore ? '' : "define `restore` in the agent's file, so that Reeve can restore its backups";
    return { name, ok: true, message: `${backup[0]} can be run${restore ? '' : '; it cannot be restored'}`, hint };
  } catch (error) {
    const { message, hint } = error instanceof FailureError ? error.failure : { message: String(error), hint: '' };
    return { name, ok: false, message, hint: hint || "install it, or correct the agent's file" };
  }
}
