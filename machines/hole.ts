/**
 * A typed hole where an effect goes. A machine declares what it asks for; whoever binds it fills the hole with
 * `machine.provide({ actors: {...} satisfies typeof effects })`, and the compiler names a missing one.
 */
import { fromPromise, type NonReducibleUnknown, type PromiseActorLogic } from 'xstate';

/** An effect that rejects until it is provided. */
export function hole<Output, Input extends NonReducibleUnknown>(name: string): PromiseActorLogic<Output, Input> {
  return fromPromise<Output, Input>(() => Promise.reject(new Error(`the effect ${name} is not provided`)));
}
