// Discovery and OpenAPI: their tags, how long clients may keep them, and their forms.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { test } from 'node:test'
import { clientOver } from '#client/client.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { decodeProtobuf } from '#machinery/codec/protobuf.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, type HttpAnswer, type HttpFixture } from './apiServerHttp.ts'
import { define } from './customResourcesFixture.ts'

const aggregated = 'g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const protobufV3 = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'
const get = (http: HttpFixture, path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> =>
  http.ask('GET', path, { headers: { accept: 'application/json', ...headers } })

test('aggregated discovery has a tag that changes with what is served', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  for (const root of ['/api', '/apis']) {
    const accept = `application/json;${aggregated}`
    const answer = await get(http, root, { accept })
    const { etag, vary, 'cache-control': cacheControl, 'content-type': contentType } = answer.headers
    assert.match(etag!, /^"[0-9A-F]{128}"$/)
    assert.deepEqual([vary, cacheControl, contentType], ['Accept', 'public', accept])
    const known = await get(http, root, { accept, 'if-none-match': etag! })
    assert.deepEqual([known.code, known.text, known.headers.etag, known.headers['vary']], [304, '', etag, 'Accept'])
    assert.equal((await get(http, root, { accept, 'if-none-match': '"other"' })).code, 200)
    const inProtobuf = await get(http, root, { accept: `application/vnd.kubernetes.protobuf;${aggregated}` })
    assert.equal(inProtobuf.headers['content-type'], `application/vnd.kubernetes.protobuf;${aggregated}`)
    assert.equal(inProtobuf.headers.etag, etag)
    const kind = { group: 'apidiscovery.k8s.io', version: 'v2', kind: 'APIGroupDiscoveryList' }
    const decoded = decodeProtobuf(inProtobuf.bytes, kind)
    assert.ok('object' in decoded)
    const items = (object: unknown): number => (object as { items: unknown[] }).items.length
    assert.equal(items(decoded.object), items(JSON.parse(answer.text)))
    // Nobody keeps the list of what to ask for.
    const plain = await get(http, root)
    assert.deepEqual([plain.headers.etag, plain.headers['cache-control']], [undefined, 'no-cache, private'])
  }
  const accept = `application/json;${aggregated}`
  const before = (await get(http, '/apis', { accept })).headers.etag!
  await define(clientOver(fixture.transport))
  const after = await get(http, '/apis', { accept, 'if-none-match': before })
  assert.equal(after.code, 200)
  assert.match(after.text, /"example\.com"/)
  assert.notEqual(after.headers.etag, before)
  assert.equal((await get(http, '/apis/example.com/v1')).code, 200)
  assert.deepEqual(fixture.bugs, [])
})

test('every document of version 3 is under an address that never changes', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  const index = await get(http, '/openapi/v3')
  assert.equal((await get(http, '/openapi/v3', { 'if-none-match': index.headers.etag! })).code, 304)
  const { paths } = JSON.parse(index.text) as { paths: Record<string, { serverRelativeURL: string }> }
  for (const name of ['api/v1', 'apis/apps/v1', 'version']) {
    const address = paths[name]!.serverRelativeURL
    const hash = new URL(address, 'https://localhost').searchParams.get('hash')!
    assert.match(hash, /^[0-9A-F]{128}$/, name)
    const answer = await get(http, address)
    const { etag, vary, expires, 'cache-control': cacheControl } = answer.headers
    assert.deepEqual([answer.code, etag, vary, cacheControl], [200, `"${hash}"`, 'Accept', 'public, immutable'], name)
    assert.equal(Date.parse(expires!) - clock.now(), 365 * 86_400_000)
    const unnamed = await get(http, `/openapi/v3/${name}`)
    assert.deepEqual([unnamed.headers.etag, unnamed.headers['cache-control']], [etag, 'no-cache, private'])
    assert.equal(unnamed.headers.expires, undefined)
    assert.equal(unnamed.text, answer.text)
    for (const type of [protobufV3, protobufV3.replace('v3.v1', 'v3@v1')]) {
      const inProtobuf = await get(http, address, { accept: type })
      const { 'content-type': contentType, etag: tag } = inProtobuf.headers
      assert.deepEqual([inProtobuf.code, contentType, tag], [200, protobufV3, etag])
      // The first field: the version, of five bytes.
      assert.equal(inProtobuf.bytes.toString('latin1', 0, 7), '\n\x053.0.0')
    }
    for (const known of [etag!, `W/${etag}`, `"other", ${etag}`, '*']) {
      const same = await get(http, address, { 'if-none-match': known })
      assert.deepEqual([same.code, same.text, same.headers['cache-control']], [304, '', 'public, immutable'], known)
    }
    const moved = await get(http, `/openapi/v3/${name}?hash=old`)
    assert.deepEqual([moved.code, moved.headers.location, moved.headers.etag], [301, address, etag])
  }
  assert.equal((await get(http, '/openapi/v3/apis/none/v1')).code, 404)
  assert.equal((await get(http, '/openapi/v3', { accept: 'text/html' })).code, 406)
  assert.deepEqual(fixture.bugs, [])
})

test('the document of version 2 has a tag and is compressed for those who can take it', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const protobuf = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
  for (const accept of ['application/json', protobuf]) {
    const plain = await get(http, '/openapi/v2', { accept })
    assert.deepEqual([plain.headers['vary'], plain.headers['content-encoding']], ['Accept', undefined])
    const tag = `"${createHash('sha512').update(plain.bytes).digest('hex').toUpperCase()}"`
    assert.equal(plain.headers.etag, tag)
    const compressed = await get(http, '/openapi/v2', { accept, 'accept-encoding': 'gzip' })
    assert.deepEqual(
      [compressed.headers['vary'], compressed.headers['content-encoding'], compressed.headers.etag],
      ['Accept, Accept-Encoding', 'gzip', tag],
    )
    assert.ok(gunzipSync(compressed.bytes).equals(plain.bytes))
    const known = await get(http, '/openapi/v2', { accept, 'accept-encoding': 'gzip', 'if-none-match': tag })
    assert.deepEqual([known.code, known.text], [304, ''])
  }
  assert.deepEqual(fixture.bugs, [])
})

test('what people read is indented', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  for (const path of ['/', '/version']) assert.match((await get(http, path)).text, /^\{\n {2}"/, path)
  for (const path of ['/api', '/apis', '/apis/apps', '/apis/apps/v1', '/api/v1']) {
    assert.match((await get(http, path)).text, /^\{"kind":/, path)
    assert.match((await get(http, path, { 'user-agent': 'curl/8.0' })).text, /^\{\n {2}"kind":/, path)
    assert.match((await get(http, `${path}?pretty=true`)).text, /^\{\n {2}"kind":/, path)
    assert.match((await get(http, path, { accept: 'application/yaml' })).text, /^apiVersion: v1\n/, path)
  }
})
