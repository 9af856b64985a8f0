import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeContinueToken, encodeContinueToken } from './continueToken.ts'
import { parseRequestInfo } from './requestInfo.ts'

test('paths say what is asked for', () => {
  const rows: readonly [string, string, boolean, string][] = [
    ['GET', '/api/v1/pods', false, 'list v1 pods'],
    ['GET', '/api/v1/pods', true, 'watch v1 pods'],
    ['GET', '/api/v1/watch/pods', false, 'watch v1 pods'],
    ['GET', '/api/v1/watch/namespaces/default/pods/p', false, 'watch v1 default pods p'],
    ['GET', '/api/v1/namespaces/default/pods/p', false, 'get v1 default pods p'],
    ['GET', '/api/v1/namespaces', false, 'list v1 namespaces'],
    ['GET', '/api/v1/namespaces/default', false, 'get v1 default namespaces default'],
    ['PUT', '/api/v1/namespaces/default/finalize', false, 'update v1 default namespaces default finalize'],
    ['PUT', '/api/v1/namespaces/default/status', false, 'update v1 default namespaces default status'],
    ['POST', '/apis/apps/v1/namespaces/default/deployments', false, 'create apps v1 default deployments'],
    [
      'PATCH',
      '/apis/apps/v1/namespaces/default/deployments/d/scale',
      false,
      'patch apps v1 default deployments d scale',
    ],
    ['DELETE', '/apis/apps/v1/namespaces/default/deployments', false, 'deletecollection apps v1 default deployments'],
    ['GET', '/api/v1/nodes/n/proxy/metrics/x', false, 'get v1 nodes n proxy /metrics/x'],
    ['GET', '/healthz', false, 'get'],
    ['GET', '/api', false, 'get'],
    ['GET', '/apis/apps/v1', false, 'get'],
  ]
  for (const [method, path, watch, text] of rows) {
    const { verb, group, version, namespace, resource, name, subresource, rest } = parseRequestInfo(method, path, watch)
    const parts = [verb, group, version, namespace, resource, name, subresource, rest]
    assert.equal(parts.filter((part) => part !== '').join(' '), text, path)
  }
})

test('continue tokens come back as they were', () => {
  for (const token of [
    { revision: 7, after: 'default/a' },
    { revision: undefined, after: 'ü/b' },
  ]) {
    assert.deepEqual(decodeContinueToken(encodeContinueToken(token)), token)
  }
})

test('continue tokens of others are refused', () => {
  const token = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const rows: readonly [string, string][] = [
    ['zzz', `invalid character 'Ï' looking for beginning of value`],
    ['a b', 'illegal base64 data at input byte 1'],
    [token({ v: 'other', rv: 1, start: 'a' }), 'server does not recognize this encoded version other'],
    [
      token({ v: 'meta.k8s.io/v1', rv: 0, start: 'a' }),
      'incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
    ],
    [token({ v: 'meta.k8s.io/v1', rv: 5 }), 'encoded start key empty (version meta.k8s.io/v1)'],
    [token({ v: 'meta.k8s.io/v1', rv: 5, start: '../x' }), '../x'],
  ]
  for (const [text, why] of rows) {
    assert.throws(() => decodeContinueToken(text), {
      message: `invalid continue token: continue key is not valid: ${why}`,
    })
  }
})
