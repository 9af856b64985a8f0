import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { allResources } from '#api/index.ts'
import { definitionNamed, definitions, descriptions, resolveDefinitions, schemaOfKind } from './load.ts'
import { schemaAt, schemaOfField } from './model.ts'
import { pathText, visit, type Path } from './visit.ts'

const pod = definitionNamed('io.k8s.api.core.v1.Pod')

describe('the schema of the built-in kinds', () => {
  it('knows every kind and its list', () => {
    const missing = allResources.filter((resource) => schemaOfKind(resource) === undefined)
    assert.deepEqual(missing, [])
    assert.equal(schemaOfKind({ group: 'none.example.com', version: 'v1', kind: 'Pod' }), undefined)
  })

  it('resolves references and keeps what the field adds', () => {
    const containers = schemaAt(pod, ['spec', 'containers'])!
    assert.deepEqual(
      {
        listType: containers.listType,
        keys: containers.listMapKeys,
        mergeKey: containers.mergeKey,
        item: containers.items?.definition,
        wire: containers.wire,
      },
      { listType: 'map', keys: ['name'], mergeKey: 'name', item: 'io.k8s.api.core.v1.Container', wire: [2] },
    )
    assert.equal(schemaAt(pod, ['spec'])?.properties, definitionNamed('io.k8s.api.core.v1.PodSpec').properties)
  })

  it('finds fields, map values and nothing beyond', () => {
    assert.deepEqual(
      [
        schemaAt(pod, ['metadata', 'labels', 'app'])?.type,
        schemaAt(pod, ['spec', 'containers', 0, 'resources', 'limits', 'cpu'])?.format,
        schemaAt(pod, ['spec', 'bogus']),
        schemaOfField(pod, 'constructor'),
        schemaOfField(undefined, 'spec'),
      ],
      ['string', 'quantity', undefined, undefined, undefined],
    )
  })

  it('gives every field of a list of keys its wire number', () => {
    const without = [...definitions()].flatMap(([name, schema]) =>
      Object.entries(schema.properties ?? {})
        .filter(
          ([field, child]) =>
            child.zero !== undefined && child.wire === undefined && field !== 'kind' && field !== 'apiVersion',
        )
        .map(([field]) => `${name} ${field}`),
    )
    assert.deepEqual(without, [])
  })

  it('describes definitions and fields', async () => {
    const texts = await descriptions()
    assert.notEqual(texts.get('io.k8s.api.core.v1.Pod') ?? '', '')
    assert.notEqual(texts.get('io.k8s.api.core.v1.PodSpec containers') ?? '', '')
  })

  it('refuses a reference to nowhere', () => {
    assert.throws(() => resolveDefinitions({ a: { properties: { b: { ref: 'c' } } } }), /Cannot find definition "c"/)
  })
})

describe('walking an object', () => {
  it('passes each value with its schema', () => {
    const seen: string[] = []
    const object = { spec: { containers: [{ name: 'a', bogus: 1 }] }, metadata: { labels: { app: 'x' } } }
    visit(object, pod, (_, schema, path: Path) => {
      seen.push(`${pathText(path, pod)} ${schema?.type ?? '-'}`)
    })
    assert.deepEqual(seen, [
      ' object',
      'spec object',
      'spec.containers array',
      'spec.containers[0] object',
      'spec.containers[0].name string',
      'spec.containers[0].bogus -',
      'metadata object',
      'metadata.labels object',
      'metadata.labels[app] string',
    ])
  })
})
