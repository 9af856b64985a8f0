import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  negotiateAnswer,
  negotiateBody,
  negotiateRefusal,
  parseAccept,
  routedCollectionTypes,
  routedTypes,
  type AnswerForms,
} from './negotiate.ts'
import { StatusError } from '#machinery/status.ts'

const kubectlGet =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'
const table = { kind: 'Table', group: 'meta.k8s.io', version: 'v1' }

describe('the form of an answer', () => {
  const rows: readonly (readonly [string | undefined, boolean, object])[] = [
    [undefined, true, { mediaType: 'json', parameters: {}, pretty: false }],
    ['*/*', true, { mediaType: 'json', parameters: {}, pretty: false }],
    ['application/yaml', true, { mediaType: 'yaml', parameters: {}, pretty: false }],
    ['application/json;q=0.5, application/yaml;q=0.8', true, { mediaType: 'yaml', parameters: {}, pretty: false }],
    ['text/html, application/vnd.kubernetes.protobuf', true, { mediaType: 'protobuf', parameters: {}, pretty: false }],
    ['application/vnd.kubernetes.protobuf, */*', true, { mediaType: 'protobuf', parameters: {}, pretty: false }],
    ['*/*, application/yaml;q=0.5', true, { mediaType: 'yaml', parameters: {}, pretty: false }],
    ['application/cbor;q=1,application/json;q=0.9', true, { mediaType: 'json', parameters: {}, pretty: false }],
    ['application/json;stream=other, application/*', true, { mediaType: 'json', parameters: {}, pretty: false }],
    [
      `application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,${kubectlGet}`,
      true,
      { mediaType: 'json', as: table, parameters: { as: 'Table', v: 'v1', g: 'meta.k8s.io' }, pretty: false },
    ],
    ['application/json;stream=watch', true, { mediaType: 'json', parameters: { stream: 'watch' }, pretty: false }],
    [
      kubectlGet,
      true,
      { mediaType: 'json', as: table, parameters: { as: 'Table', v: 'v1', g: 'meta.k8s.io' }, pretty: false },
    ],
    [kubectlGet, false, { mediaType: 'json', parameters: {}, pretty: false }],
  ]
  for (const [header, transforms, expected] of rows) {
    it(`for ${header} ${transforms ? 'with' : 'without'} tables`, () =>
      assert.deepEqual(negotiateAnswer(header, { transforms }), expected))
  }

  const only = 'only the following media types are accepted: '
  const all = 'application/json, application/yaml, application/vnd.kubernetes.protobuf'
  const refusals: readonly (readonly [string, AnswerForms, string])[] = [
    [
      'application/x-bogus',
      { routed: routedTypes },
      `406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf`,
    ],
    [
      'application/*',
      { routed: routedCollectionTypes },
      `406: Not Acceptable\n\nAvailable representations: ${all}, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch`,
    ],
    ['application/cbor', {}, only + all],
    ['constructor', {}, only + all],
    ['application/json;as=Table;v=v9;g=meta.k8s.io', {}, only + all],
    ['application/json;as=Table;v=v1;g=meta.k8s.io', { noTables: true }, only + all],
    ['application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io', {}, only + all],
    ['application/json;v=v1', {}, only + all],
    ['application/json;stream=other', {}, only + all],
    ['application/yaml;stream=watch', {}, only + all],
    ['application/vnd.kubernetes.protobuf', { onlyTransformed: ['protobuf'] }, only + all],
    [
      'application/yaml',
      { stream: true },
      `${only}application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch`,
    ],
  ]
  for (const [header, forms, message] of refusals) {
    it(`refuses ${header}, ${JSON.stringify(forms)}`, () =>
      assert.throws(
        () => negotiateAnswer(header, { transforms: true, ...forms }),
        (error) => {
          assert.ok(error instanceof StatusError && error.code === 406)
          assert.equal(error.message, message)
          return true
        },
      ))
  }

  it('of a refusal is any that was asked for, and no transform', () => {
    assert.equal(negotiateRefusal('application/vnd.kubernetes.protobuf', false)?.mediaType, 'protobuf')
    assert.equal(negotiateRefusal(kubectlGet, false)?.as, undefined)
    assert.equal(negotiateRefusal('application/json;as=Table;v=v1;g=meta.k8s.io', false), undefined)
    assert.equal(negotiateRefusal('application/cbor', false), undefined)
  })

  it('reads at most a hundred clauses', () => assert.equal(parseAccept('a/b,'.repeat(10_000)).length, 100))
})

describe('the form of a body', () => {
  const rows: readonly (readonly [string | undefined, string])[] = [
    [undefined, 'json'],
    ['application/json; charset=utf-8', 'json'],
    ['Application/YAML', 'yaml'],
    ['application/vnd.kubernetes.protobuf', 'protobuf'],
  ]
  for (const [header, expected] of rows) it(`for ${header}`, () => assert.equal(negotiateBody(header), expected))

  it('refuses what it does not know', () =>
    assert.throws(
      () => negotiateBody('text/plain'),
      (error) =>
        error instanceof StatusError &&
        error.code === 415 &&
        error.message ===
          'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    ))
})
