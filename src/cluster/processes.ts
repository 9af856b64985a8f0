import { dirname } from 'node:path'
import { clusterPaths, type ClusterRecord } from './record.ts'
import { findPlace } from '#cluster/place/place.ts'
import { readPidFile, setLongLogAside, writePidFile } from '#lib/host/files.ts'
import type { Host } from '#lib/host/host.ts'
import type { ProcessIdentity } from '#lib/host/process.ts'
import { programPath } from '#lib/host/programs.ts'
import type { Surroundings } from '#cluster/commands/command.ts'

/** The node whose process also runs the control plane; in a cluster without places the only process there is. */
export const controlPlaneName = 'control-plane'

/** The living process of a node's agent. */
export async function findNodeProcess(
  { host, roots }: Pick<Surroundings, 'host' | 'roots'>,
  cluster: string,
  node: string,
): Promise<ProcessIdentity | undefined> {
  return await readPidFile(host.files, host.processes, clusterPaths(cluster, roots).pidFile(node))
}

/** Starts the process of one node, inside the node's place where it has one. A living one stays. */
export async function ensureNodeProcess(
  surroundings: Pick<Surroundings, 'host' | 'roots' | 'environment' | 'program'>,
  record: ClusterRecord,
  node: string,
): Promise<ProcessIdentity> {
  const { host, roots, environment, program } = surroundings
  const cluster = record.config.name
  const living = await findNodeProcess(surroundings, cluster, node)
  if (living !== undefined) return living
  const paths = clusterPaths(cluster, roots)
  for (const file of [paths.pidFile(node), paths.logFile(node)]) await host.files.makeFolder(dirname(file))
  await setLongLogAside(host.files, paths.logFile(node))
  const place = await findPlace(host, cluster, node, roots)
  const command = [...program, 'run-node', cluster, node]
  const started = await host.processes.start(place === undefined ? command : place.enter(command), {
    cwd: '/',
    env: processEnvironment(environment),
    logFile: paths.logFile(node),
  })
  await writePidFile(host.files, paths.pidFile(node), started)
  return started
}

/** What a node's process needs of our environment; the rest stays out of it. */
export function processEnvironment(environment: Surroundings['environment']): Record<string, string> {
  const kept: Record<string, string> = {
    PATH: programPath,
    // Each of a dozen threads would get an arena of its own otherwise, and keep what it freed there: 3 to 4 MB in all.
    MALLOC_ARENA_MAX: '2',
  }
  for (const name of ['HOME', 'XDG_RUNTIME_DIR', 'XDG_DATA_HOME', 'LANG', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']) {
    const value = environment[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}

const patience = 15_000

/** Ends a node's process and waits for it: politely first, then by force. */
export async function stopNodeProcess(
  surroundings: Pick<Surroundings, 'host' | 'roots'>,
  cluster: string,
  node: string,
): Promise<void> {
  const { host, roots } = surroundings
  const living = await findNodeProcess(surroundings, cluster, node)
  if (living !== undefined) await endProcess(host, living)
  await host.files.remove(clusterPaths(cluster, roots).pidFile(node))
}

async function endProcess(host: Host, process: ProcessIdentity): Promise<void> {
  host.processes.kill(process.pid, 'SIGTERM')
  const deadline = host.clock.now() + patience
  while (host.processes.isAlive(process)) {
    if (host.clock.now() >= deadline) host.processes.kill(process.pid, 'SIGKILL')
    await host.clock.sleep(20)
  }
}

/** The last lines that a process wrote, for an error message. */
export async function lastWords(host: Host, logFile: string, lines = 5): Promise<string> {
  const text = (await host.files.readText(logFile, 64 * 1024 * 1024)) ?? ''
  return text.trim().split('\n').slice(-lines).join('\n')
}
