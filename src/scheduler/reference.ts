/**
 * The rules of the default scheduler written down once more for tests, straight from what Kubernetes v1.34 documents: every
 * pod of every node is looked at for every answer, and nothing is remembered. It shares no counting with the scheduler.
 */
import type { NodeAffinity, PodAffinityTerm } from '#api/core/v1/affinity.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { TopologySpreadConstraint } from '#api/core/v1/scheduling.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'
import { matchesNodeSelectors, matchesNodeTerm } from '#machinery/nodeSelector.ts'
import { podRequests, podRequestsForScore, readResources } from '#machinery/podResources.ts'
import { tolerates } from '#machinery/taints.ts'
import type { PluginArguments } from '#scheduler/plugins/index.ts'
import type { ResourceSpec } from '#scheduler/plugins/resourceScores.ts'

type Labels = Readonly<Record<string, string>>

/** A node with the pods that are on it. */
export interface Place {
  readonly node: Node
  readonly pods: readonly Pod[]
}

/** A cluster as the rules see it. */
export interface World {
  readonly places: readonly Place[]
  readonly namespaces: ReadonlyMap<string, Labels>
  /** Whether two pods are siblings for default constraints; undefined when nothing selects the pod. */
  siblings(pod: Pod): ((other: Pod) => boolean) | undefined
  readonly arguments: PluginArguments
}

/** Why a node will not do. */
export interface Objection {
  readonly plugin: string
  readonly reasons: readonly string[]
  readonly forever: boolean
}

/** What the first rule that objects says of a node. */
export function objectionTo(pod: Pod, place: Place, world: World): Objection | undefined {
  const rules: Record<
    string,
    (pod: Pod, place: Place, world: World) => Pick<Objection, 'reasons' | 'forever'> | undefined
  > = {
    NodeUnschedulable: unschedulable,
    NodeName: name,
    TaintToleration: taints,
    NodeAffinity: affinityToNode,
    NodePorts: ports,
    NodeResourcesFit: resources,
    PodTopologySpread: spread,
    InterPodAffinity: neighbours,
  }
  for (const [plugin, rule] of Object.entries(rules)) {
    const objection = rule(pod, place, world)
    if (objection !== undefined) return { plugin, ...objection }
  }
  return undefined
}

/** The sum of all weighted scores of each place, of places that fit. */
export function scoresOf(pod: Pod, fitting: readonly Place[], world: World): readonly number[] {
  const parts: readonly (readonly [weight: number, scores: readonly number[]])[] = [
    [
      3,
      stretched(
        fitting.map((place) => unwelcome(pod, place)),
        true,
      ),
    ],
    [
      2,
      stretched(
        fitting.map((place) => preferredNode(pod, place, world)),
        false,
      ),
    ],
    [1, fitting.map((place) => room(pod, place, world))],
    [2, evenness(pod, fitting, world)],
    [2, closeness(pod, fitting, world)],
    [1, fitting.map((place) => balance(pod, place, world))],
    [1, fitting.map((place) => images(pod, place, world))],
  ]
  return fitting.map((_, i) => parts.reduce((sum, [weight, scores]) => sum + weight * scores[i]!, 0))
}

const labelsOf = ({ metadata }: { metadata: { labels?: Labels } }): Labels => metadata.labels ?? {}

function unschedulable({ spec }: Pod, { node }: Place): Pick<Objection, 'reasons' | 'forever'> | undefined {
  if (node.spec?.unschedulable !== true) return undefined
  const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }
  if ((spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint))) return undefined
  return { reasons: ['node(s) were unschedulable'], forever: true }
}

function name({ spec }: Pod, { node }: Place): Pick<Objection, 'reasons' | 'forever'> | undefined {
  if ((spec.nodeName ?? '') === '' || spec.nodeName === node.metadata.name) return undefined
  return { reasons: ["node(s) didn't match the requested node name"], forever: true }
}

function untolerated(
  { spec }: Pod,
  { node }: Place,
  effects: readonly string[],
): readonly { key: string; value?: string }[] {
  return (node.spec?.taints ?? []).filter(
    (taint) =>
      effects.includes(taint.effect) && !(spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint)),
  )
}

function taints(pod: Pod, place: Place): Pick<Objection, 'reasons' | 'forever'> | undefined {
  const [taint] = untolerated(pod, place, ['NoSchedule', 'NoExecute'])
  if (taint === undefined) return undefined
  return { reasons: [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`], forever: true }
}

/** Every taint that advises against the pod; only tolerations for advice or for every effect count. */
function unwelcome(pod: Pod, place: Place): number {
  return untolerated(pod, place, ['PreferNoSchedule']).length
}

function namedNodes({ spec }: Pod): readonly string[] | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  const named = terms?.map(({ matchFields = [] }) => {
    const lists = matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
    if (lists.length === 0) return undefined
    return lists[0]!.values!.filter((each) => lists.every(({ values }) => values!.includes(each)))
  })
  return named === undefined || named.length === 0 || named.includes(undefined)
    ? undefined
    : named.flatMap((each) => each!)
}

/** Whether a pod is turned down without a look at any node. */
export function contradictsItself(pod: Pod): boolean {
  return namedNodes(pod)?.length === 0
}

/** Whether a pod's own list of names leaves a node out, before any rule is asked. */
export function isLeftOut(pod: Pod, { node }: Place): boolean {
  return namedNodes(pod)?.includes(node.metadata.name) === false
}

function affinityToNode(pod: Pod, { node }: Place, world: World): Pick<Objection, 'reasons' | 'forever'> | undefined {
  const added: NodeAffinity = world.arguments.NodeAffinity?.addedAffinity ?? {}
  if (!matchesNodeSelectors({ spec: { affinity: { nodeAffinity: added } } }, node)) {
    return { reasons: ["node(s) didn't match scheduler-enforced node affinity"], forever: true }
  }
  if (matchesNodeSelectors(pod, node)) return undefined
  return { reasons: ["node(s) didn't match Pod's node affinity/selector"], forever: true }
}

function preferredNode({ spec }: Pod, { node }: Place, world: World): number {
  const all = [
    ...(world.arguments.NodeAffinity?.addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []),
  ]
  return all.reduce((sum, { weight, preference }) => sum + (matchesNodeTerm(preference, node) ? weight : 0), 0)
}

function hostPorts({ spec }: Pod): readonly { port: number; protocol: string; ip: string }[] {
  return spec.containers.flatMap(({ ports: all = [] }) =>
    all
      .filter(({ hostPort = 0 }) => hostPort > 0)
      .map(({ hostPort, protocol = 'TCP', hostIP = '' }) => ({
        port: hostPort!,
        protocol,
        ip: hostIP === '' ? '0.0.0.0' : hostIP,
      })),
  )
}

function ports(pod: Pod, { pods }: Place): Pick<Objection, 'reasons' | 'forever'> | undefined {
  const taken = pods.flatMap(hostPorts)
  const clashes = hostPorts(pod).some(({ port, protocol, ip }) =>
    taken.some(
      (other) =>
        other.port === port &&
        other.protocol === protocol &&
        (ip === other.ip || ip === '0.0.0.0' || other.ip === '0.0.0.0'),
    ),
  )
  return clashes
    ? { reasons: ["node(s) didn't have free ports for the requested pod ports"], forever: false }
    : undefined
}

/** How much of a resource a pod asks for, or a node has. */
function amount(resource: string, from: ReturnType<typeof podRequests>): number {
  if (resource === 'cpu') return from.milliCpu
  if (resource === 'memory') return from.memory
  if (resource === 'ephemeral-storage') return from.ephemeralStorage
  return from.others.get(resource) ?? 0
}

function total(resource: string, pods: readonly Pod[]): number {
  return pods.reduce((sum, pod) => sum + amount(resource, podRequests(pod)), 0)
}

function resources(pod: Pod, { node, pods }: Place, world: World): Pick<Objection, 'reasons' | 'forever'> | undefined {
  const { ignoredResources = [], ignoredResourceGroups = [] } = world.arguments.NodeResourcesFit ?? {}
  const reasons: string[] = []
  let forever = false
  if (pods.length + 1 > Number(node.status?.allocatable?.['pods'] ?? 0)) reasons.push('Too many pods')
  const capacity = readResources(node.status?.allocatable)
  for (const resource of ['cpu', 'memory', 'ephemeral-storage', ...podRequests(pod).others.keys()]) {
    if (ignoredResources.includes(resource) || ignoredResourceGroups.includes(resource.split('/')[0]!)) continue
    const wanted = amount(resource, podRequests(pod))
    if (wanted === 0 || wanted + total(resource, pods) <= amount(resource, capacity)) continue
    reasons.push(`Insufficient ${resource}`)
    if (wanted > amount(resource, capacity)) forever = true
  }
  return reasons.length === 0 ? undefined : { reasons, forever }
}

const pair: readonly ResourceSpec[] = [{ name: 'cpu' }, { name: 'memory' }]

function room(pod: Pod, { node, pods }: Place, world: World): number {
  const strategy = world.arguments.NodeResourcesFit?.scoringStrategy ?? { type: 'LeastAllocated' as const }
  const capacity = readResources(node.status?.allocatable)
  let [sum, weights] = [0, 0]
  for (const { name: resource, weight = 1 } of strategy.resources ?? pair) {
    const has = amount(resource, capacity)
    const isOther = !['cpu', 'memory', 'ephemeral-storage'].includes(resource)
    if (has === 0 || (isOther && amount(resource, podRequests(pod)) === 0)) continue
    const used = [...pods, pod].reduce((all, each) => {
      if (resource === 'cpu') return all + podRequestsForScore(each).milliCpu
      if (resource === 'memory') return all + podRequestsForScore(each).memory
      return all + amount(resource, podRequests(each))
    }, 0)
    let score = 0
    if (strategy.type === 'LeastAllocated') score = used > has ? 0 : Math.floor(((has - used) * 100) / has)
    else if (strategy.type === 'MostAllocated') score = Math.floor((Math.min(used, has) * 100) / has)
    else {
      const percent = used > has ? 100 : Math.floor((used * 100) / has)
      const points = strategy.requestedToCapacityRatio!.shape
      score = points.at(-1)!.score * 10
      for (let i = points.length - 1; i >= 0; i--) {
        const { utilization, score: at } = points[i]!
        if (percent > utilization) continue
        const before = points[i - 1]
        score =
          before === undefined
            ? at * 10
            : before.score * 10 +
              Math.trunc(
                ((at - before.score) * 10 * (percent - before.utilization)) / (utilization - before.utilization),
              )
      }
      if (score <= 0) continue
    }
    sum += score * weight
    weights += weight
  }
  if (weights === 0) return 0
  return strategy.type === 'RequestedToCapacityRatio' ? Math.round(sum / weights) : Math.floor(sum / weights)
}

function balance(pod: Pod, { node, pods }: Place, world: World): number {
  const names = (world.arguments.NodeResourcesBalancedAllocation?.resources ?? pair).map((each) => each.name)
  if (names.every((resource) => amount(resource, podRequests(pod)) === 0)) return 0
  const capacity = readResources(node.status?.allocatable)
  const parts = names
    .filter(
      (resource) =>
        amount(resource, capacity) > 0 &&
        (['cpu', 'memory', 'ephemeral-storage'].includes(resource) || amount(resource, podRequests(pod)) > 0),
    )
    .map((resource) => Math.min(1, total(resource, [...pods, pod]) / amount(resource, capacity)))
  if (parts.length < 2) return 100
  if (parts.length === 2) return Math.trunc((1 - Math.abs((parts[0]! - parts[1]!) / 2)) * 100)
  const mean = parts.reduce((sum, each) => sum + each, 0) / parts.length
  const variance = parts.reduce((sum, each) => sum + (each - mean) * (each - mean), 0) / parts.length
  return Math.trunc((1 - Math.sqrt(variance)) * 100)
}

function images({ spec }: Pod, { node }: Place, world: World): number {
  const has = (each: Node, image: string): number =>
    (each.status?.images ?? []).find(({ names }) => names?.includes(image) === true)?.sizeBytes ?? 0
  const megabyte = 1024 * 1024
  const sum = spec.containers.reduce((bytes, { image = '' }) => {
    const holders = world.places.filter((place) => has(place.node, image) > 0).length
    return bytes + Math.trunc(has(node, image) * (holders / world.places.length))
  }, 0)
  const most = 1000 * megabyte * spec.containers.length
  const clipped = Math.min(Math.max(sum, 23 * megabyte), most)
  return Math.trunc((100 * (clipped - 23 * megabyte)) / (most - 23 * megabyte))
}

/** The constraints of a kind that hold for a pod, each with the pods that it counts. */
function constraintsOf(
  pod: Pod,
  kind: string,
  world: World,
): readonly { constraint: TopologySpreadConstraint; counts: (other: Pod) => boolean; countsNobody: boolean }[] {
  const own = pod.spec.topologySpreadConstraints ?? []
  const { defaultingType = 'System', defaultConstraints = [] } = world.arguments.PodTopologySpread ?? {}
  const system: readonly TopologySpreadConstraint[] = [
    { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
    { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
  ]
  const siblings = world.siblings(pod)
  if (own.length === 0 && siblings === undefined) return []
  const all = own.length > 0 ? own : defaultingType === 'System' ? system : defaultConstraints
  return all
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === kind)
    .map((constraint) => ({
      constraint,
      // A selector that says nothing, although every pod is one that it picks.
      countsNobody:
        Object.keys(constraint.labelSelector ?? { absent: '' }).length === 0 &&
        (constraint.matchLabelKeys ?? []).every((key) => labelsOf(pod)[key] === undefined),
      counts: (other) =>
        own.length === 0
          ? siblings!(other)
          : matchesLabelSelector(constraint.labelSelector, labelsOf(other)) &&
            (constraint.matchLabelKeys ?? []).every(
              (key) => labelsOf(pod)[key] === undefined || labelsOf(pod)[key] === labelsOf(other)[key],
            ),
    }))
}

function isCounted(pod: Pod, place: Place, constraint: TopologySpreadConstraint, keys: readonly string[]): boolean {
  const { nodeAffinityPolicy = 'Honor', nodeTaintsPolicy = 'Ignore' } = constraint
  return (
    keys.every((key) => labelsOf(place.node)[key] !== undefined) &&
    (nodeAffinityPolicy === 'Ignore' || matchesNodeSelectors(pod, place.node)) &&
    (nodeTaintsPolicy === 'Ignore' || untolerated(pod, place, ['NoSchedule', 'NoExecute']).length === 0)
  )
}

type Counting = ReturnType<typeof constraintsOf>[number]

function fellows(pod: Pod, pods: readonly Pod[], { counts, countsNobody }: Counting): number {
  if (countsNobody) return 0
  return pods.filter(
    (other) =>
      other.metadata.deletionTimestamp === undefined &&
      other.metadata.namespace === pod.metadata.namespace &&
      counts(other),
  ).length
}

function spread(pod: Pod, { node }: Place, world: World): Pick<Objection, 'reasons' | 'forever'> | undefined {
  const hard = constraintsOf(pod, 'DoNotSchedule', world)
  const keys = hard.map(({ constraint }) => constraint.topologyKey)
  for (const counting of hard) {
    const { constraint, counts } = counting
    const { topologyKey, maxSkew, minDomains = 1 } = constraint
    const value = labelsOf(node)[topologyKey]
    const reason = "node(s) didn't match pod topology spread constraints"
    if (value === undefined) return { reasons: [`${reason} (missing required label)`], forever: true }
    const byDomain = new Map<string, number>()
    for (const other of world.places) {
      if (!isCounted(pod, other, constraint, keys)) continue
      const domain = labelsOf(other.node)[topologyKey]!
      byDomain.set(domain, (byDomain.get(domain) ?? 0) + fellows(pod, other.pods, counting))
    }
    const least = byDomain.size < minDomains ? 0 : Math.min(...byDomain.values())
    const skew = (byDomain.get(value) ?? 0) + (counts(pod) ? 1 : 0) - least
    if (skew > maxSkew) return { reasons: [reason], forever: false }
  }
  return undefined
}

function evenness(pod: Pod, fitting: readonly Place[], world: World): readonly number[] {
  const soft = constraintsOf(pod, 'ScheduleAnyway', world)
  if (soft.length === 0) return fitting.map(() => 0)
  const isSystem =
    (pod.spec.topologySpreadConstraints ?? []).length === 0 &&
    (world.arguments.PodTopologySpread?.defaultingType ?? 'System') === 'System'
  const keys = isSystem ? [] : soft.map(({ constraint }) => constraint.topologyKey)
  const scored = fitting.filter(({ node }) => keys.every((key) => labelsOf(node)[key] !== undefined))
  const raw = scored.map(({ node, pods }) => {
    let sum = 0
    for (const counting of soft) {
      const { topologyKey: key, maxSkew } = counting.constraint
      const value = labelsOf(node)[key]
      if (value === undefined) continue
      const isHost = key === 'kubernetes.io/hostname'
      const domains = isHost ? scored.length : new Set(scored.map((each) => labelsOf(each.node)[key])).size
      const count = isHost
        ? fellows(pod, pods, counting)
        : world.places
            .filter((each) => labelsOf(each.node)[key] === value && isCounted(pod, each, counting.constraint, keys))
            .reduce((all, each) => all + fellows(pod, each.pods, counting), 0)
      sum += count * Math.log(domains + 2) + (maxSkew - 1)
    }
    return Math.round(sum)
  })
  const [least, most] = [Math.min(...raw), Math.max(...raw)]
  return fitting.map((place) => {
    const at = scored.indexOf(place)
    if (at < 0) return 0
    return most === 0 ? 100 : Math.trunc((100 * (most + least - raw[at]!)) / most)
  })
}

/** Whether a term that `owner` holds is about a pod. */
function isAbout(term: PodAffinityTerm, owner: Pod, pod: Pod, world: World): boolean {
  const { namespaces = [], namespaceSelector, labelSelector } = term
  const namespace = pod.metadata.namespace!
  const reaches =
    namespaces.length === 0 && namespaceSelector === undefined
      ? namespace === owner.metadata.namespace
      : namespaces.includes(namespace) || matchesLabelSelector(namespaceSelector, world.namespaces.get(namespace) ?? {})
  return reaches && matchesLabelSelector(labelSelector, labelsOf(pod))
}

const requiredOf = ({ spec }: Pod): readonly PodAffinityTerm[] =>
  spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
const forbiddenOf = ({ spec }: Pod): readonly PodAffinityTerm[] =>
  spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []

function preferencesOf({ spec }: Pod): readonly { term: PodAffinityTerm; weight: number }[] {
  const near = spec.affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  const far = spec.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  return [
    ...near.map(({ weight, podAffinityTerm }) => ({ term: podAffinityTerm, weight })),
    ...far.map(({ weight, podAffinityTerm }) => ({ term: podAffinityTerm, weight: -weight })),
  ]
}

/** All pods with the value of a label that their node has. */
function everyPod(world: World, key: string): readonly { pod: Pod; value: string }[] {
  return world.places.flatMap(({ node, pods }) => {
    const value = labelsOf(node)[key]
    return value === undefined ? [] : pods.map((pod) => ({ pod, value }))
  })
}

function neighbours(pod: Pod, { node }: Place, world: World): Pick<Objection, 'reasons' | 'forever'> | undefined {
  const required = requiredOf(pod)
  const meetsAll = (other: Pod): boolean => required.every((term) => isAbout(term, pod, other, world))
  const has = required.map(({ topologyKey }) => {
    const value = labelsOf(node)[topologyKey]
    if (value === undefined) return 'no label'
    return everyPod(world, topologyKey).some((each) => each.value === value && meetsAll(each.pod))
  })
  const isFirst = !required.some(({ topologyKey }) => everyPod(world, topologyKey).some((each) => meetsAll(each.pod)))
  if (has.includes('no label') || (has.includes(false) && !(isFirst && meetsAll(pod)))) {
    return { reasons: ["node(s) didn't match pod affinity rules"], forever: true }
  }
  for (const term of forbiddenOf(pod)) {
    const value = labelsOf(node)[term.topologyKey]
    if (everyPod(world, term.topologyKey).some((each) => each.value === value && isAbout(term, pod, each.pod, world))) {
      return { reasons: ["node(s) didn't match pod anti-affinity rules"], forever: false }
    }
  }
  for (const place of world.places) {
    for (const other of place.pods) {
      for (const term of forbiddenOf(other)) {
        const value = labelsOf(place.node)[term.topologyKey]
        if (value === undefined || labelsOf(node)[term.topologyKey] !== value) continue
        if (!isAbout(term, other, pod, world)) continue
        return { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"], forever: false }
      }
    }
  }
  return undefined
}

function closeness(pod: Pod, fitting: readonly Place[], world: World): readonly number[] {
  const { hardPodAffinityWeight = 1, ignorePreferredTermsOfExistingPods = false } =
    world.arguments.InterPodAffinity ?? {}
  const own = preferencesOf(pod)
  if (ignorePreferredTermsOfExistingPods && own.length === 0) return fitting.map(() => 0)
  const raw = fitting.map(({ node }) => {
    let sum = 0
    for (const place of world.places) {
      const isNear = ({ topologyKey }: PodAffinityTerm): boolean => {
        const value = labelsOf(node)[topologyKey]
        return value !== undefined && labelsOf(place.node)[topologyKey] === value
      }
      for (const other of place.pods) {
        for (const { term, weight } of own) if (isNear(term) && isAbout(term, pod, other, world)) sum += weight
        const theirs = [
          ...requiredOf(other).map((term) => ({ term, weight: hardPodAffinityWeight })),
          ...preferencesOf(other),
        ]
        for (const { term, weight } of theirs) if (isNear(term) && isAbout(term, other, pod, world)) sum += weight
      }
    }
    return sum
  })
  const [least, most] = [Math.min(...raw), Math.max(...raw)]
  return raw.map((each) => (most === least ? 0 : Math.trunc(100 * ((each - least) / (most - least)))))
}

function stretched(scores: readonly number[], reverse: boolean): readonly number[] {
  const most = Math.max(...scores)
  if (most === 0) return scores.map(() => (reverse ? 100 : 0))
  return scores.map((score) => {
    const part = Math.trunc((100 * score) / most)
    return reverse ? 100 - part : part
  })
}
