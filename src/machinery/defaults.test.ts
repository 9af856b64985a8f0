import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { applyDefaults } from './defaults.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import type { Schema } from '#machinery/schema/model.ts'

describe('defaults', () => {
  it('fills structs that are there, items of lists and structs that defaults make', () => {
    const pod = {
      metadata: {},
      spec: { containers: [{ name: 'a', ports: [{ containerPort: 80 }], readinessProbe: {} }] },
    }
    applyDefaults(schemaOfKind({ group: '', version: 'v1', kind: 'Pod' })!, pod)
    const { spec } = pod as unknown as { spec: Record<string, unknown> & { containers: Record<string, unknown>[] } }
    assert.deepEqual(spec['restartPolicy'], 'Always')
    assert.deepEqual(spec['terminationGracePeriodSeconds'], 30)
    assert.deepEqual(spec.containers[0]!['ports'], [{ containerPort: 80, protocol: 'TCP' }])
    assert.deepEqual(spec.containers[0]!['readinessProbe'], {
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    })
    assert.equal(spec.containers[0]!['livenessProbe'], undefined)
  })

  const schema: Schema = {
    type: 'object',
    properties: {
      list: { type: 'array', items: { type: 'object', properties: { a: { type: 'integer', default: 1 } } } },
      map: {
        type: 'object',
        additionalProperties: { type: 'object', properties: { b: { type: 'string', default: 'x' } } },
      },
      made: { type: 'object', default: {}, properties: { c: { type: 'array', default: [1] } } },
      maybe: { type: 'string', default: 'y', nullable: true },
    },
  }

  it('fills custom resources the same way', () => {
    const value = { list: [{}, { a: 2 }], map: { k: {} }, maybe: null, unknown: {} }
    applyDefaults(schema, value)
    assert.deepEqual(value, {
      list: [{ a: 1 }, { a: 2 }],
      map: { k: { b: 'x' } },
      made: { c: [1] },
      maybe: null,
      unknown: {},
    } as unknown)
  })

  it('gives every object its own copy', () => {
    const [one, two] = [{}, {}] as { made?: { c: number[] } }[]
    applyDefaults(schema, one)
    applyDefaults(schema, two)
    one!.made!.c.push(2)
    assert.deepEqual(two!.made, { c: [1] })
  })
})
