/** The process of this machine that serves the services of all clusters under its names: one for all, started on need. */
import { connect } from 'node:net'
import type { Surroundings } from '#cluster/commands/command.ts'
import { folderName, type Roots } from '#cluster/place/layout.ts'
import type { Place } from '#cluster/place/place.ts'
import { notFoundPage } from '#ingress/plan/pages.ts'
import type { Clock } from '#lib/clock.ts'
import { readPidFile, takeLock, writePidFile } from '#lib/host/files.ts'
import type { Host } from '#lib/host/host.ts'
import { releaseLeftovers } from '#lib/host/memory.ts'
import type { ProcessIdentity } from '#lib/host/process.ts'
import { holdHostPorts, type HolderState } from '#loadBalancer/hostNames/holder.ts'
import type { IdleAnswer } from '#loadBalancer/hostNames/idleAnswers.ts'
import { onLines, sendLine } from '#loadBalancer/hostNames/wire.ts'
import { processEnvironment } from './processes.ts'

/**
 * Where it listens, which of several that are started may go on, which was started last, in which mount namespace they belong
 * (its inode), and what it says.
 */
export const hostPortsFiles = ({ runtime }: Roots) => ({
  socket: `${runtime}/.host-ports.sock`,
  lock: `${runtime}/.host-ports.lock`,
  started: `${runtime}/.host-ports.pid`,
  machine: `${runtime}/.host-ports.machine`,
  log: `${runtime}/.host-ports.log`,
})

/** The one that serves, or is about to. */
async function findHolder({ files, processes }: Host, roots: Roots): Promise<ProcessIdentity | undefined> {
  const { lock, started } = hostPortsFiles(roots)
  return (await readPidFile(files, processes, lock)) ?? (await readPidFile(files, processes, started))
}

type Starter = Pick<Surroundings, 'host' | 'roots' | 'program' | 'environment'>

/** Starts it unless it is there; of several that are started at once one goes on. For who is on the machine itself. */
export async function ensureHostPorts(starter: Starter): Promise<void> {
  const { host, roots } = starter
  const own = host.processes.list().find(({ pid }) => pid === process.pid)
  await host.files.write(hostPortsFiles(roots).machine, `${own?.mountNamespace ?? ''}\n`)
  if ((await findHolder(host, roots)) === undefined) await start(starter, [])
}

/** The same for who is inside a place: the process is to be on the machine, where it outlives that place. */
export async function reviveHostPorts(
  starter: Starter,
  { kind, layout }: Pick<Place, 'kind' | 'layout'>,
): Promise<void> {
  const { host, roots } = starter
  if ((await findHolder(host, roots)) !== undefined) return
  if (kind === 'host') return await start(starter, [])
  // No file can lead from a mount namespace to an older one; a process that is there can.
  const machine = Number(await host.files.readText(hostPortsFiles(roots).machine))
  const [guide] = host.processes
    .list()
    .filter(({ mountNamespace }) => mountNamespace !== undefined && mountNamespace === machine)
    .toSorted((a, b) => a.pid - b.pid)
  if (guide === undefined) throw new Error('no process is outside of all nodes, where it is to be started')
  await start(starter, ['nsenter', `--net=${layout.hostNetworkNamespace}`, `--mount=/proc/${guide.pid}/ns/mnt`, '--'])
}

async function start({ host, roots, program, environment }: Starter, before: readonly string[]): Promise<void> {
  const files = hostPortsFiles(roots)
  const started = await host.processes.start([...before, ...program, 'hold-host-ports'], {
    cwd: '/',
    env: processEnvironment(environment),
    logFile: files.log,
  })
  await writePidFile(host.files, files.started, started)
}

/** In milliseconds. */
const startIsOver = 5_000

/** Is that process, until no cluster needs it; ends at once when there is one already. */
export async function runHostPorts({ host, roots, clock, signal }: Surroundings): Promise<void> {
  const files = hostPortsFiles(roots)
  await host.files.makeFolder(roots.runtime, 0o711)
  const lock = await takeLock(host.files, host.processes, files.lock, host.processes.identify(process.pid)!)
  if ('heldBy' in lock) return
  try {
    // One that was killed has left it.
    await host.files.remove(files.socket)
    using _ = clock.after(startIsOver, () => releaseLeftovers())
    await holdHostPorts(files.socket, idleIngress(clock), clock, signal)
  } finally {
    for (const file of [files.socket, files.started, files.log]) await host.files.remove(file)
    await lock.release()
    await host.files.removeIfEmpty(roots.runtime)
  }
}

/** What ingresses answer as long as there is none. */
const idleIngress = (clock: Clock): IdleAnswer => ({
  page: notFoundPage,
  certificate: async () => {
    const { makeDefaultCertificate } = await import('#ingress/plan/certificates.ts')
    return makeDefaultCertificate(clock.now())
  },
})

const patience = 2_000

/** Asks it for something; undefined when it is not there or does not answer. */
async function ask(roots: Roots, question: 'state' | 'end'): Promise<HolderState | undefined> {
  const socket = connect({ path: hostPortsFiles(roots).socket })
  const outcome = Promise.withResolvers<HolderState | undefined>()
  const none = (): void => outcome.resolve(undefined)
  socket.setTimeout(patience, none).on('error', none).on('close', none)
  onLines(socket, (value) => outcome.resolve(value as HolderState))
  socket.on('connect', () => sendLine(socket, { ask: question }))
  const answer = await outcome.promise
  socket.destroy()
  return answer
}

/** Which clusters are served, and which ports are not; undefined when there is no such process. */
export const askHostPorts = (roots: Roots): Promise<HolderState | undefined> => ask(roots, 'state')

/** Whether there is another cluster on this machine, which may be about to need the process. */
async function hasOthers({ files }: Host, roots: Roots, cluster: string): Promise<boolean> {
  const own = folderName(cluster)
  for (const name of await files.list(roots.data))
    if (name !== own && (await files.status(`${roots.data}/${name}/cluster.json`)) !== undefined) return true
  return false
}

/** Ends it, and waits for that, when this cluster was the last one. */
export async function endUnusedHostPorts(host: Host, roots: Roots, cluster: string): Promise<void> {
  if (await hasOthers(host, roots, cluster)) return
  const deadline = host.clock.now() + 5_000
  // Connections of processes that were killed are noticed in a moment.
  while ((await findHolder(host, roots)) !== undefined) {
    if (host.clock.now() >= deadline) return
    const state = await ask(roots, 'end')
    if (state?.clusters.some((name) => name !== cluster) === true) return
    await host.clock.sleep(20)
  }
  // One that was killed has left them.
  for (const file of Object.values(hostPortsFiles(roots))) await host.files.remove(file)
  await host.files.removeIfEmpty(roots.runtime)
}

/** Its process, for a list of what is there of a cluster: while it serves that one, or nobody else could need it. */
export async function findHostPorts(host: Host, roots: Roots, cluster: string): Promise<readonly string[]> {
  const holder = await findHolder(host, roots)
  if (holder === undefined) return []
  const clusters = (await askHostPorts(roots))?.clusters ?? []
  return clusters.includes(cluster) || (clusters.length === 0 && !(await hasOthers(host, roots, cluster)))
    ? [`${holder.pid} hold-host-ports`]
    : []
}
