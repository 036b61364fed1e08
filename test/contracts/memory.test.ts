/** The contracts on the stores in memory. */
import { MemoryMailboxes } from '../../src/runtime/memory/mailboxes.ts';
import { MemoryRecordStore } from '../../src/runtime/memory/record-store.ts';
import { MemoryRefusals } from '../../src/runtime/memory/refusals.ts';
import { mailboxesContract } from './mailboxes.contract.ts';
import { recordStoreContract } from './record-store.contract.ts';

recordStoreContract('in memory', async () => new MemoryRecordStore());
mailboxesContract('in memory', async () => ({ boxes: new MemoryMailboxes(), refusals: new MemoryRefusals() }));
