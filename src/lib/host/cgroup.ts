/**
 * Control groups, versions 1 and 2 behind one interface. A group is named by its path below the root of the hierarchy
 * (`/k8ts/dev/worker/kubepods/burstable/pod1`); with version 1 it exists in every controller's hierarchy at that path.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'

import type { Clock } from '#lib/clock.ts'

import { parseMounts } from './mount.ts'

/** What a group may use; absent means unchanged. */
export interface CgroupLimits {
  /** Relative weight against siblings, in the scale of version 1: 2 to 262,144, where 1,024 is one processor. */
  readonly cpuShares?: number
  /** Microseconds of processor time per period; -1 takes the limit away. */
  readonly cpuQuotaMicros?: number
  /** 100,000 unless told. */
  readonly cpuPeriodMicros?: number
  /** -1 takes the limit away. */
  readonly memoryBytes?: number
  /** -1 takes the limit away. */
  readonly pids?: number
}

export interface CgroupUsage {
  /** Processor time since the group was made. */
  readonly cpuNanoseconds: number
  readonly memoryUsageBytes: number
  /** Usage without the file pages that the kernel would drop first: what eviction and `top` look at. */
  readonly memoryWorkingSetBytes: number
  readonly memoryRssBytes: number
  readonly pageFaults: number
  readonly majorPageFaults: number
  /** Processes and threads. */
  readonly pids: number
}

export interface Cgroups {
  readonly version: 1 | 2
  /** The controllers that can be used here, e.g. `cpu`, `memory`, `pids`. */
  controllers(): readonly string[]
  exists(path: string): boolean
  /** Makes the group and those above it; nothing happens when it is there. */
  create(path: string): void
  /** Sets limits on a group that exists. */
  limit(path: string, limits: CgroupLimits): void
  /** Undefined when there is no such group. */
  usage(path: string): CgroupUsage | undefined
  /** The names of the groups directly below. */
  children(path: string): readonly string[]
  /** The pids in the group and in all below it, zombies included. */
  processes(path: string): readonly number[]
  /** Removes the group and all below it; rejects when processes keep it busy for longer than a second. */
  remove(path: string): Promise<void>
  /** Removes the group unless it has groups or processes in it. */
  removeIfEmpty(path: string): void
}

/** Version 1's shares (2..262144) in version 2's weight (1..10000), the mapping of KEP-2254. */
export const weightOfShares = (shares: number): number =>
  Math.trunc(1 + ((Math.min(Math.max(shares, 2), 262_144) - 2) * 9999) / 262_142)

/** Where the hierarchies are mounted. */
export interface CgroupMounts {
  readonly version: 1 | 2
  /** Version 1: controller name to mount point, named hierarchies too (`name=systemd`). */
  readonly byController: ReadonlyMap<string, string>
  /** The version 2 hierarchy: the only one, or the one without controllers of a hybrid machine. */
  readonly unified: string | undefined
}

/** Reads the mount table (the text of /proc/self/mountinfo); undefined when no control groups are mounted. */
export function findCgroupMounts(mountInfo: string): CgroupMounts | undefined {
  const byController = new Map<string, string>()
  let unified: string | undefined
  for (const line of mountInfo.split('\n')) {
    const [mount] = parseMounts(line)
    if (mount === undefined) continue
    if (mount.type === 'cgroup2') unified ??= mount.target
    if (mount.type !== 'cgroup') continue
    const superOptions = line.split(' - ')[1]?.split(' ')[2] ?? ''
    for (const word of superOptions.split(',')) {
      if (word.startsWith('name=') || versionOneControllers.has(word)) byController.set(word, mount.target)
    }
  }
  if (byController.size === 0 && unified === undefined) return undefined
  return { version: byController.has('memory') || byController.has('cpu') ? 1 : 2, byController, unified }
}

const versionOneControllers = new Set([
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'hugetlb',
  'net_cls',
  'net_prio',
  'perf_event',
  'rdma',
  'misc',
])

/** The control groups that this process's mount namespace shows. */
export function systemCgroups(clock: Clock): Cgroups {
  const mounts = findCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
  if (mounts === undefined) throw new Error('Cannot find control groups: neither cgroup nor cgroup2 is mounted')
  return cgroupsAt(mounts, clock)
}

/** Control groups at given mount points: a test may hand in folders of its own. */
export function cgroupsAt(mounts: CgroupMounts, clock: Clock): Cgroups {
  const allRoots = [
    ...new Set([...mounts.byController.values(), ...(mounts.unified === undefined ? [] : [mounts.unified])]),
  ]
  const controllers = (): string[] =>
    mounts.version === 1
      ? [...mounts.byController.keys()].filter((name) => !name.startsWith('name='))
      : (readIf(`${mounts.unified}/cgroup.controllers`) ?? '')
          .trim()
          .split(/\s+/)
          .filter((word) => word !== '')
  const files = mounts.version === 1 ? versionOne(mounts.byController) : versionTwo(mounts.unified!)
  return {
    version: mounts.version,
    controllers,
    exists: (path) => existsSync(files.mainRoot + checked(path)),
    create: (path) => files.create(checked(path)),
    limit: (path, limits) => files.limit(checked(path), limits),
    usage: (path) => files.usage(checked(path)),
    children: (path) => folders(files.mainRoot + checked(path)),
    processes: (path) => [...new Set(allRoots.flatMap((root) => processesBelow(root + checked(path))))],
    removeIfEmpty: (path) => {
      for (const root of allRoots) removeFolder(root + checked(path))
    },
    remove: async (path) => {
      if (checked(path) === '/') throw new TypeError('Cannot remove the root of the control groups')
      const deadline = clock.now() + 1_000
      for (const root of allRoots) {
        // The kernel lets go of a group a moment after its last process has ended.
        for (;;) {
          const problem = removeTree(root + path)
          if (problem === undefined) break
          if (clock.now() >= deadline) throw new Error(`Cannot remove control group "${root}${path}": ${problem}`)
          await clock.sleep(10)
        }
      }
    },
  }
}

interface Hierarchy {
  readonly mainRoot: string
  create(path: string): void
  limit(path: string, limits: CgroupLimits): void
  usage(path: string): CgroupUsage | undefined
}

function versionOne(byController: ReadonlyMap<string, string>): Hierarchy {
  const fileOf = (controller: string, path: string, name: string): string | undefined => {
    const root = byController.get(controller)
    return root === undefined ? undefined : `${root}${path}/${name}`
  }
  const put = (controller: string, path: string, name: string, value: number): void => {
    const file = fileOf(controller, path, name)
    if (file !== undefined) writeFileSync(file, String(value))
  }
  const get = (controller: string, path: string, name: string): string => {
    const file = fileOf(controller, path, name)
    return (file === undefined ? undefined : readIf(file)) ?? ''
  }
  const mainRoot = byController.get('memory') ?? byController.get('cpu')!
  return {
    mainRoot,
    create: (path) => {
      for (const root of new Set(byController.values())) makeGroups(root, path, (folder) => inheritCpuset(folder))
    },
    limit: (path, limits) => {
      const { cpuShares, cpuQuotaMicros, cpuPeriodMicros = 100_000, memoryBytes, pids } = limits
      if (cpuShares !== undefined) put('cpu', path, 'cpu.shares', Math.min(Math.max(cpuShares, 2), 262_144))
      if (cpuQuotaMicros !== undefined) {
        put('cpu', path, 'cpu.cfs_period_us', cpuPeriodMicros)
        put('cpu', path, 'cpu.cfs_quota_us', cpuQuotaMicros)
      }
      if (memoryBytes !== undefined) put('memory', path, 'memory.limit_in_bytes', memoryBytes)
      if (pids !== undefined) writeLimit(fileOf('pids', path, 'pids.max'), pids)
    },
    usage: (path) => {
      if (!existsSync(mainRoot + path)) return undefined
      const stat = parseFlatKeys(get('memory', path, 'memory.stat'))
      const memoryUsageBytes = Number(get('memory', path, 'memory.usage_in_bytes'))
      return {
        cpuNanoseconds: Number(get('cpuacct', path, 'cpuacct.usage')),
        memoryUsageBytes,
        memoryWorkingSetBytes: Math.max(0, memoryUsageBytes - (stat.get('total_inactive_file') ?? 0)),
        memoryRssBytes: stat.get('total_rss') ?? 0,
        pageFaults: stat.get('total_pgfault') ?? 0,
        majorPageFaults: stat.get('total_pgmajfault') ?? 0,
        pids: Number(get('pids', path, 'pids.current')),
      }
    },
  }
}

function versionTwo(root: string): Hierarchy {
  const needed = new Set(['cpu', 'memory', 'pids'])
  const useful = new Set(['cpuset', 'io', 'hugetlb'])
  const get = (path: string, name: string): string => readIf(`${root}${path}/${name}`) ?? ''
  const handDown = (folder: string): void => {
    // Each level must pass its controllers on before the level below can have them.
    const above = folder.slice(0, folder.lastIndexOf('/'))
    const available = (readIf(`${above}/cgroup.controllers`) ?? '').trim().split(/\s+/)
    const passedOn = new Set((readIf(`${above}/cgroup.subtree_control`) ?? '').trim().split(/\s+/))
    for (const name of available) {
      if (passedOn.has(name) || !(needed.has(name) || useful.has(name))) continue
      try {
        writeFileSync(`${above}/cgroup.subtree_control`, `+${name}`)
      } catch (error) {
        if (!needed.has(name)) continue
        const busy = (error as NodeJS.ErrnoException).code === 'EBUSY'
        const why = busy ? 'processes sit in that group itself; move them into one below it' : (error as Error).message
        throw new Error(`Cannot pass controller "${name}" on from control group "${above}": ${why}`, { cause: error })
      }
    }
  }
  return {
    mainRoot: root,
    create: (path) => makeGroups(root, path, handDown),
    limit: (path, limits) => {
      const { cpuShares, cpuQuotaMicros, cpuPeriodMicros = 100_000, memoryBytes, pids } = limits
      const folder = `${root}${path}`
      if (cpuShares !== undefined) writeFileSync(`${folder}/cpu.weight`, String(weightOfShares(cpuShares)))
      if (cpuQuotaMicros !== undefined) {
        writeFileSync(`${folder}/cpu.max`, `${cpuQuotaMicros < 0 ? 'max' : cpuQuotaMicros} ${cpuPeriodMicros}`)
      }
      if (memoryBytes !== undefined) writeLimit(`${folder}/memory.max`, memoryBytes)
      if (pids !== undefined) writeLimit(`${folder}/pids.max`, pids)
    },
    usage: (path) => {
      if (!existsSync(root + path)) return undefined
      const stat = parseFlatKeys(get(path, 'memory.stat'))
      const memoryUsageBytes = Number(get(path, 'memory.current'))
      return {
        cpuNanoseconds: (parseFlatKeys(get(path, 'cpu.stat')).get('usage_usec') ?? 0) * 1000,
        memoryUsageBytes,
        memoryWorkingSetBytes: Math.max(0, memoryUsageBytes - (stat.get('inactive_file') ?? 0)),
        memoryRssBytes: stat.get('anon') ?? 0,
        pageFaults: stat.get('pgfault') ?? 0,
        majorPageFaults: stat.get('pgmajfault') ?? 0,
        pids: Number(get(path, 'pids.current')),
      }
    },
  }
}

/** A path must not lead out of its hierarchy. */
function checked(path: string): string {
  if (!path.startsWith('/') || path.split('/').some((part) => part === '.' || part === '..')) {
    throw new TypeError(`Cannot use "${path}" as a control group: it must be absolute and without dots`)
  }
  return path
}

function readIf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // ENODEV: the group was removed while its file was open.
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENOTDIR') return undefined
    throw error
  }
}

const writeLimit = (file: string | undefined, value: number): void => {
  if (file !== undefined) writeFileSync(file, value < 0 ? 'max' : String(value))
}

function makeGroups(root: string, path: string, prepare: (folder: string) => void): void {
  let folder = root
  for (const part of path.split('/').filter((name) => name !== '')) {
    folder += `/${part}`
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o755 })
    prepare(folder)
  }
}

/** A version 1 cpuset starts empty and takes no process until it names processors and memory nodes. */
function inheritCpuset(folder: string): void {
  const above = folder.slice(0, folder.lastIndexOf('/'))
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    if (readIf(`${folder}/${name}`)?.trim() !== '') continue
    const inherited = readIf(`${above}/${name}`)?.trim()
    if (inherited !== undefined && inherited !== '') writeFileSync(`${folder}/${name}`, inherited)
  }
}

/** Lines of `key number`. */
function parseFlatKeys(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [key, value] = line.split(' ')
    if (key !== undefined && value !== undefined) values.set(key, Number(value))
  }
  return values
}

function folders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

function processesBelow(folder: string): number[] {
  const own = (readIf(`${folder}/cgroup.procs`) ?? '').split('\n').filter((line) => line !== '')
  return [...own.map(Number), ...folders(folder).flatMap((name) => processesBelow(`${folder}/${name}`))]
}

/** Undefined once the folder and all below are gone, else why not. */
function removeTree(folder: string): string | undefined {
  for (const name of folders(folder)) {
    const problem = removeTree(`${folder}/${name}`)
    if (problem !== undefined) return problem
  }
  return removeFolder(folder)
}

function removeFolder(folder: string): string | undefined {
  try {
    rmdirSync(folder)
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? undefined : message
  }
}

/** Groups that exist only in memory; `setUsage` and `addProcess` play the kernel. */
export interface FakeCgroups extends Cgroups {
  limitsOf(path: string): CgroupLimits | undefined
  setUsage(path: string, usage: Partial<CgroupUsage>): void
  addProcess(path: string, pid: number): void
}

/** An empty hierarchy in memory. */
export function fakeCgroups(version: 1 | 2 = 2): FakeCgroups {
  const groups = new Map<string, { limits: CgroupLimits; usage: CgroupUsage; pids: number[] }>()
  const atOrBelow = (path: string) => [...groups].filter(([name]) => name === path || name.startsWith(`${path}/`))
  const none = {
    cpuNanoseconds: 0,
    memoryUsageBytes: 0,
    memoryWorkingSetBytes: 0,
    memoryRssBytes: 0,
    pageFaults: 0,
    majorPageFaults: 0,
    pids: 0,
  }
  const existing = (path: string) => {
    const group = groups.get(checked(path))
    if (group === undefined) throw new Error(`No control group "${path}"`)
    return group
  }
  return {
    version,
    controllers: () => ['cpu', 'cpuset', 'memory', 'pids'],
    exists: (path) => groups.has(checked(path)),
    create: (path) => {
      const parts = checked(path).split('/').slice(1)
      for (let length = 1; length <= parts.length; length++) {
        const name = `/${parts.slice(0, length).join('/')}`
        if (!groups.has(name)) groups.set(name, { limits: {}, usage: none, pids: [] })
      }
    },
    limit: (path, limits) => {
      const group = existing(path)
      group.limits = { ...group.limits, ...limits }
    },
    usage: (path) => groups.get(checked(path))?.usage,
    children: (path) =>
      [...groups.keys()]
        .filter((name) => name.slice(0, name.lastIndexOf('/')) === path)
        .map((name) => name.slice(path.length + 1)),
    processes: (path) => atOrBelow(checked(path)).flatMap(([, group]) => group.pids),
    remove: async (path) => {
      for (const [name] of atOrBelow(checked(path))) groups.delete(name)
    },
    removeIfEmpty: (path) => {
      if (atOrBelow(checked(path)).length === 1 && existing(path).pids.length === 0) groups.delete(path)
    },
    limitsOf: (path) => groups.get(path)?.limits,
    setUsage: (path, usage) => {
      const group = existing(path)
      group.usage = { ...group.usage, ...usage }
    },
    addProcess: (path, pid) => void existing(path).pids.push(pid),
  }
}
