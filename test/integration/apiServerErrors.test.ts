import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { administrator, startServer } from './apiServerFixture.ts'
import { listen, type HttpAnswer } from './apiServerHttp.ts'
import { inProcessTransport } from '#server/inProcess.ts'

interface Recorded {
  readonly note: string
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers?: Record<string, string>
    readonly body?: string | object
  }
  readonly code: number
  readonly contentType?: string
  readonly body: unknown
}

const recorded = JSON.parse(
  readFileSync(new URL('testdata/restErrors.json', import.meta.url), 'utf8'),
) as readonly Recorded[]

/** Where this server answers otherwise than the recorded one (v1.24), and why. */
const accepted: Readonly<Record<string, { readonly why: string; readonly code?: number; readonly body: unknown }>> = {
  'accept nothing known': {
    why: 'v1.34 has a newer router, which names what there is',
    body: /"message": "406: Not Acceptable\\n\\nAvailable representations: application\/json, [^"]*;stream=watch",\n {2}"reason": "NotAcceptable",\n {2}"details": \{\}/,
  },
  'accept yaml': {
    why: 'other objects exist',
    body: /^apiVersion: v1\nitems:\n- (data|metadata):\n[^]*kind: ConfigMapList\n/,
  },
  'old watch': { why: 'other objects exist', body: '' },
  'future resourceVersion': {
    why: 'another revision is the newest',
    body: /Too large resource version: 999999999, current: \d+/,
  },
  'bad resourceVersion': {
    why: 'v1.34 says that the request is wrong',
    code: 400,
    body: /^.*"message":"invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax","reason":"BadRequest"/,
  },
  'bad dryRun': {
    why: 'v1.34 writes lists as JSON',
    body: /dryRun: Unsupported value: \["Some"\]: supported values: "All"/,
  },
  'bad fieldManager': { why: 'v1.34 has another text', body: /fieldManager: Too long: may not be more than 128 bytes/ },
  'unknown field strict': {
    why: 'fieldValidation is honoured since v1.25',
    code: 400,
    body: /strict decoding error: unknown field "bogus", unknown field "datta"/,
  },
  'duplicate field strict': {
    why: 'fieldValidation is honoured since v1.25',
    code: 400,
    body: /strict decoding error: duplicate field "data"/,
  },
  'uid precondition': {
    why: 'uids differ',
    body: /Precondition failed: UID in precondition: x, UID in object meta: [-0-9a-f]+/,
  },
  'wrong uid PUT': {
    why: 'uids differ',
    body: /StorageError: invalid object, Code: 4, Key: \/registry\/configmaps\/default\/dup, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: x/,
  },
  'delete answers': {
    why: 'uids differ',
    body: /"status":"Success","details":\{"name":"dup","kind":"configmaps","uid":"[-0-9a-f]+"\}/,
  },
}

test('wrong and odd requests are answered as recorded from a real server', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await inProcessTransport(fixture.server, administrator).send({
    method: 'POST',
    path: '/api/v1/namespaces/default/configmaps',
    body: { metadata: { name: 'dup' } },
  })
  await using http = await listen(fixture.server)
  for (const { note, request, code, body, contentType } of recorded) {
    const { method, path, headers = {} } = request
    const answer = await answered(clock, http.ask(method, path, { headers, ...bodyOf(request.body) }))
    const exception = accepted[note]
    assert.equal(answer.code, exception?.code ?? code, `${note}: ${answer.text}`)
    if (exception === undefined || exception.code !== undefined) {
      if (contentType !== undefined) assert.equal(answer.headers['content-type'], contentType, note)
    }
    if (exception !== undefined) matches(answer.text.replaceAll('\\"', '"'), exception.body, note)
    else matches(partOf(answer, body), body, note)
  }
  assert.deepEqual(fixture.bugs, [])
})

/** Lets time pass until there is an answer: some requests wait for what never comes. */
async function answered<T>(clock: SimulatedClock, promise: Promise<T>): Promise<T> {
  let done = false
  const finish = promise.finally(() => (done = true))
  while (!done) await clock.advance(50)
  return finish
}

function matches(actual: unknown, expected: unknown, note: string): void {
  if (expected instanceof RegExp) assert.match(String(actual), expected, note)
  else assert.deepEqual(actual, expected, note)
}

/** The recording of a large body says only how large it was. */
function bodyOf(body: string | object | undefined): { readonly body?: string | object } {
  if (body === undefined) return {}
  const size = typeof body === 'string' ? /^\((\d+) bytes\)$/.exec(body)?.[1] : undefined
  return { body: size === undefined ? body : `{"data":{"a":"${'x'.repeat(Number(size))}"}}` }
}

/** Of an object only the recorded members. */
function partOf({ text }: HttpAnswer, body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return text
  const answer = JSON.parse(text) as Record<string, unknown>
  return Object.fromEntries(Object.keys(body).map((key) => [key, answer[key]]))
}

test('input that is hostile or huge is refused before it does harm', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const path = '/api/v1/namespaces/default/configmaps'
  const deep = `{"metadata":{"name":"deep"},"data":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n`
  const yaml = { 'content-type': 'application/yaml' }
  const rows: readonly [
    string,
    string,
    string,
    { headers?: Record<string, string>; body?: string | Buffer },
    number,
  ][] = [
    ['deep JSON', 'POST', path, { body: deep }, 400],
    ['an alias bomb', 'POST', path, { headers: yaml, body: bomb }, 400],
    [
      'broken UTF-8',
      'POST',
      path,
      { body: Buffer.from('7b226d65746164617461223a7b226e616d65223a22ff227d7d', 'hex') },
      400,
    ],
    ['names that climb', 'GET', `${path}/..`, {}, 400],
    ['names that climb, encoded', 'GET', `${path}/%2e%2e`, {}, 400],
    ['broken percent signs', 'GET', `${path}/%zz`, {}, 400],
    ['a long path', 'GET', `${path}/${'x'.repeat(10_000)}`, {}, 400],
    [
      'a patch that is a number',
      'PATCH',
      `${path}/a`,
      { headers: { 'content-type': 'application/merge-patch+json' }, body: '7' },
      400,
    ],
    [
      'a patch of many operations',
      'PATCH',
      `${path}/a`,
      {
        headers: { 'content-type': 'application/json-patch+json' },
        body: JSON.stringify(Array.from({ length: 10_001 }, () => ({ op: 'remove', path: '/x' }))),
      },
      413,
    ],
    [
      'an apply in CBOR',
      'PATCH',
      `${path}/a?fieldManager=a`,
      { headers: { 'content-type': 'application/apply-patch+cbor' }, body: '{}' },
      415,
    ],
    ['an unknown kind of review', 'GET', '/apis/authentication.k8s.io/v1/tokenreviews', {}, 405],
    ['a namespaced path for a kind of the cluster', 'GET', '/api/v1/namespaces/default/nodes', {}, 404],
    ['a name without a namespace', 'GET', '/api/v1/pods/x', {}, 404],
    ['a token that is no token', 'GET', path, { headers: { authorization: 'Bearer a.b.c' } }, 401],
  ]
  for (const [note, method, where, options, code] of rows) {
    const answer = await http.ask(method, where, options)
    assert.equal(answer.code, code, `${note}: ${answer.text.slice(0, 300)}`)
    assert.equal((JSON.parse(answer.text) as { kind: string }).kind, 'Status', note)
  }
  assert.deepEqual(fixture.bugs, [])
})

test('what comes without a connection may be no deeper than what comes over one', async () => {
  await using fixture = await startServer()
  const path = '/apis/apps/v1/namespaces/default/controllerrevisions'
  const nested = (depth: number): unknown => {
    let value: unknown = 1
    for (let level = 0; level < depth; level++) value = [value]
    return value
  }
  const revision = (name: string, depth: number) => ({ metadata: { name }, revision: 1, data: { a: nested(depth) } })
  await fixture.transport.send({ method: 'POST', path, body: revision('a', 510) })
  const rows: readonly (readonly ['POST' | 'PATCH', string, unknown, string?])[] = [
    ['POST', path, revision('b', 511)],
    ['POST', path, revision('b', 20_000)],
    ['PATCH', `${path}/a`, { data: { b: nested(20_000) } }, 'application/merge-patch+json'],
    ['PATCH', `${path}/a`, { data: { b: nested(20_000) } }, 'application/strategic-merge-patch+json'],
    ['PATCH', `${path}/a?fieldManager=x`, revision('a', 20_000), 'application/apply-patch+yaml'],
  ]
  for (const [method, at, body, contentType] of rows) {
    const sent = fixture.transport.send({
      method,
      path: at.split('?')[0]!,
      ...(at.includes('?') ? { query: { fieldManager: 'x' } } : {}),
      body,
      ...(contentType === undefined ? {} : { contentType }),
    })
    await assert.rejects(sent, { code: 400, message: /exceeded max depth of 512/ }, `${method} ${contentType}`)
  }
  // Each patch may be shallow and what comes of it not.
  const value = Array.from({ length: 3 }, (_, at) => ({ op: 'add', path: `/data/a${'/0'.repeat(509)}/0`, value: [at] }))
  const contentType = 'application/json-patch+json'
  const patched = fixture.transport.send({ method: 'PATCH', path: `${path}/a`, body: value, contentType })
  await assert.rejects(patched, { code: 422, message: /exceeded max depth of 512/ })
  assert.deepEqual(fixture.bugs, [])
})
