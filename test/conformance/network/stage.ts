/**
 * Where conformance tests of the network play: a namespace of a real cluster with three servers, one on each of three nodes,
 * and pods that look from inside. Each test is one `NetworkTest` of a file beside this one; `tests.ts` has them all.
 */
import assert from 'node:assert/strict'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { services, type Service } from '#api/core/v1/service.ts'
import { clientOver, type Client } from '#client/client.ts'
import { findConnection } from '#client/connect.ts'
import { httpsTransport } from '#client/https.ts'
import { waitFor } from '#client/waitFor.ts'
import { systemClock } from '#lib/clock.ts'
import type { HttpClient } from '#lib/http/client.ts'

/** A conformance test of Kubernetes, by its name in `list.json`, or one beside those. */
export interface NetworkTest {
  readonly name: string
  run(stage: Stage): Promise<void>
}

export const namespace = 'conformance-network'

/** What answers with its own name: HTTP on one port, any datagram on another. */
export const httpPort = 8080
export const udpPort = 8081

export interface Server {
  readonly name: string
  readonly node: string
  readonly ip: string
}

/** Where a pod looks from. */
export interface LookOptions {
  readonly node?: string
  readonly hostNetwork?: boolean
  readonly labels?: Readonly<Record<string, string>>
  readonly spec?: Partial<Pod['spec']>
}

export interface Stage extends AsyncDisposable {
  readonly client: Client
  readonly http: HttpClient
  /** One on each of three nodes, with the label `app: servers`. */
  readonly servers: readonly Server[]
  /** The addresses of all nodes. */
  readonly nodeAddresses: readonly string[]
  /** Runs a shell script in a pod of its own and returns what it wrote; rejects when it fails, or takes longer than a minute. */
  look(script: string, options?: LookOptions): Promise<string>
  /** Makes a service; of the servers, unless the spec says another selector. */
  serve(name: string, spec: Partial<Service['spec']>): Promise<Service>
  /** Makes a pod that is one more server, and waits until it is ready. */
  startServer(name: string, labels: Readonly<Record<string, string>>, spec?: Partial<Pod['spec']>): Promise<Server>
  /** Waits until something holds. */
  until(holds: () => Promise<boolean>): Promise<void>
}

const patienceMs = 60_000
const lookEveryMs = 200

/** Words of the shell that scripts use: `retry COMMAND` until it succeeds, `http URL` and `udp ADDRESS PORT` for an answer. */
const words = `
retry() { end=$(($(date +%s) + 40)); until "$@"; do [ $(date +%s) -lt $end ] || { echo "never: $*" >&2; exit 1; }; sleep 0.3; done; }
http() { timeout 3 wget -qO- "$1"; }
udp() { echo who | timeout 3 socat -t 0.3 -T 1 - "UDP:$1:$2"; }
says() { expected=$1; shift; [ "$("$@" 2> /dev/null)" = "$expected" ]; }
finds() { pattern=$1; shift; "$@" 2>&1 | grep -q -e "$pattern"; }
`

const web = 'mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www'
const image = 'alpine/socat:1.7.4.4'

const serverContainers = (): Pod['spec']['containers'] => [
  {
    name: 'http',
    image,
    command: ['sh', '-c', web],
    readinessProbe: { tcpSocket: { port: httpPort }, periodSeconds: 1 },
  },
  { name: 'udp', image, command: ['socat', `UDP-RECVFROM:${udpPort},fork`, 'EXEC:hostname'] },
]

/** Prepares the namespace and its servers on the cluster of a kubeconfig. */
export async function openStage(kubeconfig: string): Promise<Stage> {
  const { options } = await findConnection({ environment: { KUBECONFIG: kubeconfig } })
  await using stack = new AsyncDisposableStack()
  const transport = stack.use(httpsTransport(options))
  const client = clientOver(transport)
  await client.create(namespaces, { metadata: { name: namespace } })
  stack.defer(() => client.delete(namespaces, { name: namespace }).then(() => {}))
  const known = (await client.list(nodes)).items
  const nodeAddresses = known.map(({ status }) => status!.addresses!.find(({ type }) => type === 'InternalIP')!.address)
  let looks = 0

  const podThat = async (name: string, holds: (pod: Pod) => boolean): Promise<Pod> => {
    const signal = AbortSignal.timeout(patienceMs)
    return (await waitFor(client, pods, { name, namespace }, (pod) => pod !== undefined && holds(pod), { signal }))!
  }
  const isReady = ({ status }: Pod): boolean =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true

  const startServer: Stage['startServer'] = async (name, labels, spec = {}) => {
    await client.create(pods, {
      metadata: { name, namespace, labels: { ...labels } },
      spec: { terminationGracePeriodSeconds: 1, containers: serverContainers(), ...spec },
    })
    const pod = await podThat(name, isReady)
    return { name, node: pod.spec.nodeName!, ip: pod.status!.podIP! }
  }

  const logOf = async (name: string): Promise<string> => {
    const response = await transport.http.request({ path: `/api/v1/namespaces/${namespace}/pods/${name}/log` })
    return (await response.readBody(1024 * 1024)).toString()
  }

  const look: Stage['look'] = async (script, { node, hostNetwork, labels, spec } = {}) => {
    const name = `look-${looks++}`
    await client.create(pods, {
      metadata: { name, namespace, labels: { ...labels } },
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 1,
        // A test on the control plane's node looks from there too.
        tolerations: [{ operator: 'Exists' }],
        ...(node === undefined ? {} : { nodeName: node }),
        ...(hostNetwork === undefined ? {} : { hostNetwork }),
        containers: [{ name: 'look', image, command: ['sh', '-c', `${words}\n${script}`] }],
        ...spec,
      },
    })
    const { status } = await podThat(name, ({ status: is }) => is?.phase === 'Succeeded' || is?.phase === 'Failed')
    const said = await logOf(name)
    assert.equal(status?.phase, 'Succeeded', `a pod ran\n${script}\nand said\n${said}`)
    return said.trim()
  }

  const workers = known.filter(({ spec }) => (spec?.taints ?? []).length === 0).map(({ metadata }) => metadata.name)
  const servers = await Promise.all(
    [0, 1, 2].map((index) =>
      startServer(`server-${index}`, { app: 'servers' }, { nodeName: workers[index % workers.length]! }),
    ),
  )
  const kept = stack.move()
  return {
    client,
    http: transport.http,
    servers,
    nodeAddresses,
    look,
    startServer,
    serve: (name, spec) =>
      client.create(services, { metadata: { name, namespace }, spec: { selector: { app: 'servers' }, ...spec } }),
    async until(holds) {
      const deadline = systemClock.now() + patienceMs
      while (!(await holds())) {
        assert.ok(systemClock.now() < deadline, `it does not hold after ${patienceMs / 1000} s: ${String(holds)}`)
        await systemClock.sleep(lookEveryMs)
      }
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** The full name of a service of the namespace. */
export const nameOf = (service: string): string => `${service}.${namespace}.svc.cluster.local`
