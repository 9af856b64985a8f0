import { UsageError, type Surroundings } from './command.ts'
import { defaultConfig } from '#cluster/config.ts'
import { defaultRoots, nameProblem } from '#cluster/place/layout.ts'
import { clusterPaths, readRecord, type ClusterRecord } from '#cluster/record.ts'
import { takeLock } from '#lib/host/files.ts'

/** The cluster that a command means; refuses what cannot be a name before it becomes a path. */
export function clusterNameOf(given: string | undefined): string {
  const name = given ?? defaultConfig.name
  const problem = nameProblem(name)
  if (problem !== undefined) throw new UsageError(`cluster name ${JSON.stringify(name.slice(0, 80))}: ${problem}`)
  return name
}

/** The cluster that a command means, which must exist. */
export async function existingCluster(
  surroundings: Pick<Surroundings, 'host' | 'roots' | 'uid'>,
  given: string | undefined,
): Promise<ClusterRecord> {
  const { host, roots } = surroundings
  const name = clusterNameOf(given)
  const record = await readRecord(host.files, name, roots)
  if (record === undefined) await refuseClusterOfRoot(surroundings, name)
  if (record === undefined)
    throw new Error(`there is no cluster "${name}"; "k8ts list" shows what there is, "k8ts up ${name}" makes it`)
  return record
}

/** Whoever forgot `sudo` is told so, and not that there is nothing. */
export async function refuseClusterOfRoot(
  { host, uid }: Pick<Surroundings, 'host' | 'uid'>,
  name: string,
): Promise<void> {
  if (uid !== 0 && (await host.files.status(clusterPaths(name, defaultRoots).recordFile)) !== undefined)
    throw new Error(`cluster "${name}" is one of root: use "sudo k8ts", or another name for one of yours`)
}

/** What to say of a cluster whose `up` was interrupted before there was any of it. */
export const unfinished = (name: string): string =>
  `cluster "${name}" was never whole: "k8ts up ${name}" goes on with it, "k8ts down ${name}" takes away what there is`

/** Does something with a cluster while nobody else changes it. */
export async function withLock<T>(
  { host, roots }: Pick<Surroundings, 'host' | 'roots'>,
  cluster: string,
  work: () => Promise<T>,
): Promise<T> {
  await host.files.makeFolder(roots.runtime, 0o711)
  const self = host.processes.identify(process.pid)!
  const lock = await takeLock(host.files, host.processes, clusterPaths(cluster, roots).lockFile, self)
  if ('heldBy' in lock)
    throw new Error(`cluster "${cluster}" is being changed by process ${lock.heldBy.pid}; wait for it or end it`)
  try {
    return await work()
  } finally {
    await lock.release()
  }
}
