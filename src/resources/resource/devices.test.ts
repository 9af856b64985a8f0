import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ResourceClaim, ResourceClaimSpec, ResourceClaimStatus } from '#api/resource/v1/resourceClaim.ts'
import type { Device, ResourceSliceSpec } from '#api/resource/v1/resourceSlice.ts'
import { createReport, problemMessage, type Report } from '#machinery/validate/report.ts'
import { servingContext } from '#resources/testReport.ts'
import { deviceClassStrategy } from './deviceClass.ts'
import { resourceClaimStrategy } from './resourceClaim.ts'
import { resourceClaimTemplateStrategy } from './resourceClaimTemplate.ts'
import { resourceSliceStrategy } from './resourceSlice.ts'

function refusals(check: (report: Report) => void): string[] {
  const { report, problems } = createReport()
  check(report)
  return problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
}

const names = { apiVersion: 'resource.k8s.io/v1', kind: '', metadata: { name: 'a' } }
const exactly = { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 } as const
const noRequest =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"

describe('a claim of devices', () => {
  const rows: readonly [string, ResourceClaimSpec['devices'], readonly string[]][] = [
    ['that is right', { requests: [{ name: 'a', exactly }] }, []],
    [
      'without anything in a request',
      { requests: [{ name: 'a' }] },
      ['spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required'],
    ],
    [
      'with a number of all devices, and one name twice',
      {
        requests: [
          { name: 'a', exactly: { ...exactly, allocationMode: 'All' } },
          { name: 'a', exactly: { ...exactly, count: -1 } },
        ],
      },
      [
        "spec.devices.requests[0].exactly.count: Invalid value: 1: must not be specified when allocationMode is 'All'",
        'spec.devices.requests[1].exactly.count: Invalid value: -1: must be greater than zero',
        'spec.devices.requests[1].name: Duplicate value: "a"',
      ],
    ],
    [
      'that joins what there is not',
      {
        requests: [{ name: 'a', firstAvailable: [{ name: 'b', ...exactly }] }],
        constraints: [{ requests: ['a/b', 'a/c'], matchAttribute: 'numa' }],
      },
      [
        `spec.devices.constraints[0].requests[1]: Invalid value: "a/c": ${noRequest}`,
        'spec.devices.constraints[0].matchAttribute: Invalid value: "numa": must include a domain',
      ],
    ],
    [
      'that joins by nothing',
      {
        requests: [{ name: 'a', exactly }],
        constraints: [{}, { distinctAttribute: 'a.b/c', matchAttribute: 'd.e/f' }],
      },
      ['spec.devices.constraints[0].matchAttribute: Required value'],
    ],
    [
      'with as many tolerations as one likes',
      {
        requests: [
          {
            name: 'a',
            exactly: { ...exactly, tolerations: Array.from({ length: 20 }, () => ({ operator: 'Exists' as const })) },
          },
        ],
      },
      [],
    ],
    [
      'with a condition on a feature that is off',
      {
        requests: [
          {
            name: 'a',
            exactly: { ...exactly, selectors: [{ cel: { expression: 'device.allowMultipleAllocations' } }] },
          },
        ],
      },
      [
        'spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "device.allowMultipleAllocations": compilation failed: ERROR: <input>:1:7: undefined field \'allowMultipleAllocations\'\n | device.allowMultipleAllocations\n | ......^',
      ],
    ],
    [
      'with a condition on what devices do not have',
      { requests: [{ name: 'a', exactly: { ...exactly, selectors: [{ cel: { expression: 'device.driver' } }] } }] },
      [
        'spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "device.driver": must evaluate to bool or the unknown type, not string',
      ],
    ],
    [
      'with parameters that are no object',
      { requests: [{ name: 'a', exactly }], config: [{ opaque: { driver: 'd', parameters: [] as never } }] },
      ['spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object'],
    ],
  ]
  for (const [name, devices, expected] of rows) {
    test(name, () => {
      const claim = { ...names, spec: { devices: devices! } }
      assert.deepEqual(
        refusals((report) => resourceClaimStrategy.validate?.(claim, undefined, report)),
        expected,
      )
    })
  }
})

describe('the status of a claim', () => {
  const claim = (status: ResourceClaimStatus, deleted = false): ResourceClaim => ({
    ...names,
    metadata: { name: 'a', ...(deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
    spec: { devices: { requests: [{ name: 'r', exactly }] } },
    status,
  })
  const result = { request: 'r', driver: 'd', pool: 'p', device: 'g' }
  const allocation = { devices: { results: [result] } }
  const pod = { resource: 'pods', name: 'p', uid: 'u' }
  const device = { driver: 'd', pool: 'p', device: 'g' }
  const rows: readonly [string, ResourceClaim, ResourceClaim, readonly string[]][] = [
    ['with devices and a user', claim({ allocation, reservedFor: [pod] }), claim({}), []],
    [
      'with a user but no devices',
      claim({ reservedFor: [pod] }),
      claim({}),
      ['status.reservedFor: Forbidden: may not be specified when `allocated` is not set'],
    ],
    [
      'with a new user while it is deleted',
      claim({ allocation, reservedFor: [pod] }, true),
      claim({ allocation }, true),
      [
        'status.reservedFor: Forbidden: new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
      ],
    ],
    [
      'about a device that was not given',
      claim({ allocation, devices: [device, { ...device, device: 'h' }] }),
      claim({ allocation }),
      ['status.devices[1]: Invalid value: "d/p/h": must be an allocated device in the claim'],
    ],
    [
      'with addresses of the device',
      claim({ allocation, devices: [{ ...device, networkData: { ips: ['192.0.2.5/24', '2001:0db8::1/64', 'x'] } }] }),
      claim({ allocation }),
      [
        'status.devices[0].networkData.ips[1]: Invalid value: "2001:0db8::1/64": must be in canonical form ("2001:db8::1/64")',
        'status.devices[0].networkData.ips[2]: Invalid value: "x": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
      ],
    ],
  ]
  for (const [name, now, before, expected] of rows) {
    test(name, () => {
      const { validate } = resourceClaimStrategy.subresources!['status']!
      assert.deepEqual(
        refusals((report) => validate?.(now, before, report, servingContext)),
        expected,
      )
    })
  }
})

describe('a slice of devices', () => {
  const slice = (device: Partial<Device>, own: Partial<ResourceSliceSpec> = {}) => ({
    ...names,
    spec: {
      driver: 'd',
      nodeName: 'n',
      pool: { name: 'n', generation: 1, resourceSliceCount: 1 },
      devices: [{ name: 'g', ...device }],
      ...own,
    },
  })
  const rows: readonly [string, ReturnType<typeof slice>, readonly string[]][] = [
    [
      'that is right',
      slice({ attributes: { 'a.b/c': { version: '1.2.3' } }, capacity: { memory: { value: '1Gi' } } }),
      [],
    ],
    [
      'with odd attributes',
      slice({ attributes: { 'a-b': { int: 1 }, c: {}, d: { version: 'v1' } } }),
      [
        "spec.devices[0].attributes[a-b]: Invalid value: \"a-b\": a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
        'spec.devices[0].attributes[c]: Required value: exactly one value must be specified',
        'spec.devices[0].attributes[d].version: Invalid value: "v1": must be a string compatible with semver.org spec 2.0.0',
      ],
    ],
    [
      'with a version that is long, too',
      slice({ attributes: { a: { version: `v${'1'.repeat(64)}` }, b: { string: 'ä'.repeat(33) } } }),
      [
        `spec.devices[0].attributes[a].version: Invalid value: "v${'1'.repeat(64)}": must be a string compatible with semver.org spec 2.0.0`,
        'spec.devices[0].attributes[a].version: Too long: may not be more than 64 bytes',
        'spec.devices[0].attributes[b].string: Too long: may not be more than 64 bytes',
      ],
    ],
    [
      'of nodes of one sort or another',
      slice({}, { nodeName: '', allNodes: false }),
      [
        'spec.nodeName: Invalid value: "": must be either unset or set to a non-empty string',
        'spec.allNodes: Invalid value: false: must be either unset or set to true',
        'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
      ],
    ],
    [
      'of one node and of all',
      slice({}, { allNodes: true }),
      [
        'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
      ],
    ],
  ]
  for (const [name, one, expected] of rows) {
    test(name, () => {
      assert.deepEqual(
        refusals((report) => resourceSliceStrategy.validate?.(one, undefined, report)),
        expected,
      )
    })
  }
})

describe('what features say that are off is cleared', () => {
  const prepared = <T extends object>(
    strategy: { prepare?(object: T, old: undefined, context: any): void },
    one: T,
  ): T => {
    const copy = structuredClone(one)
    strategy.prepare?.(copy, undefined, servingContext)
    return copy
  }
  const capacity = { requests: { memory: '1Gi' } }

  test('of claims and their templates', () => {
    const devices = (own: object) => ({
      requests: [
        { name: 'a', exactly: { ...exactly, ...own } },
        { name: 'b', firstAvailable: [{ name: 'c', ...exactly, ...own }] },
      ],
      constraints: [{ distinctAttribute: 'a.b/c' }],
    })
    const claim = { ...names, spec: { devices: devices({ capacity }) } }
    assert.deepEqual(prepared(resourceClaimStrategy, claim).spec.devices, devices({}))
    const template = { ...names, spec: { spec: claim.spec } }
    assert.deepEqual(prepared(resourceClaimTemplateStrategy, template).spec.spec.devices, devices({}))
  })

  test('of what was given to a claim, with what is said of devices that it has no more', () => {
    const { prepare } = resourceClaimStrategy.subresources!['status']!
    const claim = (status: ResourceClaimStatus): ResourceClaim => ({ ...names, spec: { devices: {} }, status })
    const result = (device: string) => ({ request: 'r', driver: 'd', pool: 'p', device })
    const [g, h] = ['g', 'h'].map((device) => ({ driver: 'd', pool: 'p', device }))
    const more = {
      shareID: 'x',
      consumedCapacity: { memory: '1Gi' },
      bindingConditions: ['a/b'],
      bindingFailureConditions: ['a/c'],
    }
    const before = claim({ allocation: { devices: { results: [result('g'), result('h')] } }, devices: [g!, h!] })
    const now = claim({
      allocation: { allocationTimestamp: '2026-01-01T00:00:00Z', devices: { results: [{ ...result('g'), ...more }] } },
      devices: [{ ...g!, shareID: 'x' }, h!],
    })
    prepare?.(now, before, servingContext)
    assert.deepEqual(now.status, { allocation: { devices: { results: [result('g')] } }, devices: [g] })
    const none = claim({ devices: [g!] })
    prepare?.(none, before, servingContext)
    assert.deepEqual(none.status, {})
  })

  test('of slices', () => {
    const device = { name: 'g', capacity: { memory: { value: '1Gi' } } }
    const spec = { driver: 'd', nodeName: 'n', pool: { name: 'n', generation: 1, resourceSliceCount: 1 } }
    const more = {
      taints: [{ key: 'a', effect: 'NoExecute' as const }],
      consumesCounters: [{ counterSet: 'c', counters: {} }],
      nodeName: 'n',
      allNodes: true,
      bindingConditions: ['a/b'],
      bindingFailureConditions: ['a/c'],
      bindsToNode: true,
      allowMultipleAllocations: true,
      capacity: { memory: { value: '1Gi', requestPolicy: { default: '1Gi' } } },
    }
    const slice = {
      ...names,
      spec: {
        ...spec,
        sharedCounters: [{ name: 'c', counters: {} }],
        perDeviceNodeSelection: true,
        devices: [{ ...device, ...more }],
      },
    }
    assert.deepEqual(prepared(resourceSliceStrategy, slice).spec, { ...spec, devices: [device] })
  })

  test('of classes', () => {
    const one = { ...names, spec: { extendedResourceName: 'a.b/c' } }
    assert.deepEqual(prepared(deviceClassStrategy, one).spec, {})
  })
})
