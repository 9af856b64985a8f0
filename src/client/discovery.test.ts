import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unavailable } from '#machinery/status.ts'
import { discover } from './discovery.ts'
import type { ApiRequest, Transport } from './transport.ts'

function answering(answers: Readonly<Record<string, unknown>>): Transport & { asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    send({ path }: ApiRequest) {
      asked.push(path)
      const body = answers[path]
      return body instanceof Error ? Promise.reject(body) : Promise.resolve({ code: 200, body, warnings: [] })
    },
    // oxlint-disable-next-line require-yield
    async *watch() {
      throw new Error('not asked for')
    },
    stream: () => Promise.reject(new Error('not asked for')),
  }
}

const pods = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  scope: 'Namespaced',
  shortNames: ['po'],
  verbs: ['get', 'list'],
  preferred: true,
  subresources: { status: ['get', 'patch'] },
}
const deployments = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  scope: 'Namespaced',
  verbs: ['list'],
  preferred: true,
  subresources: {},
}

test('a server that answers in one piece is asked twice', async () => {
  const list = (items: unknown[]) => ({ kind: 'APIGroupDiscoveryList', items })
  const transport = answering({
    '/api': list([
      {
        metadata: {},
        versions: [
          {
            version: 'v1',
            resources: [
              {
                resource: 'pods',
                responseKind: { group: '', version: 'v1', kind: 'Pod' },
                scope: 'Namespaced',
                singularResource: 'pod',
                verbs: ['get', 'list'],
                shortNames: ['po'],
                subresources: [{ subresource: 'status', verbs: ['get', 'patch'] }],
              },
            ],
          },
        ],
      },
    ]),
    '/apis': list([
      {
        metadata: { name: 'apps' },
        versions: [
          {
            version: 'v1',
            resources: [
              {
                resource: 'deployments',
                responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
                scope: 'Namespaced',
                singularResource: 'deployment',
                verbs: ['list'],
              },
            ],
          },
          { version: 'v0', resources: [], freshness: 'Stale' },
        ],
      },
    ]),
  })
  const { resources, failed } = await discover(transport)
  assert.deepEqual(resources, [pods, deployments])
  assert.deepEqual(
    failed.map(({ groupVersion }) => groupVersion),
    ['apps/v0'],
  )
  assert.deepEqual(transport.asked, ['/api', '/apis'])
})

test('an older server is asked for each version, and one that fails is named', async () => {
  const transport = answering({
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': {
      kind: 'APIGroupList',
      groups: [
        { name: 'apps', versions: [{ version: 'v1', groupVersion: 'apps/v1' }] },
        { name: 'away.example.com', versions: [{ version: 'v1', groupVersion: 'away.example.com/v1' }] },
      ],
    },
    '/api/v1': {
      resources: [
        {
          name: 'pods',
          singularName: 'pod',
          namespaced: true,
          kind: 'Pod',
          verbs: ['get', 'list'],
          shortNames: ['po'],
        },
        { name: 'pods/status', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get', 'patch'] },
      ],
    },
    '/apis/apps/v1': {
      resources: [
        { name: 'deployments', singularName: 'deployment', namespaced: true, kind: 'Deployment', verbs: ['list'] },
      ],
    },
    '/apis/away.example.com/v1': unavailable('away'),
  })
  const { resources, failed } = await discover(transport)
  assert.deepEqual(resources, [pods, deployments])
  assert.deepEqual(
    failed.map(({ groupVersion }) => groupVersion),
    ['away.example.com/v1'],
  )
})
