/** Records for tests: a whole one from the few fields that a test is about. */
import type { ActorRecord } from '../../src/runtime/record.ts';

let writes = 0;

/** A record of `backup/<id>`; each call is a write of its own unless `write` says otherwise. */
export function makeRecord(fields: Partial<ActorRecord> = {}): ActorRecord {
  writes += 1;
  const at = new Date().toISOString();
  return {
    kind: 'backup',
    id: 'one',
    machine: { id: 'backup', version: 1 },
    state: 'pending',
    from: null,
    event: 'backup.start',
    reason: null,
    note: null,
    at,
    since: at,
    final: false,
    context: { plan: 'documents' },
    deadlines: {},
    owner: { agent: 'here', host: 'host', incarnation: 'incarnation', epoch: 1 },
    handTo: null,
    mail: { seq: 0, at: '' },
    requests: [],
    after: 0,
    write: { incarnation: 'incarnation', n: writes },
    canTake: ['backup.cancel'],
    ...fields,
  };
}
