import assert from 'node:assert/strict'
import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { limitRanges } from '#api/core/v1/limitRange.ts'
import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { priorityClasses } from '#api/scheduling/v1/priorityClass.ts'
import { isReason } from '#machinery/status.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { conformance } from './conformance.ts'

const namespace = 'default'
const scarce = 'scheduling.k8s.io/foo'

interface PodWish {
  readonly requests?: Record<string, string>
  readonly namespace?: string
  readonly labels?: Record<string, string>
  readonly finalizers?: string[]
  readonly spec?: Partial<Pod['spec']>
}

/** What the tests say of a cluster of three nodes that are ready. */
class Shown {
  readonly cluster: SimulatedCluster

  constructor(cluster: SimulatedCluster) {
    this.cluster = cluster
  }

  async create(
    name: string,
    { requests = {}, namespace: own = namespace, spec, ...metadata }: PodWish = {},
  ): Promise<void> {
    const container = { name: 'pause', image: 'pause', resources: { requests, limits: requests } }
    await this.cluster.client.create(pods, {
      metadata: { name, namespace: own, ...metadata },
      spec: { containers: [container], ...spec },
    })
  }

  async find(name: string, own = namespace): Promise<Pod | undefined> {
    try {
      return await this.cluster.client.get(pods, { name, namespace: own })
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined
      throw error
    }
  }

  async runs(name: string, own = namespace): Promise<void> {
    await this.cluster.until(async () => (await this.find(name, own))?.status?.phase === 'Running')
  }

  /** The pod is looked at and stays without a node. */
  async staysPending(name: string): Promise<void> {
    await this.cluster.until(async () => {
      const { status } = (await this.find(name))!
      return status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable')
    })
    await this.cluster.clock.advance('10s')
    const { spec, status } = (await this.find(name))!
    assert.deepEqual([spec.nodeName, status?.phase], [undefined, 'Pending'])
  }

  async nodes(): Promise<readonly Node[]> {
    return (await this.cluster.client.list(nodes)).items
  }

  async label(node: string, labels: Record<string, string>): Promise<void> {
    await this.cluster.client.patch(nodes, { name: node }, { type: 'merge', body: { metadata: { labels } } })
  }

  /** Lets a node offer so much of a resource that nobody else asks for. */
  async offer(node: string, resource: string, amount: string): Promise<void> {
    const body = { status: { capacity: { [resource]: amount }, allocatable: { [resource]: amount } } }
    await this.cluster.client.patchStatus(nodes, { name: node }, { type: 'strategic', body })
  }

  async priorities(values: Readonly<Record<string, number>>): Promise<void> {
    for (const [name, value] of Object.entries(values)) {
      await this.cluster.client.create(priorityClasses, { metadata: { name }, value })
    }
  }

  /** Fills two thirds of what each node offers: the first with a pod of low priority, the others of medium priority. */
  async fillNodes(finalizers?: string[]): Promise<readonly string[]> {
    await this.priorities({ low: 1, medium: 100, high: 1_000 })
    const names: string[] = []
    for (const { metadata } of await this.nodes()) {
      await this.offer(metadata.name, scarce, '3')
      const priorityClassName = names.length === 0 ? 'low' : 'medium'
      const name = `pod${names.length}-${priorityClassName}`
      await this.create(name, {
        requests: { [scarce]: '2' },
        ...(finalizers === undefined ? {} : { finalizers }),
        spec: { priorityClassName, ...onNode(metadata.name) },
      })
      await this.runs(name)
      names.push(name)
    }
    return names
  }

  /** The first of these pods is gone or goes, and none of the others. */
  async onlyFirstGoes(names: readonly string[]): Promise<void> {
    const going = await Promise.all(
      names.map(async (name) => {
        const pod = await this.find(name)
        return pod === undefined || pod.metadata.deletionTimestamp !== undefined
      }),
    )
    assert.deepEqual(
      going,
      names.map((_, i) => i === 0),
    )
  }
}

/** Keeps a pod on one node by its name. */
function onNode(name: string): Partial<Pod['spec']> {
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [name] }]
  const required = { nodeSelectorTerms: [{ matchFields }] }
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } }
}

function shows(name: string, run: (shown: Shown) => Promise<void>): void {
  conformance(name, async () => {
    await using cluster = await simulatedCluster({ nodes: 3 })
    const shown = new Shown(cluster)
    await cluster.until(async () => {
      const all = await shown.nodes()
      return all.length === 3 && all.every(({ spec }) => (spec?.taints ?? []).length === 0)
    })
    await run(shown)
  })
}

shows(
  '[sig-scheduling] LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied.',
  async (shown) => {
    const { client } = shown.cluster
    const least = { cpu: '50m', memory: '100Mi', 'ephemeral-storage': '100Gi' }
    const most = { cpu: '500m', memory: '500Mi', 'ephemeral-storage': '500Gi' }
    const usualRequests = { cpu: '100m', memory: '200Mi', 'ephemeral-storage': '200Gi' }
    const usualLimits = { cpu: '300m', memory: '300Mi', 'ephemeral-storage': '300Gi' }
    const limit = { type: 'Container', min: least, max: most, default: usualLimits, defaultRequest: usualRequests }
    const created = await client.create(limitRanges, {
      metadata: { name: 'limits', namespace },
      spec: { limits: [limit] },
    })
    assert.deepEqual((await client.get(limitRanges, { name: 'limits', namespace })).spec, created.spec)

    const resourcesOf = async (name: string) => (await shown.find(name))!.spec.containers[0]!.resources
    const container = (resources: object) => ({ spec: { containers: [{ name: 'c', image: 'i', resources }] } })
    await shown.create('no-requirements', container({}))
    assert.deepEqual(await resourcesOf('no-requirements'), { limits: usualLimits, requests: usualRequests })
    const partial = { requests: { cpu: '10m' }, limits: { memory: '300Mi' } }
    await assert.rejects(shown.create('too-little', container({ requests: { ...partial.requests, memory: '10Mi' } })), {
      reason: 'Forbidden',
    })
    await shown.create('partial', container({ requests: { cpu: '60m' }, limits: { memory: '400Mi' } }))
    assert.deepEqual(await resourcesOf('partial'), {
      limits: { ...usualLimits, memory: '400Mi' },
      // What is limited and not asked for is asked for up to the limit before other defaults come.
      requests: { ...usualRequests, cpu: '60m', memory: '400Mi' },
    })
    await assert.rejects(shown.create('too-much', container({ requests: { cpu: '600m' }, limits: { cpu: '600m' } })), {
      reason: 'Forbidden',
    })

    const smaller = { ...limit, min: { ...least, cpu: '9m', memory: '9Mi' } }
    await client.patch(
      limitRanges,
      { name: 'limits', namespace },
      { type: 'merge', body: { spec: { limits: [smaller] } } },
    )
    await shown.create('little', container({ requests: { cpu: '10m', memory: '10Mi' } }))
    await client.delete(limitRanges, { name: 'limits', namespace })
    assert.deepEqual((await client.list(limitRanges, { namespace })).items, [])
    await shown.create('much', container({ requests: { cpu: '600m' } }))
    assert.deepEqual(await resourcesOf('much'), { requests: { cpu: '600m' } })
  },
)

shows(
  '[sig-scheduling] SchedulerPredicates validates resource limits of pods that are allowed to run',
  async (shown) => {
    let most = 0
    for (const { metadata, status } of await shown.nodes()) {
      const cpu = Number(status!.allocatable!['cpu']) * 1_000
      most = Math.max(most, cpu)
      await shown.label(metadata.name, { node: metadata.name })
      const nodeSelector = { node: metadata.name }
      await shown.create(`filler-${metadata.name}`, {
        requests: { cpu: `${Math.trunc(cpu * 0.7)}m` },
        spec: { nodeSelector },
      })
      await shown.runs(`filler-${metadata.name}`)
    }
    await shown.create('additional-pod', { requests: { cpu: `${most / 2}m` }, labels: { name: 'additional' } })
    await shown.staysPending('additional-pod')
  },
)

shows(
  '[sig-scheduling] SchedulerPredicates validates that NodeSelector is respected if not matching',
  async (shown) => {
    await shown.create('restricted-pod', {
      labels: { name: 'restricted' },
      spec: { nodeSelector: { label: 'nonempty' } },
    })
    await shown.staysPending('restricted-pod')
  },
)

shows('[sig-scheduling] SchedulerPredicates validates that NodeSelector is respected if matching', async (shown) => {
  const [, node] = await shown.nodes()
  const labels = { 'kubernetes.io/e2e-9b1f': '42' }
  await shown.label(node!.metadata.name, labels)
  await shown.create('with-labels', { spec: { nodeSelector: labels } })
  await shown.runs('with-labels')
  assert.equal((await shown.find('with-labels'))?.spec.nodeName, node!.metadata.name)
})

shows(
  '[sig-scheduling] SchedulerPredicates validates that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP',
  async (shown) => {
    const [node] = await shown.nodes()
    await shown.label(node!.metadata.name, { 'kubernetes.io/e2e-port': '95' })
    const nodeSelector = { 'kubernetes.io/e2e-port': '95' }
    const address = node!.status!.addresses!.find(({ type }) => type === 'InternalIP')!.address
    const taking = (hostIP?: string): Partial<Pod['spec']> => {
      const port = { containerPort: 8080, hostPort: 54_322, protocol: 'TCP' as const }
      const own = hostIP === undefined ? port : { ...port, hostIP }
      return { nodeSelector, containers: [{ name: 'agnhost', image: 'agnhost', ports: [own] }] }
    }
    await shown.create('pod4', { spec: taking() })
    await shown.runs('pod4')
    await shown.create('pod5', { spec: taking(address) })
    await shown.staysPending('pod5')
  },
)

shows('[sig-scheduling] SchedulerPreemption validates basic preemption works', async (shown) => {
  const names = await shown.fillNodes()
  await shown.create('preemptor-pod', { requests: { [scarce]: '2' }, spec: { priorityClassName: 'high' } })
  await shown.runs('preemptor-pod')
  await shown.onlyFirstGoes(names)
})

shows('[sig-scheduling] SchedulerPreemption validates lower priority pod preemption by critical pod', async (shown) => {
  const names = await shown.fillNodes()
  const system = 'kube-system'
  const spec = { priorityClassName: 'system-cluster-critical' }
  await shown.create('critical-pod', { namespace: system, requests: { [scarce]: '2' }, spec })
  await shown.runs('critical-pod', system)
  await shown.onlyFirstGoes(names)
})

shows(
  '[sig-scheduling] SchedulerPreemption validates pod disruption condition is added to the preempted pod',
  async (shown) => {
    const [victim] = await shown.fillNodes(['example.com/test-finalizer'])
    await shown.create('preemptor-pod', { requests: { [scarce]: '2' }, spec: { priorityClassName: 'high' } })
    await shown.cluster.until(async () => (await shown.find(victim!))?.metadata.deletionTimestamp !== undefined)
    const condition = (await shown.find(victim!))!.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
    assert.deepEqual([condition?.status, condition?.reason], ['True', 'PreemptionByScheduler'])
    const finalizers = { metadata: { finalizers: null } }
    await shown.cluster.client.patch(pods, { name: victim!, namespace }, { type: 'merge', body: finalizers })
    await shown.runs('preemptor-pod')
  },
)

shows(
  '[sig-scheduling] SchedulerPreemption PreemptionExecutionPath runs ReplicaSets to verify preemption running path',
  async (shown) => {
    const { client } = shown.cluster
    const fakeCpu = 'example.com/fakecpu'
    const [node] = await shown.nodes()
    await shown.offer(node!.metadata.name, fakeCpu, '1000')
    await shown.priorities({ p1: 1, p2: 2, p3: 3, p4: 4 })
    const nodeSelector = { 'kubernetes.io/hostname': node!.metadata.name }
    const run = async (name: string, priorityClassName: string, amount: string): Promise<void> => {
      const labels = { name }
      const resources = { requests: { [fakeCpu]: amount }, limits: { [fakeCpu]: amount } }
      await client.create(replicaSets, {
        metadata: { name: `rs-${name}`, namespace },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { nodeSelector, priorityClassName, containers: [{ name, image: 'pause', resources }] },
          },
        },
      })
      await shown.cluster.until(async () => {
        const { status } = await client.get(replicaSets, { name: `rs-${name}`, namespace })
        return status?.readyReplicas === 1
      })
    }
    const uidsOf = async (name: string): Promise<readonly (string | undefined)[]> => {
      const { items } = await client.list(pods, { namespace, labelSelector: `name=${name}` })
      return items.filter(({ spec }) => spec.nodeName !== undefined).map(({ metadata }) => metadata.uid)
    }
    await run('pod1', 'p1', '200')
    await run('pod2', 'p2', '300')
    await run('pod3', 'p3', '450')
    const before = await Promise.all(['pod1', 'pod2', 'pod3'].map(uidsOf))
    await run('pod4', 'p4', '500')
    await shown.cluster.clock.advance('30s')
    // The two least important made room; what came in their place waits for room, and nobody else had to go.
    assert.deepEqual(await Promise.all(['pod1', 'pod2', 'pod3'].map(uidsOf)), [[], [], before[2]])
    for (const name of ['pod1', 'pod2']) {
      const { items } = await client.list(pods, { namespace, labelSelector: `name=${name}` })
      assert.deepEqual(
        items.map(({ status }) => status?.phase),
        ['Pending'],
      )
    }
  },
)
