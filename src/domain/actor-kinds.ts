/** The kinds of actors, as commands and references name them (WIRE). */
import { runKinds } from './run.ts';

export const actorKinds: readonly string[] = [...runKinds, 'stream', 'schedule', 'agent', 'supervisor'];
