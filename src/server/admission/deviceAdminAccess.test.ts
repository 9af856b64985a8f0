import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { resourceClaims, type ResourceClaim } from '#api/resource/v1/resourceClaim.ts'
import { resourceClaimTemplates } from '#api/resource/v1/resourceClaimTemplate.ts'
import type { Resource } from '#api/resource.ts'
import { deviceAdminAccess } from './deviceAdminAccess.ts'
import { ask, clusterWith, type RequestSketch } from './testRequest.ts'

const labels = { 'resource.kubernetes.io/admin-access': 'true' }
const cluster = clusterWith({
  namespaces: [{ metadata: { name: 'plain' } }, { metadata: { name: 'admin', labels } }],
})
const specOf = (adminAccess: boolean) => ({
  devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'd', adminAccess } }] },
})
const claim = (namespace: string, adminAccess: boolean): Pick<ResourceClaim, 'metadata' | 'spec'> => ({
  metadata: { name: 'c', namespace },
  spec: specOf(adminAccess),
})
const given = (adminAccess: boolean) => ({
  ...claim('plain', adminAccess),
  status: {
    allocation: { devices: { results: [{ request: 'r', driver: 'd', pool: 'p', device: 'x', adminAccess }] } },
  },
})
const template = { metadata: { name: 't', namespace: 'plain' }, spec: { spec: specOf(true) } }

describe('access to devices that others use', () => {
  const rows: readonly [string, Resource<any>, RequestSketch, string][] = [
    ['is granted in a namespace for it', resourceClaims, { object: claim('admin', true) }, ''],
    ['is not needed by others', resourceClaims, { object: claim('plain', false) }, ''],
    ['is refused elsewhere', resourceClaims, { object: claim('plain', true) }, 'spec.devices.requests[0].exactly'],
    ['is refused to templates', resourceClaimTemplates, { object: template }, 'spec.spec.devices.requests[0].exactly'],
    [
      'is not given by a status either',
      resourceClaims,
      { object: given(true), old: claim('plain', false), subresource: 'status' },
      'status.allocation.devices.results[0]',
    ],
    ['stays once it was given', resourceClaims, { object: given(true), old: given(true), subresource: 'status' }, ''],
  ]
  for (const [name, resource, sketch, place] of rows) {
    test(name, async () => {
      const { refused = '', code } = await ask(deviceAdminAccess, resource, sketch, cluster)
      if (place === '') assert.equal(refused, '')
      else {
        assert.equal(code, 422)
        assert.ok(
          refused.includes(
            `${place}.adminAccess: Forbidden: admin access to devices requires the \`resource.kubernetes.io/admin-access: true\` label on the containing namespace`,
          ),
          refused,
        )
      }
    })
  }
})
