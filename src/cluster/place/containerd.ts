/** A place's containerd: found, configured, started, watched. It and its shims outlive the process that started them. */
import { mayLowerOomScore } from '#lib/host/capabilities.ts'
import { answersGrpc } from '#lib/host/grpcProbe.ts'
import { readPidFile, setLongLogAside, writePidFile } from '#lib/host/files.ts'
import type { Host } from '#lib/host/host.ts'
import type { ProcessIdentity } from '#lib/host/process.ts'
import { findProgram, programPath } from '#lib/host/programs.ts'

import { parseContainerdVersion, renderContainerdConfig } from './containerdConfig.ts'
import type { RuntimeFacts } from './containerdConfig.ts'
import type { Place } from './place.ts'
import { machineProgramFolders, programFolder } from './pluginFolders.ts'

const neededPlugins = ['bridge', 'host-local', 'loopback']

/** The folder that has all network plugins we need; undefined when there is none. */
export async function findCniPlugins(host: Pick<Host, 'files'>): Promise<string | undefined> {
  for (const folder of machineProgramFolders) {
    const names = await host.files.list(folder)
    if (neededPlugins.every((name) => names.includes(name))) return folder
  }
  return undefined
}

/** What is installed for running containers; rejects with what is missing. */
export async function findRuntime(host: Host, place: Pick<Place, 'kind'>, signal?: AbortSignal): Promise<RuntimeFacts> {
  const containerd = await findProgram(host, 'containerd')
  if (containerd === undefined) throw new Error('Cannot run containers: containerd is not installed')
  const { stdout } = await host.processes.run([containerd, '--version'], {}, signal)
  const version = parseContainerdVersion(stdout)
  if (version === undefined)
    throw new Error(`Cannot run containers: "${containerd} --version" says ${JSON.stringify(stdout.slice(0, 200))}`)
  // crun starts containers sooner but refuses hybrid control groups, which only a place of its own can hide from it.
  const hybrid = host.cgroups.version === 1 && place.kind === 'host'
  const runtimes: { name: 'crun' | 'runc'; path: string }[] = []
  for (const name of hybrid ? (['runc'] as const) : (['crun', 'runc'] as const)) {
    const path = await findProgram(host, name)
    if (path !== undefined) runtimes.push({ name, path })
  }
  if (runtimes.length === 0)
    throw new Error(`Cannot run containers: ${hybrid ? 'runc is' : 'neither crun nor runc is'} installed`)
  const cniPlugins = await findCniPlugins(host)
  if (cniPlugins === undefined)
    throw new Error(
      `Cannot run containers: no folder of ${machineProgramFolders.join(', ')} has the plugins ${neededPlugins.join(', ')}`,
    )
  return {
    containerd: version,
    runtimes,
    cniPlugins: place.kind === 'host' ? cniPlugins : programFolder,
    mayLowerOomScore: mayLowerOomScore((await host.files.readText('/proc/self/status')) ?? ''),
  }
}

/** The place's containerd if it lives, whoever started it. */
export async function findContainerd(host: Host, place: Place): Promise<ProcessIdentity | undefined> {
  const { pidFile, configFile } = place.layout
  const noted = await readPidFile(host.files, host.processes, pidFile)
  if (noted !== undefined) return noted
  // Whoever started it may have died before noting it.
  const found = host.processes.list().find(({ command }) => command[1] === '--config' && command[2] === configFile)
  if (found === undefined) return undefined
  const running = { pid: found.pid, startTicks: found.startTicks }
  await writePidFile(host.files, pidFile, running)
  return running
}

const readyMethod = '/runtime.v1.RuntimeService/Status'

/** Whether the place's container runtime interface answers. */
const isContainerdReady = (place: Place): Promise<boolean> => answersGrpc(place.layout.socket, readyMethod, 2_000)

/** Asks whether the runtime answers; a test may hand in another answer. */
export type ReadyProbe = (place: Place) => Promise<boolean>

export interface ContainerdOptions {
  /** More environment for containerd, such as a proxy for pulling images. */
  readonly environment?: Readonly<Record<string, string>>
  readonly isReady?: ReadyProbe
}

/** The place's containerd: the one that lives already, with all its containers, or a new one, which may not answer yet. */
export async function startContainerd(
  host: Host,
  place: Place,
  { environment = {} }: Pick<ContainerdOptions, 'environment'> = {},
  signal?: AbortSignal,
): Promise<ProcessIdentity> {
  const living = await findContainerd(host, place)
  if (living !== undefined) return living
  const config = renderContainerdConfig(place.layout, await findRuntime(host, place, signal))
  await host.files.write(place.layout.configFile, config, { mode: 0o600 })
  await setLongLogAside(host.files, place.layout.containerdLog)
  await host.files.remove(place.layout.socket)
  const started = await host.processes.start(place.enter(['containerd', '--config', place.layout.configFile]), {
    cwd: '/',
    env: { PATH: programPath, ...environment },
    logFile: place.layout.containerdLog,
  })
  await writePidFile(host.files, place.layout.pidFile, started)
  return started
}

/**
 * Resolves once the place's containerd, as `startContainerd` gives it, answers. Rejects with the end of its log when it
 * dies first or does not answer within 20 seconds.
 */
export async function ensureContainerd(
  host: Host,
  place: Place,
  options: ContainerdOptions = {},
  signal?: AbortSignal,
): Promise<ProcessIdentity> {
  const { isReady = isContainerdReady } = options
  const running = await startContainerd(host, place, options, signal)
  const deadline = host.clock.now() + 20_000
  while (!(await isReady(place))) {
    if (!host.processes.isAlive(running))
      throw new Error(`Cannot start containerd of node "${place.node}": ${await readLogEnd(host, place)}`)
    if (host.clock.now() >= deadline)
      throw new Error(`Cannot reach containerd of node "${place.node}" at ${place.layout.socket}: no answer for 20 s`)
    await host.clock.sleep(5, signal)
  }
  return running
}

async function readLogEnd(host: Host, place: Place): Promise<string> {
  const text = (await host.files.readText(place.layout.containerdLog)) ?? ''
  return text.trim().split('\n').slice(-3).join('; ') || 'it ended without a word'
}

const retryDelays = [0, 100, 500, 2_000, 10_000]

/** How often it is looked whether containerd is alive, in milliseconds: each look is a wake-up, also of a cluster at rest. */
const lookEvery = 1_000

/**
 * Keeps the place's containerd running until aborted, and leaves it running then: containers do not end with us. `ready` is
 * called after each time that it has become reachable; `report` hears of each death and failure.
 */
export async function superviseContainerd(
  host: Host,
  place: Place,
  options: ContainerdOptions & { readonly ready: () => void; readonly report: (problem: string) => void },
  signal: AbortSignal,
): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    try {
      const running = await ensureContainerd(host, place, options, signal)
      const since = host.clock.now()
      options.ready()
      while (host.processes.isAlive(running)) await host.clock.sleep(lookEvery, signal)
      options.report(`containerd (process ${running.pid}) has ended`)
      // One that lasted for a while did not fail for the reason of the last one.
      if (host.clock.now() - since > 30_000) failures = 0
    } catch (error) {
      if (signal.aborted) return
      options.report((error as Error).message)
    }
    try {
      await host.clock.sleep(retryDelays[Math.min(failures++, retryDelays.length - 1)]!, signal)
    } catch {
      return
    }
  }
}

/** Ends the place's containerd and waits for it; containers and their shims live on. */
export async function stopContainerd(host: Host, place: Place): Promise<void> {
  const running = await findContainerd(host, place)
  if (running === undefined) return
  host.processes.kill(running.pid, 'SIGTERM')
  const deadline = host.clock.now() + 5_000
  while (host.processes.isAlive(running)) {
    if (host.clock.now() >= deadline) host.processes.kill(running.pid, 'SIGKILL')
    await host.clock.sleep(10)
  }
}
