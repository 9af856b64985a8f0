import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Service, ServiceSpec } from '#api/core/v1/service.ts'
import { seededRandom } from '#lib/random.ts'
import { createReport, problemMessage } from '#machinery/validate/report.ts'
import { addressAllocator } from './addresses.ts'
import { AddressSpace } from './addressSpace.ts'
import { assignFamilies, type ClusterFamilies } from './families.ts'
import { serviceStrategy } from './strategy.ts'

const both: ClusterFamilies = ['IPv4', 'IPv6']
const sixFirst: ClusterFamilies = ['IPv6', 'IPv4']
const four: ClusterFamilies = ['IPv4']

describe('assignFamilies', () => {
  const selector = { app: 'a' }
  const single: ServiceSpec = {
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7'],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
  }
  const dual: ServiceSpec = {
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7', 'fd00::7'],
    ipFamilies: ['IPv4', 'IPv6'],
    ipFamilyPolicy: 'PreferDualStack',
  }
  type Row = readonly [string, ServiceSpec, ServiceSpec | undefined, ClusterFamilies, ServiceSpec]
  const rows: readonly Row[] = [
    ['the primary family', {}, undefined, sixFirst, { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' }],
    [
      'both where it prefers both',
      { ipFamilyPolicy: 'PreferDualStack' },
      undefined,
      both,
      { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' },
    ],
    [
      'one where it prefers both and there is one',
      { ipFamilyPolicy: 'PreferDualStack' },
      undefined,
      four,
      { ipFamilies: ['IPv4'], ipFamilyPolicy: 'PreferDualStack' },
    ],
    [
      'the one that it asks for first',
      { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] },
      undefined,
      both,
      { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' },
    ],
    [
      'that of its address',
      { clusterIP: 'fd00::7', clusterIPs: ['fd00::7'] },
      undefined,
      both,
      { clusterIP: 'fd00::7', clusterIPs: ['fd00::7'], ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' },
    ],
    [
      'none for an address that the cluster cannot have',
      { clusterIP: 'fd00::7', clusterIPs: ['fd00::7'] },
      undefined,
      four,
      { clusterIP: 'fd00::7', clusterIPs: ['fd00::7'], ipFamilies: [], ipFamilyPolicy: 'SingleStack' },
    ],
    [
      'both for what has neither address nor selector, whatever the cluster has',
      { clusterIP: 'None', clusterIPs: ['None'] },
      undefined,
      four,
      { clusterIP: 'None', clusterIPs: ['None'], ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' },
    ],
    [
      'one for what has no address but a selector',
      { clusterIP: 'None', clusterIPs: ['None'], selector },
      undefined,
      both,
      { clusterIP: 'None', clusterIPs: ['None'], selector, ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' },
    ],
    [
      'a second one when it now prefers both',
      { ...single, ipFamilyPolicy: 'PreferDualStack' },
      single,
      both,
      { ...single, ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' },
    ],
    [
      'no second one because the cluster has got one',
      { ...single, ipFamilyPolicy: 'PreferDualStack' },
      { ...single, ipFamilyPolicy: 'PreferDualStack' },
      both,
      { ...single, ipFamilyPolicy: 'PreferDualStack' },
    ],
    ['the first one when it now wants one', { ...dual, ipFamilyPolicy: 'SingleStack' }, dual, both, single],
    ['those it had when it says nothing', { ...single, ipFamilyPolicy: undefined as never }, single, both, single],
    ['none for a name', { type: 'ExternalName' }, undefined, both, { type: 'ExternalName' }],
  ]
  for (const [name, spec, old, cluster, expected] of rows) {
    test(name, () => {
      const wanted = structuredClone(spec)
      assignFamilies(wanted, old, cluster)
      assert.deepEqual(wanted, expected)
    })
  }
})

describe('addresses of both families', () => {
  const random = seededRandom(1)
  test('are handed out, kept and given back for each family', () => {
    const allocator = addressAllocator(new AddressSpace('10.96.0.0/16,fd00:96::/112'))
    const spec: ServiceSpec = { type: 'ClusterIP', ipFamilies: ['IPv6', 'IPv4'] }
    allocator.allocate(spec, undefined, random, createReport().report).commit()
    assert.match(spec.clusterIPs!.join(), /^fd00:96::[0-9a-f]+,10\.96\.\d+\.\d+$/)
    assert.equal(spec.clusterIP, spec.clusterIPs![0])
    const same = createReport()
    allocator.allocate({ ...spec }, undefined, random, same.report)
    assert.equal(same.problems.length, 2)
    allocator.release(spec)
    const again = createReport()
    allocator.allocate({ ...spec }, undefined, random, again.report).commit()
    assert.equal(again.problems.length, 0)
  })
  test('a second one is added, and given back when it goes', () => {
    const allocator = addressAllocator(new AddressSpace('10.96.0.0/16,fd00:96::/112'))
    const old: ServiceSpec = { type: 'ClusterIP', ipFamilies: ['IPv4'] }
    allocator.allocate(old, undefined, random, createReport().report).commit()
    const wide: ServiceSpec = { ...old, ipFamilies: ['IPv4', 'IPv6'], clusterIPs: [...old.clusterIPs!] }
    allocator.allocate(wide, old, random, createReport().report).commit()
    assert.equal(wide.clusterIPs!.length, 2)
    allocator.allocate({ ...old }, wide, random, createReport().report).commit()
    const free = createReport()
    allocator.allocate(
      { type: 'ClusterIP', ipFamilies: ['IPv6'], clusterIPs: [wide.clusterIPs![1]!] },
      undefined,
      random,
      free.report,
    )
    assert.equal(free.problems.length, 0)
  })
  test('blocks of one family twice are refused', () => {
    assert.throws(
      () => addressAllocator(new AddressSpace('10.96.0.0/16,10.97.0.0/16')),
      /is not a block such as 10.96.0.0\/12, or one of/,
    )
  })
})

describe('families that cannot be', () => {
  const context = { caller: { name: 'a', groups: [] }, now: 0, random: seededRandom(1), dryRun: false }
  const ports = [{ port: 80 }]
  const rows: readonly (readonly [string, string, ServiceSpec, readonly string[]])[] = [
    [
      'an address of a family that there is not',
      '10.96.0.0/16',
      { clusterIP: 'fd00::7', ports },
      ['spec.clusterIPs[0] Invalid value: ["fd00::7"]: IPv6 is not configured on this cluster'],
    ],
    [
      'both where there is one',
      '10.96.0.0/16',
      { ipFamilyPolicy: 'RequireDualStack', ports },
      ['spec.ipFamilyPolicy Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'],
    ],
    [
      'one family that there is not',
      'fd00:96::/112',
      { ipFamilies: ['IPv4'], ports },
      ['spec.ipFamilies[0] Invalid value: "IPv4": not configured on this cluster'],
    ],
    [
      'two families that are to be one',
      '10.96.0.0/16,fd00:96::/112',
      { ipFamilies: ['IPv4', 'IPv6'], ports },
      [
        "spec.ipFamilyPolicy Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
      ],
    ],
  ]
  for (const [name, addresses, spec, expected] of rows) {
    test(name, () => {
      const strategy = serviceStrategy({ addresses, nodePorts: [30_000, 32_767] })
      const service: Service = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 's' },
        spec: structuredClone(spec),
      }
      strategy.default?.(service)
      strategy.prepare?.(service, undefined, context)
      const { report, problems } = createReport()
      strategy.validate?.(service, undefined, report)
      assert.deepEqual(
        problems.map((problem) => `${problem.field} ${problemMessage(problem)}`),
        expected,
      )
    })
  }
})
