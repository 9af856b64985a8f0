import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'

import { findForbidden } from './endpoints.ts'
import { placeInSlots } from './frontend.ts'
import type { Backend, Frontend, Target } from './frontend.ts'
import { planFrontends, planHealthCheck, planHostPorts, serviceOfSlice } from './serviceTable.ts'

const here = { name: 'one', zone: 'a' }

function service(spec: Partial<Service['spec']> & Record<string, unknown>, rest: Partial<Service> = {}): Service {
  return {
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '10.96.0.7', ports: [{ port: 80 }], ...spec },
    ...rest,
  } as Service
}

/** `1` is 10.244.1.1 on node "one"; a letter after it says that it is not ready (n), serves to the end (e) or has ended (x). */
function endpoint(text: string): Endpoint {
  const [, digit = '', how] = /^(\d)([nex]?)$/.exec(text)!
  const conditions = {
    n: { ready: false, serving: false, terminating: false },
    e: { ready: false, serving: true, terminating: true },
    x: { ready: false, serving: false, terminating: true },
  }[how!]
  return {
    addresses: [`10.244.${digit}.1`],
    nodeName: digit === '1' ? 'one' : `node${digit}`,
    ...(conditions === undefined ? {} : { conditions }),
  }
}

function slice(endpoints: string | Endpoint[], rest: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: typeof endpoints === 'string' ? endpoints.split(' ').filter(Boolean).map(endpoint) : endpoints,
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    ...rest,
  } as EndpointSlice
}

const showTarget = (target: Target): string =>
  target.backends.map((b) => `${b.address}:${b.port}${b.local ? '*' : ''}`).join(' ') || target.whenEmpty
const show = (frontend: Frontend): string =>
  [
    frontend.key,
    frontend.masquerade,
    showTarget(frontend.inside),
    ...(frontend.outside === undefined ? [] : [`outside ${showTarget(frontend.outside)}`]),
    ...(frontend.affinitySeconds === undefined ? [] : [`affinity ${frontend.affinitySeconds}`]),
    ...(frontend.sources === undefined ? [] : [`from ${frontend.sources.join(' ')}`]),
  ].join(' | ')

describe('planFrontends', () => {
  const two = [slice('1 2')]
  const both = '10.244.1.1:8080* 10.244.2.1:8080'
  const cases: [string, Service, EndpointSlice[], string[]][] = [
    ['a cluster address', service({}), two, [`10.96.0.7/tcp/80 | others | ${both}`]],
    ['no endpoints', service({}), [], ['10.96.0.7/tcp/80 | others | refuse']],
    [
      'a node port',
      service({ ports: [{ port: 80, nodePort: 30080 }] }),
      two,
      [`10.96.0.7/tcp/80 | others | ${both}`, `4/tcp/30080 | all | ${both}`],
    ],
    [
      'external and load balancer addresses',
      service(
        { externalIPs: ['192.0.2.9', 'fd00::9'] },
        {
          status: {
            loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2', ipMode: 'Proxy' }, { hostname: 'x' }] },
          },
        },
      ),
      two,
      [`10.96.0.7/tcp/80 | others | ${both}`, `192.0.2.9/tcp/80 | all | ${both}`, `192.0.2.1/tcp/80 | all | ${both}`],
    ],
    [
      'source ranges of a load balancer, of the family of its address, none within another',
      service(
        {
          externalIPs: ['192.0.2.9'],
          loadBalancerSourceRanges: ['10.0.0.0/8', ' 10.1.0.0/16 ', '198.51.100.7/32', '10.0.0.9/8', 'fd00::/8'],
        },
        { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } } },
      ),
      two,
      [
        `10.96.0.7/tcp/80 | others | ${both}`,
        `192.0.2.9/tcp/80 | all | ${both}`,
        `192.0.2.1/tcp/80 | all | ${both} | from 10.0.0.0/8 198.51.100.7/32`,
      ],
    ],
    [
      'source ranges of another family keep nobody away',
      service(
        { loadBalancerSourceRanges: ['fd00::/8'] },
        { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } },
      ),
      two,
      [`10.96.0.7/tcp/80 | others | ${both}`, `192.0.2.1/tcp/80 | all | ${both}`],
    ],
    [
      'endpoints that are published before they are ready',
      service({ publishNotReadyAddresses: true }),
      [slice([{ addresses: ['10.244.1.1'], conditions: { ready: true, serving: false, terminating: false } }])],
      ['10.96.0.7/tcp/80 | others | 10.244.1.1:8080'],
    ],
    [
      'several ports and transports; a port that no slice has is empty',
      service({
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53 },
          { name: 'call', port: 9, protocol: 'SCTP' },
          { name: 'none', port: 7 },
        ],
      }),
      [
        slice('1', {
          ports: [
            { name: 'dns', port: 5353, protocol: 'UDP' },
            { name: 'dns-tcp', port: 5354, protocol: 'TCP' },
            { name: 'call', port: 99, protocol: 'SCTP' },
          ],
        }),
      ],
      [
        '10.96.0.7/udp/53 | others | 10.244.1.1:5353*',
        '10.96.0.7/tcp/53 | others | 10.244.1.1:5354*',
        '10.96.0.7/sctp/9 | others | 10.244.1.1:99*',
        '10.96.0.7/tcp/7 | others | refuse',
      ],
    ],
    [
      'a named port that differs between slices',
      service({ ports: [{ name: 'http', port: 80, targetPort: 'web' }] }),
      [
        slice('1', { ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }),
        slice('2', { ports: [{ name: 'http', port: 9090, protocol: 'TCP' }] }),
      ],
      ['10.96.0.7/tcp/80 | others | 10.244.1.1:8080* 10.244.2.1:9090'],
    ],
    [
      'affinity, with its default time',
      service({ sessionAffinity: 'ClientIP' }),
      two,
      [`10.96.0.7/tcp/80 | others | ${both} | affinity 10800`],
    ],
    [
      'affinity with a time of its own',
      service({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } } }),
      two,
      [`10.96.0.7/tcp/80 | others | ${both} | affinity 10`],
    ],
    [
      'traffic from inside stays on the node',
      service({ internalTrafficPolicy: 'Local' }),
      two,
      ['10.96.0.7/tcp/80 | others | 10.244.1.1:8080*'],
    ],
    [
      'traffic from inside that has nothing on the node is dropped',
      service({ internalTrafficPolicy: 'Local' }),
      [slice('2')],
      ['10.96.0.7/tcp/80 | others | drop'],
    ],
    [
      'traffic from inside that has nothing anywhere is refused',
      service({ internalTrafficPolicy: 'Local' }),
      [slice('2n')],
      ['10.96.0.7/tcp/80 | others | refuse'],
    ],
    [
      'traffic from outside stays on the node, that of pods does not',
      service({ externalTrafficPolicy: 'Local', ports: [{ port: 80, nodePort: 30080 }] }),
      two,
      [`10.96.0.7/tcp/80 | others | ${both}`, `4/tcp/30080 | others | ${both} | outside 10.244.1.1:8080*`],
    ],
    [
      'traffic from outside that has nothing on the node is dropped',
      service({ externalTrafficPolicy: 'Local', externalIPs: ['192.0.2.9'] }),
      [slice('2')],
      ['10.96.0.7/tcp/80 | others | 10.244.2.1:8080', '192.0.2.9/tcp/80 | others | 10.244.2.1:8080 | outside drop'],
    ],
    ['only ready endpoints', service({}), [slice('1n 2 3e 4x')], ['10.96.0.7/tcp/80 | others | 10.244.2.1:8080']],
    [
      'none ready: those that serve to the end',
      service({}),
      [slice('1n 3e 4x')],
      ['10.96.0.7/tcp/80 | others | 10.244.3.1:8080'],
    ],
    [
      'none ready on the node: those on the node that serve to the end',
      service({ externalTrafficPolicy: 'Local', externalIPs: ['192.0.2.9'] }),
      [slice('1e 2')],
      [
        '10.96.0.7/tcp/80 | others | 10.244.2.1:8080',
        '192.0.2.9/tcp/80 | others | 10.244.2.1:8080 | outside 10.244.1.1:8080*',
      ],
    ],
    [
      'the same endpoint in two slices',
      service({}),
      [slice('1 2'), slice('2')],
      [`10.96.0.7/tcp/80 | others | ${both}`],
    ],
    [
      'hints for zones',
      service({}),
      [
        slice([
          { ...endpoint('2'), hints: { forZones: [{ name: 'a' }] } },
          { ...endpoint('3'), hints: { forZones: [{ name: 'b' }] } },
        ]),
      ],
      ['10.96.0.7/tcp/80 | others | 10.244.2.1:8080'],
    ],
    [
      'hints for nodes come first',
      service({}),
      [
        slice([
          { ...endpoint('2'), hints: { forZones: [{ name: 'a' }], forNodes: [{ name: 'two' }] } },
          { ...endpoint('1'), hints: { forZones: [{ name: 'a' }], forNodes: [{ name: 'one' }] } },
        ]),
      ],
      ['10.96.0.7/tcp/80 | others | 10.244.1.1:8080*'],
    ],
    [
      'hints that not all endpoints have are not followed',
      service({}),
      [slice([endpoint('1'), { ...endpoint('2'), hints: { forZones: [{ name: 'a' }] } }])],
      [`10.96.0.7/tcp/80 | others | ${both}`],
    ],
    [
      'hints that leave nothing are not followed',
      service({}),
      [slice([{ ...endpoint('2'), hints: { forZones: [{ name: 'z' }] } }])],
      ['10.96.0.7/tcp/80 | others | 10.244.2.1:8080'],
    ],
    [
      'two families',
      service({ clusterIPs: ['10.96.0.7', 'fd00:96::7'], ports: [{ port: 80, nodePort: 30080 }] }),
      [...two, slice([{ addresses: ['fd00:244::1'], nodeName: 'one' }], { addressType: 'IPv6' })],
      [
        `10.96.0.7/tcp/80 | others | ${both}`,
        `4/tcp/30080 | all | ${both}`,
        'fd00:96::7/tcp/80 | others | fd00:244::1:8080*',
        '6/tcp/30080 | all | fd00:244::1:8080*',
      ],
    ],
    ['a headless service', service({ clusterIP: 'None', clusterIPs: ['None'] }), two, []],
    [
      'a service with the label of headless ones',
      service(
        {},
        { metadata: { name: 'web', namespace: 'default', labels: { 'service.kubernetes.io/headless': '' } } },
      ),
      two,
      [],
    ],
    ['an alias', service({ type: 'ExternalName', externalName: 'example.com' }), two, []],
    ['a service without address yet', service({ clusterIP: '' }), two, []],
    [
      'a service of another proxy',
      service(
        {},
        {
          metadata: { name: 'web', namespace: 'default', labels: { 'service.kubernetes.io/service-proxy-name': 'x' } },
        },
      ),
      two,
      [],
    ],
    [
      'a slice of names',
      service({}),
      [slice([{ addresses: ['example.com'] }], { addressType: 'FQDN' })],
      ['10.96.0.7/tcp/80 | others | refuse'],
    ],
    [
      'a port without number',
      service({}),
      [slice('1', { ports: [{ name: '', protocol: 'TCP' }] })],
      ['10.96.0.7/tcp/80 | others | refuse'],
    ],
  ]
  for (const [name, given, slices, expected] of cases)
    it(name, () => assert.deepEqual(planFrontends(given, slices, here).map(show), expected))

  it('returns the very frontend that it was given when nothing has changed', () => {
    const before = planFrontends(service({}), two, here)
    assert.equal(planFrontends(service({}), [slice('2'), slice('1')], here, before)[0], before[0])
  })
  it('remembers of UDP what flows may go on to, whatever the policy', () => {
    const udp = [{ name: '', port: 53, protocol: 'UDP' as const }]
    const [frontend] = planFrontends(
      service({ internalTrafficPolicy: 'Local', ports: [{ port: 53, protocol: 'UDP' }] }),
      [slice('1 2 3e 4x', { ports: udp })],
      here,
    )
    assert.deepEqual(frontend!.serving, ['10.244.1.1 . 53', '10.244.2.1 . 53', '10.244.3.1 . 53'])
  })
  it('leaves backends in their slots', () => {
    const before = planFrontends(service({}), [slice('1 2 3 4')], here)
    const after = planFrontends(service({}), [slice('1 3 4 5')], here, before)
    assert.equal(showTarget(after[0]!.inside), '10.244.1.1:8080* 10.244.5.1:8080 10.244.3.1:8080 10.244.4.1:8080')
  })
})

describe('placeInSlots', () => {
  const backends = (text: string): Backend[] => [...text].map((address) => ({ address, port: 1, local: false }))
  const cases: [string, string, string][] = [
    ['', 'ab', 'ab'],
    ['abcd', 'acde', 'aecd'],
    ['abcd', 'bd', 'db'],
    ['abcd', '', ''],
    ['ab', 'xy', 'xy'],
    ['ab', 'bac', 'abc'],
  ]
  for (const [before, wanted, expected] of cases)
    it(`${before} -> ${wanted}`, () =>
      assert.equal(
        placeInSlots(backends(before), backends(wanted))
          .map((b) => b.address)
          .join(''),
        expected,
      ))
})

describe('planHostPorts', () => {
  const pod = (spec: object, status: object = { podIP: '10.244.1.5', phase: 'Running' }): Pod =>
    ({ metadata: { name: 'p', namespace: 'default' }, spec: { nodeName: 'one', ...spec }, status }) as Pod
  const containers = [{ name: 'c', ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }] }]
  const cases: [string, Pod, string[]][] = [
    [
      'a host port',
      pod({ containers }),
      ['4/tcp/8080 | none | 10.244.1.5:80*', '127.0.0.1/tcp/8080 | none | 10.244.1.5:80*'],
    ],
    [
      'a host port of IPv6, which is not led to from ::1',
      pod({ containers }, { podIP: 'fd00::5', phase: 'Running' }),
      ['6/tcp/8080 | none | fd00::5:80*'],
    ],
    [
      'on the loopback alone',
      pod({ containers: [{ ports: [{ containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1' }] }] }),
      ['127.0.0.1/tcp/8080 | none | 10.244.1.5:80*'],
    ],
    [
      'on one address',
      pod({ containers: [{ ports: [{ containerPort: 53, hostPort: 53, hostIP: '192.0.2.1', protocol: 'UDP' }] }] }),
      ['192.0.2.1/udp/53 | none | 10.244.1.5:53*'],
    ],
    ['with the network of the node', pod({ containers, hostNetwork: true }), []],
    ['on another node', pod({ containers, nodeName: 'two' }), []],
    ['without address', pod({ containers }, {}), []],
    ['ended', pod({ containers }, { podIP: '10.244.1.5', phase: 'Failed' }), []],
    [
      'of a sidecar',
      pod({ containers: [], initContainers: [{ ...containers[0], restartPolicy: 'Always' }] }),
      ['4/tcp/8080 | none | 10.244.1.5:80*', '127.0.0.1/tcp/8080 | none | 10.244.1.5:80*'],
    ],
  ]
  for (const [name, given, expected] of cases)
    it(name, () => assert.deepEqual(planHostPorts(given, 'one').map(show), expected))
})

describe('planHealthCheck', () => {
  const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 } as const
  const cases: [string, Service, EndpointSlice[], number | undefined][] = [
    ['counts what is ready here', service(local), [slice('1 2')], 1],
    ['counts an address once', service({ ...local, ports: [{ port: 80 }, { port: 81 }] }), [slice('1'), slice('1')], 1],
    ['does not count what ends', service(local), [slice('1e 2')], 0],
    ['does not count other nodes', service(local), [slice('2')], 0],
    ['is there without endpoints', service(local), [], 0],
    ['none of another type', service({ ...local, type: 'NodePort' }), [slice('1')], undefined],
    ['none of another policy', service({ ...local, externalTrafficPolicy: 'Cluster' }), [slice('1')], undefined],
    ['none without a port', service({ ...local, healthCheckNodePort: 0 }), [slice('1')], undefined],
  ]
  for (const [name, given, slices, expected] of cases)
    it(name, () => assert.equal(planHealthCheck(given, slices, here)?.localEndpoints, expected))
  it('names the service and its port', () =>
    assert.deepEqual(planHealthCheck(service(local), [slice('1')], here), {
      port: 32_000,
      namespace: 'default',
      name: 'web',
      localEndpoints: 1,
    }))
})

describe('addresses that no service leads to', () => {
  const forbidden = [
    '127.0.0.1',
    '127.255.0.9',
    '0.0.0.0',
    '169.254.169.254',
    '224.0.0.1',
    '239.1.1.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    'fe80::1',
    'ff02::1',
    'ff0e::1',
  ]
  const allowed = ['10.244.1.1', '192.168.0.1', '223.255.255.255', '169.253.0.1', '240.0.0.1', 'fd00::1', '2001:db8::1']
  const sliceOf = (address: string): EndpointSlice =>
    slice([{ addresses: [address], nodeName: 'one' }], { addressType: address.includes(':') ? 'IPv6' : 'IPv4' })
  const dual = service({
    clusterIPs: ['10.96.0.7', 'fd00:96::7'],
    externalTrafficPolicy: 'Local',
    externalIPs: ['192.0.2.9'],
  })
  for (const address of forbidden)
    it(`${address} is left out and told`, () => {
      const frontends = planFrontends(dual, [sliceOf(address)], here)
      assert.deepEqual(
        frontends.flatMap((each) => [...each.inside.backends, ...(each.outside?.backends ?? [])]),
        [],
      )
      assert.deepEqual(findForbidden([sliceOf(address)]), [address])
    })
  for (const address of allowed) it(`${address} is not`, () => assert.deepEqual(findForbidden([sliceOf(address)]), []))
  it('tells what is no address at all', () =>
    assert.deepEqual(findForbidden([sliceOf('10.1'), slice([{ addresses: ['x.y'] }], { addressType: 'FQDN' })]), [
      '10.1',
    ]))
  it('takes no connections at such an address for a service', () =>
    assert.deepEqual(
      planFrontends(service({ externalIPs: ['127.0.0.1', '169.254.169.254', '192.0.2.9'] }), [], here).map(
        ({ key }) => key,
      ),
      ['10.96.0.7/tcp/80', '192.0.2.9/tcp/80'],
    ))
})

describe('serviceOfSlice', () => {
  const named = (labels: Record<string, string>) =>
    serviceOfSlice(slice('', { metadata: { name: 's', namespace: 'n', labels } }))
  it('reads the label', () => assert.equal(named({ 'kubernetes.io/service-name': 'web' }), 'n/web'))
  it('leaves out headless ones', () =>
    assert.equal(named({ 'kubernetes.io/service-name': 'web', 'service.kubernetes.io/headless': '' }), undefined))
  it('leaves out those of nobody', () => assert.equal(named({}), undefined))
})
