/** Requests made to keep a server busy: each is answered, and no other client waits long meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { startServer } from '../integration/apiServerFixture.ts'
import { listen } from '../integration/apiServerHttp.ts'

const megabyte = 1024 * 1024

/** Milliseconds of work for which the server may do nothing else: three times what the slowest takes on a usual machine. */
const longestStall = 6_000

const configMaps = '/api/v1/namespaces/default/configmaps'
const pods = '/api/v1/namespaces/default/pods'

interface Hostile {
  readonly note: string
  readonly method: string
  readonly path: string
  readonly type?: string
  readonly body?: string | Buffer
  readonly code: number
  readonly text?: RegExp
}

/** `count` times `part`, never longer than what is read. */
const many = (part: string | ((index: number) => string), size = 3 * megabyte - 200): string => {
  const pieces: string[] = []
  for (let length = 0, index = 0; ; index++) {
    const piece = typeof part === 'string' ? part : part(index)
    if ((length += piece.length) > size) return pieces.join('')
    pieces.push(piece)
  }
}

const named = (rest: string): string => `{"metadata":{"name":"x"},${rest}}`
const listOf = (items: string): string => `[${items.replace(/,$/, '')}]`
const mapOf = (members: string): string => `{${members.replace(/,$/, '')}}`

const merge = 'application/merge-patch+json'
const strategic = 'application/strategic-merge-patch+json'
const operations = 'application/json-patch+json'
const yaml = 'application/yaml'
const protobuf = 'application/vnd.kubernetes.protobuf'
const a = `${configMaps}/a`

const doubling = Array.from({ length: 60 }, (_, index) => ({ op: 'copy', from: '/data', path: `/data/k${index}` }))

const hostile: readonly Hostile[] = [
  {
    note: 'a value of 2 MiB',
    method: 'POST',
    path: configMaps,
    body: named(`"data":{"a":"${'x'.repeat(2 * megabyte)}"}`),
    code: 422,
    text: /may not be more than 1048576 bytes/,
  },
  {
    note: 'more than 3 MiB',
    method: 'POST',
    path: configMaps,
    body: named(`"data":{"a":"${'x'.repeat(3 * megabyte)}"}`),
    code: 413,
    text: /limit is 3145728/,
  },
  {
    note: 'a hundred levels',
    method: 'POST',
    path: `${configMaps}?dryRun=All`,
    body: named(`"x":${'{"a":'.repeat(100)}1${'}'.repeat(100)}`),
    code: 201,
  },
  {
    note: 'a hundred thousand levels',
    method: 'POST',
    path: configMaps,
    body: named(`"x":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
    code: 400,
    text: /exceeded max depth/,
  },
  { note: 'a million brackets', method: 'POST', path: configMaps, body: '['.repeat(megabyte), code: 400 },
  {
    note: 'a million brackets in a patch',
    method: 'PATCH',
    path: a,
    type: merge,
    body: '['.repeat(megabyte),
    code: 400,
  },
  {
    note: 'many keys',
    method: 'POST',
    path: configMaps,
    body: named(`"data":${mapOf(many((index) => `"${index}":"",`))}`),
    code: 413,
  },
  {
    note: 'many labels',
    method: 'POST',
    path: configMaps,
    body: `{"metadata":{"name":"x","labels":${mapOf(many((index) => `"-${index}":"-",`))}}}`,
    code: 422,
  },
  {
    note: 'many unknown fields',
    method: 'POST',
    path: `${configMaps}?fieldValidation=Strict`,
    body: named(mapOf(many((index) => `"x${index}":1,`)).slice(1, -1)),
    code: 400,
  },
  {
    note: 'many equal fields',
    method: 'POST',
    path: `${configMaps}?fieldValidation=Strict`,
    body: named(mapOf(many('"data":{},')).slice(1, -1)),
    code: 400,
  },
  {
    note: 'many containers',
    method: 'POST',
    path: pods,
    body: named(`"spec":{"containers":${listOf(many('{"name":"a"},'))}}`),
    code: 422,
  },
  {
    note: 'many variables',
    method: 'POST',
    path: pods,
    body: named(
      `"spec":{"containers":[{"name":"a","image":"a","env":${listOf(many((index) => `{"name":"V${index}"},`))}}]}`,
    ),
    code: 413,
  },
  {
    note: 'many volumes',
    method: 'POST',
    path: pods,
    body: named(
      `"spec":{"containers":[{"name":"a","image":"a"}],"volumes":${listOf(many((index) => `{"name":"v${index}","emptyDir":{}},`))}}`,
    ),
    code: 413,
  },
  {
    note: 'many finalizers',
    method: 'POST',
    path: configMaps,
    body: `{"metadata":{"name":"x","finalizers":${listOf(many('"a/b",'))}}}`,
    code: 413,
  },
  {
    note: 'many owners',
    method: 'POST',
    path: configMaps,
    body: `{"metadata":{"name":"x","ownerReferences":${listOf(many('{},'))}}}`,
    code: 422,
  },
  {
    note: 'many escapes',
    method: 'POST',
    path: configMaps,
    body: named(`"data":{"a":"${many('\\u0000')}"}`),
    code: 413,
  },
  { note: 'a long number', method: 'POST', path: configMaps, body: named(`"data":{"a":${many('9')}}`), code: 400 },
  {
    note: 'a long quantity',
    method: 'POST',
    path: pods,
    body: named(`"spec":{"containers":[{"name":"a","image":"a","resources":{"limits":{"cpu":"${many('9')}"}}}]}`),
    code: 400,
  },
  { note: 'a long name', method: 'POST', path: configMaps, body: `{"metadata":{"name":"${many('a.')}"}}`, code: 422 },
  {
    note: 'a long image',
    method: 'POST',
    path: pods,
    body: named(`"spec":{"containers":[{"name":"a","image":"${many('a/')}"}]}`),
    code: 413,
  },
  {
    note: 'flat YAML',
    method: 'POST',
    path: configMaps,
    type: yaml,
    body: many((index) => `k${index}: v\n`),
    code: 413,
  },
  { note: 'a YAML list', method: 'POST', path: configMaps, type: yaml, body: many('- a\n'), code: 413 },
  { note: 'deep YAML', method: 'POST', path: configMaps, type: yaml, body: many('[', 100_000), code: 400 },
  { note: 'deep YAML of dashes', method: 'POST', path: configMaps, type: yaml, body: many('- ', 100_000), code: 400 },
  {
    note: 'YAML anchors',
    method: 'POST',
    path: configMaps,
    type: yaml,
    body: many((index) => `k${index}: &a${index} v\n`),
    code: 413,
  },
  {
    note: 'YAML aliases',
    method: 'POST',
    path: configMaps,
    type: yaml,
    body: `a: &a [${'x,'.repeat(1_000)}]\n${many((index) => `k${index}: *a\n`, megabyte - 50_000)}`,
    code: 400,
  },
  {
    note: 'YAML merge keys',
    method: 'POST',
    path: configMaps,
    type: yaml,
    body: `a: &a {b: c}\n${many((index) => `k${index}:\n  <<: [*a, *a, *a, *a]\n`, megabyte - 50_000)}`,
    code: 400,
  },
  {
    note: 'YAML quotes',
    method: 'POST',
    path: configMaps,
    type: yaml,
    body: `a: "${many('\\x41', megabyte - 50_000)}`,
    code: 400,
  },
  { note: 'YAML comments', method: 'POST', path: configMaps, type: yaml, body: many('#\n'), code: 413 },
  { note: 'YAML keys of keys', method: 'POST', path: configMaps, type: yaml, body: many('? ', 100_000), code: 400 },
  {
    note: 'a copy that doubles',
    method: 'PATCH',
    path: a,
    type: operations,
    body: JSON.stringify(doubling),
    code: 422,
  },
  {
    note: 'ten thousand tests',
    method: 'PATCH',
    path: a,
    type: operations,
    body: JSON.stringify(Array.from({ length: 10_000 }, () => ({ op: 'test', path: '/data/x', value: '1' }))),
    code: 200,
  },
  {
    note: 'ten thousand inserts',
    method: 'PATCH',
    path: a,
    type: operations,
    body: listOf(
      '{"op":"add","path":"/metadata/finalizers","value":[]},' +
        many('{"op":"add","path":"/metadata/finalizers/0","value":"a/b"},', 560_000),
    ),
    code: 200,
  },
  {
    note: 'a patch of many keys',
    method: 'PATCH',
    path: a,
    type: merge,
    body: `{"data":${mapOf(many((index) => `"k${index}":"",`))}}`,
    code: 413,
  },
  {
    note: 'a strategic patch of a long list',
    method: 'PATCH',
    path: `${pods}/a`,
    type: strategic,
    body: `{"spec":{"tolerations":${listOf(many((index) => `{"key":"k${index}"},`))}}}`,
    code: 413,
  },
  {
    note: 'a strategic patch of many list items',
    method: 'PATCH',
    path: `${pods}/a`,
    type: strategic,
    body: `{"spec":{"volumes":${listOf(many((index) => `{"name":"v${index}"},`, megabyte))}}}`,
    code: 422,
  },
  {
    note: 'a strategic patch with an order',
    method: 'PATCH',
    path: `${pods}/a`,
    type: strategic,
    body: `{"spec":{"$setElementOrder/volumes":${listOf(many((index) => `{"name":"v${index}"},`, megabyte))}}}`,
    code: 200,
  },
  {
    note: 'protobuf of zeros',
    method: 'POST',
    path: configMaps,
    type: protobuf,
    body: Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(2 * megabyte)]),
    code: 422,
  },
  {
    note: 'protobuf of many messages',
    method: 'POST',
    path: configMaps,
    type: protobuf,
    body: envelope(Buffer.from(many('\x12\x00'), 'latin1')),
    code: 422,
  },
  {
    note: 'deep protobuf',
    method: 'POST',
    path: configMaps,
    type: protobuf,
    body: envelope(Buffer.from(many('\x0a\x7f', 10_000), 'latin1')),
    code: 400,
  },
  { note: 'protobuf without a prefix', method: 'POST', path: configMaps, type: protobuf, body: '{}', code: 400 },
  {
    note: 'a selector of many terms',
    method: 'GET',
    path: `${configMaps}?labelSelector=${many('a,', 30_000)}a`,
    code: 200,
  },
  {
    note: 'a selector of many values',
    method: 'GET',
    path: `${configMaps}?labelSelector=a+in+(${many('a,', 30_000)}a)`,
    code: 200,
  },
  {
    note: 'a selector of brackets',
    method: 'GET',
    path: `${configMaps}?labelSelector=${many('(', 30_000)}`,
    code: 400,
  },
  { note: 'many parameters', method: 'GET', path: `${configMaps}?${many('a=b&', 30_000)}`, code: 200 },
  {
    note: 'a continue token that is none',
    method: 'GET',
    path: `${configMaps}?limit=1&continue=${many('e', 30_000)}`,
    code: 400,
  },
]

/**
 * Measures for how long nothing else could be done, in milliseconds that this thread worked: what other programs of the
 * machine take does not count.
 */
function watchLoop(): { end(): number } {
  const worked = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  let longest = 0
  let last = worked()
  const look = (): void => {
    const now = worked()
    longest = Math.max(longest, now - last)
    last = now
  }
  const timer = setInterval(look, 5)
  return {
    end() {
      look()
      clearInterval(timer)
      return Math.round(longest)
    },
  }
}

function envelope(raw: Buffer): Buffer {
  const type = Buffer.from('\x0a\x0f\x0a\x02v1\x12\x09ConfigMap', 'latin1')
  const length: number[] = []
  for (let rest = raw.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest >= 128 ? (rest % 128) | 128 : rest)
    if (rest < 128) break
  }
  return Buffer.concat([Buffer.from('k8s\0'), type, Buffer.from([0x12, ...length]), raw])
}

test('no request keeps the server from answering others', async (t) => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const start: readonly [string, object][] = [
    [configMaps, { metadata: { name: 'a' }, data: { x: '1' } }],
    [pods, { metadata: { name: 'a' }, spec: { containers: [{ name: 'a', image: 'a' }] } }],
  ]
  for (const [path, body] of start) assert.equal((await http.ask('POST', path, { body })).code, 201)
  const slow: string[] = []
  const wrong: string[] = []
  for (const { note, method, path, type = 'application/json', body, code, text } of hostile) {
    const watch = watchLoop()
    const answer = await http.ask(method, path, body === undefined ? {} : { headers: { 'content-type': type }, body })
    const stall = watch.end()
    if (stall > 150) slow.push(`${note}: ${stall} ms`)
    if (stall > longestStall) wrong.push(`${note}: nothing else was done for ${stall} ms`)
    if (answer.code !== code) wrong.push(`${note}: ${answer.code} instead of ${code}: ${answer.text.slice(0, 300)}`)
    if (text !== undefined && !text.test(answer.text)) wrong.push(`${note}: ${answer.text.slice(0, 300)}`)
    if (answer.text.length > 32 * megabyte) wrong.push(`${note}: an answer of ${answer.text.length} bytes`)
    if (answer.code === 201) await http.ask('DELETE', `${configMaps}/x`)
  }
  t.diagnostic(slow.join('; '))
  assert.deepEqual(wrong, [])
  assert.deepEqual(fixture.bugs, [])
})
