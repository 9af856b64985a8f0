/**
 * WireGuard where the kernel has none: the program `wireguard-go` holds a link of type tun and takes what `wg` says at a socket.
 * The link is there as long as the process is, which outlives the agent, and so do connections.
 */
import { readPidFile, writePidFile } from '#lib/host/files.ts'
import type { Host } from '#lib/host/host.ts'
import { CommandError, namespaceOfFile, runChecked } from '#lib/host/process.ts'
import type { ProcessIdentity } from '#lib/host/process.ts'
import { findProgram, programPath } from '#lib/host/programs.ts'

import { wireguardDevice } from './settings.ts'

export const wireguardProgram = 'wireguard-go'

export interface WireguardPlace {
  readonly host: Pick<Host, 'processes' | 'files' | 'clock'>
  /** The network namespace of the link; our own when absent. */
  readonly namespaceFile?: string | undefined
  /** The folder of the process: its socket and its pid. No other process of this machine has the same. */
  readonly folder: string
}

/** Whether a link is held by a process rather than by the kernel. */
export const isHeldByProcess = (link: Readonly<Record<string, unknown>> | undefined): boolean =>
  (link?.linkinfo as { info_kind?: string } | undefined)?.info_kind === 'tun'

/**
 * The command line that runs a program in the link's network namespace. The programs meet at a fixed path below /var/run, so
 * that two nodes of one machine would meet as well: where a process holds the link, its folder lies there for them alone.
 */
export function enterWireguard(
  { namespaceFile, folder }: Pick<WireguardPlace, 'namespaceFile' | 'folder'>,
  isProcess: boolean,
  command: readonly string[],
): readonly string[] {
  const inside = namespaceFile === undefined ? [] : ['nsenter', `--net=${namespaceFile}`]
  if (!isProcess) return [...inside, ...command]
  const script = 'mount --bind "$0" /var/run && exec "$@"'
  return [...inside, 'unshare', '--mount', '--propagation=slave', 'sh', '-c', script, folder, ...command]
}

const pidFile = (folder: string): string => `${folder}/pid`

/** The process that holds the link, whoever started it; undefined when there is none. */
export async function findWireguardProcess({
  host: { files, processes },
  namespaceFile = '/proc/self/ns/net',
  folder,
}: WireguardPlace): Promise<ProcessIdentity | undefined> {
  const noted = await readPidFile(files, processes, pidFile(folder))
  if (noted !== undefined) return noted
  const namespace = namespaceOfFile(namespaceFile)
  const found = processes
    .list()
    .find(
      ({ command: [program, device], networkNamespace }) =>
        program === wireguardProgram && device === wireguardDevice && networkNamespace === namespace,
    )
  if (found === undefined) return undefined
  const { pid, startTicks } = found
  await files.makeFolder(folder, 0o700)
  await writePidFile(files, pidFile(folder), { pid, startTicks })
  return { pid, startTicks }
}

/** Starts the process; its link and its socket are there then. Rejects with what is missing, or what the program says. */
export async function startWireguardProcess(place: WireguardPlace, signal?: AbortSignal): Promise<ProcessIdentity> {
  const { host, folder } = place
  if ((await findProgram(host, wireguardProgram)) === undefined) {
    throw new Error(
      `the kernel of this node has no WireGuard, and ${wireguardProgram}, which does without, is not installed: install the package ${wireguardProgram}, or set between to "auto" or "vxlan"`,
    )
  }
  await host.files.remove(folder)
  await host.files.makeFolder(folder, 0o700)
  try {
    // It ends as soon as a child of its own holds the link. That one says nothing: there would be a line for each lost packet.
    const argv = enterWireguard(place, true, [wireguardProgram, wireguardDevice])
    await runChecked(host.processes, argv, { cwd: '/', env: { PATH: programPath } }, signal)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const said = error.result?.stderr.split('\n').filter((line) => line.startsWith('ERROR')) ?? []
    throw new Error(`Cannot start ${wireguardProgram}: ${said.join('; ') || error.message}`, { cause: error })
  }
  const started = await findWireguardProcess(place)
  if (started === undefined) throw new Error(`Cannot start ${wireguardProgram}: it ended at once`)
  return started
}

/** Ends the process, and with it the link. Nothing happens when there is none. */
export async function endWireguardProcess(place: WireguardPlace): Promise<void> {
  const { processes, clock, files } = place.host
  const running = await findWireguardProcess(place)
  if (running !== undefined) {
    processes.kill(running.pid, 'SIGTERM')
    const deadline = clock.now() + 5_000
    while (processes.isAlive(running)) {
      if (clock.now() >= deadline) processes.kill(running.pid, 'SIGKILL')
      await clock.sleep(10)
    }
  }
  await files.remove(place.folder)
}

/** Resolves when the process has ended; rejects on abort. */
export async function untilWireguardEnds(
  { processes, clock }: Pick<Host, 'processes' | 'clock'>,
  running: ProcessIdentity,
  signal: AbortSignal,
): Promise<void> {
  while (processes.isAlive(running)) await clock.sleep(200, signal)
}
