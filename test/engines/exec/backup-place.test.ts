/** Which runs have something in a repository that no slot names as a backup. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { placeOf, undecidedIn } from '../../../src/engines/exec/backup-place.ts';
import { settleSlotFile } from '../../../src/repository/slot-file.ts';

test('an output or a listing whose slot is void or not decided is one, a backup and a slot alone are none', async () => {
  const repository = mkdtempSync(join(tmpdir(), 'reeve-exec-'));
  onTestFinished(() => rmSync(repository, { recursive: true }));
  const at = new Date().toISOString();
  const make = async (run: string, parts: string[], slot?: 'void' | 'manifest') => {
    const place = placeOf(repository, 'ldap', run);
    mkdirSync(join(repository, 'ldap'), { recursive: true });
    if (parts.includes('output')) mkdirSync(place.output);
    if (parts.includes('listing')) writeFileSync(place.listing, '');
    if (slot === 'void') await settleSlotFile(place.slot, { slot, run, epoch: 1, at });
    if (slot === 'manifest') await settleSlotFile(place.slot, { slot, run, manifest: run, outcome: 'completed', at });
  };
  await make('ldap-1', ['output', 'listing'], 'manifest');
  await make('ldap-2', ['output']);
  await make('ldap-3', ['output'], 'void');
  await make('ldap-4', ['listing']);
  await make('ldap-5', [], 'void');
  writeFileSync(join(repository, 'ldap', 'a stranger'), '');
  expect(await undecidedIn(repository)).toEqual(['ldap-2', 'ldap-3', 'ldap-4']);
});
