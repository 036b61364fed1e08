/** `reeve agent`: runs one agent until it is told to stop. */
import type { Command } from 'commander';
import { type AgentFlags, readAgentConfig } from '../agent-flags.ts';
import { type Cli, eachOption, examples } from '../cli.ts';
import type { Session } from '../session.ts';

export function addAgent(program: Command, cli: Cli): void {
  program
    .command('agent')
    .summary('run an agent until it is told to stop')
    .description(
      'Runs an agent in the foreground. SIGTERM or Ctrl-C drains it; a second one ends it at once. Flags win over the file.',
    )
    .option('--config <file>', "the agent's own file (kind: Agent)")
    .option('--name <name>', 'name of the agent')
    .option('--data <dir>', 'data directory')
    .option('--label <key=value>', 'label, may be given several times', eachOption)
    .option('--http <host:port>', 'where it serves /metrics and /healthz')
    .addHelpText(
      'after',
      examples(
        ['reeve agent --config /etc/reeve/agent.yaml', 'as a service'],
        ['reeve agent --nats nats://127.0.0.1:4222 --name nas-1 --data /var/lib/reeve', 'without a file'],
      ),
    )
    .action(
      cli.action(async (session: Session, flags: AgentFlags) => {
        const read = await readAgentConfig(session, flags);
        for (const warning of read.warnings) session.say(`warning: ${warning}`);
        return session.environment.agent(read, session.environment);
      }),
    );
}
