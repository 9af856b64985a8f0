/** What is noted in the labels of Secrets with tokens of service accounts: when they were of use, and whether they still are. */

/** The day (UTC) on which the token was used last: `2026-10-24`. */
export const lastUsedLabel = 'kubernetes.io/legacy-token-last-used'
/** Since which day (UTC) the token is of no use, because nobody had used it. */
export const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since'

/** Says since when uses are noted: `since: 2026-10-24`. */
export const trackingConfigMap = {
  name: 'kube-apiserver-legacy-service-account-token-tracking',
  namespace: 'kube-system',
} as const

export const dayMs = 86_400_000

/** The day of a moment, in UTC. Days compare as texts. */
export const dayOf = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 10)

/** When a day begins; undefined for what is no day. */
export function startOfDay(day: string | undefined): number | undefined {
  if (day === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined
  const start = Date.parse(day)
  // The 30th of February would be a day of March.
  return Number.isNaN(start) || dayOf(start) !== day ? undefined : start
}
