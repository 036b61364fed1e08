/** Whether the other side can be reached, and when it is worth asking it again. */
export interface Link {
  /** As far as is known. */
  readonly isUp: boolean;
  /** Calls `changed` at each change, until the returned function is called. */
  watch(changed: (isUp: boolean) => void): () => void;
}

/** Resolves after `mostMs`, at the link's next change, or when `signal` is aborted, whichever comes first. */
export async function pause(link: Link, mostMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, mostMs);
  const unwatch = link.watch(() => resolve());
  const over = () => resolve();
  signal?.addEventListener('abort', over);
  await promise;
  clearTimeout(timer);
  unwatch();
  signal?.removeEventListener('abort', over);
}
