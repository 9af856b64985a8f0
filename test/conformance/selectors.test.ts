import assert from 'node:assert/strict'
import { resource, type KubeObject, type Resource } from '#api/resource.ts'
import { define, definition } from '../integration/customResourcesFixture.ts'
import { startWebhooks, type Asked } from '../integration/webhookServer.ts'
import { conformance } from './conformance.ts'
import { namespace, watching, withServer } from './lifeCycle.ts'

interface Host extends KubeObject {
  hostPort?: string
  host?: string
  port?: string
}

const hostsIn = (version: string): Resource<Host> =>
  resource<Host>({ group: 'example.com', version, kind: 'Widget', plural: 'widgets', scope: 'Namespaced' })
const [first, second] = [hostsIn('v1'), hostsIn('v2')]

/** Version 1 has host and port in one field, version 2 in two. */
function convert({ hostPort, host, port, ...rest }: Host, apiVersion: string): Host {
  if (apiVersion === 'example.com/v1') {
    const joined = [host, port].filter((part) => part !== undefined).join(':')
    return { ...rest, apiVersion, hostPort: hostPort ?? joined }
  }
  const [before, after] = (hostPort ?? '').split(':')
  return { ...rest, apiVersion, host: host ?? before ?? '', ...(after === undefined ? {} : { port: after }) }
}

function answer({ request }: Asked, reply: { end(text: string): void }): undefined {
  const question = request as unknown as { uid: string; desiredAPIVersion: string; objects: readonly Host[] }
  const { uid, desiredAPIVersion, objects } = question
  const convertedObjects = objects.map((each) => convert(each, desiredAPIVersion))
  const response = { uid, result: { status: 'Success' }, convertedObjects }
  reply.end(JSON.stringify({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', response }))
}

const versionOf = (name: string, storage: boolean, fields: readonly string[]) => ({
  name,
  served: true,
  storage,
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: Object.fromEntries(fields.map((field) => [field, { type: 'string' }])),
    },
  },
  selectableFields: fields.map((field) => ({ jsonPath: `.${field}` })),
})

conformance(
  '[sig-api-machinery] CustomResourceFieldSelectors CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector',
  async () => {
    await using webhooks = await startWebhooks({ '/convert': answer })
    await withServer(async (client) => {
      const clientConfig = { url: `${webhooks.url}/convert`, caBundle: webhooks.caBundle }
      const versions = [versionOf('v1', true, ['hostPort']), versionOf('v2', false, ['host', 'port'])]
      const conversion = { strategy: 'Webhook' as const, webhook: { clientConfig, conversionReviewVersions: ['v1'] } }
      await define(client, definition(versions, { conversion }))
      const follow = (kind: Resource<Host>, fieldSelector: string) =>
        watching(client, kind, { namespace, fieldSelector })
      await using ofHost = follow(second, 'host=host1')
      await using ofBoth = follow(second, 'host=host1,port=80')
      await using joined = follow(first, 'hostPort=host1:80')
      for (const [name, content] of Object.entries({
        a: { host: 'host1', port: '80' },
        b: { host: 'host1', port: '8080' },
        c: { host: 'host2' },
      })) {
        await client.create(second, { metadata: { name, namespace }, ...content })
      }
      const listed = async (kind: Resource<Host>, fieldSelector: string): Promise<string> =>
        (await client.list(kind, { namespace, fieldSelector })).items.map(({ metadata }) => metadata.name).join()
      assert.equal(await listed(second, 'host=host1'), 'a,b')
      assert.equal(await listed(second, 'host=host1,port=80'), 'a')
      assert.equal(await listed(first, 'hostPort=host1:80'), 'a')
      assert.equal(await listed(first, 'hostPort=host1:8080'), 'b')
      await client.deleteCollection(second, { namespace, fieldSelector: 'host=host1,port=80' })
      const moved = await client.get(second, { name: 'b', namespace })
      await client.update(second, { ...moved, host: 'host2' })
      assert.equal(await listed(second, 'host=host1'), '')
      assert.equal(await listed(second, 'host=host1,port=80'), '')
      const all = ['ADDED a', 'ADDED b', 'DELETED a', 'DELETED b']
      assert.deepEqual(await ofHost.until((events) => events.length >= all.length), all)
      for (const seen of [ofBoth, joined]) {
        assert.deepEqual(await seen.until((events) => events.length >= 2), ['ADDED a', 'DELETED a'])
      }
    })
  },
)
