import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ResourceClaim, ResourceClaimSpec, ResourceClaimStatus } from '#api/resource/v1/resourceClaim.ts'
import type { Device, ResourceSliceSpec } from '#api/resource/v1/resourceSlice.ts'
import { createReport, problemMessage, type Report } from '#machinery/validate/report.ts'
import { servingContext } from '#resources/testReport.ts'
import { resourceClaimStrategy } from './resourceClaim.ts'
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
      'with a condition on what devices do not have',
      { requests: [{ name: 'a', exactly: { ...exactly, selectors: [{ cel: { expression: 'device.driver' } }] } }] },
      [
        'spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "device.driver": must evaluate to bool or the unknown type, not string',
      ],
    ],
    [
      'with parameters that are no object',
      { requests: [{ name: 'a', exactly }], config: [{ opaque: { driver: 'd', parameters: [] as never } }] },
      [
        'spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": parameters must be a valid JSON object',
      ],
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
  const counters = { memory: { value: '1Gi' } }
  const sharedCounters = [{ name: 'c', counters }]
  const rows: readonly [string, ReturnType<typeof slice>, readonly string[]][] = [
    [
      'that is right',
      slice(
        { attributes: { 'a.b/c': { version: '1.2.3' } }, consumesCounters: [{ counterSet: 'c', counters }] },
        { sharedCounters },
      ),
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
      'that draws on counters that there are not',
      slice({ consumesCounters: [{ counterSet: 'x', counters }] }),
      [
        'spec.devices[0].consumesCounters[0].counterSet: Invalid value: "x": must reference a counterSet defined in the ResourceSlice sharedCounters',
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
