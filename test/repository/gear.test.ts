import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gearBytes, gearOver } from '../../src/repository/gear.ts';

const roomBytes = 4096;
const { memory, scan } = gearOver(roomBytes);
const gear = new Int32Array(memory, 0, 256);
const room = new Uint8Array(memory, gearBytes, roomBytes);

/** What `scan` promises, word by word. */
function plainScan(at: number, end: number, hash: number, shift: number): number {
  while (at < end && hash >>> shift !== 0) {
    hash = ((hash << 1) + (gear[room[at] as number] as number)) | 0;
    at += 1;
  }
  return at;
}

test('the first place is found as by one step a byte, whatever the bytes, the bounds and the hash before', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 600 }),
      fc.nat(100),
      fc.nat(600),
      fc.integer(),
      fc.integer({ min: 0, max: 31 }),
      (bytes, at, length, hash, shift) => {
        room.set(bytes);
        const [from, to] = [at, Math.min(at + length, roomBytes)];
        const found = scan(gearBytes + from, gearBytes + to, hash, shift) - gearBytes;
        expect(found).toBe(plainScan(from, to, hash, shift));
      },
    ),
    { numRuns: 2_000 },
  );
});
