/** What this process has used since it began. */
export interface OwnUsage {
  readonly cpuNanoseconds: number
  readonly residentBytes: number
}

export function ownUsage(): OwnUsage {
  const { user, system } = process.cpuUsage()
  return { cpuNanoseconds: (user + system) * 1_000, residentBytes: process.memoryUsage.rss() }
}
