import {
  exponentialBuckets,
  type Counter,
  type HistogramSeries,
  type MetricRegistry,
  type Series,
} from '#lib/metrics.ts'
import type { Authorizer, Decision } from '../authorize/authorizer.ts'

const buckets = exponentialBuckets(0.001, 2, 15)

type Outcome<R extends string> = Readonly<Record<R, { readonly attempts: Series; readonly seconds: HistogramSeries }>>

/** Who was known, and what was allowed. */
export class AccessMetrics {
  readonly #users: Counter
  readonly #userSeries = new Map<string, Series>()
  readonly #known: Outcome<'success' | 'failure'>
  readonly #allowed: Outcome<'allowed' | 'denied' | 'no-opinion'>
  readonly #decisions: Counter
  readonly #decisionSeries = new WeakMap<Authorizer, Readonly<Record<'allow' | 'deny', Series>>>()

  constructor(registry: MetricRegistry) {
    this.#users = registry.counter({
      name: 'authenticated_user_requests',
      help: 'Counter of authenticated requests broken out by username.',
      labels: ['username'],
    })
    const attempts = registry.counter({
      name: 'authentication_attempts',
      help: 'Counter of authenticated attempts.',
      labels: ['result'],
    })
    const seconds = registry.histogram({
      name: 'authentication_duration_seconds',
      help: 'Authentication duration in seconds broken out by result.',
      labels: ['result'],
      buckets,
    })
    const known = (result: string) => ({ attempts: attempts.with(result), seconds: seconds.with(result) })
    this.#known = { success: known('success'), failure: known('failure') }
    const asked = registry.counter({
      name: 'authorization_attempts_total',
      help: "Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', 'no-opinion' or 'error'.",
      labels: ['result'],
    })
    const askedSeconds = registry.histogram({
      name: 'authorization_duration_seconds',
      help: 'Authorization duration in seconds broken out by result.',
      labels: ['result'],
      buckets,
    })
    const allowed = (result: string) => ({ attempts: asked.with(result), seconds: askedSeconds.with(result) })
    this.#allowed = {
      allowed: allowed('allowed'),
      denied: allowed('denied'),
      'no-opinion': allowed('no-opinion'),
    }
    this.#decisions = registry.counter({
      name: 'apiserver_authorization_decisions_total',
      help: 'Total number of terminal decisions made by an authorizer split by authorizer type, name, and decision.',
      labels: ['decision', 'name', 'type'],
    })
  }

  /** `user`: undefined when nobody was recognized. */
  authenticated(user: string | undefined, milliseconds: number): void {
    const { attempts, seconds } = this.#known[user === undefined ? 'failure' : 'success']
    attempts.inc()
    seconds.observe(milliseconds / 1_000)
    if (user === undefined) return
    const shown = shownUser(user)
    let series = this.#userSeries.get(shown)
    if (series === undefined) this.#userSeries.set(shown, (series = this.#users.with(shown)))
    series.inc()
  }

  /** `decider`: who decided; undefined when nobody did. */
  authorized({ verdict }: Decision, decider: Authorizer | undefined, milliseconds: number): void {
    const { attempts, seconds } =
      this.#allowed[verdict === 'allow' ? 'allowed' : verdict === 'deny' ? 'denied' : 'no-opinion']
    attempts.inc()
    seconds.observe(milliseconds / 1_000)
    // That administrators may do everything is not for an authorizer to decide.
    if (decider === undefined || verdict === 'none' || decider.name === 'SystemMasters') return
    let series = this.#decisionSeries.get(decider)
    if (series === undefined) {
      const { name } = decider
      const of = (decision: string): Series => this.#decisions.with(decision, name.toLowerCase(), name)
      this.#decisionSeries.set(decider, (series = { allow: of('allowed'), deny: of('denied') }))
    }
    series[verdict].inc()
  }
}

const shownUsers: ReadonlySet<string> = new Set([
  'admin',
  'client',
  'kube_proxy',
  'kubelet',
  'system:serviceaccount:kube-system:default',
])

/** Users as Kubernetes counts them: few are named, the others would be a series each. */
function shownUser(user: string): string {
  if (shownUsers.has(user)) return user
  return user.includes('@') ? 'email_id' : 'other'
}
