import type { Pod } from '#api/core/v1/pod.ts'

/**
 * What a simulated container does with its life. Times are in milliseconds.
 *
 *     asked to run ──startAfter──▶ running ──readyAfter──▶ ready ──exitAfter (since running)──▶ ended with exitCode
 *                                            asked to stop ──stopAfter, at most the grace──▶ ended
 */
export interface ContainerBehaviour {
  /** From the making of the pod's sandbox to its first start. */
  readonly startAfter: number
  /** From its start to its readiness; absent: as soon as its probes may have said so. */
  readonly readyAfter?: number
  /** From its start to its end; absent: it runs until it is stopped. */
  readonly exitAfter?: number
  readonly exitCode: number
  /** How many runs end by themselves; those after them go on until they are stopped. */
  readonly exitRuns: number
  /** From the request to stop to the end. */
  readonly stopAfter: number
}

/** What a pod's annotations ask of its containers. */
export interface PodBehaviour {
  of(container: string): ContainerBehaviour
  /** What could not be read; the behaviour is then as if it were not there. */
  readonly problems: readonly string[]
}

/** Every behaviour is an annotation that begins so: `simulation.k8ts.dev/exit-after: 30s`. */
const behaviourPrefix = 'simulation.k8ts.dev/'

type Field = keyof ContainerBehaviour
type Reading = { readonly values: Partial<Record<Field, number>> } | { readonly problem: string }

interface Behaviour {
  readonly name: string
  /** For the documentation and for people who ask. */
  readonly meaning: string
  read(text: string): Reading
}

/** Every behaviour, for all containers of a pod, or with `.container` behind it for one of them. */
export const behaviours: readonly Behaviour[] = [
  duration('start-after', 'startAfter', 'How long a container takes to start, as if its image were being pulled.'),
  duration('ready-after', 'readyAfter', 'How long a container runs before it is ready.'),
  duration('exit-after', 'exitAfter', 'How long a container runs before it ends by itself.'),
  number('exit-code', 'exitCode', 255, 'The code with which it ends by itself; 0 unless told.'),
  number('exit-runs', 'exitRuns', 1_000_000, 'How many of its runs end by themselves; all unless told.'),
  {
    name: 'crash',
    meaning: 'Ends at once with code 1: `always`, or so many times before it runs well.',
    read(text) {
      const runs = text === 'always' ? Infinity : wholeNumber(text, 1_000_000)
      if (runs === undefined) return { problem: 'must be "always" or a whole number up to 1000000' }
      return { values: { exitAfter: 0, exitCode: 1, exitRuns: runs } }
    },
  },
  duration('stop-after', 'stopAfter', 'How long it takes to end when asked to; it is killed at the end of its grace.'),
]

/** Durations are no longer than this, so that times stay times. */
const longestDuration = 100 * 365 * 86_400_000

const byName = new Map(behaviours.map((behaviour, order) => [behaviour.name, { behaviour, order }]))

/** What containers do of which nothing is asked, unless the nodes have other habits. */
export const plainBehaviour: ContainerBehaviour = { startAfter: 0, exitCode: 0, exitRuns: Infinity, stopAfter: 0 }

const unchanged: PodBehaviour = { of: () => plainBehaviour, problems: [] }

/** Reads what a pod asks for; `habits` are what its containers do unasked. A pod that asks for nothing costs nothing. */
export function behaviourOf(pod: Pod, habits: ContainerBehaviour = plainBehaviour): PodBehaviour {
  const { annotations } = pod.metadata
  const asked = Object.entries(annotations ?? {}).filter(([key]) => key.startsWith(behaviourPrefix))
  const ending = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy !== 'Always')
  if (asked.length === 0 && ending.length === 0) {
    return habits === plainBehaviour ? unchanged : { of: () => habits, problems: [] }
  }
  // An init container does its work and ends.
  const initHabits: ContainerBehaviour = { ...habits, exitAfter: 0 }
  const problems: string[] = []
  const containers = new Map<string, ContainerBehaviour>()
  const ends = new Set(ending.map(({ name }) => name))
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers, ...(pod.spec.ephemeralContainers ?? [])]
  const settings: { readonly order: number; readonly container?: string; readonly values: object }[] = []
  for (const [key, text] of asked) {
    const [name = '', ...rest] = key.slice(behaviourPrefix.length).split('.')
    const container = rest.length === 0 ? undefined : rest.join('.')
    const found = byName.get(name)
    const reading: Reading =
      found === undefined
        ? { problem: `there is no behaviour "${name}": known are ${[...byName.keys()].join(', ')}` }
        : container !== undefined && !all.some((each) => each.name === container)
          ? { problem: `the pod has no container "${container}"` }
          : found.behaviour.read(text)
    if ('problem' in reading) problems.push(`Invalid annotation "${key}": "${shortened(text)}": ${reading.problem}`)
    else
      settings.push({ order: found!.order, ...(container === undefined ? {} : { container }), values: reading.values })
  }
  // What is said of one container goes before what is said of all; `crash` goes before the plainer ones.
  settings.sort((a, b) => Number(a.container !== undefined) - Number(b.container !== undefined) || a.order - b.order)
  for (const { name } of all) {
    const values = settings.filter(({ container }) => container === undefined || container === name)
    // Endings are for the containers that run on, unless an init container is named.
    const own = ends.has(name) ? values.filter(({ container }) => container !== undefined) : values
    containers.set(name, Object.assign({}, ends.has(name) ? initHabits : habits, ...own.map((each) => each.values)))
  }
  return { of: (name) => containers.get(name) ?? habits, problems }
}

function shortened(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}…` : text
}

function duration(name: string, field: Field, meaning: string): Behaviour {
  return {
    name,
    meaning,
    read(text) {
      const milliseconds = parseDuration(text)
      if (milliseconds === undefined) return { problem: 'must be a duration such as 500ms, 2s or 1m30s' }
      if (milliseconds > longestDuration) return { problem: 'must be no longer than 876000h' }
      return { values: { [field]: milliseconds } }
    },
  }
}

function number(name: string, field: Field, most: number, meaning: string): Behaviour {
  return {
    name,
    meaning,
    read(text) {
      const value = wholeNumber(text, most)
      return value === undefined ? { problem: `must be a whole number up to ${most}` } : { values: { [field]: value } }
    },
  }
}

function wholeNumber(text: string, most: number): number | undefined {
  return /^\d{1,7}$/.test(text) && Number(text) <= most ? Number(text) : undefined
}

const unitMilliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Milliseconds of a duration as Go writes them (`1h30m`, `1.5s`, `250ms`); undefined when it is none. */
function parseDuration(text: string): number | undefined {
  if (text.length > 64) return undefined
  if (text === '0') return 0
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined
  let sum = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    sum += Number(amount) * unitMilliseconds[unit!]!
  return sum
}
