import { checkedGroup, type CgroupLimits, type Cgroups, type CgroupUsage } from './cgroup.ts'

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
    const group = groups.get(checkedGroup(path))
    if (group === undefined) throw new Error(`No control group "${path}"`)
    return group
  }
  return {
    version,
    controllers: () => ['cpu', 'cpuset', 'memory', 'pids'],
    exists: (path) => groups.has(checkedGroup(path)),
    create: (path) => {
      const parts = checkedGroup(path).split('/').slice(1)
      for (let length = 1; length <= parts.length; length++) {
        const name = `/${parts.slice(0, length).join('/')}`
        if (!groups.has(name)) groups.set(name, { limits: {}, usage: none, pids: [] })
      }
    },
    limit: (path, limits) => {
      const group = existing(path)
      group.limits = { ...group.limits, ...limits }
    },
    usage: (path) => groups.get(checkedGroup(path))?.usage,
    detail: (path) => {
      const group = groups.get(checkedGroup(path))
      if (group === undefined) return undefined
      const { cpuShares = 1024, cpuQuotaMicros = -1, cpuPeriodMicros = 100_000, memoryBytes = -1 } = group.limits
      return {
        cpuUserNanoseconds: group.usage.cpuNanoseconds,
        cpuSystemNanoseconds: 0,
        periods: 0,
        throttledPeriods: 0,
        throttledNanoseconds: 0,
        memoryCacheBytes: 0,
        memoryFailures: 0,
        oomKills: 0,
        memoryLimitBytes: memoryBytes < 0 ? Infinity : memoryBytes,
        cpuShares,
        cpuQuotaMicros,
        cpuPeriodMicros,
      }
    },
    children: (path) =>
      [...groups.keys()]
        .filter((name) => name.slice(0, name.lastIndexOf('/')) === path)
        .map((name) => name.slice(path.length + 1)),
    processes: (path) => atOrBelow(checkedGroup(path)).flatMap(([, group]) => group.pids),
    remove: async (path) => {
      for (const [name] of atOrBelow(checkedGroup(path))) groups.delete(name)
    },
    removeIfEmpty: (path) => {
      if (atOrBelow(checkedGroup(path)).length === 1 && existing(path).pids.length === 0) groups.delete(path)
    },
    limitsOf: (path) => groups.get(path)?.limits,
    setUsage: (path, usage) => {
      const group = existing(path)
      group.usage = { ...group.usage, ...usage }
    },
    addProcess: (path, pid) => void existing(path).pids.push(pid),
  }
}
