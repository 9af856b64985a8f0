/** Clusters made as a person makes them, by the command, for benchmarks that watch them from outside. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { KubeObject, Resource } from '#api/resource.ts'
import { clientOver, type Client, type Selection } from '#client/client.ts'
import { httpsTransport, type HttpsTransport } from '#client/https.ts'
import { connectionOf, parseKubeconfig } from '#client/kubeconfig.ts'
import { clusterPaths, rootsFor, type ClusterPaths } from '#cluster/record.ts'
import { controlPlaneName } from '#cluster/processes.ts'
import { systemClock } from '#lib/clock.ts'

const launcher = fileURLToPath(new URL('../bin/launch.js', import.meta.url))

/** Whether this user can have nodes that run containers. */
export const isRoot = process.getuid?.() === 0

export interface BenchCluster extends AsyncDisposable {
  readonly name: string
  readonly paths: ClusterPaths
  /** Resolves, with how many milliseconds it took, once `k8ts up` has ended; rejects with what it said when it failed. */
  readonly up: Promise<number>
  /** The pid of the control-plane node's process, as soon as it has one. */
  pid(): Promise<number>
  /** A connection as the cluster's administrator, as soon as the cluster has one. */
  connect(): Promise<{ readonly client: Client; readonly transport: HttpsTransport }>
}

/** Begins to make a cluster; disposing takes it away again. The user's own kubeconfig is left alone. */
export function startCluster(name: string, flags: readonly string[] = []): BenchCluster {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-bench-'))
  const env = { ...process.env, KUBECONFIG: join(folder, 'kubeconfig') }
  const paths = clusterPaths(name, rootsFor(process.getuid?.() ?? 0, process.env))
  const run = async (args: readonly string[]): Promise<void> => {
    const child = spawn(process.execPath, [launcher, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = once(child, 'close') as Promise<[number | null]>
    const said = await text(child.stderr)
    const [code] = await ended
    if (code !== 0) throw new Error(`k8ts ${args.join(' ')} ended with ${code}:\n${said}`)
  }
  const began = performance.now()
  const up = run(['up', name, ...flags]).then(() => performance.now() - began)
  let failure: Error | undefined
  up.catch((error: Error) => {
    failure = error
  })
  /** The text of a file, as soon as it has any. */
  const awaitFile = async (path: string): Promise<string> => {
    for (;;) {
      if (failure !== undefined) throw failure
      const content = await readFile(path, 'utf8').catch(() => '')
      if (content !== '') return content
      await systemClock.sleep(2)
    }
  }
  const transports: HttpsTransport[] = []
  return {
    name,
    paths,
    up,
    pid: async () => Number.parseInt(await awaitFile(paths.pidFile(controlPlaneName)), 10),
    async connect() {
      const content = await awaitFile(paths.kubeconfigFile)
      const config = parseKubeconfig(content, paths.kubeconfigFile)
      const { options } = await connectionOf(config, (path) => readFile(path, 'utf8'))
      const transport = httpsTransport(options)
      transports.push(transport)
      return { client: clientOver(transport), transport }
    },
    async [Symbol.asyncDispose]() {
      for (const transport of transports) transport[Symbol.dispose]()
      await up.catch(() => {})
      await run(['down', name])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Resolves once the API server says that it is ready. */
export async function untilReady({ http }: HttpsTransport): Promise<void> {
  for (;;) {
    // A server that does not listen yet refuses the connection, as does an address that is not there yet.
    const status = await http.request({ path: '/readyz' }).then(
      async (response) => {
        await response.readBody(64 * 1024)
        return response.status
      },
      () => undefined,
    )
    if (status === 200) return
    await systemClock.sleep(5)
  }
}

/** Resolves once an object is there, or becomes, as wanted; seen through a watch. */
export async function untilSeen<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  selection: Selection,
  isWanted: (object: T) => boolean,
): Promise<void> {
  const stop = new AbortController()
  try {
    const options = { ...selection, sendInitialEvents: true, allowBookmarks: true, resourceVersion: '' }
    for await (const events of client.watch(resource, options, stop.signal)) {
      if (events.some(({ type, object }) => (type === 'ADDED' || type === 'MODIFIED') && isWanted(object as T))) return
    }
  } finally {
    stop.abort()
  }
  throw new Error(`The watch of ${resource.plural} ended`)
}
