import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { pods } from '#api/core/v1/pod.ts'
import type { HttpRequest } from '#lib/http/message.ts'
import type { Kind } from '../kind.ts'
import type { ApiServer } from '../server.ts'
import { encodeObject, StoredObject } from '../storedObject.ts'
import { encodeReply } from './reply.ts'

const count = 600
const metadata = { resourceVersion: '9' }

/** Pods of many sizes; of some, the line has been made before. */
function items(): readonly StoredObject[] {
  return Array.from({ length: count }, (_, index) => {
    const metadata = { name: `p${index}`, uid: `u${index}`, labels: { long: 'é'.repeat(100 + (index % 40)) } }
    const { value } = encodeObject({ apiVersion: 'v1', kind: 'Pod', metadata })
    const stored = new StoredObject(`/p${index}`, index + 1, value)
    if (index % 3 === 0) void stored.line
    return stored
  })
}

function encoded(listed: readonly StoredObject[], headers: Record<string, string>): ReturnType<typeof encodeReply> {
  return encodeReply(
    {} as ApiServer,
    { headers, query: new Map() } as unknown as HttpRequest,
    {
      type: 'list',
      code: 200,
      kind: { resource: pods, strategy: { resource: pods } } as unknown as Kind,
      items: listed,
      metadata,
    } as Parameters<typeof encodeReply>[2],
  )
}

function listOf(listed: readonly StoredObject[]): object {
  const items = listed.map(({ object: { kind: _, apiVersion: __, ...rest } }) => rest)
  return { kind: 'PodList', apiVersion: 'v1', metadata, items }
}

for (const size of [2, 3, 5, 7, 64, 1_000, 1 << 20]) {
  test(`a long list is whole when it is copied in parts of up to ${size} bytes`, async () => {
    const listed = items()
    const { body } = await encoded(listed, {})
    assert.ok(!Buffer.isBuffer(body) && 'fill' in body)
    const part = Buffer.alloc(size)
    const parts: Buffer[] = []
    for (let filled = body.fill(part); filled > 0; filled = body.fill(part))
      parts.push(Buffer.from(part.subarray(0, filled)))
    const text = Buffer.concat(parts).toString()
    assert.deepEqual(JSON.parse(text), listOf(listed))
    assert.ok(text.endsWith(']}\n'))
  })
}

test('a long list is whole when it is compressed', async () => {
  const listed = items()
  const { body, headers } = await encoded(listed, { 'accept-encoding': 'gzip' })
  assert.equal(headers['content-encoding'], 'gzip')
  assert.ok(!Buffer.isBuffer(body) && !('fill' in body))
  const text = gunzipSync(Buffer.concat(await Array.fromAsync(body))).toString()
  assert.deepEqual(JSON.parse(text), listOf(listed))
})
