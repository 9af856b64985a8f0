// The audit log (KEP-22 and KEP-600 upstream): who did what, for those who look afterwards. Off unless a server is given a
// policy and a place to write to.
import type { Counter, MetricRegistry, Series } from '#lib/metrics.ts'
import type { ServerRequest } from '../request.ts'
import type { RequestInfo } from '../requestInfo.ts'
import type { Caller } from '../strategy.ts'
import { auditLevels, AuditRules, type AuditLevel, type AuditPolicy, type AuditStage } from './policy.ts'
import { AuditRecord, knownOf } from './record.ts'

/** Where events go. */
export interface AuditSink {
  /** As metrics call it: `log`, `webhook`. */
  readonly name: string
  /** Takes one event, a line of JSON. False when it cannot be kept. */
  write(line: string): boolean
}

export interface AuditOptions {
  readonly policy: AuditPolicy
  readonly sinks: readonly AuditSink[]
}

export class Audit {
  readonly #rules: AuditRules
  readonly #sinks: readonly AuditSink[]
  readonly #newId: () => string
  readonly #now: () => number
  readonly #events: Counter
  readonly #errors: Counter
  readonly #rejected: Counter
  readonly #levels: Readonly<Record<AuditLevel, Series>>

  constructor(
    { policy, sinks }: AuditOptions,
    {
      registry,
      newId,
      now,
    }: { readonly registry: MetricRegistry; readonly newId: () => string; readonly now: () => number },
  ) {
    this.#rules = new AuditRules(policy)
    this.#sinks = sinks
    this.#newId = newId
    this.#now = now
    this.#events = registry.counter({
      name: 'apiserver_audit_event_total',
      help: 'Counter of audit events generated and sent to the audit backend.',
    })
    this.#errors = registry.counter({
      name: 'apiserver_audit_error_total',
      help: 'Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.',
      labels: ['plugin'],
    })
    this.#rejected = registry.counter({
      name: 'apiserver_audit_requests_rejected_total',
      help: 'Counter of apiserver requests rejected due to an error in audit logging backend.',
    })
    const levels = registry.counter({
      name: 'apiserver_audit_level_total',
      help: 'Counter of policy levels for audit events (1 per request).',
      labels: ['level'],
    })
    this.#levels = Object.fromEntries(auditLevels.map((level) => [level, levels.with(level)])) as Record<
      AuditLevel,
      Series
    >
  }

  /** The id by which a request is known: the client's own, or a new one. */
  idOf(request: ServerRequest): string {
    const given = request.header('audit-id') ?? ''
    return given === '' ? this.#newId() : given
  }

  /**
   * Begins the record of a request whose sender was found out, or was not recognized (undefined); undefined when nothing
   * is to be noted. `kept` is false when the first event could not be.
   */
  begin(
    request: ServerRequest,
    info: RequestInfo,
    caller: Caller | undefined,
    id: string,
    received: number,
    annotations: ReadonlyMap<string, string>,
  ): { readonly record: AuditRecord; readonly kept: boolean } | undefined {
    const verdict = this.#rules.decide(caller, info)
    this.#levels[verdict?.level ?? 'None'].inc()
    if (verdict === undefined) return undefined
    const record = new AuditRecord(knownOf(request, info, caller, verdict, id, received), annotations)
    const kept = this.write(record, 'RequestReceived')
    if (!kept) this.#rejected.inc()
    return { record, kept }
  }

  /** Writes the event of a stage if it is wanted. */
  write(record: AuditRecord, stage: AuditStage): boolean {
    if (!record.wants(stage)) return true
    const line = record.event(stage, this.#now())
    this.#events.inc()
    let kept = true
    for (const sink of this.#sinks) {
      if (sink.write(line)) continue
      this.#errors.with(sink.name).inc()
      kept = false
    }
    return kept
  }
}
