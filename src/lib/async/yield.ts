/** Lets everything else that is ready run first; for long walks, which must not hold the event loop. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
