import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { Service, ServiceSpec } from '#api/core/v1/service.ts'
import type { Endpoints } from '#api/core/v1/endpoints.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { endpointsStrategy } from '#resources/core/endpoints.ts'
import { nodeStrategy } from '#resources/core/node.ts'
import { serviceStrategy } from '#resources/core/service/strategy.ts'
import { endpointSliceStrategy } from '#resources/discovery/endpointSlice.ts'
import type { Strategy } from '#server/strategy.ts'

function cell(strategy: Strategy<any>, column: string, object: object): unknown {
  return strategy
    .columns!.find(({ name }) => name === column)!
    .value({ metadata: { name: 'x' }, ...object } as never, 0)
}

const services = serviceStrategy({ addresses: '10.96.0.0/16', nodePorts: [30_000, 32_767] })

describe('columns of services', () => {
  const ports: ServiceSpec['ports'] = [
    { name: 'a', port: 80, protocol: 'TCP' },
    { name: 'b', port: 53, protocol: 'UDP', nodePort: 30_053 },
  ]
  const balanced: Service['status'] = {
    loadBalancer: { ingress: [{ ip: '192.0.2.9' }, { hostname: 'a.example' }, { ip: '192.0.2.9' }] },
  }
  const rows: readonly [string, string, Partial<Service>, string][] = [
    ['Port(s)', 'ports with those of nodes', { spec: { ports } }, '80/TCP,53:30053/UDP'],
    ['Port(s)', 'no ports', { spec: {} }, '<none>'],
    ['Cluster-IP', 'an address', { spec: { clusterIP: '10.96.0.1' } }, '10.96.0.1'],
    ['Cluster-IP', 'headless', { spec: { clusterIP: 'None' } }, 'None'],
    ['Cluster-IP', 'none', { spec: { type: 'ExternalName' } }, '<none>'],
    ['External-IP', 'nothing', { spec: { type: 'ClusterIP' } }, '<none>'],
    [
      'External-IP',
      'given addresses',
      { spec: { type: 'NodePort', externalIPs: ['1.2.3.4', '1.2.3.5'] } },
      '1.2.3.4,1.2.3.5',
    ],
    ['External-IP', 'a name', { spec: { type: 'ExternalName', externalName: 'db.example' } }, 'db.example'],
    ['External-IP', 'a balancer to come', { spec: { type: 'LoadBalancer' } }, '<pending>'],
    [
      'External-IP',
      'balancers, each once, in order',
      { spec: { type: 'LoadBalancer' }, status: balanced },
      '192.0.2.9,a.example',
    ],
    [
      'External-IP',
      'balancers and given addresses',
      { spec: { type: 'LoadBalancer', externalIPs: ['1.2.3.4'] }, status: balanced },
      '192.0.2.9,a.example,1.2.3.4',
    ],
    ['Selector', 'labels in order', { spec: { selector: { b: '2', a: '1' } } }, 'a=1,b=2'],
    ['Selector', 'none', { spec: {} }, '<none>'],
  ]
  for (const [column, name, service, expected] of rows) {
    test(`${column}: ${name}`, () => assert.equal(cell(services, column, service), expected))
  }
})

describe('columns of nodes', () => {
  const ready = (status: 'True' | 'False' | 'Unknown'): Node['status'] => ({ conditions: [{ type: 'Ready', status }] })
  const labelled = (labels: Record<string, string>): object => ({ metadata: { name: 'n', labels }, spec: {} })
  const rows: readonly [string, string, object, string][] = [
    ['Status', 'ready', { spec: {}, status: ready('True') }, 'Ready'],
    ['Status', 'not ready', { spec: {}, status: ready('False') }, 'NotReady'],
    ['Status', 'not heard of', { spec: {}, status: ready('Unknown') }, 'NotReady'],
    ['Status', 'nothing known', { spec: {} }, 'Unknown'],
    ['Status', 'cordoned', { spec: { unschedulable: true }, status: ready('True') }, 'Ready,SchedulingDisabled'],
    ['Roles', 'none', labelled({ a: 'b' }), '<none>'],
    [
      'Roles',
      'of both kinds of labels, in order',
      labelled({
        'node-role.kubernetes.io/worker': '',
        'kubernetes.io/role': 'edge',
        'node-role.kubernetes.io/control-plane': '',
      }),
      'control-plane,edge,worker',
    ],
    [
      'Roles',
      'labels without a role',
      labelled({ 'node-role.kubernetes.io/': '', 'kubernetes.io/role': '' }),
      '<none>',
    ],
    ['Internal-IP', 'none', { spec: {} }, '<none>'],
    [
      'Internal-IP',
      'the first of its type',
      {
        spec: {},
        status: {
          addresses: [
            { type: 'Hostname', address: 'n' },
            { type: 'InternalIP', address: '10.0.0.1' },
          ],
        },
      },
      '10.0.0.1',
    ],
    ['Kernel-Version', 'unknown', { spec: {} }, '<unknown>'],
  ]
  for (const [column, name, node, expected] of rows) {
    test(`${column}: ${name}`, () => assert.equal(cell(nodeStrategy, column, node), expected))
  }
})

describe('columns of endpoints', () => {
  const addresses = (count: number): { ip: string }[] =>
    Array.from({ length: count }, (_, index) => ({ ip: `10.0.0.${index + 1}` }))
  const rows: readonly [string, Endpoints['subsets'], string][] = [
    ['no subset', undefined, '<none>'],
    ['nobody ready', [{ notReadyAddresses: addresses(1), ports: [{ port: 80 }] }], ''],
    ['no ports', [{ addresses: addresses(2) }], '10.0.0.1,10.0.0.2'],
    ['three', [{ addresses: addresses(3), ports: [{ port: 80 }] }], '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80'],
    [
      'more than three',
      [{ addresses: addresses(5), ports: [{ port: 80 }] }],
      '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...',
    ],
    ['several ports', [{ addresses: addresses(1), ports: [{ port: 80 }, { port: 443 }] }], '10.0.0.1:80,10.0.0.1:443'],
    ['IPv6', [{ addresses: [{ ip: 'fd00::1' }], ports: [{ port: 80 }] }], '[fd00::1]:80'],
  ]
  for (const [name, subsets, expected] of rows) {
    test(name, () => assert.equal(cell(endpointsStrategy, 'Endpoints', { subsets }), expected))
  }
})

describe('columns of endpoint slices', () => {
  const slice = (rest: Partial<EndpointSlice>): object => ({ addressType: 'IPv4', endpoints: [], ...rest })
  const rows: readonly [string, string, object, string][] = [
    ['Ports', 'none', slice({}), '<unset>'],
    ['Ports', 'numbers', slice({ ports: [{ port: 80 }, { port: 443 }] }), '80,443'],
    ['Ports', 'any, by name', slice({ ports: [{ name: 'web' }] }), 'web'],
    ['Ports', 'any', slice({ ports: [{}] }), '*'],
    ['Ports', 'many', slice({ ports: [1, 2, 3, 4, 5].map((port) => ({ port })) }), '1,2,3 + 2 more...'],
    ['Endpoints', 'none', slice({}), '<unset>'],
    [
      'Endpoints',
      'many',
      slice({ endpoints: ['a', 'b', 'c', 'd'].map((address) => ({ addresses: [address] })) }),
      'a,b,c + 1 more...',
    ],
  ]
  for (const [column, name, object, expected] of rows) {
    test(`${column}: ${name}`, () => assert.equal(cell(endpointSliceStrategy, column, object), expected))
  }
})
