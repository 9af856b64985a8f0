import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import { canonicalJson, podTemplateHash } from './podTemplateHash.ts'

const template = (image: string): PodTemplateSpec => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image }], terminationGracePeriodSeconds: 30 },
})

test('the hash of a template never changes: names of ReplicaSets are made of it', () => {
  assert.deepEqual([podTemplateHash(template('a')), podTemplateHash(template('a'), 1)], ['6f97d65d8', 'ff5886557'])
})

test('the order of fields and absent fields do not matter, everything else does', () => {
  const { spec, metadata } = template('a')
  const turned = {
    spec: { terminationGracePeriodSeconds: 30, containers: spec.containers, nodeName: undefined },
    metadata,
  }
  assert.equal(podTemplateHash(turned as unknown as PodTemplateSpec), podTemplateHash(template('a')))
  assert.notEqual(podTemplateHash(template('b')), podTemplateHash(template('a')))
})

test('canonical JSON', () => {
  assert.equal(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined }), '{"b":[1,{"c":"x"}]}')
})
