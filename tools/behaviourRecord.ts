/**
 * What people see of small workloads, made comparable: objects, table cells and events without what is different each time.
 * A record is made by `behaviour.ts`; its form is that of the recorded one it is compared with.
 */

/** One look at a namespace. */
export interface Snapshot {
  readonly afterSeconds: number
  /** By kind: column names, then rows of cells. */
  readonly tables: Readonly<Record<string, readonly (readonly unknown[])[]>>
  readonly objects: readonly SeenObject[]
  readonly events: readonly SeenEvent[]
}

export interface SeenObject {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly [field: string]: unknown
  }
  readonly [field: string]: unknown
}

export interface SeenEvent {
  readonly object: string
  readonly fieldPath?: string
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly component: string
  readonly repeated?: boolean
}

/** A workload, what is done to it, and how it looked afterwards. */
export interface RecordedCase {
  readonly manifests: readonly Manifest[]
  readonly then: readonly Deed[]
  readonly seen: readonly Snapshot[]
  readonly eviction?: unknown
}

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
}

/** Something done `after` so many seconds; paths have `NS` for the namespace. */
export interface Deed {
  readonly after: number
  readonly patch?: string
  readonly delete?: string
  readonly evict?: string
  readonly body?: unknown
}

/** What an object or event was recorded without, because it is different each time. */
const dropped = new Set(
  (
    'uid resourceVersion managedFields containerID imageID creationTimestamp lastHeartbeatTime lastTransitionTime ' +
    'startTime startedAt finishedAt lastUpdateTime completionTime lastProbeTime clusterIP clusterIPs selfLink ' +
    'deletionTimestamp renewTime hostIP hostIPs nodeName lastScheduleTime lastSuccessfulTime'
  ).split(' '),
)

/** An object without times, ids, addresses; `deletionTimestamp` of a recorded object says nothing and goes too. */
export function scrub<T>(value: T): T {
  return JSON.parse(JSON.stringify(value, (key, field: unknown) => (dropped.has(key) ? undefined : field))) as T
}

const tail = '[bcdfghjklmnpqrstvwxz2456789]'
const age = /^(?:\d+[dhms])+$/

/** Facts as text: `Pod w-(1)-(x5)#2 status.phase` → `"Running"`. Two snapshots agree when their facts do. */
export type Facts = ReadonlyMap<string, string>

/** Every fact of a snapshot. `node` is the name of the only node. */
export function factsOf(snapshot: Snapshot, node: string): Facts {
  const rename = renamer(snapshot.objects, node)
  const facts = new Map<string, string>()
  const add = (path: string, value: unknown): void => {
    let key = path
    for (let count = 2; facts.has(key); count++) key = `${path}#${count}`
    facts.set(key, JSON.stringify(value))
  }
  const objects = snapshot.objects
    .map((object) => rename(scrub(object)) as SeenObject)
    .map((object) => ({ object, text: JSON.stringify(object) }))
    .toSorted((a, b) => (a.text < b.text ? -1 : 1))
  const counts = new Map<string, number>()
  for (const { object } of objects) {
    const name = `${object.kind} ${object.metadata.name}`
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    const prefix = count === 1 ? name : `${name}#${count}`
    add(`${prefix}`, 'exists')
    flatten(object, (path, value) => {
      if (path !== 'kind' && path !== 'metadata.name') add(`${prefix} ${path}`, value)
    })
  }
  for (const [kind, [columns, ...rows]] of Object.entries(snapshot.tables)) {
    add(`${kind} table columns`, columns)
    for (const cells of rows
      .map((row) => JSON.stringify(row.map((cell) => plainCell(rename(cell), node))))
      .toSorted()) {
      add(`${kind} table row ${cells}`, true)
    }
  }
  for (const event of snapshot.events.map((event) => rename(scrub(event)) as SeenEvent)) {
    const { object, type, reason, message, component, fieldPath, repeated } = event
    const where = fieldPath === undefined ? object : `${object} ${fieldPath}`
    // How often one text came says more about the moment than about the behaviour.
    void repeated
    facts.set(`event ${where} ${type} ${reason} ${component}: ${message}`, 'true')
  }
  return facts
}

function plainCell(cell: unknown, node: string): unknown {
  if (cell === node) return '(node)'
  if (typeof cell !== 'string') return cell
  if (age.test(cell)) return '(age)'
  return cell.replace(/ \(\S+ ago\)$/, ' ((age) ago)')
}

/** Gives names with random tails the names they have in every run: `w-(2)-(x5)` is a pod of the second revision. */
function renamer(objects: readonly SeenObject[], node: string): (value: unknown) => unknown {
  const revisions = objects
    .filter(({ kind }) => kind === 'ReplicaSet')
    .map(({ metadata }) => ({
      hash: new RegExp(`-(${tail}{6,10})$`).exec(metadata.name)?.[1],
      revision: metadata.annotations?.['deployment.kubernetes.io/revision'],
    }))
  // Jobs of cron jobs are named by their minutes: the first is `w-(1)`, as revisions are.
  const minutes = objects
    .filter(({ kind }) => kind === 'Job')
    .flatMap(({ metadata }) => /^w-(\d{8})$/.exec(metadata.name)?.[1] ?? [])
    .toSorted()
  const rename = (text: string): string => {
    let renamed = text
    for (const [index, minute] of minutes.entries()) renamed = renamed.replaceAll(`w-${minute}`, `w-(${index + 1})`)
    for (const { hash, revision } of revisions) {
      if (hash !== undefined && revision !== undefined) renamed = renamed.replaceAll(hash, `(${revision})`)
    }
    return renamed
      .replaceAll(/(?<![0-9a-z])g\d+-[0-9a-z]{6,10}\b/g, '(namespace)')
      .replaceAll(/[0-9a-f]{64}/g, '(id)')
      .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '(uid)')
      .replaceAll(/10\.244\.\d+\.\d+/g, '(pod ip)')
      .replaceAll(/\b10\.(?:9[6-9]|10\d|11[01])\.\d+\.\d+/g, '(service ip)')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '(time)')
      .replaceAll(new RegExp(`\\bw-${tail}{6,10}-${tail}{5}\\b`, 'g'), 'w-(old)-(x5)')
      .replaceAll(new RegExp(`(?<=\\bw-(?:\\(\\d+\\)-|\\d+-)?)${tail}{5}\\b`, 'g'), '(x5)')
      .replaceAll(new RegExp(`\\bs-${tail}{5}\\b`, 'g'), 's-(x5)')
      .replace(new RegExp(`(?<= to )${node}$`), '(node)')
  }
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') return rename(value)
    if (Array.isArray(value)) return value.map(walk)
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, walk(field)]))
  }
  return walk
}

/** Calls with each leaf; items of a list are named by their `type` or `name` where they have one. */
function flatten(value: unknown, leaf: (path: string, value: unknown) => void, path = ''): void {
  if (Array.isArray(value) && value.length > 0) {
    for (const [index, item] of value.entries()) {
      const { type, name } = (item ?? {}) as { type?: unknown; name?: unknown }
      flatten(item, leaf, `${path}[${String(type ?? name ?? index)}]`)
    }
  } else if (value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length > 0) {
    for (const [key, field] of Object.entries(value)) flatten(field, leaf, path === '' ? key : `${path}.${key}`)
  } else {
    leaf(path, value)
  }
}

/** Something that one side has and the other has not, or has otherwise. */
export interface Difference {
  readonly path: string
  readonly golden: string | undefined
  readonly ours: string | undefined
}

/** A difference that is meant, and why. */
export interface Accepted {
  /** Matches the whole fact, `PATH = VALUE`, of the side that has it (ours when both do). */
  readonly fact: string
  /** Cases in which it holds; all when absent. */
  readonly cases?: readonly string[]
  /** It depends on the moment: no sign that the exception is needless when it was of no use. */
  readonly sometimes?: boolean
  readonly reason: string
}

/** A text that newer versions write otherwise: before comparing, `from` becomes `to` in the facts of one side. */
export interface Rewording {
  readonly side: 'golden' | 'ours'
  readonly from: string
  readonly to: string
  readonly reason: string
}

/** The file of what is meant to differ from the recording. */
export interface Exceptions {
  readonly rewordings: readonly Rewording[]
  readonly accepted: readonly Accepted[]
}

/** Which exceptions were of use. */
export type Used = Set<Accepted | Rewording>

/**
 * What differs between two snapshots of a case and is not excepted. `later` are the facts of the recording's next look: our
 * events may be ahead of it, because the recorded node was busy and wrote them late.
 */
export function compareFacts(
  name: string,
  golden: Facts,
  ours: Facts,
  later: Facts,
  { rewordings, accepted }: Exceptions,
  used: Used,
): readonly Difference[] {
  const reword = (facts: Facts, side: Rewording['side']): Facts => {
    const rules = rewordings.filter((rule) => rule.side === side)
    return new Map(
      [...facts].map(([path, value]) => {
        let fact = `${path}\0${value}`
        for (const rule of rules) {
          const next = fact.replaceAll(new RegExp(rule.from, 'g'), rule.to)
          if (next !== fact) used.add(rule)
          fact = next
        }
        const [key, rest] = fact.split('\0')
        return [key!, rest!]
      }),
    )
  }
  const [left, right, next] = [reword(golden, 'golden'), reword(ours, 'ours'), reword(later, 'golden')]
  const differences: Difference[] = []
  for (const path of new Set([...left.keys(), ...right.keys()])) {
    const difference = { path, golden: left.get(path), ours: right.get(path) }
    if (difference.golden === difference.ours) continue
    if (path.startsWith('event ') && difference.golden === undefined && next.has(path)) continue
    const fact = `${path} = ${difference.ours ?? difference.golden}`
    const rule = accepted.find(
      ({ fact: pattern, cases }) => (cases?.includes(name) ?? true) && new RegExp(`^(?:${pattern})$`, 's').test(fact),
    )
    if (rule === undefined) differences.push(difference)
    else used.add(rule)
  }
  return differences
}
