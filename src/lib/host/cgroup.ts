/**
 * Control groups, versions 1 and 2 behind one interface. A group is named by its path below the root of the hierarchy
 * (`/k8ts/dev/worker/kubepods/burstable/pod1`); with version 1 it exists in every controller's hierarchy at that path.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'

import type { Clock } from '#lib/clock.ts'

import { clearTop, folders, processesBelow, readIf } from './cgroupProcesses.ts'
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

/** What is only told to those who look closely; what a kernel does not count is absent. */
export interface CgroupDetail {
  readonly cpuUserNanoseconds: number
  readonly cpuSystemNanoseconds: number
  /** How often the group was looked at, and held back, for its limit of processor time. */
  readonly periods: number
  readonly throttledPeriods: number
  readonly throttledNanoseconds: number
  readonly memoryCacheBytes: number
  readonly memorySwapBytes?: number
  /** The most that was ever used. */
  readonly memoryPeakBytes?: number
  /** How often the limit of memory was met. */
  readonly memoryFailures: number
  readonly oomKills: number
  /** Infinity: none. */
  readonly memoryLimitBytes: number
  /** In the scale of version 1. */
  readonly cpuShares: number
  /** -1: none. */
  readonly cpuQuotaMicros: number
  readonly cpuPeriodMicros: number
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
  /** Undefined when there is no such group. Takes several times as long as `usage`. */
  detail(path: string): CgroupDetail | undefined
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

/** Version 2's weight in version 1's shares: the way back. */
const sharesOfWeight = (weight: number): number => Math.trunc(2 + ((weight - 1) * 262_142) / 9999)

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
    exists: (path) => existsSync(files.mainRoot + checkedGroup(path)),
    create: (path) => files.create(checkedGroup(path)),
    limit: (path, limits) => files.limit(checkedGroup(path), limits),
    usage: (path) => files.usage(checkedGroup(path)),
    detail: (path) => files.detail(checkedGroup(path)),
    children: (path) => folders(files.mainRoot + checkedGroup(path)),
    processes: (path) => [...new Set(allRoots.flatMap((root) => processesBelow(root + checkedGroup(path))))],
    removeIfEmpty: (path) => {
      for (const root of allRoots) removeFolder(root + checkedGroup(path))
    },
    remove: async (path) => {
      if (checkedGroup(path) === '/') throw new TypeError('Cannot remove the root of the control groups')
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
  detail(path: string): CgroupDetail | undefined
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
  const cpusetRoot = byController.get('cpuset')
  const makers = [...new Set(byController.values())].map((root) =>
    groupMaker(root, root === cpusetRoot ? inheritCpuset : undefined),
  )
  return {
    mainRoot,
    create: (path) => {
      for (const make of makers) make(path)
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
      const used = get('memory', path, 'memory.usage_in_bytes')
      if (used === '' && !existsSync(mainRoot + path)) return undefined
      const stat = get('memory', path, 'memory.stat')
      return {
        cpuNanoseconds: Number(get('cpuacct', path, 'cpuacct.usage')),
        ...memoryOf(Number(used), stat, 'total_inactive_file', 'total_rss', 'total_pgfault', 'total_pgmajfault'),
        pids: Number(get('pids', path, 'pids.current')),
      }
    },
    detail: (path) => {
      if (!existsSync(mainRoot + path)) return undefined
      const memory = get('memory', path, 'memory.stat')
      const cpu = get('cpu', path, 'cpu.stat')
      const acct = get('cpuacct', path, 'cpuacct.stat')
      const limit = Number(get('memory', path, 'memory.limit_in_bytes'))
      const swap = flatKey(memory, 'total_swap')
      return {
        cpuUserNanoseconds: (flatKey(acct, 'user') ?? 0) * nanosecondsPerTick,
        cpuSystemNanoseconds: (flatKey(acct, 'system') ?? 0) * nanosecondsPerTick,
        periods: flatKey(cpu, 'nr_periods') ?? 0,
        throttledPeriods: flatKey(cpu, 'nr_throttled') ?? 0,
        throttledNanoseconds: flatKey(cpu, 'throttled_time') ?? 0,
        memoryCacheBytes: flatKey(memory, 'total_cache') ?? 0,
        ...(swap === undefined ? {} : { memorySwapBytes: swap }),
        memoryPeakBytes: Number(get('memory', path, 'memory.max_usage_in_bytes')),
        memoryFailures: Number(get('memory', path, 'memory.failcnt')),
        oomKills: flatKey(get('memory', path, 'memory.oom_control'), 'oom_kill') ?? 0,
        memoryLimitBytes: limit > noLimitFrom ? Infinity : limit,
        cpuShares: Number(get('cpu', path, 'cpu.shares')),
        cpuQuotaMicros: Number(get('cpu', path, 'cpu.cfs_quota_us') || -1),
        cpuPeriodMicros: Number(get('cpu', path, 'cpu.cfs_period_us')),
      }
    },
  }
}

/** Ticks of a processor, of which there are a hundred in a second (USER_HZ). */
const nanosecondsPerTick = 1e7
/** Version 1 writes the largest number of pages where there is no limit. */
const noLimitFrom = 2 ** 62

/** The memory of a group, from its use and its statistics by the names that they have in its version. */
function memoryOf(
  used: number,
  stat: string,
  inactive: string,
  rss: string,
  faults: string,
  majorFaults: string,
): Omit<CgroupUsage, 'cpuNanoseconds' | 'pids'> {
  return {
    memoryUsageBytes: used,
    memoryWorkingSetBytes: Math.max(0, used - (flatKey(stat, inactive) ?? 0)),
    memoryRssBytes: flatKey(stat, rss) ?? 0,
    pageFaults: flatKey(stat, faults) ?? 0,
    majorPageFaults: flatKey(stat, majorFaults) ?? 0,
  }
}

/** Bytes that are in use, from the text of /proc/meminfo. */
export function memoryOfMachine(text: string): number {
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0)
  return (kibibytes('MemTotal') - kibibytes('MemFree')) * 1024
}

function versionTwo(root: string): Hierarchy {
  const needed = new Set(['cpu', 'memory', 'pids'])
  const useful = new Set(['cpuset', 'io', 'hugetlb'])
  const get = (path: string, name: string): string => readIf(`${root}${path}/${name}`) ?? ''
  // The kernel does not count the root: what the machine uses is used there.
  const memoryUsed = (path: string): number =>
    path === '/' ? memoryOfMachine(readIf('/proc/meminfo') ?? '') : Number(get(path, 'memory.current'))
  const handDown = (folder: string): void => {
    // Each level must pass its controllers on before the level below can have them.
    const above = folder.slice(0, folder.lastIndexOf('/'))
    const available = (readIf(`${above}/cgroup.controllers`) ?? '').trim().split(/\s+/)
    const passedOn = new Set((readIf(`${above}/cgroup.subtree_control`) ?? '').trim().split(/\s+/))
    const missing = available.filter((name) => !passedOn.has(name) && (needed.has(name) || useful.has(name)))
    // Of all tops only that of the machine, which has no type, may have both processes and groups with controllers.
    if (missing.length > 0 && above === root && existsSync(`${root}/cgroup.type`)) clearTop(root)
    for (const name of missing) {
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
    create: groupMaker(root, handDown),
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
      const cpu = get(path, 'cpu.stat')
      if (cpu === '' && !existsSync(root + path)) return undefined
      const stat = get(path, 'memory.stat')
      return {
        cpuNanoseconds: (flatKey(cpu, 'usage_usec') ?? 0) * 1000,
        ...memoryOf(memoryUsed(path), stat, 'inactive_file', 'anon', 'pgfault', 'pgmajfault'),
        pids: Number(get(path, 'pids.current')),
      }
    },
    detail: (path) => {
      if (!existsSync(root + path)) return undefined
      const cpu = get(path, 'cpu.stat')
      const events = get(path, 'memory.events')
      const [quota = 'max', period = '100000'] = get(path, 'cpu.max').trim().split(' ')
      const [limit, swap, peak] = ['memory.max', 'memory.swap.current', 'memory.peak'].map((name) =>
        get(path, name).trim(),
      )
      return {
        cpuUserNanoseconds: (flatKey(cpu, 'user_usec') ?? 0) * 1000,
        cpuSystemNanoseconds: (flatKey(cpu, 'system_usec') ?? 0) * 1000,
        periods: flatKey(cpu, 'nr_periods') ?? 0,
        throttledPeriods: flatKey(cpu, 'nr_throttled') ?? 0,
        throttledNanoseconds: (flatKey(cpu, 'throttled_usec') ?? 0) * 1000,
        memoryCacheBytes: flatKey(get(path, 'memory.stat'), 'file') ?? 0,
        ...(swap === '' ? {} : { memorySwapBytes: Number(swap) }),
        ...(peak === '' ? {} : { memoryPeakBytes: Number(peak) }),
        memoryFailures: flatKey(events, 'max') ?? 0,
        oomKills: flatKey(events, 'oom_kill') ?? 0,
        memoryLimitBytes: limit === 'max' || limit === '' ? Infinity : Number(limit),
        cpuShares: sharesOfWeight(Number(get(path, 'cpu.weight') || 100)),
        cpuQuotaMicros: quota === 'max' || quota === '' ? -1 : Number(quota),
        cpuPeriodMicros: Number(period),
      }
    },
  }
}

/** A path must not lead out of its hierarchy. */
export function checkedGroup(path: string): string {
  if (!path.startsWith('/') || path.split('/').some((part) => part === '.' || part === '..')) {
    throw new TypeError(`Cannot use "${path}" as a control group: it must be absolute and without dots`)
  }
  return path
}

const writeLimit = (file: string | undefined, value: number): void => {
  if (file !== undefined) writeFileSync(file, value < 0 ? 'max' : String(value))
}

/**
 * Makes groups of one hierarchy, each prepared before those below it. What is above one that was made is looked at no
 * more while it is there: a node makes all its pods' groups in the same few.
 */
function groupMaker(root: string, prepare?: (folder: string) => void): (path: string) => void {
  const whole = new Set<string>()
  const make = (folder: string): void => {
    try {
      mkdirSync(folder, { mode: 0o755 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    prepare?.(folder)
  }
  return (path) => {
    const parts = path.split('/').filter((name) => name !== '')
    const name = parts.at(-1)
    if (name === undefined) return
    const above = [root, ...parts.slice(0, -1)].join('/')
    if (whole.has(above)) {
      try {
        return make(`${above}/${name}`)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        whole.delete(above)
      }
    }
    for (const [index] of parts.entries()) make([root, ...parts.slice(0, index + 1)].join('/'))
    whole.add(above)
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

/** The number behind a key in lines of `key number`. Asked of thousands of texts: nothing is made of the other lines. */
function flatKey(text: string, key: string): number | undefined {
  for (let at = text.indexOf(key); at >= 0; at = text.indexOf(key, at + 1)) {
    const end = at + key.length
    const isKey = (at === 0 || text[at - 1] === '\n') && text[end] === ' '
    if (isKey) return Number.parseInt(text.slice(end + 1, end + 24), 10)
  }
  return undefined
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
