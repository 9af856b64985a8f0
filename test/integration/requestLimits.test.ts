import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import type { TokenAuthenticator } from '#server/authenticate/tokenAuthenticator.ts'
import type { AuthorizationMode } from '#server/authorize/authorizers.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, type HttpAnswer, type HttpFixture } from './apiServerHttp.ts'

/** Knows users by their names as tokens, the slow one not before it is told to let go. */
function gate() {
  const opened = Promise.withResolvers<void>()
  let arrivals = 0
  let awaited: { readonly count: number; readonly resolve: () => void } | undefined
  const tokens: TokenAuthenticator = {
    name: 'Gate',
    async verify(name) {
      if (++arrivals === awaited?.count) awaited.resolve()
      if (name === 'slow') await opened.promise
      return { caller: { name, groups: name === 'root' ? ['system:masters'] : [] }, audiences: ['any'] }
    },
  }
  return {
    tokens,
    open: opened.resolve,
    /** Resolves when so many requests wait or have passed. */
    arrived: (count: number): Promise<void> =>
      arrivals >= count ? Promise.resolve() : new Promise((resolve) => (awaited = { count, resolve })),
  }
}

const as = (http: HttpFixture, token: string, method: string, path: string, body?: object): Promise<HttpAnswer> =>
  http.ask(method, path, { headers: { authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body }) })

test('a body that is larger than allowed is refused', async () => {
  await using fixture = await startServer({ settings: { limits: { bodyBytes: 1_000 } } })
  await using http = await listen(fixture.server)
  const body = { metadata: { name: 'a' }, data: { a: 'x'.repeat(1_000) } }
  const answer = await http.ask('POST', '/api/v1/namespaces/default/configmaps', { body })
  assert.equal(answer.code, 413)
  assert.match(answer.text, /Request entity too large: limit is 1000/)
})

test('a request that takes too long is given up; it may ask for less time than there is, not for more', async () => {
  const clock = new SimulatedClock()
  const { tokens, arrived, open } = gate()
  const settings = { limits: { timeout: 60_000 } }
  await using fixture = await startServer({ clock, tokenAuthenticators: [tokens], settings })
  await using http = await listen(fixture.server)
  const answers = ['/version', '/version?timeout=1s', '/version?timeout=10m'].map((path) =>
    as(http, 'slow', 'GET', path),
  )
  await arrived(3)
  await clock.advance('1s')
  const first = await answers[1]!
  assert.equal(first.code, 504)
  assert.deepEqual(JSON.parse(first.text), {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'Timeout: request did not complete within the allotted timeout',
    reason: 'Timeout',
    details: {},
    code: 504,
  })
  await clock.advance('59s')
  assert.deepEqual(
    (await Promise.all(answers)).map(({ code }) => code),
    [504, 504, 504],
  )
  open()
})

test('a time that cannot be read is refused', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  for (const [text, why] of [
    ['5', 'missing unit in duration'],
    ['soon', 'invalid duration'],
  ]) {
    const answer = await http.ask('GET', `/version?timeout=${text}`)
    assert.equal(answer.code, 400)
    const { message } = JSON.parse(answer.text) as { readonly message: string }
    assert.equal(message, `invalid timeout specified in the request URL - time: ${why} "${text}"`)
  }
})

test('more requests than there is room for are answered 429, but for administrators; reads, writes and watches share it', async () => {
  const clock = new SimulatedClock()
  const { tokens, arrived, open } = gate()
  const limits = { inFlight: 1, mutatingInFlight: 1, timeout: 60_000 }
  await using fixture = await startServer({
    clock,
    tokenAuthenticators: [tokens],
    settings: { authorizationModes: ['AlwaysAllow'], limits },
  })
  await using http = await listen(fixture.server)
  // Waits for a revision that never comes.
  const read = as(http, 'jane', 'GET', '/api/v1/namespaces/default?resourceVersion=1000000')
  await arrived(1)
  const codes = async (...requests: readonly Promise<HttpAnswer>[]): Promise<readonly number[]> =>
    (await Promise.all(requests)).map(({ code }) => code)
  const configMap = (name: string): object => ({ metadata: { name } })
  const configMaps = '/api/v1/namespaces/default/configmaps'
  assert.deepEqual(await codes(as(http, 'jane', 'POST', configMaps, configMap('a'))), [201])
  // Waits for whose token it is.
  const write = as(http, 'jane', 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'slow' } })
  await arrived(4)
  const refused = await as(http, 'jane', 'GET', '/version')
  assert.deepEqual(
    [refused.code, refused.headers['retry-after'], refused.text],
    [429, '1', 'Too many requests, please try again later.\n'],
  )
  assert.deepEqual(
    await codes(
      as(http, 'root', 'GET', '/version'),
      as(http, 'jane', 'POST', configMaps, configMap('b')),
      as(http, 'root', 'POST', configMaps, configMap('c')),
      as(http, 'jane', 'GET', `${configMaps}?watch=true`),
    ),
    [200, 429, 201, 429],
  )
  open()
  assert.equal((await write).code, 201)
  assert.deepEqual(await codes(as(http, 'jane', 'POST', configMaps, configMap('d'))), [201])
  await clock.advance('60s')
  assert.equal((await read).code, 504)
  assert.deepEqual(await codes(as(http, 'jane', 'GET', '/version')), [200])
})

test('a server that is told to stop says so and goes on for a while', async () => {
  const clock = new SimulatedClock()
  const fixture = await startServer({ clock, settings: { shutdownDelay: 5_000 } })
  await using http = await listen(fixture.server)
  const stopped = fixture[Symbol.asyncDispose]()
  const ready = await http.ask('GET', '/readyz')
  assert.equal(ready.code, 500)
  assert.match(ready.text, /^\[-\]shutdown failed: reason withheld$/m)
  assert.equal((await http.ask('GET', '/livez')).code, 200)
  assert.equal((await http.ask('GET', '/api/v1/namespaces/default')).code, 200)
  await clock.advance('5s')
  await stopped
})

const nobody = { headers: { authorization: '' } }

test('without anonymous requests whoever shows nothing is refused', async () => {
  for (const anonymous of [true, false]) {
    await using fixture = await startServer({ roles: true, settings: { anonymous } })
    await using http = await listen(fixture.server)
    assert.equal((await http.ask('GET', '/version', nobody)).code, anonymous ? 200 : 401)
  }
})

test('modes of authorization decide in their order, administrators may do everything in each', async () => {
  const code = async (...authorizationModes: AuthorizationMode[]): Promise<readonly number[]> => {
    await using fixture = await startServer({ settings: { authorizationModes } })
    await using http = await listen(fixture.server)
    const path = '/api/v1/namespaces/default'
    const answers = await Promise.all([http.ask('GET', path, nobody), http.ask('GET', path)])
    return answers.map((answer) => answer.code)
  }
  assert.deepEqual(await code('RBAC'), [403, 200])
  assert.deepEqual(await code('AlwaysAllow'), [200, 200])
  assert.deepEqual(await code('AlwaysDeny'), [403, 200])
  assert.deepEqual(await code('AlwaysDeny', 'AlwaysAllow'), [200, 200])
})
