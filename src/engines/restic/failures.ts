/** What an exit of restic other than 0 means, as a failure: by its status where that says it, else by its words. */
import { tmpdir } from 'node:os';
import { FailureError } from '../../core/failure.ts';
import { repositoryPathOf } from '../../domain/repository-config.ts';
import type { EngineScope, StepEnd } from '../engine.ts';
import { endedWithout } from '../failures.ts';
import { redacted, shownUrl } from './environment.ts';
import { type Complaint, complaints, damageSaid } from './facts.ts';

type Ended = Pick<StepEnd, 'code' | 'signal' | 'stderrTail'>;

/** How restic complained; undefined where its words are not known. */
export function complaintOf({ code, stderrTail }: Pick<Ended, 'code' | 'stderrTail'>): Complaint | undefined {
  return complaints.find(({ exit, said }) => (exit !== undefined && exit === code) || said.test(stderrTail));
}

export async function resticFailure(scope: EngineScope, end: Ended): Promise<FailureError> {
  const said = await redacted(scope, end.stderrTail);
  const complaint = complaintOf(end);
  // Another attempt reads the same damage.
  if (!complaint && damageSaid.test(end.stderrTail))
    return new FailureError({
      kind: 'permanent',
      code: 'data-corrupt',
      message: `the repository ${shownUrl(scope)} is damaged: ${lastLine(said)}`,
      hint: 'see what is damaged with `restic check --read-data`; another backup may be whole',
    });
  if (!complaint) return endedWithout({ ...end, stderrTail: said });
  const { kind, reason, what, hint } = complaint;
  const line = end.stderrTail.split('\n').find(each => complaint.said.test(each)) ?? '';
  if (reason === 'repository-full' && isOfAgent(scope, line))
    return new FailureError({
      kind,
      code: 'agent-disk-full',
      message: `the disk of the agent is full: ${await redacted(scope, line)}`,
      hint: 'make room where its data directory and its temporary directory are, and start again',
    });
  const firstLine = said.split('\n').find(line => complaint.said.test(line)) ?? lastLine(said);
  return new FailureError({
    kind,
    code: reason,
    message: `the repository ${shownUrl(scope)} ${what}: ${firstLine}`,
    hint,
  });
}

/** restic has its cache and what it is just packing on the agent's own disk. */
function isOfAgent({ config, repository }: EngineScope, line: string): boolean {
  const place = repositoryPathOf(repository);
  if (place !== undefined && line.includes(place)) return false;
  return line.includes(`${config.data}/`) || line.includes(`${tmpdir()}/`);
}

export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
