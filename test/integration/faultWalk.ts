/**
 * Walks controllers through every fault at each of their writes: a scenario is played without faults first, then once for
 * each fault at each write, and must end in the same state each time, with its rules kept all the way.
 */
import assert from 'node:assert/strict'
import { pods } from '#api/core/v1/pod.ts'
import { nodes } from '#api/core/v1/node.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { MakeController } from '#controllers/context.ts'
import { simulatedCluster, type SimulatedCluster, type SimulatedClusterOptions } from '#simulation/simulatedCluster.ts'
import { startFaultyProcess, type Fault } from './faultyProcess.ts'

/** A cluster while a scenario is played in it. */
export interface Stage {
  readonly cluster: SimulatedCluster
  /** The copies of one kind, which never lag behind by more than what is under way. */
  all<T extends KubeObject>(resource: Resource<T>): readonly T[]
}

export interface FaultScenario {
  readonly name: string
  /** Those that meet the faults. */
  readonly controllers: readonly MakeController[]
  /** Names of those that run beside them without faults, besides those of accounts and nodes. */
  readonly others?: readonly string[]
  readonly cluster?: Omit<SimulatedClusterOptions, 'controllers'>
  /** Objects of others, there from the start, that nobody may write or delete. */
  readonly foreign?: (stage: Stage) => Promise<readonly KubeObject[]>
  readonly steps: readonly {
    readonly does: string
    act(stage: Stage): Promise<unknown>
    isDone(stage: Stage): boolean
    /** Virtual time in which it must be done; ten minutes unless told. */
    readonly within?: string
  }[]
  /** Kinds whose objects must be the same in the end as without faults. */
  readonly kinds: readonly Resource[]
  /** Asked at every change of the kinds: what is wrong, if anything. `step` is what is being done. */
  readonly wrong?: (stage: Stage, step: string) => string | undefined
  /** How many pods may have been made in all; as many as without faults unless told. */
  readonly mostPods?: number
}

const faultKinds = ['replyLost', 'replyTaken', 'timeout', 'refused', 'stale', 'missed'] as const

interface Outcome {
  readonly state: readonly string[]
  readonly writes: readonly string[]
  readonly follows: ReadonlySet<string>
  readonly podsMade: number
}

/**
 * Plays a scenario with every fault at every `stride`-th write (and always at the first and last ones). Rejects with the
 * first difference; returns how many plays there were.
 */
export async function walkFaults(scenario: FaultScenario, stride: number): Promise<{ writes: number; plays: number }> {
  const plain = await play(scenario)
  assert.ok(plain.writes.length > 0, 'the controllers write something')
  let plays = 0
  for (const fault of faultsAt(plain, stride)) {
    plays++
    const words = `${scenario.name}, with ${describe(fault)} of ${plain.writes.length} (${plain.writes[fault.at - 1]})`
    let outcome: Outcome
    try {
      outcome = await play(scenario, fault)
    } catch (error) {
      throw new Error(`${words}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
    const difference = differenceOf(plain.state, outcome.state)
    if (difference.length > 0)
      throw new Error([`${words} ends otherwise (-) than without (+)`, ...difference].join('\n'))
    const most = scenario.mostPods ?? plain.podsMade
    assert.ok(
      outcome.podsMade <= most,
      `${words}: ${outcome.podsMade} pods were made, ${plain.podsMade} without faults`,
    )
  }
  return { writes: plain.writes.length, plays }
}

function describe(fault: Fault): string {
  return `${fault.kind}${'plural' in fault ? ` ${fault.plural}` : ''} at write ${fault.at}`
}

function* faultsAt({ writes, follows }: Outcome, stride: number): Iterable<Fault> {
  // Each kind begins elsewhere, so that a walk with a stride sees other writes with each of them.
  let shift = 0
  for (const kind of faultKinds) {
    const plurals = kind === 'stale' || kind === 'missed' ? [...follows] : ['']
    for (const plural of plurals) {
      for (let at = 1 + (shift++ % stride); at <= writes.length; at += stride) {
        yield kind === 'stale' || kind === 'missed' ? { kind, at, plural } : { kind, at }
      }
    }
  }
}

/** Those without which there are no pods or no nodes to put them on. */
const alwaysThere = ['service-account-controller', 'node-controller', 'generic-garbage-collector']

/** Plays a scenario once. */
async function play(scenario: FaultScenario, fault?: Fault): Promise<Outcome> {
  const others = [...alwaysThere, ...(scenario.others ?? [])]
  await using cluster = await simulatedCluster({ nodes: 2, ...scenario.cluster, controllers: others })
  const stage: Stage = { cluster, all: (resource) => cluster.informers.of(resource).list() }
  for (const kind of [...scenario.kinds, pods]) cluster.informers.of(kind)
  await cluster.until(
    () => stage.all(nodes).length > 0 && stage.all(nodes).every(({ spec }) => (spec.taints ?? []).length === 0),
  )
  const foreign = (await scenario.foreign?.(stage)) ?? []
  const touched: string[] = []
  const process = startFaultyProcess({
    cluster,
    controllers: scenario.controllers,
    ...(fault === undefined ? {} : { fault }),
    onWrite: ({ method, path }) => {
      if (foreign.some((object) => isAt(path, object))) touched.push(`${method} ${path}`)
    },
  })
  const broken: string[] = []
  let step = 'at the beginning'
  const uids = new Set<string>()
  const look = (): void => {
    const problem = broken.length === 0 ? scenario.wrong?.(stage, step) : undefined
    if (problem !== undefined) broken.push(`${step}: ${problem}`)
  }
  using _watched = onChanges(cluster, scenario.kinds, look)
  using _counted = cluster.informers.of(pods).onChange(({ old, new: pod }) => {
    if (old === undefined && pod !== undefined) uids.add(pod.metadata.uid!)
  })
  try {
    for (const { does, act, isDone, within = '10m' } of scenario.steps) {
      step = does
      await act(stage)
      await cluster.clock.advance('1s')
      try {
        await cluster.until(() => broken.length > 0 || isDone(stage), within)
      } catch (error) {
        throw new Error(`${does}: ${(error as Error).message}\n${process.writes.slice(-10).join('\n')}`)
      }
      if (broken.length > 0) throw new Error(broken.join('\n'))
    }
    step = 'at rest'
    await cluster.clock.advance('30s')
    const written = process.writes.length
    await cluster.clock.advance('2m')
    const late = process.writes.slice(written)
    if (late.length > 0) throw new Error(`Still written when all is done: ${late.join(', ')}`)
    if (broken.length > 0) throw new Error(broken.join('\n'))
    if (touched.length > 0) throw new Error(`Objects of others were written: ${touched.join(', ')}`)
    for (const kind of scenario.kinds) {
      const now = stage.all(kind)
      for (const object of foreign.filter((each) => each.kind === kind.kind)) {
        const found = now.find(({ metadata }) => metadata.uid === object.metadata.uid)
        if (found === undefined) throw new Error(`${kind.kind} ${object.metadata.name} of somebody else is gone`)
      }
    }
    const state = scenario.kinds.flatMap((kind) => stage.all(kind).map((object) => comparable(object)))
    return { state: state.toSorted(), writes: process.writes, follows: process.follows, podsMade: uids.size }
  } finally {
    await process.stop()
  }
}

function onChanges(cluster: SimulatedCluster, kinds: readonly Resource[], look: () => void): Disposable {
  const stack = new DisposableStack()
  for (const kind of kinds) stack.use(cluster.informers.of(kind).onChange(look))
  return stack
}

function isAt(path: string, { metadata: { name, namespace } }: KubeObject): boolean {
  return path.includes(`/namespaces/${namespace}/`) && path.split('/').includes(name)
}

/** What differs from play to play: identities, times, and what chance gave. */
const incidental = new Set(
  (
    'uid resourceVersion creationTimestamp managedFields generation observedGeneration nodeName hostIP hostIPs podIP podIPs ' +
    'containerID startTime startedAt finishedAt completionTime lastSuccessfulTime lastTransitionTime lastPhaseTransitionTime lastUpdateTime lastProbeTime lastHeartbeatTime generateName'
  ).split(' '),
)

/** Jobs have their own uid in labels and selectors. */
const uid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g

/** What an object says, one line for each value, without what is incidental; the names of pods without what chance gave. */
function comparable(object: KubeObject): string {
  const { name, generateName, generation } = object.metadata
  const { status } = object as { readonly status?: { readonly observedGeneration?: number } }
  const observed = status?.observedGeneration
  const isBehind = observed !== undefined && generation !== undefined && observed !== generation
  const lines: string[] = isBehind ? ['is behind its spec'] : []
  collectLines(object, '', lines)
  const text = lines
    .join('\n')
    .replaceAll(/kube-api-access-\w+/g, 'kube-api-access')
    .replaceAll(uid, '(uid)')
  return generateName === undefined ? text : text.replaceAll(name, `${generateName}*`)
}

function collectLines(value: unknown, path: string, lines: string[]): void {
  if (typeof value !== 'object' || value === null) return void lines.push(`${path}: ${String(value)}`)
  for (const [key, member] of Object.entries(value)) {
    if (incidental.has(key)) continue
    if (key === 'conditions')
      for (const each of conditionLines(member as readonly Condition[])) lines.push(`${path}.${each}`)
    else collectLines(member, `${path}.${key}`, lines)
  }
}

type Condition = { readonly type: string; readonly status: string; readonly reason?: string }

/** Conditions as a set, and without their words: those tell of the way here. */
function conditionLines(conditions: readonly Condition[]): readonly string[] {
  return conditions.map(({ type, status, reason = '' }) => `${type}: ${status} ${reason}`).toSorted()
}

/** The lines in which two states differ, below the names of their objects. */
function differenceOf(wanted: readonly string[], found: readonly string[]): readonly string[] {
  const lines: string[] = []
  const left = [...found]
  const missing: string[] = []
  for (const text of wanted) {
    const at = left.indexOf(text)
    if (at < 0) missing.push(text)
    else left.splice(at, 1)
  }
  for (const [sign, texts, others] of [
    ['+', missing, left],
    ['-', left, missing],
  ] as const) {
    for (const text of texts) {
      const name = nameIn(text)
      const like = new Set(others.find((other) => nameIn(other) === name)?.split('\n'))
      lines.push(
        ...text
          .split('\n')
          .filter((line) => !like.has(line))
          .map((line) => `${sign} ${name}${line}`),
      )
    }
  }
  return lines.slice(0, 40)
}

function nameIn(text: string): string {
  return `${/^\.kind: (.*)$/m.exec(text)?.[1]} ${/^\.metadata\.name: (.*)$/m.exec(text)?.[1]}`
}

/** The stride of walks: as told in `FAULT_STRIDE`, else so large that a walk takes seconds. */
export function faultStride(usual: number): number {
  return Number(process.env['FAULT_STRIDE'] ?? usual)
}
