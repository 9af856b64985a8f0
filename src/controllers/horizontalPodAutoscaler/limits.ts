// How fast the number of replicas follows what measures ask for (KEP-853).
import type {
  HorizontalPodAutoscalerBehavior,
  HPAScalingPolicy,
  HPAScalingRules,
} from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'

/** What an autoscaler remembers of itself. Times are in milliseconds. */
export interface History {
  /** What the measures asked for, before bounds; the oldest first. */
  readonly wishes: readonly { readonly replicas: number; readonly at: number }[]
  /** By how many the target was changed, in each direction; kept where there is a `behavior`. */
  readonly rises: readonly Change[]
  readonly falls: readonly Change[]
}

interface Change {
  readonly by: number
  readonly at: number
}

/** The longest that a window of wishes and a period of a policy may be. */
const longestWindow = 3_600_000
const longestPeriod = 1_800_000
/** For so long the number of replicas does not fall below what was asked for, unless the behaviour says otherwise. */
const usualDownWindow = 300
/** Without a behaviour the number rises to the double at most, or to this. */
const leastRise = 4

/** The history of an autoscaler that begins: what there is counts as what was asked for. */
export function newHistory(replicas: number, now: number): History {
  return { wishes: [{ replicas, at: now }], rises: [], falls: [] }
}

/** The history after a wish. */
export function withWish(history: History, replicas: number, now: number): History {
  let first = 0
  while (first < history.wishes.length && history.wishes[first]!.at < now - longestWindow) first++
  const wishes = history.wishes.slice(first)
  wishes.push({ replicas, at: now })
  return { ...history, wishes }
}

/** The history after the target was changed. */
export function withChange(history: History, from: number, to: number, now: number): History {
  const direction = to > from ? 'rises' : 'falls'
  const changes = history[direction].filter(({ at }) => at >= now - longestPeriod)
  return { ...history, [direction]: [...changes, { by: Math.abs(to - from), at: now }] }
}

/** A number of replicas within limits, and what is said of that: of the wish, and of the bound that holds it back. */
export interface Limited {
  readonly replicas: number
  readonly wish: Remark
  readonly bound: Remark & { readonly holds: boolean }
}

interface Remark {
  readonly reason: string
  readonly message: string
}

export interface Bounds {
  readonly current: number
  /** What the measures ask for. */
  readonly wished: number
  readonly least: number
  readonly most: number
  readonly behavior: HorizontalPodAutoscalerBehavior | undefined
  /** Without this wish. */
  readonly history: History
  readonly now: number
}

const ready: Remark = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' }
const higher: Remark = {
  reason: 'ScaleDownStabilized',
  message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
}
const lower: Remark = {
  reason: 'ScaleUpStabilized',
  message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
}
const within: Remark = {
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
}
const tooMany: Remark = {
  reason: 'TooManyReplicas',
  message: 'the desired replica count is more than the maximum replica count',
}
const tooFew: Remark = {
  reason: 'TooFewReplicas',
  message: 'the desired replica count is less than the minimum replica count',
}
const tooFastUp: Remark = {
  reason: 'ScaleUpLimit',
  message: 'the desired replica count is increasing faster than the maximum scale rate',
}
const tooFastDown: Remark = {
  reason: 'ScaleDownLimit',
  message: 'the desired replica count is decreasing faster than the maximum scale rate',
}

/** Steadies a wish by those before it, and holds it within the bounds and the rates of change. */
export function limit(bounds: Bounds): Limited {
  const { behavior } = bounds
  return behavior === undefined ? limitPlainly(bounds) : limitByRules(bounds, behavior)
}

function limitPlainly({ current, wished, least, most, history, now }: Bounds): Limited {
  const cutoff = now - usualDownWindow * 1000
  let steady = wished
  for (let at = history.wishes.length - 1; at >= 0 && history.wishes[at]!.at >= cutoff; at--) {
    steady = Math.max(steady, history.wishes[at]!.replicas)
  }
  const wish = steady === wished ? ready : higher
  const rise = Math.max(2 * current, leastRise)
  const [top, topRemark] = most > rise ? [rise, tooFastUp] : [most, tooMany]
  return bounded(steady, wish, least, tooFew, top, topRemark)
}

function limitByRules(bounds: Bounds, { scaleUp = {}, scaleDown = {} }: HorizontalPodAutoscalerBehavior): Limited {
  const { current, wished, least, most, history, now } = bounds
  const { stabilizationWindowSeconds: upWindow = 0 } = scaleUp
  const { stabilizationWindowSeconds: downWindow = usualDownWindow } = scaleDown
  const since = (seconds: number): number[] =>
    history.wishes.filter(({ at }) => at > now - seconds * 1000).map(({ replicas }) => replicas)
  // As far up as all recent wishes agree on, as far down as all of them do; in between it stays.
  const up = Math.min(wished, ...since(upWindow))
  const down = Math.max(wished, ...since(downWindow))
  const steady = Math.min(Math.max(current, up), down)
  const wish = steady === wished ? ready : wished >= current ? lower : higher
  if (steady > current) {
    const rate = Math.max(current, upLimit(current, history, scaleUp, now))
    const [top, remark] = most > rate ? [rate, tooFastUp] : [most, tooMany]
    return bounded(steady, wish, -Infinity, tooFew, top, remark)
  }
  if (steady < current) {
    const rate = Math.min(current, downLimit(current, history, scaleDown, now))
    const [bottom, remark] = least < rate ? [rate, tooFastDown] : [least, tooFew]
    return bounded(steady, wish, bottom, remark, Infinity, tooMany)
  }
  return bounded(steady, wish, -Infinity, tooFew, Infinity, tooMany)
}

function bounded(
  steady: number,
  wish: Remark,
  bottom: number,
  bottomRemark: Remark,
  top: number,
  topRemark: Remark,
): Limited {
  if (steady < bottom) return { replicas: bottom, wish, bound: { ...bottomRemark, holds: true } }
  if (steady > top) return { replicas: top, wish, bound: { ...topRemark, holds: true } }
  return { replicas: steady, wish, bound: { ...within, holds: false } }
}

/** How many there may be, by the policy that allows most, or least. A percentage is rounded so that something happens. */
function upLimit(current: number, history: History, rules: HPAScalingRules, now: number): number {
  if (rules.selectPolicy === 'Disabled') return current
  const allowed = (rules.policies ?? []).map((policy) => {
    const start = atStart(current, history, policy, now)
    return policy.type === 'Pods' ? start + policy.value : Math.ceil(start * (1 + policy.value / 100))
  })
  return rules.selectPolicy === 'Min' ? Math.min(...allowed) : Math.max(...allowed)
}

/** How few there may be. */
function downLimit(current: number, history: History, rules: HPAScalingRules, now: number): number {
  if (rules.selectPolicy === 'Disabled') return current
  const allowed = (rules.policies ?? []).map((policy) => {
    const start = atStart(current, history, policy, now)
    return policy.type === 'Pods' ? start - policy.value : Math.trunc(start * (1 - policy.value / 100))
  })
  return rules.selectPolicy === 'Min' ? Math.max(...allowed) : Math.min(...allowed)
}

/** How many there were when the period of a policy began. */
function atStart(current: number, { rises, falls }: History, { periodSeconds }: HPAScalingPolicy, now: number): number {
  const cutoff = now - periodSeconds * 1000
  const within = (changes: readonly Change[]): number =>
    changes.reduce((sum, { by, at }) => (at > cutoff ? sum + by : sum), 0)
  return current - within(rises) + within(falls)
}
