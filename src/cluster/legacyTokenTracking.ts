/** Keeps the ConfigMap that says since when uses of tokens in Secrets are noted. */
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import type { Client } from '#client/client.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { Clock } from '#lib/clock.ts'
import { dayOf, startOfDay, trackingConfigMap } from '#machinery/legacyTokens.ts'
import { isReason } from '#machinery/status.ts'

/** How long it may be away. */
const betweenLooksMs = 30 * 60_000

/** Makes it where it is not there, and says today where it says no day. */
export async function ensureTracking(client: Client, now: number, signal: AbortSignal): Promise<void> {
  const known = await unlessGone<ConfigMap>(client.get(configMaps, trackingConfigMap, { signal }))
  if (startOfDay(known?.data?.['since']) !== undefined) return
  const since = dayOf(now)
  try {
    if (known === undefined)
      await client.create(configMaps, { metadata: trackingConfigMap, data: { since } }, { signal })
    else await client.update(configMaps, { ...known, data: { ...known.data, since } }, { signal })
  } catch (error) {
    // Another server was quicker.
    if (!['AlreadyExists', 'Conflict', 'NotFound'].some((reason) => isReason(error, reason as 'Conflict'))) throw error
  }
}

/** Looks again and again until the signal aborts. What cannot be done is tried again at the next look. */
export async function keepTracking(
  client: Client,
  clock: Clock,
  report: (problem: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await ensureTracking(client, clock.now(), signal)
    } catch (error) {
      if (!signal.aborted) report('Cannot say since when uses of tokens in Secrets are noted', error)
    }
    await clock.sleep(betweenLooksMs, signal).catch(() => {})
  }
}
