import { constants, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ZstdFrameEnd } from '../../src/repository/zstd-frame-end.ts';
import { noise } from '../engines/files/trees.ts';

const checked = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const unsized = { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } };
const frames: [string, Buffer][] = [
  ['nothing', zstdCompressSync('')],
  ['a line', zstdCompressSync('a line\n')],
  ['300 bytes', zstdCompressSync(noise(300, 'some'))],
  ['zeros', zstdCompressSync(Buffer.alloc(1_000_000))],
  ['noise, with a checksum', zstdCompressSync(noise(400_000, 'more'), checked)],
  ['words of no known length', zstdCompressSync('all work and no play\n'.repeat(50_000), unsized)],
];

test.each(frames)('the end of a frame of %s is found, however it comes in parts', (_, frame) => {
  const behind = Buffer.concat([frame, Buffer.from('behind')]);
  for (const partBytes of [1, 2, 3, 7, 1_000, behind.length]) {
    const end = new ZstdFrameEnd();
    for (let at = 0; at < behind.length; at += partBytes) {
      expect(end.isThere).toBe(at >= frame.length);
      const part = behind.subarray(at, at + partBytes);
      expect(end.take(part)).toBe(Math.max(0, Math.min(part.length, frame.length - at)));
    }
    expect(end).toMatchObject({ isThere: true, bytes: frame.length });
  }
});

test('a frame that is cut short has no end', () => {
  for (const [, frame] of frames) {
    const end = new ZstdFrameEnd();
    expect(end.take(frame.subarray(0, -1))).toBe(frame.length - 1);
    expect(end.isThere).toBe(false);
  }
});
