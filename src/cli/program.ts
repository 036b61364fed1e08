/** The `reeve` command: its options, its commands, and how a run of it becomes an exit status. */
import { Command, CommanderError, Option } from 'commander';
import { createCli, examples } from './cli.ts';
import { addAgent } from './commands/agent.ts';
import { addAgents } from './commands/agents.ts';
import { addApply } from './commands/apply.ts';
import { addAudit } from './commands/audit.ts';
import { addBackup } from './commands/backup.ts';
import { addCheck } from './commands/check.ts';
import { addControl } from './commands/control.ts';
import { addDefaults } from './commands/defaults.ts';
import { addDiff } from './commands/diff.ts';
import { addLocal } from './commands/local.ts';
import { addMachines } from './commands/machines.ts';
import { addPlan } from './commands/plan.ts';
import { addPs } from './commands/ps.ts';
import { addQueue } from './commands/queue.ts';
import { addRestore } from './commands/restore.ts';
import { addSchedule } from './commands/schedule.ts';
import { addSend } from './commands/send.ts';
import { addShow } from './commands/show.ts';
import { addSnapshot } from './commands/snapshot.ts';
import { addUp } from './commands/up.ts';
import { addVerify } from './commands/verify.ts';
import { addWatch } from './commands/watch.ts';
import type { Environment } from './environment.ts';
import { exitStatus } from './exit-status.ts';

/** Commands in the order of the help: from the first run, over daily work, to a look inside. */
const commands = [
  addUp,
  addAgent,
  addApply,
  addPlan,
  addSchedule,
  addDefaults,
  addCheck,
  addBackup,
  addSnapshot,
  addRestore,
  addVerify,
  addDiff,
  addControl,
  addAudit,
  addPs,
  addQueue,
  addShow,
  addWatch,
  addAgents,
  addMachines,
  addLocal,
  addSend,
];

/** Runs one command line (without the program's own name) and answers its exit status. Never rejects. */
export async function runCommandLine(words: readonly string[], environment: Environment): Promise<number> {
  let status: number = exitStatus.done;
  const program = buildProgram(environment, ended => {
    status = ended;
  });
  try {
    if (words.length === 0) program.help({ error: true });
    await program.parseAsync([...words], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.invalid;
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    environment.stderr.write(`reeve: ${message}\n`);
    return exitStatus.failed;
  }
}

/** The program. `ended` gets the exit status of the command that ran; commander's own errors are thrown. */
export function buildProgram(environment: Environment, ended: (status: number) => void): Command {
  const { stdout, stderr } = environment;
  const program = new Command('reeve')
    .description('Backups as supervised, durable state machines on NATS.')
    .version(environment.version)
    .option('--nats <url>', 'NATS server (REEVE_NATS_URL); by default the one that `reeve up` brought up')
    .option('--creds <file>', 'NATS credentials (REEVE_NATS_CREDS)')
    .option('--tlsca <file>', "certificate authority of NATS' servers (REEVE_NATS_CA)")
    .option('--prefix <prefix>', 'prefix of the subjects (REEVE_PREFIX; reeve unless set)')
    .addOption(
      new Option('-o, --output <format>', 'json prints the answer as one JSON value')
        .choices(['text', 'json'])
        .default('text'),
    )
    .configureOutput({
      writeOut: text => stdout.write(text),
      writeErr: text => stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help for how it is used)')
    .exitOverride()
    .addHelpText(
      'after',
      examples(
        ['reeve up ~/Documents', 'NATS, an agent and a first backup, on this machine'],
        ['reeve backup photos --wait', 'back up, and see how it ends'],
        ['reeve restore --plan photos --to /tmp/photos --wait', 'and get it back'],
      ),
    )
    .addHelpText(
      'after',
      'Exit status: 0 done, 1 refused or failed, 2 wrong usage or invalid, 3 NATS or cluster away,\n4 ended as cancelled, timed-out or lost, 5 partial, 6 stopped waiting before the end.\n',
    );
  const cli = createCli(environment, ended);
  for (const add of commands) add(program, cli);
  return program;
}
