/**
 * Does `count` pieces of work in batches of 1, 2, 4 … side by side and stops after the first batch with a failure, so
 * that work which cannot succeed (a quota is used up) is tried once and not a thousand times.
 */
export async function runSlowStart(
  count: number,
  work: (index: number) => Promise<void>,
): Promise<{ readonly succeeded: number; readonly error?: unknown }> {
  let succeeded = 0
  for (let batch = 1; succeeded < count; batch *= 2) {
    const done = succeeded
    const size = Math.min(batch, count - done)
    const results = await Promise.allSettled(Array.from({ length: size }, (_, at) => work(done + at)))
    const failure = results.find((result) => result.status === 'rejected')
    succeeded += results.filter((result) => result.status === 'fulfilled').length
    if (failure !== undefined) return { succeeded, error: failure.reason }
  }
  return { succeeded }
}
