import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import { StatusError } from '#machinery/status.ts'
import type { ClusterView } from './admission/chain.ts'
import { httpsNodeConnector, NodeUnreachable } from './nodeProxy.ts'

/** A connector to a cluster that has this one node. */
function connectorTo(status: NonNullable<Node['status']>): ReturnType<typeof httpsNodeConnector> {
  const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'one' }, spec: {}, status }
  const get = (_resource: unknown, _namespace: string, name: string): unknown => (name === 'one' ? node : undefined)
  return httpsNodeConnector({ get } as unknown as ClusterView, {})
}

test('a kubelet that does not listen is told of as a Go client does, without a reason', async () => {
  const listener = createServer()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  using connector = connectorTo({
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  })
  const request = { method: 'GET', path: '/containerLogs/default/p/c' }
  const { signal } = new AbortController()
  const problem = `dial tcp 127.0.0.1:${port}: connect: connection refused`
  const failure = `Get "https://127.0.0.1:${port}/containerLogs/default/p/c": ${problem}`
  const rows = [
    [connector.request('one', request, signal), failure],
    [connector.upgrade('one', { ...request, protocol: 'x' }, signal), `error dialing backend: ${problem}`],
  ] as const
  for (const [asked, message] of rows) {
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof NodeUnreachable)
      assert.deepEqual([error.code, error.reason, error.message, error.failure], [500, '', message, failure])
      return true
    })
  }
})

const address = { type: 'InternalIP', address: '198.18.0.1' } as const
const rows: readonly {
  name: string
  node?: string
  status: NonNullable<Node['status']>
  code: number
  message: string
}[] = [
  { name: 'no such node', node: 'two', status: {}, code: 404, message: 'nodes "two" not found' },
  {
    name: 'a node without an address',
    status: { addresses: [{ type: 'Hostname', address: 'one' }] },
    code: 500,
    message: 'Internal error occurred: no preferred addresses found; known addresses: []',
  },
  {
    name: 'a node without a kubelet',
    status: { addresses: [address], daemonEndpoints: { kubeletEndpoint: { Port: 0 } } },
    code: 400,
    message: 'node "one" has no kubelet to connect to: it reports port 0',
  },
]

for (const { name, node = 'one', status, code, message } of rows) {
  test(`the way to a kubelet: ${name}`, async () => {
    using connector = connectorTo(status)
    const request = { method: 'GET', path: '/containerLogs/default/p/c' }
    const refusal = { code, message }
    const check = (error: unknown): boolean => {
      assert.ok(error instanceof StatusError)
      assert.deepEqual({ code: error.code, message: error.message }, refusal)
      return true
    }
    await assert.rejects(connector.request(node, request, new AbortController().signal), check)
    await assert.rejects(connector.upgrade(node, { ...request, protocol: 'x' }, new AbortController().signal), check)
  })
}
