import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { negotiateAnswer, negotiateBody, parseAccept } from './negotiate.ts'
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
    ['application/vnd.kubernetes.protobuf;q=0, */*', true, { mediaType: 'json', parameters: {}, pretty: false }],
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

  const refusals: readonly (readonly [string, string])[] = [
    ['application/x-bogus', '406: Not Acceptable'],
    ['constructor', '406: Not Acceptable'],
    [
      'application/json;as=Table;v=v9;g=meta.k8s.io',
      'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    ],
  ]
  for (const [header, message] of refusals) {
    it(`refuses ${header}`, () =>
      assert.throws(
        () => negotiateAnswer(header, { transforms: true }),
        (error) => error instanceof StatusError && error.code === 406 && error.message === message,
      ))
  }

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
