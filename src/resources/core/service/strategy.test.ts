import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Service, ServiceSpec } from '#api/core/v1/service.ts'
import { seededRandom } from '#lib/random.ts'
import { createReport, problemMessage } from '#machinery/validate/report.ts'
import { serviceStrategy } from './strategy.ts'

const strategy = serviceStrategy({ addresses: '10.96.0.0/16', nodePorts: [30_000, 32_767] })
const context = { caller: { name: 'a', groups: [] }, now: 0, random: seededRandom(1), dryRun: false }

function service(spec: ServiceSpec, status?: Service['status']): Service {
  const object: Service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: structuredClone(spec) }
  if (status !== undefined) object.status = structuredClone(status)
  return object
}

/** What an update makes of a spec. */
function updated(spec: ServiceSpec, old: ServiceSpec): Service {
  const wanted = service(spec)
  strategy.default?.(wanted)
  strategy.prepare?.(wanted, service(old), context)
  return wanted
}

const port = { port: 80, protocol: 'TCP', targetPort: 80 } as const
const inside: ServiceSpec = {
  type: 'ClusterIP',
  clusterIP: '10.96.0.7',
  clusterIPs: ['10.96.0.7'],
  ipFamilies: ['IPv4'],
  ipFamilyPolicy: 'SingleStack',
  internalTrafficPolicy: 'Cluster',
  sessionAffinity: 'None',
  ports: [port],
}
const onNodes: ServiceSpec = {
  ...inside,
  type: 'NodePort',
  externalTrafficPolicy: 'Cluster',
  ports: [{ ...port, nodePort: 30_080 }],
}
const balanced: ServiceSpec = {
  ...onNodes,
  type: 'LoadBalancer',
  allocateLoadBalancerNodePorts: true,
  loadBalancerClass: 'a.example/b',
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: 31_000,
}

describe('an update', () => {
  const rows: readonly [string, ServiceSpec, ServiceSpec, Partial<ServiceSpec>][] = [
    [
      'without an address keeps the one that was handed out',
      { ports: [port] },
      inside,
      { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'] },
    ],
    ['without a node port keeps it', { type: 'NodePort', ports: [port] }, onNodes, { ports: onNodes.ports! }],
    [
      'of one spelling of the address is meant for both',
      { ...inside, clusterIP: '10.96.0.8' },
      inside,
      { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8'] },
    ],
    [
      'of both spellings is left as it is',
      { ...inside, clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.9'] },
      inside,
      { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.9'] },
    ],
    [
      'to a name gives up address and families, not the policy inside',
      { ...inside, type: 'ExternalName', externalName: 'a.example' },
      inside,
      {
        clusterIP: undefined,
        clusterIPs: undefined,
        ipFamilies: undefined,
        ipFamilyPolicy: undefined,
        internalTrafficPolicy: 'Cluster',
      } as unknown as Partial<ServiceSpec>,
    ],
    [
      'to inside alone gives up what nodes had',
      { ...onNodes, type: 'ClusterIP' },
      onNodes,
      { ports: [port], externalTrafficPolicy: undefined } as unknown as Partial<ServiceSpec>,
    ],
    [
      'to inside alone with a new node port keeps it, for the rules to refuse',
      { ...onNodes, type: 'ClusterIP', ports: [{ ...port, nodePort: 30_081 }] },
      onNodes,
      { ports: [{ ...port, nodePort: 30_081 }] },
    ],
    [
      'from a load balancer gives up what only that has',
      { ...balanced, type: 'NodePort' },
      balanced,
      {
        allocateLoadBalancerNodePorts: undefined,
        loadBalancerClass: undefined,
        healthCheckNodePort: undefined,
        externalTrafficPolicy: 'Local',
        ports: balanced.ports!,
      } as unknown as Partial<ServiceSpec>,
    ],
  ]
  for (const [name, spec, old, expected] of rows) {
    test(name, () => {
      const result = updated(spec, old).spec
      const seen = Object.fromEntries(Object.keys(expected).map((key) => [key, result[key as keyof ServiceSpec]]))
      assert.deepEqual(seen, expected)
    })
  }

  test('to another type forgets the addresses of the load balancer', () => {
    const wanted = service({ ...balanced, type: 'NodePort' }, { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } })
    strategy.prepare?.(wanted, service(balanced), context)
    assert.deepEqual(wanted.status, { loadBalancer: {} })
  })
})

describe('rules', () => {
  const rows: readonly [string, ServiceSpec, readonly string[]][] = [
    ['nothing wrong', balanced, []],
    [
      'what only load balancers have',
      { ...inside, allocateLoadBalancerNodePorts: false, loadBalancerClass: 'x' },
      [
        "spec.allocateLoadBalancerNodePorts Forbidden: may only be used when `type` is 'LoadBalancer'",
        "spec.loadBalancerClass Forbidden: may only be used when `type` is 'LoadBalancer'",
      ],
    ],
    [
      'what names do not have',
      { ...inside, type: 'ExternalName', externalName: 'a.example' },
      [
        'spec.clusterIPs Forbidden: may not be set for ExternalName services',
        'spec.ipFamilies Forbidden: may not be set for ExternalName services',
        'spec.ipFamilyPolicy Forbidden: may not be set for ExternalName services',
      ],
    ],
    [
      'a port twice',
      {
        ...inside,
        ports: [
          { ...port, name: 'a' },
          { ...port, name: 'b' },
        ],
      },
      [
        'spec.ports[1] Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
      ],
    ],
  ]
  for (const [name, spec, expected] of rows) {
    test(name, () => {
      const { report, problems } = createReport()
      strategy.validate?.(service(spec), undefined, report)
      assert.deepEqual(
        problems.map((problem) => `${problem.field} ${problemMessage(problem)}`),
        expected,
      )
    })
  }
})
