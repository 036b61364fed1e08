import { expect, test } from 'vitest';
import type { Progress } from '../../src/domain/run.ts';
import { openLink } from '../../src/nats/connection.ts';
import { Names } from '../../src/nats/names.ts';
import { followProgress, publishProgress } from '../../src/nats/progress.ts';
import { startNatsServer } from '../support/nats-server.ts';

const half: Progress = {
  bytesDone: 50,
  bytesTotal: 100,
  filesDone: 1,
  filesTotal: null,
  rateBytesPerS: 10,
  etaS: 5,
};

test('progress reaches whoever follows it; what is none is passed over; without NATS it is dropped', async () => {
  const server = await startNatsServer();
  const link = await openLink({ servers: [server.url], name: 'test' });
  const names = new Names();
  const told = Promise.withResolvers<unknown>();
  const stop = followProgress(link, names, { kind: 'backup', id: '*' }, (kind, id, progress) =>
    told.resolve({ kind, id, progress }),
  );
  link.connection.publish(names.progress('backup', 'one'), 'not JSON');
  link.connection.publish(names.progress('backup', 'one'), '{"other":1}');
  publishProgress(link, names, 'backup', 'one', half);
  expect(await told.promise).toEqual({ kind: 'backup', id: 'one', progress: half });
  stop();
  await link.close();
  publishProgress(link, names, 'backup', 'one', half);
  stop();
  await server.stop();
});
