/**
 * A key for a restic repository that costs nothing to derive. restic takes half a second of a processor for each call to
 * make a password slow to guess; a test makes dozens of calls. restic takes what the key's file says of the cost, so a
 * second key with the least cost beside the first is all it needs. Written by restic's design document ("Keys, Encryption
 * and MAC"): AES-256-CTR, and Poly1305-AES over it.
 */
import { createCipheriv, createHash, randomBytes, scryptSync } from 'node:crypto';

/** The content of a key's file for this password, and the file's name. `masterKey` is what `restic cat masterkey` says. */
export function quickKey(password: string, masterKey: string): { name: string; content: string } {
  const cost = { N: 2, r: 1, p: 1 };
  const salt = randomBytes(64);
  const derived = scryptSync(password, salt, 64, cost);
  const [encrypt, k, r] = [derived.subarray(0, 32), derived.subarray(32, 48), derived.subarray(48)];
  const iv = randomBytes(16);
  const sealed = createCipheriv('aes-256-ctr', encrypt, iv).update(masterKey);
  const ecb = createCipheriv('aes-128-ecb', k, null).setAutoPadding(false);
  const data = Buffer.concat([iv, sealed, poly1305(sealed, r, ecb.update(iv))]);
  const who = { created: new Date(0).toISOString(), username: 'test', hostname: 'test' };
  const content = JSON.stringify({
    ...who,
    kdf: 'scrypt',
    ...cost,
    salt: salt.toString('base64'),
    data: data.toString('base64'),
  });
  return { name: createHash('sha256').update(content).digest('hex'), content };
}

function poly1305(message: Buffer, r: Buffer, s: Buffer): Buffer {
  const factor = littleEndian(r) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16)
    sum =
      ((sum + littleEndian(Buffer.concat([message.subarray(at, at + 16), Buffer.from([1])]))) * factor) %
      (2n ** 130n - 5n);
  const tag = BigInt.asUintN(128, sum + littleEndian(s));
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse();
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}
