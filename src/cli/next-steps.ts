/** What can be done once something is backed up: the lines that `reeve up` ends its first backup with. Pure. */
import { printable } from '../core/printable.ts';

export interface FirstBackup {
  /** Name of the plan. */
  plan: string;
  /** Id of the backup; undefined when it did not complete. */
  backup: string | undefined;
  /** Path of the repository. */
  repository: string;
  /** URL of NATS. */
  nats: string;
  /** True where the commands find that one by themselves. */
  isFound: boolean;
  prefix: string;
  /** How the command is called here: `reeve`, or `npx reeve` in a checkout. */
  command: string;
}

/** Commands to try next, aligned, each with what it does. */
export function nextSteps(first: FirstBackup): string[] {
  const { plan, backup, repository, nats, isFound, prefix, command } = first;
  const reeve = [command, isFound ? '' : ` --nats ${nats}`, prefix === 'reeve' ? '' : ` --prefix ${prefix}`].join('');
  const steps: [string, string][] = [
    [`${reeve} backups`, 'what can be restored'],
    [`${reeve} restore --plan ${plan} --to DIR --wait`, 'get it back, into a new directory'],
    [`${reeve} backup ${plan} --wait`, 'back up again: only what changed is stored'],
    [`${reeve} watch`, 'each step of every actor, as it happens'],
    [`${reeve} history ${backup ?? 'ID'}`, 'what became of a run, and why'],
    [`${command} restore --repository ${repository} --to DIR`, 'with nothing but the repository'],
    [
      `nats -s ${nats} pub ${prefix}.actor.backup.ID '{"type":"backup.cancel"}'`,
      'command an actor from any NATS client',
    ],
  ];
  const width = Math.max(...steps.map(([command]) => command.length));
  return [
    'Next, in another terminal:',
    ...steps.map(([command, what]) => `  ${printable(command.padEnd(width))}  # ${what}`),
  ];
}
