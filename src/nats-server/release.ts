/**
 * The official release of nats-server: one version, its archives known by their sha256, so that nothing is unpacked that
 * is not what its makers published. To move to another version, take the sums from its file SHA256SUMS.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError } from '../core/failure.ts';
import { binaryName, fillCache } from './cache.ts';
import { download } from './download.ts';
import { fileFromTarGz } from './tar.ts';

export interface ReleaseSource {
  /** The archive is fetched from `<base>/v<version>/nats-server-v<version>-<platform>.tar.gz`. */
  base: string;
  version: string;
  /** sha256 of the archive of each platform, in hexadecimal. */
  sums: Readonly<Record<string, string>>;
  /** A platform's word for its processor, such as `amd64`. */
  architecture: string;
  /** How long the download may take. */
  timeoutMs: number;
}

export interface ReleaseFetch extends Partial<ReleaseSource> {
  cache: string;
  platform: NodeJS.Platform;
  log: (line: string) => void;
  signal: AbortSignal | undefined;
}

const official: ReleaseSource = {
  base: 'https://github.com/nats-io/nats-server/releases/download',
  version: '2.11.8',
  sums: {
    'linux-amd64': '397a6deffb5533e160de0cca322bc3dcaec7fb7282d66a3dfa87a9c183152ad1',
    'linux-arm64': 'b08936cb1dc0ae7086137bda14c352df64397c4af45ed2b392705c19585aeb84',
    'darwin-amd64': '002c943c1ed39c55cc5e024debfc02685111fcb2b1cbd887aad39ac977037477',
    'darwin-arm64': '23e0c5354c2da385708946a21900c944fcb9a3bbfd02aae27a4ae750dea0b682',
  },
  architecture: process.arch === 'x64' ? 'amd64' : process.arch,
  timeoutMs: 120_000,
};

/** Far above any archive or binary of nats-server so far (7 and 20 MB). */
const archiveBytesMax = 100 * 2 ** 20;
const binaryBytesMax = 200 * 2 ** 20;

/**
 * Fetches it into the cache, and resolves with true. Rejects with a FailureError: `release-unknown` where there is no
 * known archive for this platform, `release-unreachable`, or `release-corrupt` where it is not what was published; then
 * nothing is left.
 */
export async function fetchRelease(fetch: ReleaseFetch): Promise<boolean> {
  const { base, version, sums, architecture, timeoutMs } = { ...official, ...fetch };
  const platform = `${fetch.platform}-${architecture}`;
  const sum = sums[platform];
  if (sum === undefined)
    throw new FailureError({
      kind: 'permanent',
      code: 'release-unknown',
      message: `no release of nats-server is known for ${platform}`,
      hint: 'install nats-server and put it on PATH',
    });
  const stem = `nats-server-v${version}-${platform}`;
  const url = `${base}/v${version}/${stem}.tar.gz`;
  fetch.log(`fetching nats-server ${version} from ${url}`);
  const archive = await download(url, { sum, bytesMax: archiveBytesMax, timeoutMs, signal: fetch.signal });
  await fillCache(fetch.cache, async directory => {
    const path = join(directory, binaryName);
    await writeFile(path, fileFromTarGz(archive, `${stem}/${binaryName}`, binaryBytesMax));
    return path;
  });
  return true;
}
