import fc from 'fast-check';
import { expect, test } from 'vitest';
import { actorIn, createClusterView, rowsIn } from '../../src/view/cluster-view.ts';

const photos = { kind: 'backup', id: 'photos-1' };
const record = (change: Record<string, unknown> = {}) => ({
  ...photos,
  state: 'transferring',
  at: '2026-01-01T00:00:00.000Z',
  final: false,
  after: 1,
  context: { plan: 'photos' },
  owner: { agent: 'nas-1' },
  ...change,
});
const progress = { bytesDone: 1, bytesTotal: 2, filesDone: null, filesTotal: null, rateBytesPerS: null, etaS: null };
const stateOf = (view: ReturnType<typeof createClusterView>) => view.getSnapshot().context;

test('whatever the order in which records come, the newest stays', () => {
  const history = [0, 1, 2, 3].map(n =>
    record({ state: `s${n}`, after: n, at: `2026-01-01T00:00:0${Math.floor(n / 2)}.000Z` }),
  );
  fc.assert(
    fc.property(fc.shuffledSubarray(history, { minLength: 1 }), records => {
      const view = createClusterView();
      for (const one of records) view.trigger.recorded({ records: [one] });
      const newest = [...records].sort((left, right) => Number(right.after) - Number(left.after))[0];
      expect(actorIn(stateOf(view), photos)?.record.state).toBe(newest?.state);
    }),
  );
});

test('a record with its context replaces the same one without, as lists send it', () => {
  const view = createClusterView();
  const { context: _, ...bare } = record();
  view.trigger.recorded({ records: [bare] });
  view.trigger.recorded({ records: [record()] });
  view.trigger.recorded({ records: [bare] });
  expect(actorIn(stateOf(view), photos)?.record.context).toEqual({ plan: 'photos' });
});

test('progress is shown while an actor runs, and not once it has ended', () => {
  const view = createClusterView();
  view.trigger.recorded({ records: [record()] });
  view.trigger.progressed({ ...photos, progress });
  expect(actorIn(stateOf(view), photos)?.progress).toEqual(progress);
  view.trigger.recorded({ records: [record({ final: true, after: 2, state: 'completed' })] });
  view.trigger.progressed({ ...photos, progress });
  expect(actorIn(stateOf(view), photos)?.progress).toBeUndefined();
});

test('progress that a run is past is not shown: it stands at what was told last', () => {
  const shownIn = (state: string, kind = 'backup') => {
    const view = createClusterView();
    view.trigger.recorded({ records: [record({ kind, state })] });
    view.trigger.progressed({ ...photos, kind, progress });
    return actorIn(stateOf(view), { ...photos, kind })?.progress;
  };
  for (const state of ['transferring', 'draining.suspending', 'detached', 'suspended'])
    expect(shownIn(state), state).toEqual(progress);
  for (const state of ['verifying', 'committing', 'cleaning.removing']) expect(shownIn(state), state).toBeUndefined();
  expect(shownIn('verifying', 'drill')).toEqual(progress);
});

test('what is no record and no progress is ignored', () => {
  const view = createClusterView();
  view.trigger.recorded({ records: [null, 'x', {}, { kind: 'backup', id: 3, state: 'x', at: 'y' }, record()] });
  view.trigger.progressed({ ...photos, progress: 'half' });
  expect([...stateOf(view).records.keys()]).toEqual(['backup.photos-1']);
  expect(stateOf(view).progress.size).toBe(0);
});

test('rows are filtered, those under way come first and the newest before the oldest', () => {
  const view = createClusterView();
  view.trigger.recorded({
    records: [
      record({ id: 'old', at: '2026-01-01T00:00:00.000Z' }),
      record({ id: 'new', at: '2026-01-01T00:00:09.000Z', state: 'preparing.mounting', owner: null }),
      record({
        id: 'done',
        at: '2026-01-01T00:01:00.000Z',
        state: 'completed',
        final: true,
        context: { plan: 'mail' },
      }),
    ],
  });
  const ids = (filter: Parameters<typeof rowsIn>[1]) => rowsIn(stateOf(view), filter).map(row => row.record.id);
  expect(ids({})).toEqual(['new', 'old']);
  expect(ids({ ended: true })).toEqual(['new', 'old', 'done']);
  expect(ids({ state: 'preparing' })).toEqual(['new']);
  expect(ids({ agent: 'nas-1' })).toEqual(['old']);
  expect(ids({ plan: 'mail', ended: true })).toEqual(['done']);
  expect(ids({ kind: 'restore', ended: true })).toEqual([]);
});

test('of those that have ended only the newest are kept, and none that runs is forgotten', () => {
  const view = createClusterView({ endedMax: 2 });
  const ended = [1, 2, 3].map(n => record({ id: `e${n}`, final: true, at: `2026-01-01T00:00:0${n}.000Z` }));
  view.trigger.recorded({ records: [...ended, record({ id: 'r1' }), record({ id: 'r2' }), record({ id: 'r3' })] });
  expect([...stateOf(view).records.keys()].map(key => key.slice(7)).sort()).toEqual(['e2', 'e3', 'r1', 'r2', 'r3']);
});

test('agents are as they were listed last', () => {
  const view = createClusterView();
  view.trigger.agentsListed({ agents: [{ name: 'a', mode: 'running' }, { name: 'b' }, 3] });
  view.trigger.agentsListed({ agents: [{ name: 'b', mode: 'draining', actors: 2 }] });
  expect([...stateOf(view).agents.values()]).toEqual([{ name: 'b', mode: 'draining', lastSeen: '', actors: 2 }]);
});
