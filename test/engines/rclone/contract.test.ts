/** rclone as one of the external engines: a directory into a directory, and servers that refuse it. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { engineContract } from '../contract.ts';
import { noise } from '../files/trees.ts';

engineContract({
  name: 'rclone',
  tools: ['rclone'],
  open: async directory => {
    const [source, remote] = [join(directory, 'source'), join(directory, 'box')];
    const configFile = join(directory, 'rclone.conf');
    const server = createServer((_, response) => response.writeHead(401).end());
    server.listen(0, '127.0.0.1').unref();
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    writeFileSync(configFile, `[locked]\ntype = webdav\nurl = http://127.0.0.1:${port}/\n`);
    const repository = (to: string) => ({ type: 'rclone', remote: to, configFile });
    const engine = { type: 'rclone', path: source };
    let grown = 0;
    const tree = (root: string) =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(entry => join(entry.parentPath, entry.name))
        .sort()
        .map(path => [path.slice(root.length), readFileSync(path).toString('base64').slice(0, 200)]);
    const plans = () => (existsSync(remote) ? readdirSync(remote) : []);
    return {
      agent: {
        repositories: { box: repository(remote), locked: repository('locked:x'), away: repository('nobody:x') },
      },
      plan: { engine, repository: 'box' },
      makeSource: () => {
        mkdirSync(join(source, 'below'), { recursive: true });
        writeFileSync(join(source, 'below', 'one'), 'one');
        writeFileSync(join(source, 'two'), noise(100_000, 'two'));
      },
      changeSource: () => {
        writeFileSync(join(source, 'two'), noise(100_000, 'another two'));
        rmSync(join(source, 'below', 'one'));
      },
      growSource: () => {
        grown += 1;
        writeFileSync(join(source, 'grown'), noise(20_000_000, `grown ${grown}`));
      },
      describeSource: () => tree(source),
      describeRestored: tree,
      isEngine: ({ command }) => command[0]?.endsWith('rclone') === true && command[1] === 'sync',
      leftovers: runs =>
        plans().flatMap(plan =>
          readdirSync(join(remote, plan)).filter(name => !runs.includes(name.split('.')[0] ?? '')),
        ),
      wrongCredentials: { engine, repository: 'locked' },
      sourceMissing: { engine: { ...engine, path: join(directory, 'nowhere') }, repository: 'box' },
      // A server that is away is tried ten times; a remote that its configuration does not have is told at once.
      cannotTellWhatIsLeft: true,
      unreachable: { engine, repository: 'away' },
      damage: () => {
        for (const plan of plans())
          for (const run of readdirSync(join(remote, plan)))
            if (existsSync(join(remote, plan, run, 'two'))) writeFileSync(join(remote, plan, run, 'two'), 'damaged');
      },
    };
  },
});
