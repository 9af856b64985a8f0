import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resource } from '#api/resource.ts'
import {
  customResourceDefinitions as definitions,
  type CustomResourceDefinition,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { Client } from '#client/client.ts'
import type { SimulatedClock } from '#lib/clock.ts'
import type { ServerFixture } from './apiServerFixture.ts'
import {
  define,
  definition,
  refusal,
  until,
  widget,
  widgets,
  withServer,
  type Version,
  type Widget,
} from './customResourcesFixture.ts'
import { startWebhooks, type Asked, type WebhookServer } from './webhookServer.ts'

const newer = resource<Widget>({ ...widgets, version: 'v2' })
const namespace = 'default'

const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
const version = (name: string, storage: boolean): Version => ({
  name,
  served: true,
  storage,
  schema: { openAPIV3Schema: { type: 'object', properties: { spec: free, status: free } } },
  subresources: { status: {} },
  additionalPrinterColumns: [
    { name: 'Size', type: 'integer', jsonPath: name === 'v1' ? '.spec.size' : '.spec.is.size' },
  ],
})

const converted = (clientConfig: object): CustomResourceDefinition =>
  definition([version('v1', false), version('v2', true)], {
    conversion: { strategy: 'Webhook', webhook: { clientConfig, conversionReviewVersions: ['v1'] } },
  })

interface Question {
  readonly uid: string
  readonly desiredAPIVersion: string
  readonly objects: readonly Widget[]
}

const questionOf = ({ request }: Asked): Question => request as unknown as Question

/** The newer version keeps the size one level deeper. */
function convert(object: Widget, apiVersion: string): Widget {
  const { spec = {} } = object
  if (apiVersion === 'example.com/v1') return { ...object, apiVersion, spec: spec['is'] as Record<string, unknown> }
  return { ...object, apiVersion, spec: { is: spec } }
}

/** Answers a question as given, or honestly. */
const answering =
  (lie: (response: Record<string, unknown>, review: Record<string, unknown>) => unknown = () => undefined) =>
  (asked: Asked, reply: { end(text: string): void }): undefined => {
    const { uid, objects, desiredAPIVersion } = questionOf(asked)
    const convertedObjects = objects.map((each) => convert(each, desiredAPIVersion))
    const response = { uid, result: { status: 'Success' }, convertedObjects }
    const review = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', response }
    reply.end(JSON.stringify(lie(response, review) ?? review))
  }

type Run = (client: Client, webhooks: WebhookServer, fixture: ServerFixture) => Promise<void>

async function withWebhook(lie: Parameters<typeof answering>[0], run: Run): Promise<void> {
  await using webhooks = await startWebhooks({ '/convert': answering(lie) }, ['hook.default.svc'])
  await withServer(async (client, fixture) => {
    const { url, caBundle } = webhooks
    await define(client, converted({ url: `${url}/convert`, caBundle }))
    await run(client, webhooks, fixture)
  })
}

test('objects are shown, changed, listed and watched in the form of each version', () =>
  withWebhook(undefined, async (client, { asked }, { transport, server }) => {
    const made = await client.create(widgets, widget('a', { size: 1 }))
    assert.deepEqual([made.apiVersion, made.spec], ['example.com/v1', { size: 1 }])
    const counted =
      /^apiserver_crd_conversion_webhook_duration_seconds_count\{crd_name="widgets\.example\.com",from_version="v1",succeeded="true",to_version="v2"\} 1$/m
    assert.match(server.metrics.render(), counted)
    const stored = await client.get(newer, { name: 'a', namespace })
    assert.deepEqual([stored.apiVersion, stored.spec], ['example.com/v2', { is: { size: 1 } }])
    assert.equal(stored.metadata.uid, made.metadata.uid)
    const before = asked.length
    await client.create(newer, { ...widget('b', { is: { size: 2 } }), apiVersion: 'example.com/v2' })
    assert.equal(asked.length, before)

    const watch = new AbortController()
    const seen: string[] = []
    const watching = (async () => {
      for await (const events of client.watch(widgets, { namespace, sendInitialEvents: true }, watch.signal)) {
        for (const { type, object } of events) {
          if (type !== 'BOOKMARK')
            seen.push(`${type} ${object.metadata.name} ${JSON.stringify((object as Widget).spec)}`)
          if (type === 'DELETED') watch.abort()
        }
      }
    })().catch((error: unknown) => {
      if (!watch.signal.aborted) throw error
    })
    const { items } = await client.list(widgets, { namespace })
    assert.deepEqual(
      items.map(({ apiVersion, spec }) => [apiVersion, spec]),
      [
        ['example.com/v1', { size: 1 }],
        ['example.com/v1', { size: 2 }],
      ],
    )
    const { body } = await transport.send({
      method: 'GET',
      path: '/apis/example.com/v1/namespaces/default/widgets',
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    })
    assert.deepEqual(
      (body as { rows: { cells: unknown[] }[] }).rows.map(({ cells }) => cells),
      [
        ['a', 1],
        ['b', 2],
      ],
    )
    const changed = await client.patch(
      widgets,
      { name: 'b', namespace },
      { type: 'merge', body: { spec: { size: 3 } } },
    )
    assert.deepEqual([changed.spec, changed.metadata.generation], [{ size: 3 }, 2])
    const later = await client.updateStatus(widgets, { ...changed, status: { done: true } })
    assert.deepEqual([later.status, later.spec], [{ done: true }, { size: 3 }])
    assert.deepEqual((await client.get(newer, { name: 'b', namespace })).spec, { is: { size: 3 } })
    await client.delete(widgets, { name: 'b', namespace })
    await watching
    assert.deepEqual(seen, [
      'ADDED a {"size":1}',
      'ADDED b {"size":2}',
      'MODIFIED b {"size":3}',
      'MODIFIED b {"size":3}',
      'DELETED b {"size":3}',
    ])
  }))

const gvk = 'example.com/v2, Kind=Widget'
type Response = Record<string, unknown> & { convertedObjects: { metadata: Record<string, unknown> }[] }
type Lie = (response: Response, review: Record<string, unknown>) => unknown

const lies: readonly (readonly [string, Lie, string | RegExp])[] = [
  [
    'refuses',
    (response) => void (response['result'] = { status: 'Failure', message: 'not today' }),
    `failed: not today`,
  ],
  [
    'says nothing',
    (response) => void (response['result'] = {}),
    `failed: response.result.status was '', not 'Success'`,
  ],
  [
    'answers another',
    (response) => void (response['uid'] = 'x'),
    /failed: expected response\.uid="[0-9a-f-]+", got "x"/,
  ],
  [
    'answers otherwise',
    (_, review) => void (review['kind'] = 'Widget'),
    'failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got apiextensions.k8s.io/v1, Kind=Widget',
  ],
  ['gives none', (response) => void (response.convertedObjects = []), 'returned 0 objects, expected 1'],
  [
    'gives another version',
    ({ convertedObjects }) => void Object.assign(convertedObjects[0]!, { apiVersion: 'example.com/v3' }),
    'returned invalid object at index 0: invalid groupVersion (expected example.com/v1, received example.com/v3)',
  ],
  [
    'renames',
    ({ convertedObjects }) => void Object.assign(convertedObjects[0]!.metadata, { name: 'other' }),
    'returned invalid object: must have the same name: a != other',
  ],
  [
    'labels with numbers',
    ({ convertedObjects }) => void Object.assign(convertedObjects[0]!.metadata, { labels: { a: 1 } }),
    'returned invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object',
  ],
  [
    'loses metadata',
    ({ convertedObjects }) => void Object.assign(convertedObjects[0]!, { metadata: undefined }),
    'returned invalid metadata: missing metadata in converted object',
  ],
  [
    'gives no JSON object',
    () => [],
    'failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got , Kind=',
  ],
]

test('a webhook is trusted with the content alone', async () => {
  let lie: Lie = () => undefined
  await withWebhook(
    (response, review) => lie(response as Response, review),
    async (client) => {
      await client.create(newer, { ...widget('a', { is: { size: 1 } }), apiVersion: 'example.com/v2' })
      for (const [name, next, problem] of lies) {
        lie = next
        const found = await refusal(() => client.get(widgets, { name: 'a', namespace }))
        const text = `500 conversion webhook for ${gvk} `
        if (typeof problem === 'string') assert.equal(found, text + problem, name)
        else assert.match(found, problem, name)
      }
      lie = ({ convertedObjects: [first] }) =>
        void Object.assign(first!.metadata, { labels: { new: 'x' }, creationTimestamp: null, finalizers: ['x/y'] })
      const { metadata } = await client.get(widgets, { name: 'a', namespace })
      assert.deepEqual([metadata.labels, metadata.finalizers], [{ new: 'x' }, undefined])
      assert.notEqual(metadata.creationTimestamp, null)
    },
  )
})

test('a webhook that hangs or is not there stops nobody else', async () => {
  const asked = Promise.withResolvers<void>()
  await using webhooks = await startWebhooks({ '/hang': asked.resolve as () => undefined }, ['hook.default.svc'])
  await withServer(async (client, { clock, server }) => {
    const { url, caBundle } = webhooks
    const first = await define(client, converted({ url: `${url}/hang`, caBundle }))
    const own = { ...widget('a', { is: { size: 1 } }), apiVersion: 'example.com/v2' }
    await client.create(newer, own)
    const waiting = refusal(() => client.list(widgets, { namespace }))
    await asked.promise
    assert.equal((await client.list(newer, { namespace })).items.length, 1)
    await (clock as SimulatedClock).advance(30_000)
    assert.equal(
      await waiting,
      `500 conversion webhook for ${gvk} failed: Post "${url}/hang?timeout=30s": context deadline exceeded`,
    )

    const conversion = converted({ service: { namespace, name: 'hook', path: '/convert' }, caBundle }).spec.conversion!
    await client.update(definitions, { ...first, spec: { ...first.spec, conversion } })
    const get = () => client.get(widgets, { name: 'a', namespace })
    assert.equal(
      await refusal(get),
      `500 conversion webhook for ${gvk} failed: Post "https://hook.default.svc:443/convert?timeout=30s": service "hook" not found`,
    )
    assert.match(
      server.metrics.render(),
      /^apiserver_conversion_webhook_request_total\{failure_type="conversion_call_failure",result="failure"\} 2$/m,
    )
    // The definition can be deleted without anybody converting anything.
    await client.delete(definitions, { name: 'widgets.example.com' })
    await until(client, 'widgets.example.com', (each) => each === undefined)
    assert.match(await refusal(get), /^404 /)
  })
})
