// Which state a get or list reads: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, type HttpFixture } from './apiServerHttp.ts'
import { answered, LaggingStore, path, refusalOf, settle } from './readFixture.ts'

interface List {
  readonly metadata: {
    readonly resourceVersion: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
  readonly items: readonly { readonly metadata: { readonly name: string; readonly resourceVersion: string } }[]
}

async function create(http: HttpFixture, name: string): Promise<string> {
  const { text } = await http.ask('POST', path, { body: { metadata: { name } } })
  return (JSON.parse(text) as { metadata: { resourceVersion: string } }).metadata.resourceVersion
}

/** The names of a list, its revision, and whether it goes on. */
function describeList(text: string): string {
  const { metadata, items } = JSON.parse(text) as List
  const names = items.map((item) => item.metadata.name).join(' ')
  return `${names} @${metadata.resourceVersion}${metadata.continue === undefined ? '' : ` +${metadata.remainingItemCount}`}`
}

test('a list reads the state that resourceVersion and resourceVersionMatch ask for', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const [a, b] = [await create(http, 'a'), await create(http, 'b')]
  const c = await create(http, 'c')
  const newest = `a b c @${c}`
  const rows: [query: string, expected: string][] = [
    ['', newest],
    ['limit=1', `a @${c} +2`],
    ['resourceVersion=0', newest],
    ['resourceVersion=0&limit=1', newest],
    ['resourceVersion=0&resourceVersionMatch=NotOlderThan', newest],
    ['resourceVersion=0&resourceVersionMatch=NotOlderThan&limit=1', newest],
    [`resourceVersion=${a}`, newest],
    [`resourceVersion=${a}&limit=1`, `a @${a}`],
    [`resourceVersion=${b}&limit=1`, `a @${b} +1`],
    [`resourceVersion=${a}&resourceVersionMatch=NotOlderThan`, newest],
    [`resourceVersion=${a}&resourceVersionMatch=NotOlderThan&limit=2`, `a b @${c} +1`],
    [`resourceVersion=${a}&resourceVersionMatch=Exact`, `a @${a}`],
    [`resourceVersion=${b}&resourceVersionMatch=Exact`, `a b @${b}`],
    [`resourceVersion=${b}&resourceVersionMatch=Exact&limit=1`, `a @${b} +1`],
    [`resourceVersion=${c}&resourceVersionMatch=Exact`, newest],
  ]
  for (const [query, expected] of rows) {
    const { code, text } = await http.ask('GET', `${path}?${query}`)
    assert.equal(code, 200, `${query}: ${text}`)
    assert.equal(describeList(text), expected, query)
  }
  assert.deepEqual(fixture.bugs, [])
})

test('a get reads the newest state, or one that is not older than asked for', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const first = await create(http, 'a')
  const last = await create(http, 'b')
  for (const query of [
    '',
    '?resourceVersion=',
    '?resourceVersion=0',
    `?resourceVersion=${first}`,
    `?resourceVersion=${last}`,
  ]) {
    const { code, text } = await http.ask('GET', `${path}/a${query}`)
    assert.equal(code, 200, query)
    assert.equal((JSON.parse(text) as List['items'][number]).metadata.resourceVersion, first, query)
  }
})

const invalid = 'ListOptions.meta.k8s.io "" is invalid: '

test('options that contradict each other are refused as upstream refuses them', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  const forbidden = (field: string, why: string): string => `${field}: Forbidden: ${why}`
  const match = (why: string): string => forbidden('resourceVersionMatch', why)
  const requires = match('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  const unless = match('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
  const withContinue = match('resourceVersionMatch is forbidden when continue is provided')
  const noRevision = match('resourceVersionMatch is forbidden unless resourceVersion is provided')
  const onlyNotOlder = (value: string): string =>
    `resourceVersionMatch: Unsupported value: "${value}": supported values: "NotOlderThan"`
  const syntax = (value: string): string =>
    `resourceVersion: Invalid value: "${value}": strconv.ParseUint: parsing "${value}": invalid syntax`
  const rows: [query: string, expected: string][] = [
    ['resourceVersionMatch=Exact', `422 Invalid: ${invalid}${noRevision}`],
    ['resourceVersionMatch=NotOlderThan', `422 Invalid: ${invalid}${noRevision}`],
    ['resourceVersionMatch=Exact&continue=x', `422 Invalid: ${invalid}[${noRevision}, ${withContinue}]`],
    ['resourceVersion=1&resourceVersionMatch=NotOlderThan&continue=x', `422 Invalid: ${invalid}${withContinue}`],
    [
      'resourceVersion=1&resourceVersionMatch=Newest',
      `422 Invalid: ${invalid}resourceVersionMatch: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""`,
    ],
    [
      'resourceVersion=0&resourceVersionMatch=Exact',
      `422 Invalid: ${invalid}${match('resourceVersionMatch "exact" is forbidden for resourceVersion "0"')}`,
    ],
    [
      'sendInitialEvents=true',
      `422 Invalid: ${invalid}${forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list')}`,
    ],
    [
      'sendInitialEvents=false',
      `422 Invalid: ${invalid}${forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list')}`,
    ],
    ['resourceVersion=abc', `400 BadRequest: invalid resource version: ${syntax('abc')}`],
    ['resourceVersion=-1', `400 BadRequest: invalid resource version: ${syntax('-1')}`],
    [
      'resourceVersion=18446744073709551616',
      '400 BadRequest: invalid resource version: resourceVersion: Invalid value: "18446744073709551616": strconv.ParseUint: parsing "18446744073709551616": value out of range',
    ],
    ['watch=true&resourceVersion=abc', `500 : ${syntax('abc')}`],
    ['watch=true&sendInitialEvents=true', `422 Invalid: ${invalid}${requires}`],
    ['watch=true&sendInitialEvents=false', `422 Invalid: ${invalid}${requires}`],
    [
      'watch=true&sendInitialEvents=true&resourceVersionMatch=Exact',
      `422 Invalid: ${invalid}[${requires}, ${onlyNotOlder('Exact')}]`,
    ],
    ['watch=true&resourceVersionMatch=NotOlderThan', `422 Invalid: ${invalid}${unless}`],
    ['watch=true&resourceVersionMatch=NotOlderThan&resourceVersion=1', `422 Invalid: ${invalid}${unless}`],
    [
      'watch=true&resourceVersionMatch=Exact&resourceVersion=1',
      `422 Invalid: ${invalid}[${unless}, ${onlyNotOlder('Exact')}]`,
    ],
    [
      'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&continue=x',
      `422 Invalid: ${invalid}${withContinue}`,
    ],
    // A watch from nowhere in particular wants the initial events, so this holds there too.
    ['watch=true&continue=x', `422 Invalid: ${invalid}${withContinue}`],
    // What is wrong about several options is told before what is wrong about a field.
    [
      'sendInitialEvents=true&fieldSelector=spec.x%3D1',
      `422 Invalid: ${invalid}${forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list')}`,
    ],
  ]
  for (const [query, expected] of rows) {
    assert.equal(refusalOf(await http.ask('GET', `${path}?${query}`)), expected, query)
  }
  assert.equal(refusalOf(await http.ask('GET', `${path}/a?resourceVersion=abc`)), `500 : ${syntax('abc')}`)
  const named = '/api/v1/watch/namespaces/default/configmaps/a'
  assert.equal(
    refusalOf(await http.ask('GET', `${named}?fieldSelector=metadata.name%3Db`)),
    "400 BadRequest: fieldSelector metadata.name doesn't match requested name",
  )
  assert.deepEqual(fixture.bugs, [])
})

test('a revision that is yet to come is waited for, and refused with a hint when it does not', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  const current = Number(await create(http, 'a'))
  const queries = [
    `${path}?resourceVersion=${current + 100}`,
    `${path}?resourceVersion=${current + 100}&limit=1`,
    `${path}?resourceVersion=${current + 100}&resourceVersionMatch=Exact`,
    `${path}?resourceVersion=${current + 100}&resourceVersionMatch=NotOlderThan`,
    `${path}/a?resourceVersion=${current + 100}`,
  ]
  for (const query of queries) {
    const begun = clock.now()
    const answer = await answered(clock, http.ask('GET', query))
    assert.ok(clock.now() - begun >= 3_000, 'it waits for three seconds')
    assert.deepEqual(
      JSON.parse(answer.text),
      {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: `Timeout: Too large resource version: ${current + 100}, current: ${current}`,
        reason: 'Timeout',
        details: {
          causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
          retryAfterSeconds: 1,
        },
        code: 504,
      },
      query,
    )
    assert.deepEqual([answer.code, answer.headers['retry-after']], [504, '1'])
  }
  const waiting = http.ask('GET', `${path}?resourceVersion=${current + 1}&resourceVersionMatch=Exact`)
  const next = await create(http, 'b')
  assert.equal(describeList((await answered(clock, waiting)).text), `a b @${next}`)
})

test('what was written before a read is in it, even while the cache lags behind', async () => {
  const clock = new SimulatedClock()
  await using store = openMemoryStore({ clock })
  const lagging = new LaggingStore(store)
  await using fixture = await startServer({ clock, store: lagging.store })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  const old = await create(http, 'old')
  lagging.hold()
  const { revision } = (await lagging.store.commit('/registry/core/configmaps/default/new', 0, {
    value: Buffer.from(
      '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"new","namespace":"default","uid":"1"}}',
    ),
  })) as { revision: number }
  // Any state will do: the cache's own.
  assert.equal(describeList((await http.ask('GET', `${path}?resourceVersion=0`)).text), `old @${old}`)
  const list = http.ask('GET', path)
  const one = http.ask('GET', `${path}/new`)
  for (let turn = 0; turn < 20; turn++) await clock.advance(50)
  lagging.release()
  assert.equal(describeList((await answered(clock, list)).text), `new old @${revision}`)
  assert.equal((await answered(clock, one)).code, 200)
  lagging.hold()
  await lagging.store.commit('/registry/core/configmaps/default/new', revision, 'delete')
  const begun = clock.now()
  const newest = await answered(clock, http.ask('GET', path))
  assert.ok(clock.now() - begun >= 3_000)
  assert.equal(describeList(newest.text), `old @${revision + 1}`, 'the store answers when the cache does not catch up')
  assert.equal((await answered(clock, http.ask('GET', `${path}/new`))).code, 404)
  const begin = JSON.parse((await answered(clock, http.ask('GET', `${path}?limit=1`))).text) as List
  assert.equal(begin.metadata.resourceVersion, String(revision + 1))
  lagging.release()
})

test('a revision that was compacted is refused; a list that was begun there may go on otherwise', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const revisions = [await create(http, 'a'), await create(http, 'b'), await create(http, 'c')]
  const page = JSON.parse((await http.ask('GET', `${path}?limit=1`)).text) as List
  await http.ask('PATCH', `${path}/b`, {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { data: { k: 'v' } },
  })
  await create(http, 'd')
  await fixture.store.compact(await fixture.store.revision())
  const exact = `${path}?resourceVersion=${revisions[0]}&resourceVersionMatch=Exact`
  assert.equal(
    refusalOf(await http.ask('GET', exact)),
    '410 Expired: The resourceVersion for the provided list is too old.',
  )
  assert.equal(
    refusalOf(await http.ask('GET', `${path}?resourceVersion=${revisions[0]}&limit=1`)),
    '410 Expired: The resourceVersion for the provided list is too old.',
  )
  const refused = await http.ask('GET', `${path}?limit=1&continue=${page.metadata.continue}`)
  assert.equal(
    refusalOf(refused),
    '410 Expired: The provided continue parameter is too old to display a consistent list result. You can start a new list ' +
      'without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted ' +
      'between the time the first chunk was returned and now may show up in the list.',
  )
  const token = (JSON.parse(refused.text) as List).metadata.continue!
  assert.equal((JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { rv: number }).rv, -1)
  const newest = await fixture.store.revision()
  const rest = await http.ask('GET', `${path}?continue=${token}`)
  assert.equal(describeList(rest.text), `b c d @${newest}`)
  const next = await http.ask('GET', `${path}?limit=1&continue=${token}`)
  assert.equal(describeList(next.text), `b @${newest} +2`)
})

test('continue tokens are read as upstream reads them', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  await create(http, 'a')
  await create(http, 'b')
  const token = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const v = 'meta.k8s.io/v1'
  const not = '400 BadRequest: invalid continue token: continue key is not valid'
  const rows: [continued: string, expected: string][] = [
    ['***', `${not}: illegal base64 data at input byte 0`],
    ['zzz', `${not}: invalid character 'Ï' looking for beginning of value`],
    [
      token({ v: 'meta.k8s.io/v2', rv: 1, start: 'a' }),
      `${not}: server does not recognize this encoded version meta.k8s.io/v2`,
    ],
    [token({}), `${not}: server does not recognize this encoded version `],
    [token({ v, rv: 0, start: 'a' }), `${not}: incorrect encoded start resourceVersion (version ${v})`],
    [token({ v, rv: 5 }), `${not}: encoded start key empty (version ${v})`],
    [token({ v, rv: 5, start: '../secrets/default/a' }), `${not}: ../secrets/default/a`],
    [token({ v, rv: 5, start: 'default//a' }), `${not}: default//a`],
    [token({ v, rv: 5, start: '/default/' }), `${not}: /default/`],
    [
      token({ v, rv: '5', start: 'a' }),
      `${not}: json: cannot unmarshal string into Go struct field continueToken.rv of type int64`,
    ],
    [
      token({ v, rv: 5, start: 7 }),
      `${not}: json: cannot unmarshal number into Go struct field continueToken.start of type string`,
    ],
  ]
  for (const [continued, expected] of rows) {
    assert.equal(refusalOf(await http.ask('GET', `${path}?continue=${encodeURIComponent(continued)}`)), expected)
  }
  const good = token({ v, rv: -1, start: 'default/a\u0000' })
  assert.equal(
    refusalOf(await http.ask('GET', `${path}?continue=${good}&resourceVersion=3`)),
    '400 BadRequest: specifying resource version is not allowed when using continue',
  )
  const newest = await fixture.store.revision()
  assert.equal(describeList((await http.ask('GET', `${path}?continue=${good}&resourceVersion=0`)).text), `b @${newest}`)
})
