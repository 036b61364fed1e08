/** The crash proof: an agent is killed between every two steps of intake, again and again, while commands keep coming. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NatsMailboxes } from '../../src/nats/mailboxes.ts';
import { NatsRecordStore } from '../../src/nats/record-store.ts';
import { NatsRefusals } from '../../src/nats/refusals.ts';
import { tokenOfRequest } from '../../src/runtime/intake.ts';
import { linesOf } from '../support/counter.ts';
import { eventually } from '../support/eventually.ts';
import { type NatsStore, openNatsStore } from '../support/nats-store.ts';
import { repetitions } from '../support/repetitions.ts';

const steps = ['intake.read', 'actor.proposed', 'actor.written', 'effect.started'];
const ids = ['c0', 'c1', 'c2', 'c3'];
const commands = repetitions(1_000);
/** Commands between two kills. */
const batch = 6;

interface Sent {
  id: string;
  mark: string;
  requestId: string | undefined;
  outcome: 'taken' | 'refused' | 'invalid';
  isSettled: boolean;
}

let nats: NatsStore;
let directory: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  nats = await openNatsStore();
  directory = await mkdtemp(join(tmpdir(), 'reeve-crash-'));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await nats.close();
  await rm(directory, { recursive: true, force: true });
});

/** The n-th command: most are taken, some refused by a guard, some by their schema; most carry a `requestId`. */
function commandOf(n: number): Sent {
  const outcome = n % 5 === 1 ? 'refused' : n % 11 === 2 ? 'invalid' : 'taken';
  const requestId = outcome === 'taken' && n % 3 === 0 ? undefined : `r${n}`;
  return { id: ids[n % ids.length] ?? 'c0', mark: `m${n}`, requestId, outcome, isSettled: false };
}

function bodyOf({ mark, requestId, outcome }: Sent): Uint8Array {
  const extra = outcome === 'invalid' ? { unknown: true } : {};
  return Buffer.from(
    JSON.stringify({ type: 'count.add', mark, isWelcome: outcome !== 'refused', requestId, ...extra }),
  );
}

test(`${commands} commands: each that is taken has one effect, each that is refused its reason, whatever is killed between`, async () => {
  const file = join(directory, 'lines');
  const boxes = new NatsMailboxes(nats.link, nats.names);
  const refusals = new NatsRefusals(nats.link, nats.names);
  const records = new NatsRecordStore(nats.link, nats.names);
  const refusalOf = ({ id, requestId = '' }: Sent) => refusals.find('counter', id, tokenOfRequest(requestId));
  const all: Sent[] = [];
  const kills: Record<string, number> = {};

  const isSettled = async () => {
    const written = new Set(linesOf(file).map(({ mark }) => mark));
    for (const sent of all.filter(each => !each.isSettled))
      sent.isSettled = sent.outcome === 'taken' ? written.has(sent.mark) : (await refusalOf(sent)) !== undefined;
    return all.every(each => each.isSettled);
  };

  /** Runs an agent until it is killed by its failpoint, or until nothing is left to do. */
  const run = async (failpoints: string, meanwhile: () => Promise<unknown>) => {
    const args = [join(import.meta.dirname, '../support/counting-agent.ts'), nats.server.url, file, ...ids];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, REEVE_FAILPOINTS: failpoints },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    children.push(child);
    const ended = once(child, 'exit').then(([, signal]) => signal as string);
    const isOver = () => child.exitCode !== null || child.signalCode !== null;
    await meanwhile();
    await eventually('it is killed, or through', async () => isOver() || (await isSettled()), 30_000);
    if (!isOver()) child.kill('SIGKILL');
    return await ended;
  };

  // Mail from before an actor is created is for nobody, so all of them are there first.
  const isThere = async (id: string) => (await records.read('counter', id)) !== undefined;
  await run('', () => eventually('the counters', async () => (await Promise.all(ids.map(isThere))).every(Boolean)));
  let killed = 0;
  while (all.length < commands) {
    const step = steps[killed % steps.length] ?? '';
    const at = 1 + Math.floor(Math.random() * 3);
    const before = all.length;
    await run(`${step}=kill@${at}`, async () => {
      for (let n = 0; n < batch && all.length < commands; n += 1) {
        const sent = commandOf(all.length);
        all.push(sent);
        await boxes.send('counter', sent.id, bodyOf(sent));
        const again = all[all.length - 1 - Math.floor(Math.random() * Math.min(all.length, 2 * batch))];
        if (again?.requestId !== undefined) await boxes.send('counter', again.id, bodyOf(again));
      }
    });
    if (all.slice(before).some(each => !each.isSettled)) kills[step] = (kills[step] ?? 0) + 1;
    killed += 1;
  }
  await run('', async () => undefined);

  const lines = linesOf(file);
  expect(lines.map(({ mark }) => mark).sort()).toEqual(
    all
      .filter(({ outcome }) => outcome === 'taken')
      .map(({ mark }) => mark)
      .sort(),
  );
  for (const id of ids) {
    const own = lines.filter(line => line.id === id);
    expect(own.map(({ n }) => n)).toEqual(own.map((_, n) => n + 1));
    const record = await eventually('its last step', async () => {
      const stored = await records.read('counter', id);
      return stored?.record.context.count === own.length && stored.record;
    });
    expect(record.owner?.agent).toBe('counting');
  }
  for (const sent of all.filter(({ outcome }) => outcome !== 'taken')) {
    const refusal = await refusalOf(sent);
    expect(refusal).toMatchObject({ outcome: 'refused', code: sent.outcome, requestId: sent.requestId });
    expect(refusal?.message).toContain(sent.outcome === 'invalid' ? 'unknown' : 'cannot take count.add');
  }
  // It looked at something: each step was the last of some agent that had not finished.
  expect(Object.keys(kills).sort()).toEqual([...steps].sort());
});
