import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigMap } from '#api/core/v1/configMap.ts'
import type { HttpReply, HttpRequest } from '#lib/http/message.ts'
import { conflict } from '#machinery/status.ts'
import { converting, mutating, validating, webhookHandler, type Reviewer } from './webhooks.ts'

/** Asks a handler as a server would; an error that it throws is what the server makes a 500 of. */
async function ask(reviewers: Record<string, Reviewer>, path: string, body: unknown): Promise<readonly [number, any]> {
  const sent: [number, string][] = []
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const request = { path, readBody: () => Promise.resolve(Buffer.from(text)) } as unknown as HttpRequest
  const reply = { send: (status: number, _: object, answer: string) => void sent.push([status, answer]) }
  await webhookHandler(reviewers)(request, reply as unknown as HttpReply)
  const [status, answer] = sent[0]!
  return [status, JSON.parse(answer)]
}

const map = (data: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'b' },
  data,
})

const review = (object: unknown, oldObject: unknown = null) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: { uid: 'u', operation: oldObject === null ? 'CREATE' : 'UPDATE', object, oldObject },
})
const answer = (response: object) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  response: { uid: 'u', allowed: true, ...response },
})

test('a mutating webhook says what differs, or nothing', async () => {
  const reviewers = {
    '/x': mutating<ConfigMap>(({ object }) =>
      object?.data?.['x'] === undefined ? { ...object!, data: { ...object!.data, x: '1' } } : undefined,
    ),
  }
  const [status, said] = await ask(reviewers, '/x', review(map({ y: '2' })))
  const { patch, ...rest } = said.response as { patch: string }
  assert.deepEqual([status, rest], [200, { uid: 'u', allowed: true, patchType: 'JSONPatch' }])
  const operations = JSON.parse(Buffer.from(patch, 'base64').toString()) as unknown
  assert.deepEqual(operations, [{ op: 'add', path: '/data/x', value: '1' }])
  assert.deepEqual(await ask(reviewers, '/x', review(map({ x: '2' }))), [200, answer({})])
})

test('a validating webhook denies, warns, or has nothing to say', async () => {
  const reviewers = {
    '/x': validating<ConfigMap>(({ object, old }) => {
      if (object === undefined) return undefined
      if (object.data?.['x'] === 'taken') throw conflict({ group: '', plural: 'configmaps' }, 'a', 'taken')
      if (old !== undefined && object.data?.['x'] !== old.data?.['x']) return { denied: 'x is for ever' }
      return { warnings: ['x is old'] }
    }),
  }
  const denied = (status: object) =>
    answer({ allowed: false, status: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', ...status } })
  assert.deepEqual(await ask(reviewers, '/x', review(map({ x: '1' }), map({ x: '2' }))), [
    200,
    denied({ message: 'x is for ever', code: 403 }),
  ])
  assert.deepEqual(await ask(reviewers, '/x', review(map({}))), [200, answer({ warnings: ['x is old'] })])
  assert.deepEqual(await ask(reviewers, '/x', review(null, map({}))), [200, answer({})])
  const [, thrown] = await ask(reviewers, '/x', review(map({ x: 'taken' })))
  assert.deepEqual([thrown.response.allowed, thrown.response.status.reason], [false, 'Conflict'])
})

test('a conversion leaves what is in the wanted version, and tells why it cannot convert', async () => {
  const reviewers = {
    '/convert': converting((object, apiVersion) => {
      if (object.metadata.name === 'bad') throw new Error('bad cannot be converted')
      return { ...object, apiVersion }
    }),
  }
  const objectOf = (name: string, version: string) => ({ apiVersion: `x/${version}`, kind: 'X', metadata: { name } })
  const question = (...objects: object[]) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'ConversionReview',
    request: { uid: 'u', desiredAPIVersion: 'x/v2', objects },
  })
  const [, good] = await ask(reviewers, '/convert', question(objectOf('a', 'v1'), objectOf('b', 'v2')))
  assert.deepEqual(good.response.convertedObjects, [objectOf('a', 'v2'), objectOf('b', 'v2')])
  assert.equal(good.response.result.status, 'Success')
  const [, bad] = await ask(reviewers, '/convert', question(objectOf('bad', 'v1')))
  assert.deepEqual([bad.response.result.status, bad.response.result.message], ['Failure', 'bad cannot be converted'])
})

const wrong: readonly (readonly [string, string, unknown, number, RegExp])[] = [
  ['a path that is not there', '/y', {}, 404, /there is no webhook \/y/],
  ['a path that every object has', '/constructor', {}, 404, /there is no webhook/],
  ['no JSON', '/x', '{', 400, /the body is no JSON/],
  ['null', '/x', 'null', 400, /an AdmissionReview has a request/],
  ['no request', '/x', { kind: 'AdmissionReview' }, 400, /an AdmissionReview has a request/],
]
for (const [name, path, body, status, message] of wrong) {
  test(`${name} is refused`, async () => {
    const [code, said] = await ask({ '/x': validating(() => undefined) }, path, body)
    assert.equal(code, status)
    assert.match(said.message, message)
  })
}

test('a bug in a webhook is nobody else’s answer', async () => {
  const bug = validating(() => {
    throw new TypeError('oops')
  })
  await assert.rejects(ask({ '/x': bug }, '/x', review(map({}))), /oops/)
})
