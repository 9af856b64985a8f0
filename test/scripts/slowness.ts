/** How slow a machine is at the moment, because it is slow or busy with something else. */

/** What one start of kubectl takes where nothing else runs, in milliseconds. */
const usualMs = 150
const most = 10
const samples = 2

/**
 * How many times longer than usual a start of kubectl takes now, from 1 to 10. What is waited for on the same machine takes
 * longer in about the same measure.
 */
export async function measureSlowness(start: () => Promise<unknown>): Promise<number> {
  let longest = 0
  for (let sample = 0; sample < samples; sample++) {
    const began = performance.now()
    await start()
    longest = Math.max(longest, performance.now() - began)
  }
  return Math.min(Math.max(longest / usualMs, 1), most)
}
