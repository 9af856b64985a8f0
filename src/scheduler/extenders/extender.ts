import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { connectionProblem } from '#lib/http/connectionProblem.ts'
import type { Clock } from '#lib/clock.ts'
import { HttpClient, type ClientTls } from '#lib/http/client.ts'
import { HttpClientError } from '#lib/http/clientError.ts'
import { candidateOf, type Candidate } from '#scheduler/preemption/victims.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import {
  readBinding,
  readFilterAnswer,
  readPreemption,
  readPriorities,
  type ExtenderArgs,
  type ExtenderBindingArgs,
  type ExtenderPreemptionArgs,
  type FilterAnswer,
} from './wire.ts'

/** How an extender is reached, and what it is asked. Verbs that are absent or empty are not asked. */
export interface ExtenderOptions {
  readonly urlPrefix: string
  readonly filterVerb?: string
  readonly prioritizeVerb?: string
  readonly preemptVerb?: string
  readonly bindVerb?: string
  readonly weight?: number
  readonly tls?: ClientTls
  /** Milliseconds. */
  readonly httpTimeout: number
  readonly nodeCacheCapable: boolean
  readonly managedResources: readonly { readonly name: string }[]
  readonly ignorable: boolean
  readonly clock: Clock
}

const mostAnswerBytes = 64 * 1024 * 1024

/** A program outside that has a say in where pods go, over HTTP. What goes wrong is thrown; who asks knows whether it matters. */
export class Extender implements Disposable {
  readonly #options: ExtenderOptions
  readonly #http: HttpClient

  constructor(options: ExtenderOptions) {
    this.#options = options
    const { urlPrefix, tls, clock } = options
    this.#http = new HttpClient({
      url: urlPrefix,
      protocol: 'h1',
      clock,
      userAgent: 'kube-scheduler',
      ...(tls === undefined ? {} : { tls }),
    })
  }

  get name(): string {
    return this.#options.urlPrefix
  }

  /** Whether pods are placed also when it fails. */
  get isIgnorable(): boolean {
    return this.#options.ignorable
  }

  /** Which of the verbs it knows. */
  knows(verb: 'filter' | 'prioritize' | 'preempt' | 'bind'): boolean {
    return (this.#options[`${verb}Verb`] ?? '') !== ''
  }

  /** Whether a pod is its business: all are, or those that want one of its resources. */
  isInterested({ spec }: Pod): boolean {
    const { managedResources } = this.#options
    if (managedResources.length === 0) return true
    return [...spec.containers, ...(spec.initContainers ?? [])].some(({ resources }) =>
      managedResources.some(
        ({ name }) => resources?.requests?.[name] !== undefined || resources?.limits?.[name] !== undefined,
      ),
    )
  }

  /** Asks which of these nodes will do. Throws also when it names a node that was not among them. */
  async filter(pod: Pod, nodes: readonly NodeView[]): Promise<FilterAnswer> {
    const answer = await this.#ask(this.#options.filterVerb!, this.#about(pod, nodes))
    const read = readFilterAnswer(answer, this.#options.nodeCacheCapable)
    const known = new Set(nodes.map(({ name }) => name))
    const stranger = read.nodeNames?.find((name) => !known.has(name))
    if (stranger === undefined) return read
    throw new Error(
      `extender "${this.name}" claims a filtered node "${stranger}" which is not found in the input node list`,
    )
  }

  /** Asks for scores of these nodes, weighted and on the scale of plugins: its own go from 0 to 10. */
  async prioritize(pod: Pod, nodes: readonly NodeView[]): Promise<ReadonlyMap<string, number>> {
    const scores = readPriorities(await this.#ask(this.#options.prioritizeVerb!, this.#about(pod, nodes)))
    const factor = (this.#options.weight ?? 1) * 10
    return new Map([...scores].map(([node, score]) => [node, score * factor]))
  }

  /** Asks which of these candidates stand, and with which victims. */
  async preempt(
    pod: Pod,
    candidates: readonly Candidate[],
    viewOf: (node: string) => NodeView | undefined,
  ): Promise<readonly Candidate[]> {
    const byNode = <T>(of: (candidate: Candidate) => T): Record<string, T> =>
      Object.fromEntries(candidates.map((candidate) => [candidate.node, of(candidate)]))
    const knowsNodes = this.#options.nodeCacheCapable
    const question: ExtenderPreemptionArgs = {
      Pod: pod,
      NodeNameToVictims: knowsNodes
        ? null
        : byNode(({ victims, violations }) => ({ Pods: victims, NumPDBViolations: violations })),
      NodeNameToMetaVictims: knowsNodes
        ? byNode(({ victims, violations }) => ({
            Pods: victims.map(({ metadata }) => ({ UID: metadata.uid ?? '' })),
            NumPDBViolations: violations,
          }))
        : null,
    }
    const answer = readPreemption(await this.#ask(this.#options.preemptVerb!, question))
    return [...answer].flatMap(([node, { uids, violations }]) => {
      const view = viewOf(node)
      if (view === undefined) throw new Error(`nodeinfo not found for node name "${node}"`)
      const victims = uids.map((uid) => this.#findVictim(uid, view))
      if (victims.length > 0) return [candidateOf(node, victims, violations)]
      if (this.isIgnorable) return []
      throw new Error(`expected at least one victim pod on node "${node}"`)
    })
  }

  /** Lets it bind a pod. */
  async bind({ metadata }: Pod, node: string): Promise<void> {
    const question: ExtenderBindingArgs = {
      PodName: metadata.name,
      PodNamespace: metadata.namespace ?? '',
      PodUID: metadata.uid ?? '',
      Node: node,
    }
    readBinding(await this.#ask(this.#options.bindVerb!, question))
  }

  [Symbol.dispose](): void {
    this.#http.close()
  }

  #about(pod: Pod, nodes: readonly NodeView[]): ExtenderArgs {
    if (this.#options.nodeCacheCapable) return { Pod: pod, Nodes: null, NodeNames: nodes.map(({ name }) => name) }
    const items: readonly Node[] = nodes.map(({ node }) => node)
    return { Pod: pod, Nodes: { metadata: {}, items }, NodeNames: null }
  }

  #findVictim(uid: string, view: NodeView): Pod {
    const victim = view.pods.find(({ metadata }) => metadata.uid === uid)
    if (victim !== undefined) return victim
    throw new Error(
      `extender: ${this.name} claims to preempt pod (UID: ${uid}) on node: ${view.name}, but the pod is not found on that node`,
    )
  }

  async #ask(verb: string, question: object): Promise<unknown> {
    const { urlPrefix, httpTimeout, clock } = this.#options
    const url = `${urlPrefix.replace(/\/+$/, '')}/${verb}`
    const late = new AbortController()
    using _timer = clock.after(httpTimeout, () => late.abort())
    try {
      const { status, body } = await this.#post(`/${verb}`, JSON.stringify(question), late.signal)
      if (status !== 200) throw new Error(`failed ${verb} with extender at URL ${url}, code ${status}`)
      return JSON.parse(body) as unknown
    } catch (error) {
      if (late.signal.aborted) throw new Error(`Post "${url}": context deadline exceeded`, { cause: error })
      if (error instanceof HttpClientError)
        throw new Error(`Post "${url}": ${connectionProblem(error)}`, { cause: error })
      throw error
    }
  }

  /** A kept connection may end just when it is used again. Questions change nothing, and a pod is bound only once. */
  async #post(
    path: string,
    body: string,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: string }> {
    const ask = async (): Promise<{ readonly status: number; readonly body: string }> => {
      const headers = { 'content-type': 'application/json' }
      const response = await this.#http.request({ method: 'POST', path, headers, body, signal })
      return { status: response.status, body: (await response.readBody(mostAnswerBytes)).toString('utf8') }
    }
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof HttpClientError) || error.problem !== 'closed') throw error
      return ask()
    }
  }
}
