// What is measured, as the metrics APIs of the cluster tell it: of resources, custom and external (KEP-117, KEP-118).
import type { CrossVersionObjectReference } from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import type { MetricIdentifier, MetricSpec } from '#api/autoscaling/v2/metric.ts'
import type { PodMetrics } from '#api/metrics/v1beta1/podMetrics.ts'
import type { Duration, Quantity, Time, int64 } from '#api/scalars.ts'
import { podMetrics } from '#api/metrics/v1beta1/podMetrics.ts'
import type { Client } from '#client/client.ts'
import { messageOf } from '#lib/errorText.ts'
import { durationOf } from '#machinery/durationText.ts'
import { formatLabelSelector, requirementsOf } from '#machinery/labelSelector.ts'
import { quantityMilliValue } from '#machinery/quantity.ts'
import { qualifiedName, StatusError } from '#machinery/status.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { isProblem, type Measured, type PodMeasure, type Problem } from './measures.ts'
import { describedText, selectorText } from './proposals.ts'
import type { ServedKinds } from './servedKinds.ts'

const customGroup = 'custom.metrics.k8s.io'
const externalGroup = 'external.metrics.k8s.io'
/** The window of custom measures that name none. */
const usualWindow = 60_000

/** One measure as the custom metrics API writes it; the older version calls the metric otherwise. */
interface MetricValue {
  readonly describedObject?: { readonly name?: string }
  readonly timestamp?: Time
  readonly windowSeconds?: int64
  readonly window?: int64
  readonly value: Quantity
}

interface MetricValueList<V> {
  readonly items?: readonly V[] | null
}

export interface MetricsQuestion {
  readonly namespace: string
  /** Labels of the target's pods, as in a query. */
  readonly selector: string
}

/** Asks the APIs for what the entries of `spec.metrics` are about. What they refuse is told, not thrown. */
export class MetricsApis {
  readonly #client: Client
  readonly #kinds: ServedKinds

  constructor(client: Client, kinds: ServedKinds) {
    this.#client = client
    this.#kinds = kinds
  }

  /** What was measured for each entry, in order. The same list of pods is asked for once. `told` hears of each that is known. */
  async measure(
    specs: readonly MetricSpec[],
    about: MetricsQuestion,
    signal: AbortSignal,
    told: (index: number) => void = () => {},
  ): Promise<readonly Measured[]> {
    let ofPods: Promise<readonly PodMetrics[] | Problem> | undefined
    const podsOnce = (): Promise<readonly PodMetrics[] | Problem> => (ofPods ??= this.#podMetrics(about, signal))
    const measureOne = async (spec: MetricSpec): Promise<Measured> => {
      const { resource, containerResource, pods, object, external } = spec
      if (resource !== undefined) return resourceOf(await podsOnce(), resource.name)
      if (containerResource !== undefined) {
        const { name, container } = containerResource
        return containerOf(await podsOnce(), name, container)
      }
      if (pods !== undefined) return this.#ofPods(pods.metric, about, signal)
      if (object !== undefined) return this.#ofObject(object.metric, object.describedObject, about.namespace, signal)
      if (external !== undefined) return this.#external(external.metric, about.namespace, signal)
      return { problem: 'nothing is to be measured' }
    }
    return Promise.all(
      specs.map(async (spec, index) => {
        const measured = await measureOne(spec)
        told(index)
        return measured
      }),
    )
  }

  async #podMetrics(
    { namespace, selector }: MetricsQuestion,
    signal: AbortSignal,
  ): Promise<readonly PodMetrics[] | Problem> {
    try {
      const { items } = await this.#client.list(podMetrics, { namespace, labelSelector: selector, signal })
      return items.length === 0 ? { problem: 'no metrics returned from resource metrics API' } : items
    } catch (error) {
      signal.throwIfAborted()
      return { problem: `unable to fetch metrics from resource metrics API: ${requestProblem(error, podMetrics)}` }
    }
  }

  async #ofPods(
    metric: MetricIdentifier,
    { namespace, selector }: MetricsQuestion,
    signal: AbortSignal,
  ): Promise<Measured> {
    const items = await this.#custom(`namespaces/${namespace}/pods/*`, metric, selector, 'pods', signal)
    if (isProblem(items)) return items
    if (items.length === 0) return { problem: 'no metrics returned from custom metrics API' }
    const measures = new Map<string, PodMeasure>()
    for (const { describedObject, timestamp, windowSeconds, window, value } of items) {
      const seconds = windowSeconds ?? window
      measures.set(describedObject?.name ?? '', {
        milli: quantityMilliValue(value),
        at: millisecondsOf(timestamp) ?? 0,
        window: seconds === undefined ? usualWindow : seconds * 1000,
      })
    }
    return { pods: measures }
  }

  async #ofObject(
    metric: MetricIdentifier,
    described: CrossVersionObjectReference,
    namespace: string,
    signal: AbortSignal,
  ): Promise<Measured> {
    const failed = (why: string): Problem => ({
      problem: `unable to get metric ${metric.name}: ${why} on ${describedText(described, namespace)}`,
    })
    const { apiVersion = '', kind, name } = described
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
    let path = `namespaces/${namespace}/metrics`
    let resource = 'metrics'
    // A namespace is its own: the reference cannot lead out of it.
    if (kind !== 'Namespace' || group !== '') {
      const found = await this.#kinds.find(group, kind, signal)
      const [served] = found
      if (served === undefined)
        return failed(noCustom(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`))
      resource = qualifiedName(served)
      path = `namespaces/${namespace}/${resource}/${name}`
    }
    const items = await this.#custom(path, metric, '', resource, signal)
    if (isProblem(items)) return failed(items.problem)
    const [item] = items
    if (item === undefined || items.length > 1) {
      return failed(
        noCustom(`the custom metrics API server returned ${items.length} results when we asked for exactly one`),
      )
    }
    return { milli: quantityMilliValue(item.value) }
  }

  async #custom(
    path: string,
    { name, selector }: MetricIdentifier,
    labelSelector: string,
    resource: string,
    signal: AbortSignal,
  ): Promise<readonly MetricValue[] | Problem> {
    try {
      const version = await this.#kinds.version(customGroup, ['v1beta2', 'v1beta1'], signal)
      if (version === undefined) return { problem: noCustom(`no custom metrics API (${customGroup}) registered`) }
      const metricLabels = selector === undefined ? '' : formatLabelSelector(requirementsOf(selector))
      return await this.#items(
        `/apis/${customGroup}/${version}/${path}/${encodeURIComponent(name)}`,
        {
          labelSelector: labelSelector === '' ? undefined : labelSelector,
          metricLabelSelector: metricLabels === '' ? undefined : metricLabels,
        },
        signal,
      )
    } catch (error) {
      signal.throwIfAborted()
      return { problem: noCustom(requestProblem(error, { group: customGroup, plural: resource })) }
    }
  }

  async #external({ name, selector }: MetricIdentifier, namespace: string, signal: AbortSignal): Promise<Measured> {
    const failed = (why: string): Problem => ({
      problem: `unable to get external metric ${namespace}/${name}/${selectorText(selector)}: ${why}`,
    })
    const labelSelector = selector === undefined ? '' : formatLabelSelector(requirementsOf(selector))
    const path = `/apis/${externalGroup}/v1beta1/namespaces/${namespace}/${encodeURIComponent(name)}`
    try {
      const query = { labelSelector: labelSelector === '' ? undefined : labelSelector }
      const items = await this.#items<{ readonly value: Quantity }>(path, query, signal)
      if (items.length === 0) return failed('no metrics returned from external metrics API')
      const sum = items.reduce((total, { value }) => total + quantityMilliValue(value), 0)
      return { milli: Math.min(sum, Number.MAX_SAFE_INTEGER) }
    } catch (error) {
      signal.throwIfAborted()
      const why = requestProblem(error, { group: externalGroup, plural: name })
      return failed(`unable to fetch metrics from external metrics API: ${why}`)
    }
  }

  async #items<V = MetricValue>(
    path: string,
    query: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal,
  ): Promise<readonly V[]> {
    const { body } = await this.#client.transport.send({ method: 'GET', path, query }, signal)
    return (body as MetricValueList<V>).items ?? []
  }
}

const noCustom = (why: string): string => `unable to fetch metrics from custom metrics API: ${why}`

/** A refusal as clients of upstream tell it: what no Status came with is told by its code. */
function requestProblem(error: unknown, resource: { readonly group: string; readonly plural: string }): string {
  if (!(error instanceof StatusError)) return messageOf(error)
  const about = `(get ${qualifiedName(resource)})`
  const { code, status } = error
  const isBare = status.details === undefined || Object.keys(status.details).length === 0
  if (code === 404 && isBare) return `the server could not find the requested resource ${about}`
  if (code === 503 && isBare) return `the server is currently unable to handle the request ${about}`
  if (error.reason === 'Unknown') {
    return `an error on the server (${JSON.stringify(error.message)}) has prevented the request from succeeding ${about}`
  }
  return error.message
}

function resourceOf(found: readonly PodMetrics[] | Problem, resource: string): Measured {
  if (isProblem(found)) return found
  const measures = new Map<string, PodMeasure>()
  const spanOf = spanReader()
  for (const pod of found) {
    const amounts = pod.containers.map(({ usage }) => usage[resource])
    if (amounts.length === 0 || amounts.includes(undefined)) continue
    const milli = amounts.reduce((sum, amount) => sum + quantityMilliValue(amount!), 0)
    measures.set(pod.metadata.name, { milli, ...spanOf(pod) })
  }
  return { pods: measures }
}

function containerOf(found: readonly PodMetrics[] | Problem, resource: string, container: string): Measured {
  if (isProblem(found)) return found
  const measures = new Map<string, PodMeasure>()
  const spanOf = spanReader()
  for (const pod of found) {
    const own = pod.containers.find(({ name }) => name === container)
    const { name, namespace } = pod.metadata
    if (own === undefined) {
      const problem = `container ${container} not present in metrics for pod ${namespace}/${name}`
      return { problem: `failed to get container metrics: ${problem}` }
    }
    const amount = own.usage[resource]
    if (amount !== undefined) measures.set(name, { milli: quantityMilliValue(amount), ...spanOf(pod) })
  }
  return { pods: measures }
}

type Span = Pick<PodMeasure, 'at' | 'window'>

/** Reads the spans of many pods: most were read at the same time. */
function spanReader(): (pod: PodMetrics) => Span {
  let last: { readonly timestamp: Time; readonly window: Duration; readonly span: Span } | undefined
  return ({ timestamp, window }) => {
    if (last === undefined || last.timestamp !== timestamp || last.window !== window) {
      last = { timestamp, window, span: { at: millisecondsOf(timestamp) ?? 0, window: durationOf(window) } }
    }
    return last.span
  }
}
