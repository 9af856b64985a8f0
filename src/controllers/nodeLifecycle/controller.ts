import { leases } from '#api/coordination/v1/lease.ts'
import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Controller, Outcome } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { millisecondsOf, timeText } from '#machinery/time.ts'
import { writeStatus } from '#client/writeStatus.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { conditionOf } from '#machinery/conditions.ts'
import type { ControllerContext } from '../context.ts'
import { byNode, nodeIndex } from '../podsOfNode.ts'
import { needsEviction, planHealth, planLabels, planTaints, signOfLife, type Heard } from './plan.ts'
import { EvictionPace, zoneOf } from './zones.ts'

const leaseNamespace = 'kube-node-lease'
/** How often a node that may not be driven empty yet is looked at again (`--node-monitor-period`). */
const monitorPeriod = 5_000

/** Notices nodes that are silent, says so in their conditions and keeps their taints as their conditions ask. */
export function nodeLifecycleController(context: ControllerContext): Controller {
  const { client, clock, causes, metrics } = context
  const grace = context.config.nodeMonitorGraceMilliseconds ?? 50_000
  const copies = context.informers.of(nodes)
  const leaseCopies = context.informers.of(leases)
  const podCopies = context.informers.of(pods)
  podCopies.addIndex(byNode, nodeIndex)
  const events = context.events.recorder('node-controller')
  const pace = new EvictionPace(clock)
  metrics.nodes.follow(() => pace.zones)
  const heard = new Map<string, Heard>()
  /** Nodes that were greeted, with their uid, to say goodbye to them. */
  const greeted = new Map<string, string>()
  /** Silent nodes whose pods still have to be marked. */
  const unmarked = new Set<string>()
  let wereAllDown = false

  const { heartbeats } = context.config

  /** When a node was last heard of, in whichever way. */
  const listen = (node: Node): Heard => {
    const own = hear(node)
    const vouched = heartbeats?.lastHeard(node.metadata.name)
    if (vouched === undefined) return own
    return { ...own, at: Math.max(own.at, vouched === 'alive' ? clock.now() : vouched) }
  }

  const hear = (node: Node): Heard => {
    const { name } = node.metadata
    const { renewTime = '' } = leaseCopies.get(`${leaseNamespace}/${name}`)?.spec ?? {}
    const sign = signOfLife(node, renewTime)
    const before = heard.get(name)
    if (before?.sign === sign) return before
    // What a process sees first may be old; a node that never spoke is as old as it is.
    const silent = conditionOf(node.status?.conditions, 'Ready') === undefined && renewTime === ''
    const created = silent ? millisecondsOf(node.metadata.creationTimestamp) : undefined
    const now = { sign, at: before === undefined && created !== undefined ? created : clock.now() }
    heard.set(name, now)
    return now
  }

  const tell = (name: string, reason: string, message: string): void =>
    events.record(
      { kind: 'Node', name, uid: greeted.get(name) ?? name, apiVersion: 'v1' },
      { type: 'Normal', reason, message },
    )

  const greet = (name: string, node: Node | undefined): void => {
    if (node !== undefined && !greeted.has(name)) {
      greeted.set(name, node.metadata.uid ?? '')
      tell(name, 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`)
      // Whoever noticed its silence may have ended before it had marked all pods.
      if (conditionOf(node.status?.conditions, 'Ready')?.status === 'Unknown') unmarked.add(name)
    } else if (node === undefined && greeted.has(name)) {
      tell(name, 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`)
      greeted.delete(name)
      heard.delete(name)
      unmarked.delete(name)
    }
  }

  /** Notes how a node is. When all nodes come to be down, or do not stay so, every node is looked at again. */
  const note = (name: string, add: (key: string) => void): void => {
    const node = copies.get(name)
    if (node === undefined) pace.forget(name)
    else {
      hear(node)
      pace.see(node)
    }
    if (pace.areAllDown === wereAllDown) return
    wereAllDown = !wereAllDown
    if (!wereAllDown) {
      // It was not the nodes that could not be heard: each has all its time again.
      const at = clock.now()
      for (const [each, { sign }] of heard) heard.set(each, { sign, at })
    }
    for (const each of copies.list()) add(each.metadata.name)
  }

  /** Pods on a node that fell silent are not ready either: services must not lead to them. */
  const markPods = async (name: string, signal: AbortSignal): Promise<void> => {
    for (const pod of podCopies.byIndex(byNode, name)) {
      const conditions = pod.status?.conditions ?? []
      const ready = conditionOf(conditions, 'Ready')
      if (ready?.status !== 'True') continue
      const lastTransitionTime = timeText(clock.now())
      const marked = conditions.map((each) =>
        each === ready ? { ...each, status: 'False' as const, lastTransitionTime } : each,
      )
      if (
        (await unlessGone(writeStatus(client, pods, pod, { ...pod.status, conditions: marked }, signal))) === undefined
      )
        continue
      events.record(referenceTo(pods, pod), { type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready' })
    }
  }

  const lookAt = async (name: string, known: Node, signal: AbortSignal): Promise<Outcome> => {
    const now = clock.now()
    const health = planHealth(known, listen(known), grace, now)
    let node = known
    if (health.conditions !== undefined) {
      node = await writeStatus(client, nodes, known, { ...known.status, conditions: [...health.conditions] }, signal)
      if (conditionOf(known.status?.conditions, 'Ready')?.status === 'True') {
        unmarked.add(name)
        tell(name, 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
      }
    }
    const ready = conditionOf(node.status?.conditions, 'Ready')
    if (ready !== undefined && ready.status !== 'True') {
      const { reason = '', message = '' } = ready
      causes.record({ kind: nodes.kind, name }, 'node-controller', { reason, message })
      if (unmarked.has(name)) await markPods(name, signal)
    } else causes.clear({ kind: nodes.kind, name }, 'node-controller')
    unmarked.delete(name)
    const areAllDown = pace.areAllDown
    const wants = !areAllDown && needsEviction(node)
    const mayEvict = wants && pace.tryTake(node)
    const taints = planTaints(node, areAllDown ? 'lifted' : mayEvict ? 'allowed' : 'asBefore', now)
    const labels = planLabels(node)
    if (taints !== undefined || labels !== undefined) {
      const { resourceVersion } = node.metadata
      const body = {
        metadata: { resourceVersion, ...(labels === undefined ? {} : { labels }) },
        ...(taints === undefined ? {} : { spec: { taints } }),
      }
      await client.patch(nodes, node.metadata, { type: 'merge', body }, { signal })
      if (mayEvict && taints !== undefined) metrics.nodes.evicts(zoneOf(node))
    }
    if (wants && !mayEvict) return { after: monitorPeriod }
    if (heartbeats?.lastHeard(name) === 'alive') return
    return now <= health.silentAt ? { after: health.silentAt - now + 1 } : undefined
  }

  return {
    name: 'node-controller',
    queue: 'node_lifecycle_controller',
    permissions: [
      { groups: [''], resources: ['nodes'], verbs: ['delete', 'get', 'list', 'patch', 'update', 'watch'] },
      { groups: [''], resources: ['nodes/status', 'pods/status'], verbs: ['patch', 'update'] },
      { groups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      { groups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'list', 'watch'] },
    ],
    watch(on, add) {
      heartbeats?.onChange(add)
      on(copies, ({ metadata: { name } }) => {
        note(name, add)
        return [name]
      })
      // A renewed lease only moves the time at which its node is silent: noted now, looked at when that time comes.
      on(leaseCopies, ({ metadata }) => {
        const node = metadata.namespace === leaseNamespace ? copies.get(metadata.name) : undefined
        if (node !== undefined) hear(node)
        return []
      })
      on(podCopies, () => [])
    },
    async reconcile(name, signal) {
      const known = copies.get(name)
      greet(name, known)
      if (known === undefined) return
      const started = clock.now()
      try {
        return await lookAt(name, known, signal)
      } finally {
        metrics.nodes.looks.observe((clock.now() - started) / 1_000)
      }
    },
  }
}
