import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Service, ServiceSpec } from '#api/core/v1/service.ts'
import { seededRandom } from '#lib/random.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
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
      'addresses that do not go together',
      {
        ...inside,
        clusterIP: '10.96.0.7',
        clusterIPs: ['10.96.0.8', '10.96.0.9', '::1'],
        ipFamilies: ['IPv4', 'IPv4', 'x' as never],
        ipFamilyPolicy: 'Some' as never,
      },
      [
        'spec.clusterIPs Invalid value: ["10.96.0.8","10.96.0.9","::1"]: first value must match `clusterIP`',
        'spec.ipFamilies[1] Duplicate value: "IPv4"',
        'spec.ipFamilies[2] Unsupported value: "x": supported values: "IPv4", "IPv6"',
        'spec.ipFamilyPolicy Unsupported value: "Some": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
        'spec.clusterIPs Invalid value: ["10.96.0.8","10.96.0.9","::1"]: may only hold up to 2 values',
      ],
    ],
    [
      'addresses of other families than are asked for',
      { ...inside, clusterIP: '::1', clusterIPs: ['::1', '::2'], ipFamilies: ['IPv4', 'IPv6'] },
      [
        'spec.clusterIPs Invalid value: ["::1","::2"]: may specify no more than one IP for each IP family',
        'spec.clusterIPs[0] Invalid value: "::1": expected an IPv4 value as indicated by `ipFamilies[0]`',
        'spec.ipFamilies[1] Invalid value: "IPv6": not configured on this cluster',
      ],
    ],
    [
      'addresses that are none',
      { ...inside, clusterIP: 'None', clusterIPs: ['None', 'None'] },
      [
        'spec.clusterIPs Invalid value: ["None","None"]: \'None\' must be the first and only value',
        'spec.clusterIPs[1] Invalid value: "None": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
    [
      'an address in one spelling alone',
      { ...inside, clusterIP: '', clusterIPs: ['10.96.0.7'] },
      ['spec.clusterIPs Invalid value: ["10.96.0.7"]: must be empty when `clusterIP` is not specified'],
    ],
    [
      'a node port without nodes, and twice',
      {
        ...inside,
        clusterIP: 'None',
        clusterIPs: ['None'],
        ports: [
          { ...port, name: 'a', nodePort: 30_000 },
          { ...port, name: 'b', port: 81, nodePort: 30_000 },
        ],
      },
      [
        "spec.ports[0].nodePort Forbidden: may not be used when `type` is 'ClusterIP'",
        "spec.ports[1].nodePort Forbidden: may not be used when `type` is 'ClusterIP'",
        'spec.ports[1].nodePort Duplicate value: 30000',
      ],
    ],
    [
      'an affinity without its time',
      { ...inside, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: {} } },
      ['spec.sessionAffinityConfig.clientIP.timeoutSeconds Required value: when session affinity type is ClientIP'],
    ],
    [
      'ranges that are none, a class that is none, a port that is none, and traffic to nobody',
      {
        ...balanced,
        loadBalancerSourceRanges: [' 10.0.0.0/8 ', 'x'],
        loadBalancerClass: '-',
        healthCheckNodePort: 70_000,
        trafficDistribution: 'Far',
      },
      [
        'spec.LoadBalancerSourceRanges[1] Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
        ...qualifiedNameProblems('-').map((problem) => `spec.loadBalancerClass Invalid value: "-": ${problem}`),
        'spec.healthCheckNodePort Invalid value: 70000: must be between 1 and 65535, inclusive',
        'spec.trafficDistribution Unsupported value: "Far": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
      ],
    ],
    ['traffic to the same node', { ...inside, trafficDistribution: 'PreferSameNode' }, []],
    [
      'a policy for traffic from outside to what has only a name',
      {
        type: 'ExternalName',
        externalName: 'a.example.',
        sessionAffinity: 'None',
        externalIPs: ['192.0.2.1'],
        externalTrafficPolicy: 'Local',
      },
      ['spec.externalTrafficPolicy Invalid value: "Local": may only be set for externally-accessible services'],
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

describe('what an update may not change', () => {
  const rows: readonly [string, ServiceSpec, ServiceSpec, readonly string[]][] = [
    ['nothing', balanced, balanced, []],
    [
      'the address, the class and the port of the nodes',
      {
        ...balanced,
        clusterIP: '10.96.0.8',
        clusterIPs: ['10.96.0.8'],
        loadBalancerClass: 'a.example/c',
        healthCheckNodePort: 31_001,
      },
      balanced,
      [
        'spec.clusterIPs[0] Invalid value: ["10.96.0.8"]: may not change once set',
        'spec.loadBalancerClass Invalid value: "a.example/c": may not change once set',
        'spec.healthCheckNodePort Forbidden: field is immutable',
      ],
    ],
    [
      'the first family, the second without a word',
      { ...inside, ipFamilies: ['IPv4'], ipFamilyPolicy: 'PreferDualStack' },
      { ...inside, clusterIPs: ['10.96.0.7', '::1'], ipFamilies: ['IPv4', 'IPv6'] },
      [
        'spec.ipFamilyPolicy Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary clusterIP',
        'spec.ipFamilyPolicy Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary ipFamily',
      ],
    ],
    [
      'having an address at all',
      { ...inside, clusterIP: 'None', clusterIPs: ['None'] },
      inside,
      ['spec.clusterIPs[0] Invalid value: ["None"]: may not change once set'],
    ],
    ['anything of a name', inside, { type: 'ExternalName', externalName: 'a', sessionAffinity: 'None' }, []],
  ]
  for (const [name, spec, old, expected] of rows) {
    test(name, () => {
      const { report, problems } = createReport()
      strategy.validate?.(service(spec), service(old), report)
      assert.deepEqual(
        problems.map((problem) => `${problem.field} ${problemMessage(problem)}`),
        expected,
      )
    })
  }
})

test('annotations of a service are checked, too', () => {
  const one = service(inside)
  one.metadata.annotations = {
    'service.kubernetes.io/topology-aware-hints': 'Auto',
    'service.kubernetes.io/topology-mode': 'Disabled',
    'service.beta.kubernetes.io/load-balancer-source-ranges': '10.0.0.0/8, x',
  }
  const { report, problems } = createReport()
  strategy.validate?.(one, undefined, report)
  const ranges = 'metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]'
  assert.deepEqual(
    problems.map((problem) => `${problem.field} ${problemMessage(problem)}`),
    [
      'metadata.annotations[service.kubernetes.io/topology-mode] Invalid value: "Disabled": must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified',
      `${ranges} Forbidden: may only be used when \`type\` is 'LoadBalancer'`,
      `${ranges} Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`,
    ],
  )
})

test('what a load balancer tells of itself is checked', () => {
  const { validate } = strategy.subresources!['status']!
  const told = (spec: ServiceSpec, ingress: object[]): string[] => {
    const { report, problems } = createReport()
    validate?.(service(spec, { loadBalancer: { ingress } }), service(spec), report, context)
    return problems.map((problem) => `${problem.field} ${problemMessage(problem)}`)
  }
  const at = 'status.loadBalancer.ingress'
  assert.deepEqual(told(inside, [{ hostname: 'a' }]), [
    `${at} Forbidden: may only be used when \`spec.type\` is 'LoadBalancer'`,
  ])
  assert.deepEqual(
    told(balanced, [
      { ip: 'x', ipMode: 'VIP' },
      { ip: '192.0.2.1' },
      { hostname: '192.0.2.1', ipMode: 'VIP' },
      { ip: '192.0.2.1', ipMode: 'No' },
    ]),
    [
      `${at}[0].ip Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`,
      `${at}[1].ipMode Required value: must be specified when \`ip\` is set`,
      `${at}[2].ipMode Forbidden: may not be specified when \`ip\` is not set`,
      `${at}[2].hostname Invalid value: "192.0.2.1": must be a DNS name, not an IP address`,
      `${at}[3].ipMode Unsupported value: "No": supported values: "Proxy", "VIP"`,
    ],
  )
  const one = service(balanced, { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } })
  strategy.default?.(one)
  assert.deepEqual(one.status?.loadBalancer?.ingress, [{ ip: '192.0.2.1', ipMode: 'VIP' }])
})

describe('the port on which nodes tell of their health', () => {
  const { healthCheckNodePort: _, ...unset } = balanced
  const ours = serviceStrategy({ addresses: '10.96.0.0/16', nodePorts: [30_000, 32_767] })
  const allocate = (spec: ServiceSpec, old?: ServiceSpec): [Service, string[]] => {
    const one = service({ ...spec, ports: [port], allocateLoadBalancerNodePorts: false })
    const { report, problems } = createReport()
    const before = old === undefined ? undefined : service(old)
    ours.allocate?.(one, before, context, report)?.commit()
    return [one, problems.map((problem) => `${problem.field} ${problemMessage(problem)}`)]
  }

  test('is handed out, kept, taken once, and given back', () => {
    const [{ spec: first }, none] = allocate({ ...unset, clusterIP: '', clusterIPs: [] })
    assert.deepEqual(none, [])
    const chosen = first.healthCheckNodePort!
    assert.ok(chosen >= 30_000 && chosen <= 32_767)
    assert.equal(updated({ ...unset }, { ...balanced, healthCheckNodePort: chosen }).spec.healthCheckNodePort, chosen)
    const asking = { ...unset, clusterIP: 'None', clusterIPs: ['None'], healthCheckNodePort: chosen }
    const taken = `spec.healthCheckNodePort Internal error: failed to allocate requested HealthCheck NodePort ${chosen}: provided port is already allocated`
    assert.deepEqual(allocate(asking)[1], [taken])
    const { healthCheckNodePort: __, ...other } = { ...first, externalTrafficPolicy: 'Cluster' as const }
    assert.deepEqual(allocate(other, first)[1], [])
    assert.deepEqual(allocate(asking)[1], [])
    assert.deepEqual(allocate({ ...asking, healthCheckNodePort: 80 })[1], [
      'spec.healthCheckNodePort Internal error: failed to allocate requested HealthCheck NodePort 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ])
  })
})
