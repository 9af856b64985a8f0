import assert from 'node:assert/strict'
import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { APIGroupDiscoveryList } from '#api/apidiscovery/v2/discovery.ts'
import type { APIGroup, APIGroupList, APIResourceList } from '#api/meta/v1/discovery.ts'
import { discover } from '#client/discovery.ts'
import { clientOver } from '#client/client.ts'
import { define } from '../integration/customResourcesFixture.ts'
import { listen, type HttpFixture } from '../integration/apiServerHttp.ts'
import { startServer } from '../integration/apiServerFixture.ts'
import { conformance } from './conformance.ts'
import { withServer } from './lifeCycle.ts'

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

/** What every cluster has, as `group/version resource`. */
const builtIn = [
  'v1 namespaces',
  'v1 pods',
  'admissionregistration.k8s.io/v1 validatingwebhookconfigurations',
  'apiextensions.k8s.io/v1 customresourcedefinitions',
  'apiregistration.k8s.io/v1 apiservices',
  'apps/v1 deployments',
  'authentication.k8s.io/v1 tokenreviews',
  'authorization.k8s.io/v1 selfsubjectaccessreviews',
  'autoscaling/v2 horizontalpodautoscalers',
  'batch/v1 jobs',
  'certificates.k8s.io/v1 certificatesigningrequests',
  'coordination.k8s.io/v1 leases',
  'discovery.k8s.io/v1 endpointslices',
  'events.k8s.io/v1 events',
  'networking.k8s.io/v1 ingresses',
  'node.k8s.io/v1 runtimeclasses',
  'policy/v1 poddisruptionbudgets',
  'scheduling.k8s.io/v1 priorityclasses',
  'storage.k8s.io/v1 csinodes',
]

async function readAggregated({ ask }: HttpFixture, accept: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const path of ['/api', '/apis']) {
    const { code, text, headers } = await ask('GET', path, { headers: { accept } })
    assert.equal(code, 200)
    assert.equal(headers['content-type'], accept)
    const { kind, items } = JSON.parse(text) as APIGroupDiscoveryList & { readonly kind: string }
    assert.equal(kind, 'APIGroupDiscoveryList')
    for (const { metadata, versions = [] } of items) {
      for (const { version, resources = [] } of versions) {
        const groupVersion = [metadata.name, version].filter((part) => (part ?? '') !== '').join('/')
        for (const each of resources) found.push(`${groupVersion} ${each.resource}`)
      }
    }
  }
  return found
}

const assertAll = (found: readonly string[], wanted: readonly string[]): void =>
  assert.deepEqual(
    wanted.filter((each) => !found.includes(each)),
    [],
  )

conformance(
  '[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers',
  async () => {
    await using fixture = await startServer()
    await using http = await listen(fixture.server)
    assertAll(await readAggregated(http, aggregated), builtIn)
  },
)

conformance(
  '[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs',
  async () => {
    await using fixture = await startServer()
    await using http = await listen(fixture.server)
    await define(clientOver(fixture.transport))
    assertAll(await readAggregated(http, aggregated), ['example.com/v1 widgets'])
  },
)

const discovered = async (client: Parameters<typeof define>[0]): Promise<readonly string[]> => {
  const { resources, failed } = await discover(client.transport)
  assert.deepEqual(failed, [])
  return resources.map(({ group, version, plural }) => `${group === '' ? '' : `${group}/`}${version} ${plural}`)
}

conformance('[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface', () =>
  withServer(async (client) => assertAll(await discovered(client), builtIn)),
)

conformance('[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface for CRDs', () =>
  withServer(async (client) => {
    await define(client)
    assertAll(await discovered(client), ['example.com/v1 widgets'])
  }),
)

async function readAll<A>(client: Parameters<typeof define>[0], path: string): Promise<A> {
  const { body } = await client.transport.send({ method: 'GET', path })
  return (typeof body === 'string' ? JSON.parse(body) : body) as A
}

conformance('[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup', () =>
  withServer(async (client) => {
    const { groups } = await readAll<APIGroupList>(client, '/apis')
    for (const { name } of groups) {
      const { preferredVersion, versions } = await readAll<APIGroup>(client, `/apis/${name}`)
      assert.ok(
        versions.some(({ groupVersion }) => groupVersion === preferredVersion?.groupVersion),
        name,
      )
    }
  }),
)

conformance('[sig-api-machinery] Discovery should locate the groupVersion and a resource within each APIGroup', () =>
  withServer(async (client) => {
    for (const each of builtIn) {
      const [groupVersion = '', resource] = each.split(' ')
      const path = groupVersion === 'v1' ? '/api/v1' : `/apis/${groupVersion}`
      const list = await readAll<APIResourceList>(client, path)
      assert.equal(list.groupVersion, groupVersion)
      assert.ok(
        list.resources.some(({ name }) => name === resource),
        each,
      )
    }
  }),
)

conformance(
  '[sig-api-machinery] CustomResourceDefinition resources should include custom resource definition resources in discovery documents',
  () =>
    withServer(async (client) => {
      const { group, version, plural } = customResourceDefinitions
      const groupVersion = `${group}/${version}`
      const { groups } = await readAll<APIGroupList>(client, '/apis')
      const found = groups.find(({ name }) => name === group)
      assert.ok(found?.versions.some((each) => each.groupVersion === groupVersion))
      const alone = await readAll<APIGroup>(client, `/apis/${group}`)
      assert.ok(alone.versions.some((each) => each.version === version))
      const { resources } = await readAll<APIResourceList>(client, `/apis/${groupVersion}`)
      assert.ok(resources.some(({ name }) => name === plural))
    }),
)

conformance('[sig-api-machinery] server version should find the server version', () =>
  withServer(async (client) => {
    const { major, minor } = await readAll<{ readonly major: string; readonly minor: string }>(client, '/version')
    assert.match(major, /^\d+$/)
    assert.match(minor, /^\d+$/)
  }),
)

conformance(
  '[sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata',
  async () => {
    await using fixture = await startServer()
    await using http = await listen(fixture.server)
    const { code } = await http.ask('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      body: { spec: { resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } } },
    })
    assert.equal(code, 406)
  },
)
