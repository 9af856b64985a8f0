import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { IPAddress } from '#api/networking/v1/ipAddress.ts'
import type { HTTPIngressPath, Ingress, IngressSpec, IngressStatus } from '#api/networking/v1/ingress.ts'
import type { IngressClass, IngressClassSpec } from '#api/networking/v1/ingressClass.ts'
import type { NetworkPolicy, NetworkPolicySpec } from '#api/networking/v1/networkPolicy.ts'
import type { ServiceCIDR } from '#api/networking/v1/serviceCIDR.ts'
import type { KubeObject } from '#api/resource.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import type { Strategy } from '#server/strategy.ts'
import { ingressStrategy } from './ingress.ts'
import { ingressClassStrategy } from './ingressClass.ts'
import { AddressSpace } from '#resources/core/service/addressSpace.ts'
import { ipAddressStrategy } from './ipAddress.ts'
import { networkPolicyStrategy } from './networkPolicy.ts'
import { serviceCIDRStrategy } from './serviceCIDR.ts'

const space = new AddressSpace('10.96.0.0/12')

const check = <T extends KubeObject>({ validate }: Strategy<T>, object: T, old?: T): string[] =>
  refusals((report) => validate?.(object, old, report))
const cell = <T extends KubeObject>({ columns }: Strategy<T>, column: string, object: T): unknown =>
  columns!.find(({ name }) => name === column)!.value(object, 0)
const meta = { apiVersion: 'networking.k8s.io/v1', metadata: { name: 'n' } }

const ingress = (spec: IngressSpec, own: Partial<Ingress> = {}): Ingress => ({ ...meta, kind: 'Ingress', spec, ...own })
const toService = { service: { name: 's', port: { number: 80 } } }
const pathed = (own: Partial<HTTPIngressPath>, host?: string): Ingress =>
  ingress({
    rules: [
      {
        ...(host === undefined ? {} : { host }),
        http: { paths: [{ path: '/', pathType: 'Prefix', backend: toService, ...own }] },
      },
    ],
  })

describe('an ingress', () => {
  const path = 'spec.rules[0].http.paths[0]'
  const backend = (own: object): Ingress => ingress({ defaultBackend: own })
  const rows: readonly [string, Ingress, Ingress | undefined, readonly string[]][] = [
    ['as it should be', pathed({}), undefined, []],
    ['no path, as its controller likes', pathed({ path: '', pathType: 'ImplementationSpecific' }), undefined, []],
    [
      'a path that goes up',
      pathed({ path: '/a/../b/..' }),
      undefined,
      [
        `${path}.path: Invalid value: "/a/../b/..": must not contain '/../'`,
        `${path}.path: Invalid value: "/a/../b/..": cannot end with '/..'`,
      ],
    ],
    [
      'an object without a kind',
      backend({ resource: { name: 'x', apiGroup: 'A' } }),
      undefined,
      [
        `spec.defaultBackend.resource.apiGroup: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
        'spec.defaultBackend.resource.kind: Required value',
      ],
    ],
    [
      'a port that is none',
      backend({ service: { name: 's', port: { number: 70000 } } }),
      undefined,
      ['spec.defaultBackend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    ],
    [
      'two classes',
      ingress(
        { defaultBackend: toService, ingressClassName: 'a' },
        { metadata: { name: 'n', annotations: { 'kubernetes.io/ingress.class': 'b' } } },
      ),
      undefined,
      [
        'annotations.kubernetes.io/ingress.class: Invalid value: "b": must match `ingressClassName` when both are specified',
      ],
    ],
    ['a rule of a wildcard, wrong as before', pathed({ path: 'x' }, '*.a.b'), pathed({ path: 'y' }, '*.a.b'), []],
    [
      'a rule of a wildcard, wrong now',
      pathed({ path: 'x' }, '*.a.b'),
      pathed({}, '*.a.b'),
      [`${path}.path: Invalid value: "x": must be an absolute path`],
    ],
  ]
  for (const [name, now, old, expected] of rows) {
    test(name, () => assert.deepEqual(check(ingressStrategy, now, old), expected))
  }

  test('where it can be reached is an address or a name', () => {
    const status: IngressStatus = {
      loadBalancer: { ingress: [{ ip: 'x' }, { hostname: '10.0.0.1' }, { ip: '10.0.0.1' }] },
    }
    const { validate } = ingressStrategy.subresources!['status']!
    const object = ingress({}, { status })
    assert.deepEqual(
      refusals((report) => validate!(object, object, report, servingContext)),
      [
        'status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'status.loadBalancer.ingress[1].hostname: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
      ],
    )
  })

  test('the annotation for its class is told', () => {
    const annotated = { metadata: { name: 'n', annotations: { 'kubernetes.io/ingress.class': 'b' } } }
    const warnings = (spec: IngressSpec): readonly string[] =>
      ingressStrategy.warnings!(ingress(spec, annotated), undefined)
    assert.deepEqual(warnings({ ingressClassName: 'b' }), [])
    assert.deepEqual(warnings({}), [
      `annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`,
    ])
  })

  const hosts = (...names: string[]): Ingress => ingress({ rules: names.map((host) => ({ host })) })
  const reached = (...entries: object[]): Ingress => ingress({}, { status: { loadBalancer: { ingress: entries } } })
  const cells: readonly [string, Ingress, string][] = [
    ['Hosts', hosts(), '*'],
    ['Hosts', hosts(''), '*'],
    ['Hosts', hosts('a', 'b', 'c'), 'a,b,c'],
    ['Hosts', hosts('a', 'b', 'c', 'd', 'e'), 'a,b,c + 2 more...'],
    ['Address', reached({ ip: '2' }, { hostname: '1' }, { ip: '2' }, {}), '1,2'],
    ['Ports', hosts(), '80'],
    ['Ports', ingress({ tls: [{}] }), '80, 443'],
    ['Class', hosts(), '<none>'],
  ]
  for (const [column, object, expected] of cells) {
    test(`${column}: ${expected}`, () => assert.equal(cell(ingressStrategy, column, object), expected))
  }
})

describe('an ingress class', () => {
  const ingressClass = (own: IngressClassSpec): IngressClass => ({
    ...meta,
    kind: 'IngressClass',
    spec: { controller: 'a.b/c', ...own },
  })
  const parameters = { kind: 'K', name: 'n' }
  const at = 'spec.parameters'
  const rows: readonly [string, IngressClassSpec, IngressClassSpec | undefined, readonly string[]][] = [
    ['settings of the cluster', { parameters: { ...parameters, scope: 'Cluster' } }, undefined, []],
    [
      'settings of the cluster in a namespace',
      { parameters: { ...parameters, scope: 'Cluster', namespace: 'a' } },
      undefined,
      [`${at}.namespace: Forbidden: \`parameters.scope\` is set to 'Cluster'`],
    ],
    [
      'settings of no namespace',
      { parameters: { ...parameters, scope: 'Namespace' } },
      undefined,
      [`${at}.namespace: Required value: \`parameters.scope\` is set to 'Namespace'`],
    ],
    [
      'settings of nothing',
      { parameters: { kind: '', name: 'a/b', scope: 'X' as never } },
      undefined,
      [
        `${at}.kind: Required value`,
        `${at}.name: Invalid value: "a/b": may not contain '/'`,
        `${at}.scope: Unsupported value: "X": supported values: "Cluster", "Namespace"`,
      ],
    ],
    [
      'another controller',
      { controller: 'd.e/f' },
      {},
      ['spec.controller: Invalid value: "d.e/f": field is immutable'],
    ],
    [
      'odd signs',
      { controller: 'a.b/c d' },
      undefined,
      [
        "spec.controller: Invalid value: \"c d\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
      ],
    ],
  ]
  for (const [name, now, old, expected] of rows) {
    test(name, () => {
      const before = old === undefined ? undefined : ingressClass(old)
      assert.deepEqual(check(ingressClassStrategy, ingressClass(now), before), expected)
    })
  }

  test('settings are of the cluster unless they say otherwise', () => {
    const object = ingressClass({ parameters: { ...parameters, apiGroup: 'g' } })
    ingressClassStrategy.default?.(object)
    assert.equal(object.spec.parameters?.scope, 'Cluster')
    assert.equal(cell(ingressClassStrategy, 'Parameters', object), 'K.g/n')
    assert.equal(cell(ingressClassStrategy, 'Parameters', ingressClass({})), '<none>')
  })
})

describe('a network policy', () => {
  const policy = (spec: NetworkPolicySpec): NetworkPolicy => ({ ...meta, kind: 'NetworkPolicy', spec })
  const block = (cidr: string, ...except: string[]): NetworkPolicySpec => ({
    egress: [{ to: [{ ipBlock: { cidr, except } }] }],
  })
  const at = 'spec.egress[0]'
  const rows: readonly [string, NetworkPolicySpec, readonly string[]][] = [
    ['a block with holes', block('10.0.0.0/8', '10.1.0.0/16', '10.2.3.4/32'), []],
    [
      'a block that is a hole',
      block('10.0.0.0/8', '10.0.0.0/8'),
      [`${at}.to[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of \`cidr\``],
    ],
    ['no block', block(''), [`${at}.to[0].ipBlock.cidr: Required value`]],
    [
      'ports that end without a beginning',
      { egress: [{ ports: [{ endPort: 5 }] }] },
      [`${at}.ports[0].endPort: Invalid value: 5: may not be specified when \`port\` is not specified`],
    ],
    [
      'three directions',
      { policyTypes: ['Ingress', 'Egress', 'Ingress'] },
      ['spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two policyTypes'],
    ],
  ]
  for (const [name, spec, expected] of rows) {
    test(name, () => assert.deepEqual(check(networkPolicyStrategy, policy(spec)), expected))
  }

  test('is about what its rules are about, and about TCP', () => {
    const defaulted = (spec: NetworkPolicySpec): NetworkPolicySpec => {
      const object = policy(spec)
      networkPolicyStrategy.default?.(object)
      return object.spec
    }
    assert.deepEqual(defaulted({}), { policyTypes: ['Ingress'] })
    assert.deepEqual(defaulted({ egress: [{ ports: [{ port: 1 }] }] }), {
      egress: [{ ports: [{ port: 1, protocol: 'TCP' }] }],
      policyTypes: ['Ingress', 'Egress'],
    })
    assert.deepEqual(defaulted({ egress: [{}], policyTypes: ['Egress'] }).policyTypes, ['Egress'])
  })

  test('odd blocks are told', () => {
    const warnings = networkPolicyStrategy.warnings!(policy(block('10.0.0.1/8', '010.1.0.0/16')), undefined)
    assert.deepEqual(
      warnings.map((text) => text.slice(0, text.indexOf(':'))),
      ['spec.egress[0].to[0].ipBlock.cidr', 'spec.egress[0].to[0].ipBlock.except[0]'],
    )
  })

  test('of every pod shows no selector', () => {
    assert.equal(cell(networkPolicyStrategy, 'Pod-Selector', policy({})), '<none>')
    assert.equal(
      cell(networkPolicyStrategy, 'Pod-Selector', policy({ podSelector: { matchLabels: { a: 'b' } } })),
      'a=b',
    )
  })
})

describe('an address', () => {
  const address = (parentRef?: object): IPAddress => ({
    ...meta,
    kind: 'IPAddress',
    spec: (parentRef === undefined ? {} : { parentRef }) as IPAddress['spec'],
  })
  const kubernetes = { resource: 'services', namespace: 'default', name: 'kubernetes' }
  const rows: readonly [string, IPAddress, IPAddress | undefined, readonly string[]][] = [
    ['of a service', address(kubernetes), undefined, []],
    ['of nobody', address(), undefined, ['spec.parentRef: Required value']],
    [
      'of nothing',
      address({}),
      undefined,
      ['spec.parentRef.resource: Required value', 'spec.parentRef.name: Required value'],
    ],
    [
      'of another',
      address({ ...kubernetes, name: 'x' }),
      address(kubernetes),
      [
        'spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"default","Name":"x"}: field is immutable',
      ],
    ],
  ]
  for (const [name, now, old, expected] of rows) {
    test(name, () => assert.deepEqual(check(ipAddressStrategy(space), now, old), expected))
  }
  test('shows whose it is', () => {
    assert.equal(cell(ipAddressStrategy(space), 'ParentRef', address(kubernetes)), 'services/default/kubernetes')
    assert.equal(
      cell(ipAddressStrategy(space), 'ParentRef', address({ group: 'g.h', resource: 'R', name: 'n' })),
      'r.g.h/n',
    )
  })
})

describe('blocks for services', () => {
  const blocks = (...cidrs: string[]): ServiceCIDR => ({ ...meta, kind: 'ServiceCIDR', spec: { cidrs } })
  const one =
    'Invalid value: ["10.0.0.0/8","11.0.0.0/8"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'
  const rows: readonly [string, ServiceCIDR, ServiceCIDR | undefined, readonly string[]][] = [
    ['one', blocks('10.0.0.0/8'), undefined, []],
    ['one of each family', blocks('10.0.0.0/8', '2001:db8::/64'), undefined, []],
    ['none', blocks(), undefined, ['spec.cidrs: Required value: at least one CIDR required']],
    ['two of a family', blocks('10.0.0.0/8', '11.0.0.0/8'), undefined, [`spec.cidrs: ${one}`]],
    [
      'three',
      blocks('10.0.0.0/8', '11.0.0.0/8', '12.0.0.0/8'),
      undefined,
      ['spec.cidrs: Invalid value: {"CIDRs":["10.0.0.0/8","11.0.0.0/8","12.0.0.0/8"]}: may only hold up to 2 values'],
    ],
    [
      'not a block',
      blocks('10.0.0.1/8'),
      undefined,
      ['spec.cidrs[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length'],
    ],
    [
      'another',
      blocks('11.0.0.0/8'),
      blocks('10.0.0.0/8'),
      ['spec.cidrs[0]: Invalid value: "11.0.0.0/8": field is immutable'],
    ],
    ['one of the other family more', blocks('10.0.0.0/8', '2001:db8::/64'), blocks('10.0.0.0/8'), []],
    ['one of the family more', blocks('10.0.0.0/8', '11.0.0.0/8'), blocks('10.0.0.0/8'), [`spec.cidrs: ${one}`]],
    [
      'one less',
      blocks('10.0.0.0/8'),
      blocks('10.0.0.0/8', '2001:db8::/64'),
      ['spec.cidrs: Invalid value: ["10.0.0.0/8"]: field is immutable'],
    ],
  ]
  for (const [name, now, old, expected] of rows) {
    test(name, () => assert.deepEqual(check(serviceCIDRStrategy(space), now, old), expected))
  }
})
