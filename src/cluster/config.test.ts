import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingsError } from '#lib/settings/settingsFile.ts'
import {
  completeConfig,
  defaultConfig,
  enforcesNetworkPolicies,
  parseConfigFile,
  serviceAddress,
  serviceAddresses,
  type ClusterConfig,
} from './config.ts'
import { nodeNames } from './creation.ts'

test('parseConfigFile reads every setting', () => {
  const text = `
name: lab
workers: 3
simulatedNodes: 10
podRange: 10.200.0.0/16
serviceRange: 10.201.0.0/16
nodePorts: 31000-31999
nodePortAddresses: [10.89.0.0/16, 'fd00:89::/64']
clusterDomain: lab.local
apiServerPort: 7443
history: { megabytes: 10, hours: 2 }
ephemeral: true
kubelet: { evictionHard: { nodefs.available: 5% }, evictionPressureTransitionPeriod: 1m }
schedulerConfig: /etc/k8ts/scheduler.yaml
dns: false
ingress: always
`
  assert.deepEqual(parseConfigFile(text, 'f'), {
    name: 'lab',
    workers: 3,
    simulatedNodes: 10,
    podRange: '10.200.0.0/16',
    serviceRange: '10.201.0.0/16',
    nodePorts: [31000, 31999],
    nodePortAddresses: ['10.89.0.0/16', 'fd00:89::/64'],
    clusterDomain: 'lab.local',
    apiServerPort: 7443,
    history: { megabytes: 10, hours: 2 },
    ephemeral: true,
    kubelet: { evictionHard: { 'nodefs.available': '5%' }, evictionPressureTransitionPeriod: 60_000 },
    schedulerConfig: '/etc/k8ts/scheduler.yaml',
    dns: false,
    ingress: 'always',
  })
})

const wrong: readonly (readonly [string, string, RegExp])[] = [
  ['an unknown setting', 'workrs: 3', /^f:1: workrs is no setting; there are name, workers,/],
  [
    'an unknown part of a setting',
    'history: { days: 3 }',
    /^f:1: history\.days is no setting; there are megabytes, hours$/,
  ],
  ['a number that is a text', 'workers: many', /^f:1: workers is "many"; it must be a whole number from 0 to 200$/],
  ['a time that is none', 'ingress: sometimes', /^f:1: ingress is "sometimes"; it must be/],
  ['a negative number', 'workers: -1', /^f:1: workers is -1; it must be a whole number from 0 to 200$/],
  ['a range that is none', 'podRange: 10.244.0.0', /^f:1: podRange is "10\.244\.0\.0"; it must be a range such as/],
  [
    'a range that is too small',
    'podRange: 10.244.0.0/28',
    /^f:1: podRange is "10\.244\.0\.0\/28"; it must hold at least 256/,
  ],
  [
    'two ranges of one family',
    'podRange: 10.244.0.0/16,10.245.0.0/16',
    /^f:1: podRange is .*; both are IPv4; it must be/,
  ],
  [
    'a range of IPv6 that gives nodes none',
    'podRange: fd00::/65',
    /^f:1: podRange is "fd00::\/65"; each node gets a \/64 of it: \/48 to \/64$/,
  ],
  [
    'services that fill a link',
    'serviceRange: fd00::/56',
    /^f:1: serviceRange is "fd00::\/56"; it must be a \/64 to \/120$/,
  ],
  [
    'a way that there is not',
    'between: gre',
    /^f:1: between is "gre"; it must be one of "auto", "routes", "vxlan", "wireguard"$/,
  ],
  ['ports in the wrong order', 'nodePorts: 32767-30000', /^f:1: nodePorts is "32767-30000"; it must be two ports/],
  [
    'addresses for ports that are none',
    'nodePortAddresses: [eth0]',
    /^f:1: nodePortAddresses\[0\] is "eth0"; it must be ranges such as 10\.89\.0\.0\/16, or primary alone$/,
  ],
  [
    'a signal that there is not',
    'kubelet: { evictionHard: { disk.available: 5% } }',
    /^f:1: kubelet\.evictionHard\.disk\.available is no signal; there are memory\.available, nodefs\.available,/,
  ],
  [
    'images that go before they are too many',
    'kubelet: { imageGCHighThresholdPercent: 70 }',
    /^f:1: kubelet\.imageGCHighThresholdPercent is 70; it must be more than imageGCLowThresholdPercent, which is 80$/,
  ],
  ['a name that climbs', 'name: ../etc', /^f:1: name is "\.\.\/etc"; it must consist of lower case letters/],
  ['a list', '- workers', /^f: the file is \["workers"\]; it must hold name, workers,/],
  ['text that is no YAML', 'workers: [3', /./],
  ['a huge file', `name: ${'a'.repeat(270_000)}`, /^f: the file is larger than 262144 bytes$/],
]

for (const [what, text, message] of wrong) {
  test(`parseConfigFile refuses ${what}`, () => {
    assert.throws(
      () => parseConfigFile(text, 'f'),
      (error) => error instanceof SettingsError && message.test(error.message),
    )
  })
}

test('completeConfig takes flags before the file and the file before what is usual', () => {
  const config = completeConfig({ workers: 2, apiServerPort: 7443 }, { workers: 3 })
  assert.deepEqual(config, { ...defaultConfig, workers: 3, apiServerPort: 7443 })
})

test('completeConfig refuses a word for addresses beside ranges', () => {
  assert.throws(
    () => completeConfig({ nodePortAddresses: ['primary', '10.0.0.0/8'] }),
    /nodePortAddresses is \["primary","10\.0\.0\.0\/8"\]; it must be ranges such as .*, or primary alone/,
  )
})

test('completeConfig refuses ranges that overlap', () => {
  assert.throws(
    () => completeConfig({ podRange: '10.96.0.0/16' }),
    /podRange 10\.96\.0\.0\/16 and serviceRange 10\.96\.0\.0\/12 overlap/,
  )
})

test('completeConfig refuses ranges of pods that are too small for the nodes', () => {
  const rows: readonly [config: Partial<ClusterConfig>, message: RegExp | undefined][] = [
    [{ podRange: '10.244.0.0/24' }, undefined],
    [
      { podRange: '10.244.0.0/24', workers: 1 },
      /podRange 10\.244\.0\.0\/24 has room for 1 node with a \/24 each, not for 2/,
    ],
    [
      { podRange: '10.244.0.0/16,fd00::/63', workers: 2 },
      /podRange fd00::\/63 has room for 2 nodes with a \/64 each, not/,
    ],
    [{ podRange: '10.244.0.0/24', workers: 1, podNetwork: false }, undefined],
    [{ podRange: '10.244.0.0/24', simulatedNodes: 9 }, undefined],
  ]
  for (const [config, message] of rows)
    if (message === undefined) completeConfig(config)
    else assert.throws(() => completeConfig(config), { name: 'ConfigError', message })
})

test('completeConfig takes for what is not said ranges of the same families', () => {
  assert.equal(completeConfig({ podRange: 'fd00:1::/56' }).serviceRange, 'fd00:10:96::/112')
  assert.equal(completeConfig({ serviceRange: 'fd00:9::/112,10.9.0.0/16' }).podRange, 'fd00:10:244::/56,10.244.0.0/16')
  assert.deepEqual(serviceAddresses({ serviceRange: '10.96.0.0/12,fd00:10:96::/112' }, 10), [
    '10.96.0.10',
    'fd00:10:96::a',
  ])
})

test('completeConfig refuses families that differ', () => {
  assert.throws(
    () => completeConfig({ podRange: '10.244.0.0/16', serviceRange: 'fd00:10:96::/112' }),
    /podRange is 10\.244\.0\.0\/16 and serviceRange is fd00:10:96::\/112; they must be of the same families/,
  )
  assert.throws(
    () => completeConfig({ podRange: '10.244.0.0/16,fd00::/64', serviceRange: '10.0.0.0/16,fd00::/112' }),
    /podRange fd00::\/64 and serviceRange fd00::\/112 overlap/,
  )
})

test('serviceAddress counts from the start of the range', () => {
  assert.deepEqual(
    [
      serviceAddress(defaultConfig, 1),
      serviceAddress(defaultConfig, 10),
      serviceAddress({ serviceRange: '10.0.255.0/24' }, 10),
    ],
    ['10.96.0.1', '10.96.0.10', '10.0.255.10'],
  )
})

test('nodeNames are those that people know', () => {
  assert.deepEqual([nodeNames(0), nodeNames(3)], [['control-plane'], ['control-plane', 'worker', 'worker2', 'worker3']])
})

test('nodes enforce network policies unless the network of pods is a plugin of others', () => {
  const enforced = (text: string): boolean => enforcesNetworkPolicies(completeConfig(parseConfigFile(text, 'f')))
  assert.equal(enforced('name: a'), true)
  assert.equal(enforced('podNetwork: false'), false)
  assert.equal(enforced('podNetwork: false\nnetworkPolicies: true'), true)
  assert.equal(enforced('networkPolicies: false'), false)
})
