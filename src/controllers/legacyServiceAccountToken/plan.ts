import type { ConfigMap } from '#api/core/v1/configMap.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Secret } from '#api/core/v1/secret.ts'
import type { ServiceAccount } from '#api/core/v1/serviceAccount.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { dayMs, dayOf, invalidSinceLabel, lastUsedLabel, startOfDay } from '#machinery/legacyTokens.ts'
import { podReferences } from '#machinery/podReferences.ts'
import { accountOf } from '../serviceAccountToken/plan.ts'

/** For so long nobody must have used a token before it is marked, and again before it goes. */
export const unusedMs = 365 * dayMs

export type UnusedToken =
  | { readonly do: 'mark'; readonly secret: Secret; readonly invalidSince: string }
  | { readonly do: 'delete'; readonly secret: Secret }

export interface TokenUses {
  readonly now: number
  /** Says since when uses are noted. */
  readonly tracking: ConfigMap
  /** Those with tokens of service accounts. */
  readonly secrets: readonly Secret[]
  account(namespace: string, name: string): ServiceAccount | undefined
  podsOf(namespace: string): readonly Pod[]
}

/**
 * Which Secrets hold tokens that were made without being asked for, and that nobody has used for long: what is to become of each.
 * A text instead: why that cannot be said.
 */
export function planUnusedTokens({
  now,
  tracking,
  secrets,
  account,
  podsOf,
}: TokenUses): readonly UnusedToken[] | string {
  const since = startOfDay(tracking.data?.['since'])
  if (since === undefined)
    return `"${tracking.data?.['since'] ?? ''}" is no day, such as 2026-10-24, since which uses of tokens are noted`
  // Some of the first day may be missing.
  if (now < since + dayMs + unusedMs) return []
  const before = now - unusedMs
  const mounted = new Map<string, ReadonlySet<string>>()
  const mountedIn = (namespace: string): ReadonlySet<string> => {
    let names = mounted.get(namespace)
    if (names === undefined) {
      names = new Set(podsOf(namespace).flatMap(({ spec }) => [...podReferences(spec).secrets]))
      mounted.set(namespace, names)
    }
    return names
  }
  return secrets.flatMap((secret): UnusedToken | [] => {
    const { name, namespace = '', creationTimestamp = '', deletionTimestamp, labels } = secret.metadata
    const isYoung = !(Date.parse(creationTimestamp) < before)
    if (isYoung || deletionTimestamp !== undefined) return []
    const used = ownValue(labels, lastUsedLabel)
    // Without a label it was not used since uses are noted; what is no day says nothing.
    if (used !== undefined && !isDayBefore(used, before)) return []
    const { name: accountName, uid } = accountOf(secret)
    const owner = account(namespace, accountName)
    const isTheirs = owner !== undefined && (uid === '' || uid === owner.metadata.uid)
    // Only its account tells those that were made without being asked for.
    if (!isTheirs || owner.secrets?.some((listed) => listed.name === name) !== true) return []
    if (mountedIn(namespace).has(name)) return []
    const invalidSince = ownValue(labels, invalidSinceLabel)
    if (startOfDay(invalidSince) === undefined) return { do: 'mark', secret, invalidSince: dayOf(now) }
    return isDayBefore(invalidSince!, before) ? { do: 'delete', secret } : []
  })
}

const isDayBefore = (day: string, moment: number): boolean => startOfDay(day) !== undefined && day < dayOf(moment)
