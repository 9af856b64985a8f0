import type { Surroundings } from '#cluster/commands/command.ts'
import { clusterPaths, type ClusterRecord } from './record.ts'
import { HttpClient } from '#lib/http/client.ts'
import { parseDocument } from 'yaml'

const patience = 120_000
const mostBytes = 64 * 1024 * 1024

/** Speaks to a cluster's API server as its administrator. */
export async function administratorClient(
  { host, roots }: Pick<Surroundings, 'host' | 'roots'>,
  { config }: Pick<ClusterRecord, 'config'>,
  connectTimeout = 2_000,
): Promise<HttpClient> {
  const text = (await host.files.readText(clusterPaths(config.name, roots).kubeconfigFile))!
  const content = parseDocument(text).toJS() as {
    clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }]
    users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }]
  }
  const plain = (base64: string): string => Buffer.from(base64, 'base64').toString()
  const [{ cluster }] = content.clusters
  const [{ user }] = content.users
  return new HttpClient({
    url: cluster.server,
    tls: {
      authority: plain(cluster['certificate-authority-data']),
      certificate: plain(user['client-certificate-data']),
      key: plain(user['client-key-data']),
    },
    connectTimeout,
  })
}

/** Resolves once the API server says that it is ready. `check` rejects when waiting has no point. */
export async function waitForServer(
  surroundings: Surroundings,
  record: ClusterRecord,
  check: () => Promise<void>,
): Promise<void> {
  await poll(
    surroundings,
    record,
    check,
    'the API server',
    async (client) => (await client.request({ path: '/readyz' })).status === 200,
  )
}

/** Nodes whose agents were started at a moment, so that older signs of life of them mean nothing. */
export interface NewAgents {
  readonly nodes: ReadonlySet<string>
  /** Milliseconds since the epoch. */
  readonly since: number
}

/** Resolves once every node of a cluster is ready and every new agent has shown itself. */
export async function waitForNodes(
  surroundings: Surroundings,
  record: ClusterRecord,
  { nodes, since }: NewAgents,
  check: () => Promise<void>,
): Promise<void> {
  const wanted = record.nodes.length + record.config.simulatedNodes
  // Without a network for pods nodes are not ready until people install one.
  const mayWait = record.config.podNetwork === false
  const awaited = record.nodes.filter(({ name }) => nodes.has(name)).map(({ name }) => name)
  let ready = 0
  await poll(
    surroundings,
    record,
    check,
    () => `the nodes (${ready} of ${wanted} are ready)`,
    async (client) => {
      const known = await readItems<NodeView>(client, '/api/v1/nodes')
      ready = known.filter(({ status }) =>
        status?.conditions?.some(({ type, status: value }) => type === 'Ready' && (value === 'True' || mayWait)),
      ).length
      if (ready < wanted) return false
      if (awaited.length === 0) return true
      const leases = await readItems<LeaseView>(
        client,
        '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
      )
      const renewed = new Map(leases.map(({ metadata, spec }) => [metadata.name, Date.parse(spec?.renewTime ?? '')]))
      ready = wanted - awaited.filter((name) => !((renewed.get(name) ?? 0) >= since)).length
      return ready === wanted
    },
  )
}

interface NodeView {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

interface LeaseView {
  readonly metadata: { readonly name: string }
  readonly spec?: { readonly renewTime?: string }
}

async function readItems<T>(client: HttpClient, path: string): Promise<readonly T[]> {
  const response = await client.request({ path })
  const text = (await response.readBody(mostBytes)).toString()
  if (response.status !== 200) throw new Error(`GET ${path} was answered with ${response.status}`)
  return (JSON.parse(text) as { items: readonly T[] }).items
}

async function poll(
  surroundings: Surroundings,
  record: ClusterRecord,
  check: () => Promise<void>,
  what: string | (() => string),
  isReady: (client: HttpClient) => Promise<boolean>,
): Promise<void> {
  const { clock, signal } = surroundings
  const client = await administratorClient(surroundings, record)
  const deadline = clock.now() + patience
  try {
    for (let tried = 0; ; tried++) {
      // A server that does not listen yet refuses the connection; that it will never listen is for `check` to say.
      if (await isReady(client).catch(() => false)) return
      await check()
      if (clock.now() >= deadline) {
        const text = typeof what === 'string' ? what : what()
        const log = clusterPaths(record.config.name, surroundings.roots).logFile('control-plane')
        throw new Error(`gave up waiting for ${text} after ${patience / 1000} s; "k8ts logs" or ${log} may say why`)
      }
      await clock.sleep(tried < 40 ? 25 : 200, signal)
    }
  } finally {
    client.close()
  }
}
