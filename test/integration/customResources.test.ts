import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  customResourceDefinitions,
  type CustomResourceDefinition,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { Resource } from '#api/resource.ts'
import { clientOver } from '#client/client.ts'
import { discover } from '#client/discovery.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { startServer } from './apiServerFixture.ts'

import {
  type Widget,
  widgets,
  namespace,
  path,
  widgetSchema,
  v1,
  definition,
  unlessMissing,
  until,
  isEstablished,
  define,
  refusal,
  widget,
  withServer,
  type Version,
} from './customResourcesFixture.ts'

const unserved = '404 the server could not find the requested resource'

test('a definition becomes a kind: named, established, discovered', () =>
  withServer(async (client, { transport }) => {
    assert.equal(await refusal(() => transport.send({ method: 'GET', path })), unserved)
    const defined = await define(client)
    assert.deepEqual(
      defined.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
      [
        ['NamesAccepted', 'True', 'NoConflicts'],
        ['Established', 'True', 'InitialNamesAccepted'],
      ],
    )
    assert.deepEqual(defined.status?.acceptedNames, {
      plural: 'widgets',
      singular: 'widget',
      shortNames: ['wd'],
      kind: 'Widget',
      listKind: 'WidgetList',
      categories: ['all'],
    })
    const { resources } = await discover(transport)
    const { verbs, subresources, ...found } = resources.find(({ plural }) => plural === 'widgets')!
    assert.deepEqual(
      { ...found, verbs: verbs.length, subresources },
      {
        group: 'example.com',
        version: 'v1',
        kind: 'Widget',
        plural: 'widgets',
        singular: 'widget',
        scope: 'Namespaced',
        shortNames: ['wd'],
        categories: ['all'],
        verbs: 8,
        preferred: true,
        subresources: { scale: ['get', 'patch', 'update'], status: ['get', 'patch', 'update'] },
      },
    )
  }))

test('objects are pruned, completed and checked', () =>
  withServer(async (client) => {
    await define(client)
    const made = await client.create(widgets, widget('a', { size: 3, bogus: 1, extra: { any: { thing: [null] } } }))
    assert.deepEqual(made.spec, { color: 'blue', extra: { any: { thing: [null] } }, replicas: 1, size: 3 })
    assert.equal(made.metadata.generation, 1)
    const rows: readonly (readonly [Record<string, unknown>, string])[] = [
      [{ size: 'x' }, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'],
      [{ size: 11 }, 'spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10'],
      [{}, 'spec.size: Required value'],
      [{ size: 1, color: 'green' }, 'spec.color: Unsupported value: "green": supported values: "blue", "red"'],
      [{ size: 1, tags: ['a', 'b', 'a'] }, 'spec.tags[2]: Duplicate value: "a"'],
      [{ size: 1, replicas: -1 }, '.spec.replicas: Invalid value: -1: should be a non-negative integer'],
    ]
    for (const [spec, problem] of rows) {
      const expected = `422 Widget.example.com "b" is invalid: ${problem}`
      assert.equal(await refusal(() => client.create(widgets, widget('b', spec))), expected)
    }
  }))

test('strict reading names the fields that the schema does not have', () =>
  withServer(async (client, { transport }) => {
    await define(client)
    const body = widget('a', { size: 1, bogus: 1, tags: null, extra: { x: 1 } })
    const strict = { method: 'POST', path, body: { ...body, more: 1 }, query: { fieldValidation: 'Strict' } } as const
    assert.equal(
      await refusal(() => transport.send(strict)),
      '400 Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "more", unknown field "spec.bogus"',
    )
    const { warnings } = await transport.send({ ...strict, query: {} })
    assert.deepEqual(warnings, ['unknown field "more"', 'unknown field "spec.bogus"'])
  }))

test('metadata of a definition goes with its status, and what is wanted does not', () =>
  withServer(async (client) => {
    const defined = await define(client)
    const { metadata, spec } = defined
    const { status } = await client.updateStatus(customResourceDefinitions, {
      ...defined,
      metadata: { ...metadata, labels: { seen: 'yes' }, annotations: { by: 'me' } },
      spec: { ...spec, names: { ...spec.names, shortNames: ['x'] } },
    })
    assert.deepEqual(status?.storedVersions, ['v1'])
    const after = await client.get(customResourceDefinitions, { name: metadata.name })
    assert.deepEqual([after.metadata.labels, after.metadata.annotations], [{ seen: 'yes' }, { by: 'me' }])
    assert.deepEqual([after.spec.names.shortNames, after.metadata.generation], [['wd'], 1])
  }))

test('status and scale are parts of their own, and only changes of what is wanted are counted', () =>
  withServer(async (client, { transport }) => {
    await define(client)
    const made = await client.create(widgets, { ...widget('a', { size: 1 }), status: { replicas: 9 } })
    assert.equal(made.status, undefined)
    const withStatus = await client.updateSubresource(widgets, made.metadata, 'status', {
      ...made,
      spec: { size: 5 },
      status: { replicas: 2, selector: 'a=b' },
    })
    assert.deepEqual([withStatus.spec?.['size'], withStatus.status], [1, { replicas: 2, selector: 'a=b' }])
    assert.equal(withStatus.metadata.generation, 1)
    const scalePath = `${path}/a/scale`
    const { body: scale } = await transport.send({ method: 'GET', path: scalePath })
    const { kind, spec, status } = scale as { kind: string; spec: object; status: object }
    assert.deepEqual([kind, spec, status], ['Scale', { replicas: 1 }, { replicas: 2, selector: 'a=b' }])
    await transport.send({
      method: 'PATCH',
      path: scalePath,
      contentType: 'application/merge-patch+json',
      body: { spec: { replicas: 4 } },
    })
    const scaled = await client.get(widgets, { name: 'a', namespace })
    assert.deepEqual([scaled?.spec?.['replicas'], scaled?.metadata.generation], [4, 2])
    const wrong = { ...scaled!, status: { replicas: 'x' } }
    assert.equal(
      await refusal(() => client.updateSubresource(widgets, made.metadata, 'status', wrong)),
      '422 Widget.example.com "a" is invalid: [status.replicas: Invalid value: "string": replicas in body must be of type integer: "string", .status.replicas: Invalid value: 0: .status.replicas accessor error: "x" is of the type string, expected int64]',
    )
  }))

test('patches: merge and JSON are taken, strategic ones need a built-in kind', () =>
  withServer(async (client, { transport }) => {
    await define(client)
    await client.create(widgets, widget('a', { size: 1, tags: ['x'] }))
    const patch = (type: string, body: unknown): Promise<{ body: unknown }> =>
      transport.send({ method: 'PATCH', path: `${path}/a`, contentType: `application/${type}+json`, body })
    const merged = (await patch('merge-patch', { spec: { color: 'red', bogus: 1 } })).body as Widget
    assert.deepEqual(merged.spec, { color: 'red', replicas: 1, size: 1, tags: ['x'] })
    const replaced = (await patch('json-patch', [{ op: 'add', path: '/spec/tags/-', value: 'y' }])).body as Widget
    assert.deepEqual(replaced.spec?.['tags'], ['x', 'y'])
    assert.match(
      await refusal(() => patch('strategic-merge-patch', { spec: { size: 2 } })),
      /^415 the body of the request/,
    )
    assert.match(await refusal(() => patch('merge-patch', { spec: { size: 0 } })), /^422 .*greater than or equal to 1$/)
  }))

test('tables have the columns of the definition, selectors its fields', () =>
  withServer(async (client, { transport }) => {
    await define(client)
    await client.create(widgets, widget('a', { size: 1 }))
    await client.create(widgets, widget('b', { size: 2, color: 'red' }))
    const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1'
    const { body } = await transport.send({ method: 'GET', path, accept, query: { fieldSelector: 'spec.color=red' } })
    const table = body as {
      columnDefinitions: { name: string; type: string; priority: number; description: string }[]
      rows: { cells: unknown[] }[]
    }
    assert.deepEqual(
      table.columnDefinitions.map(({ name, type, priority }) => [name, type, priority]),
      [
        ['Name', 'string', 0],
        ['Size', 'integer', 0],
        ['Color', 'string', 1],
        ['Age', 'date', 0],
      ],
    )
    assert.equal(
      table.columnDefinitions[1]?.description,
      'Custom resource definition column (in JSONPath format): .spec.size',
    )
    assert.deepEqual(
      table.rows.map(({ cells }) => cells),
      [['b', 2, 'red', '0s']],
    )
    assert.match(
      await refusal(() => transport.send({ method: 'GET', path, query: { fieldSelector: 'spec.size=1' } })),
      /^400 field label not supported: spec.size$/,
    )
  }))

test('what is stored is shown by the schema of today, and may stay as it was', () =>
  withServer(async (client) => {
    const defined = await define(client)
    await client.create(widgets, widget('a', { size: 9, tags: ['old'] }))
    const properties = structuredClone(widgetSchema.properties!)
    const fields = properties['spec']!.properties!
    fields['size']!.maximum = 5
    fields['level'] = { type: 'string', default: 'low' }
    delete fields['tags']
    const changed = { ...v1, schema: { openAPIV3Schema: { ...widgetSchema, properties } } }
    await client.update(customResourceDefinitions, { ...defined, spec: { ...defined.spec, versions: [changed] } })
    const shown = (await client.get(widgets, { name: 'a', namespace }))!
    assert.deepEqual(shown.spec, { color: 'blue', level: 'low', replicas: 1, size: 9 })
    const other = await client.update(widgets, { ...shown, spec: { ...shown.spec, color: 'red' } })
    assert.deepEqual(other.spec, { color: 'red', level: 'low', replicas: 1, size: 9 })
    assert.match(
      await refusal(() => client.update(widgets, { ...other, spec: { ...other.spec, size: 8 } })),
      /spec.size in body should be less than or equal to 5$/,
    )
  }))

test('a definition goes after its objects, and watches end with it', () =>
  withServer(async (client, { transport }) => {
    await define(client)
    const held = await client.create(widgets, {
      ...widget('held', { size: 1 }),
      metadata: { name: 'held', namespace, finalizers: ['example.com/hold'] },
    })
    await client.create(widgets, widget('free', { size: 1 }))
    const seen: string[] = []
    const stop = new AbortController()
    const watching = (async () => {
      for await (const events of transport.watch({ method: 'GET', path }, stop.signal)) {
        for (const { type, object } of events) seen.push(`${type} ${(object as Widget).metadata.name ?? ''}`)
      }
    })()
    await client.delete(customResourceDefinitions, { name: 'widgets.example.com' })
    const ending = await until(client, 'widgets.example.com', (each) =>
      isConditionTrue(each?.status?.conditions, 'Terminating'),
    )
    assert.deepEqual(ending?.metadata.finalizers, ['customresourcecleanup.apiextensions.k8s.io'])
    while ((await client.list(widgets, { namespace })).items.length > 1)
      await new Promise((resolve) => setImmediate(resolve))
    assert.match(await refusal(() => client.create(widgets, widget('late', { size: 1 }))), /^403 .*is terminating$/)
    const last = (await client.get(widgets, { name: 'held', namespace }))!
    assert.notEqual(last.metadata.deletionTimestamp, undefined)
    await client.update(widgets, { ...last, metadata: { ...last.metadata, finalizers: [] } })
    await until(client, 'widgets.example.com', (each) => each === undefined)
    await watching
    assert.deepEqual(seen, ['ADDED free', 'ADDED held', 'DELETED free', 'MODIFIED held', 'DELETED held'])
    assert.equal(await refusal(() => transport.send({ method: 'GET', path })), unserved)
    assert.equal(held.metadata.name, 'held')
  }))

test('names are for whoever comes first', () =>
  withServer(async (client) => {
    await define(client)
    const second: CustomResourceDefinition = {
      ...definition([{ ...v1, selectableFields: [] }], {
        names: { plural: 'gadgets', kind: 'Widget', shortNames: ['wd'] },
      }),
      metadata: { name: 'gadgets.example.com' },
    }
    await client.create(customResourceDefinitions, second)
    const refused = await until(client, 'gadgets.example.com', (each) => (each?.status?.conditions?.length ?? 0) > 0)
    assert.deepEqual(
      refused?.status?.conditions?.map(({ type, status, reason, message }) => [type, status, reason, message]),
      [
        ['NamesAccepted', 'False', 'ListKindConflict', '"WidgetList" is already in use'],
        ['Established', 'False', 'NotAccepted', 'not all names are accepted'],
      ],
    )
    await client.delete(customResourceDefinitions, { name: 'widgets.example.com' })
    await until(client, 'gadgets.example.com', isEstablished)
  }))

test('every version shows what is stored in its own form', () =>
  withServer(async (client) => {
    const v2: Version = {
      name: 'v2',
      served: true,
      storage: false,
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            spec: { type: 'object', properties: { size: { type: 'integer' }, shape: { type: 'string' } } },
          },
        },
      },
    }
    const old: Version = { ...v1, deprecated: true }
    const defined = await define(client, definition([old, v2]))
    const inV2: Resource<Widget> = { ...widgets, version: 'v2' }
    await client.create(widgets, widget('a', { size: 3 }))
    const shown = (await client.get(inV2, { name: 'a', namespace }))!
    assert.deepEqual([shown.apiVersion, shown.spec], ['example.com/v2', { size: 3 }])
    // The form of storage changes with the next write.
    const versions = [
      { ...old, storage: false },
      { ...v2, storage: true },
    ]
    const now = await client.update(customResourceDefinitions, { ...defined, spec: { ...defined.spec, versions } })
    assert.deepEqual(now.status?.storedVersions, ['v1', 'v2'])
    const wide = await client.update(inV2, { ...shown, spec: { size: 30, shape: 'round' } })
    assert.deepEqual([wide.apiVersion, wide.spec], ['example.com/v2', { shape: 'round', size: 30 }])
    const back = (await client.get(widgets, { name: 'a', namespace }))!
    assert.deepEqual([back.apiVersion, back.spec], ['example.com/v1', { size: 30 }])
  }))

test('apply works by the schema of the kind', () =>
  withServer(async (client, { transport }) => {
    await define(client)
    const apply = (manager: string, spec: object): Promise<{ body: unknown }> =>
      transport.send({
        method: 'PATCH',
        path: `${path}/a`,
        contentType: 'application/apply-patch+yaml',
        query: { fieldManager: manager },
        body: { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'a' }, spec },
      })
    await apply('one', { size: 1, tags: ['x'] })
    const { spec } = (
      await apply('two', { size: 1, tags: ['y'], bogus: 1 }).catch(() => apply('two', { size: 1, tags: ['y'] }))
    ).body as Widget
    assert.deepEqual(spec?.['tags'], ['x', 'y'])
    assert.match(await refusal(() => apply('two', { size: 2 })), /^409 .*conflict with "one": .spec.size$/)
  }))

test('stored objects are found again after a restart, with all they have', () =>
  withServer(async (client, { store, clock }) => {
    await define(client)
    const metadata = { name: 'a', namespace, annotations: { uid: '"uid":"x"', resourceVersion: '{' } }
    const made = await client.create(widgets, { ...widget('a', { size: 1 }), metadata })
    await using again = await startServer({ store, clock, bare: true })
    const found = await clientOver(again.transport).get(widgets, { name: 'a', namespace })
    assert.deepEqual(found, made)
    const { body } = await again.transport.send({ method: 'GET', path: '/apis/example.com/v1' })
    assert.deepEqual(
      (body as { resources: { name: string }[] }).resources.map(({ name }) => name),
      ['widgets', 'widgets/status', 'widgets/scale'],
    )
  }))

test('documents about the API tell of custom kinds', () =>
  withServer(async (client, { transport }) => {
    const read = async (document: string): Promise<any> => {
      const asked = transport.send({ method: 'GET', path: `/openapi/${document}` })
      const answer = await asked.catch(unlessMissing)
      return answer === undefined ? undefined : JSON.parse(answer.body as string)
    }
    const part = 'v3/apis/example.com/v1'
    assert.equal(await read(part), undefined)
    const before = (await read('v3')).paths as Record<string, object>
    const defined = await define(client)
    const after = (await read('v3')).paths as Record<string, object>
    assert.deepEqual(
      Object.keys(after).filter((name) => before[name] === undefined),
      ['apis/example.com', 'apis/example.com/v1'],
    )
    assert.deepEqual(after['apis/apps/v1'], before['apis/apps/v1'])
    const document = await read(part)
    const schema = document.components.schemas['com.example.v1.Widget']
    assert.deepEqual(Object.keys(schema.properties), ['spec', 'status', 'apiVersion', 'kind', 'metadata'])
    assert.deepEqual(schema.properties.spec.properties.color, {
      type: 'string',
      default: 'blue',
      enum: ['blue', 'red'],
    })
    assert.deepEqual(schema.properties.spec.properties.extra, {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
    })
    assert.deepEqual(schema['x-kubernetes-group-version-kind'], [
      { group: 'example.com', version: 'v1', kind: 'Widget' },
    ])
    assert.deepEqual(schema['x-kubernetes-selectable-fields'], [{ fieldPath: 'spec.color' }])
    const list = document.components.schemas['com.example.v1.WidgetList']
    assert.deepEqual(list.properties.items.items, { $ref: '#/components/schemas/com.example.v1.Widget' })
    const { patch } = document.paths['/apis/example.com/v1/namespaces/{namespace}/widgets/{name}']
    assert.deepEqual(Object.keys(patch.requestBody.content), [
      'application/apply-patch+yaml',
      'application/json-patch+json',
      'application/merge-patch+json',
    ])
    const whole = await read('v2')
    // What may hold anything has no type there: kubectl would refuse what it does not know.
    assert.deepEqual(whole.definitions['com.example.v1.Widget'].properties.spec.properties.extra, {
      'x-kubernetes-preserve-unknown-fields': true,
    })
    const protobuf = await transport.stream(
      { method: 'GET', path: '/openapi/v2', accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' },
      new AbortController().signal,
    )
    let text = ''
    for await (const piece of protobuf) text += Buffer.from(piece).toString('latin1')
    assert.ok(text.includes('com.example.v1.WidgetList'))
    await client.delete(customResourceDefinitions, defined.metadata)
    await until(client, 'widgets.example.com', (each) => each === undefined)
    assert.equal(await read(part), undefined)
    assert.deepEqual((await read('v3')).paths, before)
  }))
