import type { Pod } from '#api/core/v1/pod.ts'
import { readAmount, type Amount } from './amount.ts'

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
  /** How often its image cannot be pulled before it can. */
  readonly pullFailures: number
  /** From its start to the moment from which its readiness probe fails. */
  readonly unreadyAfter?: number
  /** From its start to the moment from which its liveness probe fails, and the one of readiness with it. */
  readonly hangAfter?: number
  /** How its runs end, one after the other; the last of them stands for all that follow. Goes before the other endings. */
  readonly runs?: readonly RunBehaviour[]
  /** How much cpu it uses, since its start; next to nothing when absent. */
  readonly cpu?: Amount
  /** How much cpu it uses beside for each request a second that reaches its pod (`load.ts`). */
  readonly cpuPerRequest?: Amount
  /** How much memory it uses, since its start. */
  readonly memory?: Amount
}

/** How one run ends. */
export interface RunBehaviour {
  /** From its start to its end; absent: it runs until it is stopped. */
  readonly exitAfter?: number
  readonly exitCode?: number
}

/** What a pod's annotations, or a test, ask of its containers. */
export interface PodBehaviour {
  /** What a container does in its run number `attempt`; the first is 0. */
  of(container: string, attempt: number): ContainerBehaviour
  /** What could not be read; the behaviour is then as if it were not there. */
  readonly problems: readonly string[]
}

/** Every behaviour is an annotation that begins so: `simulation.k8ts.dev/exit-after: 30s`. */
const behaviourPrefix = 'simulation.k8ts.dev/'

/** What a test says of a run of a container; goes before what the pod's annotations say. */
export type DeclaredBehaviour = (
  pod: Pod,
  container: string,
  attempt: number,
) => Partial<ContainerBehaviour> | undefined

type Field = keyof ContainerBehaviour
type Reading = { readonly values: Partial<ContainerBehaviour> } | { readonly problem: string }

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
    read: (text) => readTimes(text, (times) => ({ exitAfter: 0, exitCode: 1, exitRuns: times })),
  },
  duration('stop-after', 'stopAfter', 'How long it takes to end when asked to; it is killed at the end of its grace.'),
  {
    name: 'pull-failures',
    meaning: 'How often its image cannot be pulled: `always`, or so many times before it can.',
    read: (text) => readTimes(text, (times) => ({ pullFailures: times })),
  },
  duration('unready-after', 'unreadyAfter', 'How long a container runs before it is not ready any more.'),
  duration(
    'hang-after',
    'hangAfter',
    'How long a container runs before its liveness probe fails, if it has one; it is not ready then either.',
  ),
  {
    name: 'runs',
    meaning:
      'How its runs end, in turn: `exit 1 after 5s, exit 0 after 1m, stay`. The last stands for all that follow.',
    read(text) {
      const runs = text.split(',').map((each) => readRun(each.trim()))
      const isRun = (run: RunBehaviour | undefined): run is RunBehaviour => run !== undefined
      return runs.every(isRun)
        ? { values: { runs } }
        : { problem: 'must be a list of "exit CODE after DURATION" and "stay", separated by commas' }
    },
  },
  amount('cpu', 'cpu', 'How much cpu a container uses: `250m`, `0s=100m, 5m=900m` or `100m..900m every 24h`.'),
  amount('memory', 'memory', 'How much memory a container uses, written in the same ways.'),
  amount(
    'cpu-per-request',
    'cpuPerRequest',
    'How much cpu a container uses beside for each request a second: those of `simulation.k8ts.dev/traffic` of a service, shared by its ready endpoints.',
  ),
]

function readRun(text: string): RunBehaviour | undefined {
  if (text === 'stay') return {}
  const [, code, after] = /^exit (\d{1,3}) after (\S+)$/.exec(text) ?? []
  const exitAfter = parseDuration(after ?? '')
  const exitCode = wholeNumber(code ?? '', 255)
  return exitAfter === undefined || exitCode === undefined ? undefined : { exitAfter, exitCode }
}

function readTimes(text: string, values: (times: number) => Partial<ContainerBehaviour>): Reading {
  const times = text === 'always' ? Infinity : wholeNumber(text, 1_000_000)
  if (times === undefined) return { problem: 'must be "always" or a whole number up to 1000000' }
  return { values: values(times) }
}

/**
 * The values of behaviours as a program writes them, by their names in camel case: `{ exitAfter: '30s', crash: 2 }`.
 * Throws for a name that is none and for a value that cannot be read.
 */
export function behaviourFrom(
  values: Readonly<Record<string, string | number | undefined>>,
): Partial<ContainerBehaviour> {
  const read = Object.entries(values).flatMap(([field, value]) => {
    if (value === undefined) return []
    const found = byName.get(field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`))
    if (found === undefined) {
      const known = behaviours.map(({ name }) => name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase()))
      throw new Error(`There is no behaviour "${field}": known are ${known.join(', ')}`)
    }
    const reading = found.behaviour.read(String(value))
    if ('problem' in reading) throw new Error(`Cannot read behaviour ${field} "${value}": it ${reading.problem}`)
    return [{ order: found.order, values: reading.values }]
  })
  return Object.assign(
    {},
    ...read.toSorted((a, b) => a.order - b.order).map((each) => each.values),
  ) as Partial<ContainerBehaviour>
}

/** Durations are no longer than this, so that times stay times. */
const longestDuration = 100 * 365 * 86_400_000

const byName = new Map(behaviours.map((behaviour, order) => [behaviour.name, { behaviour, order }]))

/** What containers do of which nothing is asked, unless the nodes have other habits. */
export const plainBehaviour: ContainerBehaviour = {
  startAfter: 0,
  exitCode: 0,
  exitRuns: Infinity,
  stopAfter: 0,
  pullFailures: 0,
}

const unchanged: PodBehaviour = { of: () => plainBehaviour, problems: [] }

/**
 * What a pod's containers do: what a test declares, before what the pod's annotations ask for, before `habits`, which are
 * what its containers do unasked. A pod of which nothing is asked costs nothing.
 */
export function behaviourOf(
  pod: Pod,
  habits: ContainerBehaviour = plainBehaviour,
  declared?: DeclaredBehaviour,
): PodBehaviour {
  const asked = askedBehaviour(pod, habits)
  if (declared === undefined && asked.containers === undefined) return asked.behaviour
  const find = (container: string, attempt: number): ContainerBehaviour => {
    const own = declared?.(pod, container, attempt)
    const common = asked.behaviour.of(container, attempt)
    if (own === undefined) return inRun(common, attempt)
    // An ending that a test declares is not undone by runs of an annotation.
    const { runs: _runs, ...plain } = common
    return inRun({ ...(own.exitAfter === undefined ? common : plain), ...own }, attempt)
  }
  // Autoscalers ask four times a minute.
  const found = new Map<string, ContainerBehaviour>()
  return {
    of(container, attempt) {
      const run = `${container} ${attempt}`
      let behaviour = found.get(run)
      if (behaviour === undefined) found.set(run, (behaviour = find(container, attempt)))
      return behaviour
    },
    problems: asked.behaviour.problems,
  }
}

/** A behaviour with the ending of one run, where runs are told one by one. */
function inRun(behaviour: ContainerBehaviour, attempt: number): ContainerBehaviour {
  const { runs, exitAfter: _after, ...common } = behaviour
  const run = runs?.[Math.min(attempt, runs.length - 1)]
  if (run === undefined) return behaviour
  const ends = run.exitAfter === undefined ? {} : { exitAfter: run.exitAfter }
  return { ...common, ...ends, exitCode: run.exitCode ?? 0, exitRuns: Infinity }
}

/** What annotations ask for; `containers` is absent when they ask for nothing. */
function askedBehaviour(
  pod: Pod,
  habits: ContainerBehaviour,
): { readonly behaviour: PodBehaviour; readonly containers?: ReadonlyMap<string, ContainerBehaviour> } {
  const { annotations } = pod.metadata
  const asked = Object.entries(annotations ?? {}).filter(([key]) => key.startsWith(behaviourPrefix))
  const ending = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy !== 'Always')
  if (asked.length === 0 && ending.length === 0) {
    return { behaviour: habits === plainBehaviour ? unchanged : { of: () => habits, problems: [] } }
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
  return { behaviour: { of: (name) => containers.get(name) ?? habits, problems }, containers }
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

function amount(name: string, field: Field, meaning: string): Behaviour {
  return {
    name,
    meaning,
    read(text) {
      const read = readAmount(text)
      return 'problem' in read ? read : { values: { [field]: read } }
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
