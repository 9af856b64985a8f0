import type { Counter, Histogram, HistogramSeries, MetricRegistry } from '#lib/metrics.ts'
import type { PluginMetrics, WebhookOutcome } from '../admission/pluginMetrics.ts'
import type { AdmissionMeter, AdmissionPlugin, AdmissionRequest, AdmissionStep } from '../admission/chain.ts'

const buckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5]
const webhookBuckets = [...buckets, 10, 25]

type Operation = AdmissionRequest['operation']

/** What a plugin took part in, of one operation and step. */
interface PluginSeries {
  readonly passed: HistogramSeries
  /** How often it waited for something, and so was measured by itself. */
  measured: number
}

/** One step of one operation: all plugins are asked in turn. */
interface StepSeries {
  readonly passed: HistogramSeries
  /** How often all plugins let a request pass. */
  passes: number
  /** How many of them the plugins' own series have. */
  told: number
  readonly plugins: Map<AdmissionPlugin, PluginSeries>
}

/**
 * What admission takes. Most plugins answer at once and in less time than can be measured: they are counted together with
 * the step, and only those that wait for something have a time of their own.
 */
export class AdmissionMetrics implements AdmissionMeter, PluginMetrics {
  readonly #steps: Histogram
  readonly #plugins: Histogram
  readonly #webhooks: Histogram
  readonly #webhookRequests: Counter
  readonly #webhookRejections: Counter
  readonly #failOpen: Counter
  readonly #policyChecks: Counter
  readonly #evaluations: Counter
  readonly #exemptions: Counter
  readonly #kept = { admit: new Map<Operation, StepSeries>(), validate: new Map<Operation, StepSeries>() }

  constructor(registry: MetricRegistry) {
    this.#steps = registry.histogram({
      name: 'apiserver_admission_step_admission_duration_seconds',
      help: 'Admission sub-step latency histogram in seconds, broken out for each operation and API resource and step type (validate or admit).',
      labels: ['operation', 'rejected', 'type'],
      buckets,
    })
    this.#plugins = registry.histogram({
      name: 'apiserver_admission_controller_admission_duration_seconds',
      help: 'Admission controller latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
      labels: ['name', 'operation', 'rejected', 'type'],
      buckets,
    })
    this.#webhooks = registry.histogram({
      name: 'apiserver_admission_webhook_admission_duration_seconds',
      help: 'Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
      labels: ['name', 'operation', 'rejected', 'type'],
      buckets: webhookBuckets,
    })
    this.#webhookRequests = registry.counter({
      name: 'apiserver_admission_webhook_request_total',
      help: 'Admission webhook request total, identified by name and broken out for each admission type (validating or mutating) and operation. Additional labels specify whether the request was rejected or not and an HTTP status code. Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.',
      labels: ['code', 'name', 'operation', 'rejected', 'type'],
    })
    this.#webhookRejections = registry.counter({
      name: 'apiserver_admission_webhook_rejection_count',
      help: 'Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) and operation. Additional labels specify an error type (calling_webhook_error or apiserver_internal_error if an error occurred; no_error otherwise) and optionally a non-zero rejection code if the webhook rejects the request with an HTTP status code (honored by the apiserver when the code is greater or equal to 400). Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.',
      labels: ['error_type', 'name', 'operation', 'rejection_code', 'type'],
    })
    this.#failOpen = registry.counter({
      name: 'apiserver_admission_webhook_fail_open_count',
      help: 'Admission webhook fail open count, identified by name and broken out for each admission type (validating or mutating).',
      labels: ['name', 'type'],
    })
    this.#policyChecks = registry.counter({
      name: 'apiserver_validating_admission_policy_check_total',
      help: 'Validation admission policy check total, labeled by policy and further identified by binding and enforcement action taken.',
      labels: ['enforcement_action', 'error_type', 'policy', 'policy_binding'],
    })
    const ofRequest = ['request_operation', 'resource', 'subresource']
    this.#evaluations = registry.counter({
      name: 'pod_security_evaluations_total',
      help: 'Number of policy evaluations that occurred, not counting ignored or exempt requests.',
      labels: ['decision', 'mode', 'policy_level', 'policy_version', ...ofRequest],
    })
    this.#exemptions = registry.counter({
      name: 'pod_security_exemptions_total',
      help: 'Number of exempt requests, not counting ignored or out of scope requests.',
      labels: ofRequest,
    })
    registry.onRender(() => this.#tellPasses())
  }

  passed(plugins: readonly AdmissionPlugin[], operation: Operation, type: AdmissionStep, milliseconds: number): void {
    const step = this.#stepOf(plugins, operation, type)
    step.passes++
    step.passed.observe(milliseconds / 1_000)
  }

  waited(
    plugins: readonly AdmissionPlugin[],
    plugin: AdmissionPlugin,
    operation: Operation,
    type: AdmissionStep,
    milliseconds: number,
  ): void {
    const series = this.#stepOf(plugins, operation, type).plugins.get(plugin)!
    series.measured++
    series.passed.observe(milliseconds / 1_000)
  }

  refused({ name }: AdmissionPlugin, operation: Operation, type: AdmissionStep, milliseconds: number): void {
    const seconds = milliseconds / 1_000
    this.#steps.with(operation, 'true', type).observe(seconds)
    this.#plugins.with(name, operation, 'true', type).observe(seconds)
  }

  webhookAsked({ name, type, operation, milliseconds, code, result }: WebhookOutcome): void {
    const shown = String(Math.min(code, 600))
    const rejected = String(result === 'refused' || result === 'failed')
    this.#webhooks.with(name, operation, rejected, type).observe(milliseconds / 1_000)
    this.#webhookRequests.with(shown, name, operation, rejected, type).inc()
    if (result === 'ignored') this.#failOpen.with(name, type).inc()
    if (result === 'refused') this.#webhookRejections.with('no_error', name, operation, shown, type).inc()
    if (result === 'failed') this.#webhookRejections.with('calling_webhook_error', name, operation, shown, type).inc()
  }

  policyBroken(...[policy, binding, action, error]: Parameters<PluginMetrics['policyBroken']>): void {
    this.#policyChecks.with(action, error, policy, binding).inc()
  }

  podSecurityEvaluated(
    ...[request, mode, { level, version }, isAllowed]: Parameters<PluginMetrics['podSecurityEvaluated']>
  ): void {
    const shown = version === 'latest' ? version : `v1.${version}`
    this.#evaluations.with(isAllowed ? 'allow' : 'deny', mode, level, shown, ...ofPodSecurity(request)).inc()
  }

  podSecurityExempt(request: AdmissionRequest): void {
    this.#exemptions.with(...ofPodSecurity(request)).inc()
  }

  #stepOf(asked: readonly AdmissionPlugin[], operation: Operation, type: AdmissionStep): StepSeries {
    const known = this.#kept[type].get(operation)
    if (known !== undefined) return known
    const plugins = new Map(
      asked.map((plugin) => [
        plugin,
        { passed: this.#plugins.with(plugin.name, operation, 'false', type), measured: 0 },
      ]),
    )
    const step = { passed: this.#steps.with(operation, 'false', type), passes: 0, told: 0, plugins }
    this.#kept[type].set(operation, step)
    return step
  }

  /** Plugins that never waited took part in every step that passed. */
  #tellPasses(): void {
    for (const step of [...this.#kept.admit.values(), ...this.#kept.validate.values()]) {
      const passes = step.passes - step.told
      for (const series of step.plugins.values()) {
        const unmeasured = passes - series.measured
        series.passed.observe(0, Math.max(0, unmeasured))
        // A request that was refused after it had waited here counts as one that passed here.
        series.measured = Math.max(0, -unmeasured)
      }
      step.told = step.passes
    }
  }
}

/** Pods, and all that makes pods. */
function ofPodSecurity({ operation, resource, subresource }: AdmissionRequest): [string, string, string] {
  return [operation.toLowerCase(), resource.plural === 'pods' ? 'pod' : 'controller', subresource]
}
