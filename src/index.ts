/** Reeve's runtime as a library: durable, supervised actors of any XState machine. */

export { type OpenRuntime, type OpenRuntimeOptions, openRuntime } from './boot/open-runtime.ts';
export { AnswerError } from './core/answer-error.ts';
export { type Failure, FailureError } from './core/failure.ts';
export type { Commands, DeadlinePassed, Stamped, StateMeta } from './core/machine-spec.ts';
export type { RuntimeFact as Fact, RuntimeObserver as Observer } from './core/runtime-facts.ts';
export type { Schema } from './core/schema.ts';
export type { MachineDefinition } from './runtime/definition.ts';
export { type EffectScope, effect } from './runtime/effect.ts';
export type { ActorRecord } from './runtime/record.ts';
export {
  type Child,
  type ChildExit,
  type ChildSpec,
  Supervisor,
  type SupervisorOptions,
  type Unstopped,
} from './runtime/supervisor.ts';
export { SystemClock } from './runtime/system-clock.ts';
export {
  VolatileActor,
  VolatileChild,
  type VolatileExit,
  type VolatileKind,
} from './runtime/volatile-actor.ts';
