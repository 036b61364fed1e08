/** NATS goes away: under a drain, in the middle of a backup, at the start. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { tellMeasured } from '../support/measured.ts';
import { holesIn, statesOf, World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world?.close());

/** A backup in the middle of its transfer, where its engine stands still until `goOn`. */
async function runningBackup() {
  world.fill(10, 1_000_000);
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@5' } });
  await world.plan('docs');
  const id = await world.start('docs');
  const { pid } = await world.stoppedEngine();
  return { agent, id, goOn: () => process.kill(pid, 'SIGCONT') };
}

describe('SIGTERM with a backup running', () => {
  const suspended = ['pending', 'preparing', 'transferring', 'draining.suspending', 'suspended', 'preparing'];

  async function expectReplayed(id: string) {
    const agent = await world.runAgent();
    expect(await world.ending(id)).toMatchObject({ state: 'completed' });
    const history = await world.history(id);
    expect(holesIn(history)).toEqual([]);
    expect(statesOf(history).slice(0, 6)).toEqual(suspended);
    expect(history.find(({ state }) => state === 'draining.suspending')).toMatchObject({ event: 'run.drain' });
    const own = await world.history('here', 'agent');
    expect(holesIn(own)).toEqual([]);
    expect(statesOf(own)).toEqual(['joining', 'running', 'draining.emptying', 'stopped', 'joining', 'running']);
    return agent;
  }

  test('and the server killed ends the agent with 0, and the history says so once both are back', async () => {
    const { agent, id } = await runningBackup();
    await world.server.kill();
    await agent.told('nats.away');
    const { status, tookMs } = await agent.terminate();
    tellMeasured('SIGTERM with NATS killed, to the exit', tookMs);
    expect(status).toBe(0);
    expect(tookMs).toBeLessThan(20_000);
    expect(world.processes()).toEqual([]);
    await world.server.restart();
    await expectReplayed(id);
  });

  test('and the server stopped ends the agent with 0, and the history says so once both go on', async () => {
    const { agent, id } = await runningBackup();
    process.kill(world.server.pid as number, 'SIGSTOP');
    const { status, tookMs } = await agent.terminate();
    tellMeasured('SIGTERM with NATS stopped, to the exit', tookMs);
    expect(status).toBe(0);
    expect(tookMs).toBeLessThan(20_000);
    expect(world.processes()).toEqual([]);
    process.kill(world.server.pid as number, 'SIGCONT');
    await expectReplayed(id);
  });

  test('and the server killed at once after it ends the agent with 0, and the history says so', async () => {
    const { agent, id } = await runningBackup();
    const ending = agent.terminate();
    await world.server.kill();
    const { status, tookMs } = await ending;
    expect(status).toBe(0);
    expect(tookMs).toBeLessThan(20_000);
    expect(world.processes()).toEqual([]);
    await world.server.restart();
    await world.runAgent();
    expect(await world.ending(id)).toMatchObject({ state: 'completed' });
    const history = await world.history(id);
    expect(holesIn(history)).toEqual([]);
    expect(statesOf(history)).toContain('suspended');
  });
});

test('a server that is killed and restarted in the middle of a backup leaves its history without a hole', async () => {
  const { agent, id, goOn } = await runningBackup();
  await world.server.kill();
  await agent.told('nats.away');
  goOn();
  await world.server.restart();
  expect(await world.ending(id)).toMatchObject({ state: 'completed' });
  const history = await world.history(id); // whether its last steps are replayed by now or still in the journal
  expect(holesIn(history)).toEqual([]);
  expect(statesOf(history)).toEqual([
    'pending',
    'preparing',
    'transferring',
    'verifying',
    'committing',
    'cleaning.removing',
    'completed',
  ]);
  // The entry may be late: it follows from the journal of the catalog.
  await eventually('the entry of the catalog', async () => (await world.catalogued()).includes(id));
});

describe('a backup that ends while NATS is away', () => {
  /** Resolves once the agent has journalled the end of the run. */
  const endedWithoutNats = async () => {
    const { agent, id, goOn } = await runningBackup();
    await world.server.kill();
    await agent.told('nats.away');
    goOn();
    await agent.told('actor.transition', line => line.id === id && line.final === true);
    return { agent, id };
  };

  test('is in the history and the catalog once NATS is back', async () => {
    const { id } = await endedWithoutNats();
    await world.server.restart();
    await expectCatalogued(id);
  });

  test('is in the history and the catalog once NATS is back, also where the agent was killed meanwhile', async () => {
    const { agent, id } = await endedWithoutNats();
    await agent.kill();
    await world.server.restart();
    await world.runAgent();
    await expectCatalogued(id);
  });

  async function expectCatalogued(id: string) {
    expect(await world.ending(id)).toMatchObject({ state: 'completed' });
    expect(holesIn(await world.history(id))).toEqual([]);
    expect(await world.listed()).toEqual([id]);
    await eventually('the entry of the catalog', async () => (await world.catalogued()).includes(id));
  }
});

test('a backup whose turn comes while NATS is away waits for the counts of the one before, and completes', async () => {
  const { agent, id, goOn } = await runningBackup();
  const next = await world.start('docs');
  await world.server.kill();
  await agent.told('nats.away');
  goOn();
  await agent.told('actor.transition', line => line.id === next && line.state === 'transferring');
  await world.server.restart();
  expect(await world.ending(next)).toMatchObject({ state: 'completed' });
  expect(holesIn(await world.history(next))).toEqual([]);
  await eventually('both entries of the catalog', async () => (await world.catalogued()).length === 2);
  expect(await world.catalogued()).toEqual([next, id]);
});

describe('NATS away at the start', () => {
  test('is told in one line however often the agent tries, and the agent runs once it is there', async () => {
    await world.server.kill();
    let tries = 0;
    const refusing = createServer(socket => {
      tries += 1;
      socket.destroy();
    }).listen(world.server.port, '127.0.0.1');
    await once(refusing, 'listening');
    const agent = world.startAgent();
    await eventually('the fifth try', () => tries >= 5, 30_000);
    expect(agent.log.filter(({ fact }) => fact === 'nats.away')).toHaveLength(1);
    expect((await agent.told('nats.away')).message).toContain(world.server.url);
    refusing.close();
    await world.server.restart();
    await agent.told('agent.started');
    await eventually('the agent in the list', async () => {
      const answer = await world.ask('agent.list').catch(() => undefined);
      return (answer?.agents as { mode: string }[] | undefined)?.some(({ mode }) => mode === 'running');
    });
  });

  test('does not keep an agent that is told to end', async () => {
    await world.server.kill();
    const agent = world.startAgent();
    await agent.told('nats.away');
    const { status, tookMs } = await agent.terminate();
    expect(status).toBe(0);
    expect(tookMs).toBeLessThan(5_000);
  });

  test('ends a client with 3, and it says where it looked and what to do', async () => {
    await world.server.kill();
    const { status, stdout, stderr } = await runCommand(world.server.url, 'ps');
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain(`NATS is away: nothing answered at ${world.server.url}`);
    expect(stderr).toContain('reeve up');
  });

  test('ends a client with 3 also where the server takes the connection and says nothing', async () => {
    process.kill(world.server.pid as number, 'SIGSTOP');
    const { status, stderr } = await runCommand(world.server.url, 'ps');
    expect(status).toBe(3);
    expect(stderr).toContain('NATS is away');
  });

  test('and an agent away end a client with 3', async () => {
    const { status, stderr } = await runCommand(world.server.url, 'ps');
    expect(status).toBe(3);
    expect(stderr).toContain('no agent answers');
  });
});
