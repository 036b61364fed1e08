import { expect, test } from 'vitest';
import { createActor, type EventObject } from 'xstate';
import { runMachine } from '../../../machines/backup.ts';
import { drainForecast } from '../../../src/actors/runs/drain-forecast.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { OnDrain } from '../../../src/domain/plan.ts';
import type { MachineDefinition } from '../../../src/runtime/definition.ts';
import type { ActorRecord } from '../../../src/runtime/record.ts';
import { done, inputOf, moved, passed, started, told } from '../../machines/runs.ts';

const machine = runMachine('backup');
const definition = { kind: 'backup', version: 1, machine, commands: {}, drainEvent: 'run.drain' } as MachineDefinition;
const graceMs = 22_000;

function recordAfter(onDrain: OnDrain, events: EventObject[]): ActorRecord {
  const actor = createActor(machine, { input: inputOf({ onDrain, deadlines: { cancelGrace: '5s' } }) }).start();
  for (const event of events) actor.send(event as never);
  const { value, context } = actor.getSnapshot();
  actor.stop();
  const state = typeof value === 'string' ? value : Object.entries(value)[0]?.join('.');
  return { kind: 'backup', id: 'photos-1', state, context: context as unknown as JsonObject } as ActorRecord;
}

const transferring = [done('waitForSlot'), done('prepare')];

test.each<[OnDrain, string, number]>([
  ['detach', 'detach', 0],
  ['suspend', 'suspend', 5_000],
  ['finish', 'finish', graceMs],
  ['cancel', 'cancel', 5_000],
])('a drain of a transfer with onDrain %s would %s, in %i ms at most', (onDrain, would, takesMs) => {
  const record = recordAfter(onDrain, transferring);
  expect(record.state).toBe('transferring');
  expect(drainForecast(record, definition, started, graceMs)).toEqual({
    kind: 'backup',
    id: 'photos-1',
    would,
    takesMs,
  });
});

test.each<[string, EventObject[], OnDrain, string]>([
  ['waits', [], 'suspend', 'suspend'],
  ['waits, to be cancelled', [], 'cancel', 'cancel'],
  ['prepares', [done('waitForSlot')], 'detach', 'suspend'],
  ['is suspended already', [told('backup.suspend')], 'suspend', 'rest'],
  ['is being cancelled', [...transferring, told('backup.cancel')], 'suspend', 'end'],
  ['commits', [...transferring, moved('completed'), done('proveCompletion')], 'suspend', 'end'],
  ['timed out', [...transferring, passed('run')], 'detach', 'end'],
])('a run that %s', (_, events, onDrain, would) => {
  expect(drainForecast(recordAfter(onDrain, events), definition, started, graceMs).would).toBe(would);
});

test('what an engine expects to take bounds how long it may finish', () => {
  const record = recordAfter('finish', transferring);
  const context = { ...record.context, progress: { etaS: 4 } };
  expect(drainForecast({ ...record, context } as ActorRecord, definition, started, graceMs).takesMs).toBe(4_000);
});
