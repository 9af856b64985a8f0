/** Clusters for tests of faults: made with the command that people use, spoken to over HTTPS. Needs root and containerd. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { administratorClient } from '#cluster/readiness.ts'
import { architectureOf } from '#cluster/image/build.ts'
import { buildFromFile } from '#cluster/image/buildSet.ts'
import { buildingImages, whileAlone } from '#cluster/machineLock.ts'
import { defaultConfig } from '#cluster/config.ts'
import { clusterLayout, sharedFolders } from '#cluster/place/layout.ts'
import { rootsFor } from '#cluster/record.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import type { HttpClient } from '#lib/http/client.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))

/** The command line that runs `k8ts`. */
export const launcher: readonly string[] = [process.execPath, join(repository, 'bin/launch.js')]

export const host = systemHost(systemClock)
export const roots = rootsFor(0, {})

export const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'
/** For what takes a minute and more, and is not the only one that shows what it shows. */
export const reasonToSkipLong = reasonToSkip || (process.env['LONG_TESTS'] === '1' ? false : 'LONG_TESTS=1 runs it')

/** How a command line ended and what it said. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A command line that is being carried out. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

/** Who types the commands: a home folder with a kubeconfig of its own. */
export interface Person extends AsyncDisposable {
  readonly home: string
  readonly kubeconfig: string
  /** Starts `k8ts WORDS`; the child is the program itself, so that a signal hits it. */
  start(words: readonly string[], environment?: Readonly<Record<string, string>>): Running
  k8ts(...words: string[]): Promise<Ended>
  /** Like `k8ts`, for what must succeed. */
  must(...words: string[]): Promise<string>
}

export interface PersonOptions {
  /** Who it is on this machine; the one who runs the tests unless told. */
  readonly uid?: number
  readonly home?: string
}

export async function newPerson({ uid, home: given }: PersonOptions = {}): Promise<Person> {
  const home = given ?? (await mkdtemp(join(tmpdir(), 'k8ts-faults-')))
  if (uid !== undefined) await host.files.setOwner(home, uid, uid)
  const kubeconfig = join(home, 'kubeconfig')
  const start: Person['start'] = (words, environment = {}) => {
    const child = spawn(launcher[0]!, [...launcher.slice(1), ...words], {
      cwd: '/',
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: home,
        KUBECONFIG: kubeconfig,
        ...(uid === undefined ? {} : { XDG_RUNTIME_DIR: join(home, 'run') }),
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    })
    return { child, ended: endOf(child) }
  }
  const k8ts = (...words: string[]): Promise<Ended> => start(words).ended
  return {
    home,
    kubeconfig,
    start,
    k8ts,
    async must(...words) {
      const { code, stdout, stderr } = await k8ts(...words)
      if (code !== 0) throw new Error(`k8ts ${words.join(' ')} ended with ${code}:\n${stderr}${stdout}`)
      return stdout
    },
    async [Symbol.asyncDispose]() {
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** Builds an image for clusters that are made from now on. Those of other tests get it from nobody, and are not looked at. */
export async function keepImage(file: string): Promise<void> {
  const { images, packages, work } = sharedFolders
  const at = (folder: string): string => `${roots.data}/${folder}`
  const folders = { images: at(images), packages: at(packages), work: at(work) }
  await whileAlone({ host, roots }, buildingImages, () =>
    buildFromFile(host, file, [], folders, architectureOf(process.arch)),
  )
}

/** Runs any command to its end. */
export function run(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  input = '',
): Promise<Ended> {
  const [program, ...rest] = argv
  const child = spawn(program!, rest, { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => {
    // It ended without reading all of its input; how it ended is what counts.
  })
  child.stdin.end(input)
  return endOf(child)
}

function endOf(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let stdout = ''
    let stderr = ''
    child.stdout!.on('data', (piece: Buffer) => (stdout += piece.toString()))
    child.stderr!.on('data', (piece: Buffer) => (stderr += piece.toString()))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === 'SIGKILL' ? 137 : 143), stdout, stderr }))
  })
}

/** Speaks to a cluster's API server as its administrator, over a connection of its own. */
export function administratorOf(cluster: string): Promise<HttpClient> {
  // Whoever takes so long to be connected is only slow: one that is dead refuses at once.
  return administratorClient({ host, roots }, { config: { ...defaultConfig, name: cluster } }, 30_000)
}

export interface Answer {
  readonly status: number
  readonly text: string
}

/** Asks and reads the whole answer; the body is sent as JSON. */
export async function ask(
  client: HttpClient,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await client.request({
    method,
    path,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  })
  return { status: response.status, text: (await response.readBody(256 * 1024 * 1024)).toString() }
}

/** Asks for what must be there; throws the answer otherwise. */
export async function read<T>(client: HttpClient, path: string): Promise<T> {
  const { status, text } = await ask(client, 'GET', path)
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${text.slice(0, 300)}`)
  return JSON.parse(text) as T
}

/** Waits until `isSo` gives something; throws with what it waited for after `milliseconds`. */
export async function until<T>(
  what: string,
  isSo: () => Promise<T | undefined | false>,
  milliseconds = 120_000,
): Promise<T> {
  const deadline = systemClock.now() + milliseconds
  for (;;) {
    const found = await isSo()
    if (found !== undefined && found !== false) return found
    if (systemClock.now() > deadline) throw new Error(`gave up waiting for ${what} after ${milliseconds} ms`)
    await systemClock.sleep(50)
  }
}

/** A pod of busybox that runs until it is told to end. */
export function sleepingPod(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'main',
          image: 'busybox:1.35',
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', 'echo up; trap "exit 0" TERM; while true; do sleep 3600 & wait $!; done'],
        },
      ],
    },
  }
}

interface PodView {
  readonly metadata: { readonly name: string; readonly uid: string }
  readonly status: {
    readonly phase: string
    readonly podIP?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
    readonly containerStatuses?: readonly {
      readonly containerID?: string
      readonly restartCount: number
      readonly ready: boolean
    }[]
  }
}

/** What must not change about a running pod: `name uid address containerID restarts`. */
export async function runningPods(client: HttpClient): Promise<readonly string[]> {
  const { items } = await read<{ items: readonly PodView[] }>(client, '/api/v1/namespaces/default/pods')
  return items
    .filter(({ status }) => status.containerStatuses?.every(({ ready }) => ready))
    .map(({ metadata, status }) => {
      const containers = status.containerStatuses!.map(
        ({ containerID, restartCount }) => `${containerID} ${restartCount}`,
      )
      return [metadata.name, metadata.uid, status.podIP, ...containers].join(' ')
    })
    .toSorted()
}

/** The processes of pods of `sleepingPod`, once each has its pause, its shell and its sleep: a shell comes before what it starts. */
export function settledProcesses(cluster: string, pods: number): Promise<readonly string[]> {
  return until(`pause, shell and sleep of ${pods} pods`, () => {
    const processes = containerProcesses(cluster)
    const sleeping = processes.filter((process) => process.endsWith(' sleep'))
    return Promise.resolve(processes.length === 3 * pods && sleeping.length === pods && processes)
  })
}

/** The processes of a node's containers, by what the control groups say: `pid command`. */
export function containerProcesses(cluster: string): readonly string[] {
  const pids = new Set(host.cgroups.processes(`/k8ts/${cluster}/control-plane/kubepods`))
  return host.processes
    .list()
    .filter(({ pid }) => pids.has(pid))
    .map(({ pid, startTicks, command }) => `${pid} ${startTicks} ${command[0]}`)
    .toSorted()
}

/**
 * Everything on the machine that bears a mark of a cluster, found without the product's own inventory: by folders, names
 * and numbers that only this cluster has.
 */
export async function machineMarks(cluster: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const { hostLink, barrierMetric, podRouteMetric, cgroup } = clusterLayout(cluster, roots)
  const folders = [`${roots.runtime}/${cluster}`, `${roots.data}/${cluster}`]
  const isMarked = (text: string): boolean => folders.some((folder) => `${text}/`.includes(`${folder}/`))
  const output = async (...argv: string[]): Promise<readonly string[]> => (await run(argv, {})).stdout.split('\n')
  const metrics = [barrierMetric, podRouteMetric].map((metric) => `metric ${metric}`)
  return {
    processes: host.processes.list().flatMap(({ pid, command }) => {
      const text = command.join(' ')
      return isMarked(text) || text.includes(`run-node ${cluster} `) ? [`${pid} ${text}`] : []
    }),
    mounts: (await output('cat', '/proc/mounts')).filter(isMarked),
    links: (await output('ip', '-o', 'link')).filter((line) => line.includes(hostLink)),
    routes: [
      ...(await output('ip', '-4', 'route', 'show', 'table', 'all')),
      ...(await output('ip', '-6', 'route', 'show', 'table', 'all')),
    ].filter((line) => metrics.some((metric) => `${line} `.includes(`${metric} `))),
    rules: (await output('ip', 'rule')).filter((line) => line.includes(hostLink)),
    tables: (await output('nft', 'list', 'tables')).filter((line) => line.includes(hostLink)),
    cgroups: (await output('find', '/sys/fs/cgroup', '-type', 'd', '-path', `*${cgroup}*`)).filter(
      (path) => path !== '',
    ),
    folders: (await output('find', roots.runtime, roots.data, '-maxdepth', '1', '-name', `${cluster}*`)).filter(
      (path) => path !== '',
    ),
  }
}
