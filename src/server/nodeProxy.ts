// The way to the nodes: each runs a server of its own (the kubelet's, with the paths /exec, /attach, /portForward and
// /containerLogs), and what the API server is asked about containers is passed on to it.
import { nodes, type Node } from '#api/core/v1/node.ts'
import { HttpClientError } from '#lib/http/clientError.ts'
import { connectionProblem } from '#lib/http/connectionProblem.ts'
import { HttpClient, type ClientTls, type HttpResponse, type UpgradedConnection } from '#lib/http/client.ts'
import type { ReplyHeaders } from '#lib/http/message.ts'
import { badRequest, failure, notFound, StatusError, unexplained } from '#machinery/status.ts'
import type { ClusterView } from './admission/chain.ts'

export interface NodeRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers?: ReplyHeaders
  readonly body?: AsyncIterable<Uint8Array>
}

/** Talks to the kubelet of a node. */
export interface NodeConnector {
  request(node: string, request: NodeRequest, signal: AbortSignal): Promise<HttpResponse>
  /** Asks for another protocol on the connection. Resolves with the connection, or with what the kubelet answered instead. */
  upgrade(
    node: string,
    request: NodeRequest & { readonly protocol: string },
    signal: AbortSignal,
  ): Promise<UpgradedConnection | { readonly refused: HttpResponse }>
}

const defaultPort = 10250
const addressOrder = ['Hostname', 'InternalDNS', 'InternalIP', 'ExternalDNS', 'ExternalIP']

/** Reaches kubelets over HTTPS at the addresses that their nodes report. `tls` is how the API server shows itself. */
export function httpsNodeConnector(cluster: ClusterView, tls: ClientTls): NodeConnector & Disposable {
  const clients = new Map<string, HttpClient>()
  const clientOf = (name: string): HttpClient => {
    const url = kubeletUrl(cluster, name)
    let client = clients.get(url)
    if (client === undefined) clients.set(url, (client = new HttpClient({ url, tls, protocol: 'h1' })))
    return client
  }
  return {
    request: (node, request, signal) =>
      reachable(
        () => named(cluster, node, request),
        () => clientOf(node).request({ ...request, signal }),
      ),
    upgrade: (node, request, signal) =>
      reachable(
        () => named(cluster, node, request),
        () => clientOf(node).upgrade({ ...request, signal }),
        'error dialing backend',
      ),
    [Symbol.dispose]() {
      for (const client of clients.values()) client.close()
      clients.clear()
    },
  }
}

/** Where a node's kubelet listens. */
function kubeletUrl(cluster: ClusterView, name: string): string {
  const node: Node | undefined = cluster.get(nodes, '', name)
  if (node === undefined) throw notFound(nodes, name)
  const { addresses = [], daemonEndpoints } = node.status ?? {}
  // Addresses before names: the names of nodes are not resolved here.
  const reported = addresses
    .filter(({ type }) => type === 'InternalIP' || type === 'ExternalIP')
    .toSorted((a, b) => addressOrder.indexOf(a.type) - addressOrder.indexOf(b.type))[0]?.address
  if (reported === undefined) {
    throw failure('InternalError', `Internal error occurred: no preferred addresses found; known addresses: []`)
  }
  const port = daemonEndpoints?.kubeletEndpoint?.Port ?? defaultPort
  // Simulated nodes say so: nothing listens there, and a connection would be waited for in vain.
  if (port === 0) throw badRequest(`node "${name}" has no kubelet to connect to: it reports port 0`)
  return `https://${reported.includes(':') ? `[${reported}]` : reported}:${port}`
}

/** A kubelet was not reached: 500 without a reason, in the words of a Go client. */
export class NodeUnreachable extends StatusError {
  /** What was asked, and why there is no answer: `Post "https://10.0.0.1:10250/exec/…": dial tcp …`. */
  readonly failure: string

  constructor(message: string, failure: string) {
    super(unexplained(message).status)
    this.failure = failure
  }
}

/** A request as error texts of Go have it: `Get "https://10.0.0.1:10250/pods"`. */
function named(cluster: ClusterView, node: string, { method, path }: NodeRequest): string {
  return `${method.slice(0, 1)}${method.slice(1).toLowerCase()} "${kubeletUrl(cluster, node)}${path}"`
}

/** Says what was asked where nothing was reached, or that a connection was to be made. */
async function reachable<T>(what: () => string, run: () => Promise<T>, attempt?: string): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof HttpClientError)) throw error
    const problem = connectionProblem(error)
    const failure = `${what()}: ${problem}`
    throw new NodeUnreachable(attempt === undefined ? failure : `${attempt}: ${problem}`, failure)
  }
}
