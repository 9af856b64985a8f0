import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServerRequest } from '../request.ts'
import { authenticate } from './authenticator.ts'
import { bearerTokens, serverOnly } from './tokenAuthenticator.ts'

const audiences = ['server']
const tokens = serverOnly('test', audiences, (token) => (token === 'secret' ? { name: 'jane', groups: [] } : undefined))
const extraSpace = 'the provided Authorization header contains extra space before the bearer token, and is ignored'

/** What each header makes known, and what its sender is warned of. Source: apiserver v0.34, authentication/request/bearertoken. */
const headers: readonly [string, { readonly seenAs: string; readonly warnings?: readonly string[] }][] = [
  ['Bearer secret', { seenAs: 'jane' }],
  ['bEARER secret', { seenAs: 'jane' }],
  ['  Bearer secret\t', { seenAs: 'jane' }],
  ['Bearer secret and more', { seenAs: 'jane' }],
  ['Bearer other', { seenAs: 'Unauthorized' }],
  ['Bearer secret\tand', { seenAs: 'Unauthorized' }],
  ['Bearer  secret', { seenAs: 'system:anonymous', warnings: [extraSpace] }],
  ['Bearer\tsecret', { seenAs: 'system:anonymous' }],
  ['Bearer ', { seenAs: 'system:anonymous' }],
  ['Bearer', { seenAs: 'system:anonymous' }],
  ['Basic c2VjcmV0', { seenAs: 'system:anonymous' }],
  ['', { seenAs: 'system:anonymous' }],
]

for (const [header, expected] of headers) {
  test(`the header ${JSON.stringify(header)} is seen as ${expected.seenAs}`, async () => {
    const warnings: string[] = []
    const request = { header: (name: string) => (name === 'authorization' ? header : undefined) } as ServerRequest
    const notes = { warn: (text: string) => void warnings.push(text), annotate: () => undefined }
    const seen = async (): Promise<string> =>
      (await authenticate([bearerTokens([tokens], audiences)], request, true, notes)).name
    const seenAs = await seen().catch((error: Error) => error.message)
    assert.deepEqual({ seenAs, warnings }, { warnings: [], ...expected })
  })
}
