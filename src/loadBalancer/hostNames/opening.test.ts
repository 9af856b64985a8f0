import assert from 'node:assert/strict'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { longestOpening, readOpening, type Opening } from './opening.ts'

const read = (text: string): Opening => readOpening(Buffer.from(text, 'latin1'))

describe('the host of a request', () => {
  const rows: readonly [string, string, Opening][] = [
    [
      'a request',
      'GET / HTTP/1.1\r\nHost: web.default.dev.localhost\r\n\r\n',
      { kind: 'http', host: 'web.default.dev.localhost' },
    ],
    [
      'with a port, in any case',
      'POST /a?b HTTP/1.1\r\nA: b\r\nhOST:  Web.localhost:8080 \r\n',
      { kind: 'http', host: 'Web.localhost' },
    ],
    ['an address', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', { kind: 'http', host: '[::1]' }],
    ['without a host', 'GET / HTTP/1.0\r\n\r\n', { kind: 'http', host: undefined }],
    ['a header that only ends like it', 'GET / HTTP/1.1\r\nX-Host: a\r\n\r\n', { kind: 'http', host: undefined }],
    ['the host line is not whole', 'GET / HTTP/1.1\r\nHost: web.def', { kind: 'unfinished' }],
    ['the first line is not whole', 'GET / HT', { kind: 'unfinished' }],
    ['nothing', '', { kind: 'unfinished' }],
    ['a host in the body', 'POST / HTTP/1.1\r\nA: b\r\n\r\nHost: a\r\n', { kind: 'http', host: undefined }],
    ['HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', { kind: 'other' }],
    ['another protocol', 'EHLO me\r\n', { kind: 'other' }],
    ['bytes', '\0\0\0\x08\x04\xd2\x16\x2f', { kind: 'other' }],
    ['a request without end', `GET /${'a'.repeat(longestOpening)}`, { kind: 'other' }],
    ['headers without end', `GET / HTTP/1.1\r\nA: ${'a'.repeat(longestOpening)}`, { kind: 'http', host: undefined }],
  ]
  for (const [name, text, expected] of rows) test(name, () => assert.deepEqual(read(text), expected))
})

/** What a real client sends first. */
async function greeting(servername: string | undefined): Promise<Buffer> {
  await using server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = connectTls({
    socket: connectTcp({ port, host: '127.0.0.1' }),
    ...(servername === undefined ? {} : { servername }),
  })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  return bytes
}

/** Cuts what is in the record of a greeting into records of this size. */
function inRecords(bytes: Buffer, size: number): Buffer {
  const records: Buffer[] = []
  for (let at = 5; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size)
    records.push(Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(records)
}

describe('the server name of a TLS greeting', () => {
  test('is read once it is whole, in however many records', async () => {
    const bytes = await greeting('web.default.dev.localhost')
    const expected: Opening = { kind: 'tls', serverName: 'web.default.dev.localhost' }
    assert.deepEqual(readOpening(bytes), expected)
    assert.deepEqual(readOpening(inRecords(bytes, 50)), expected)
    for (let length = 1; length < bytes.length; length++)
      assert.deepEqual(readOpening(bytes.subarray(0, length)), { kind: 'unfinished' }, String(length))
  })
  test('may be absent', async () => {
    assert.deepEqual(readOpening(await greeting(undefined)), { kind: 'tls', serverName: undefined })
  })
  test('is not read from what is broken', async () => {
    const bytes = await greeting('web.default.dev.localhost')
    for (let at = 5; at < bytes.length; at++) {
      const broken = Buffer.from(bytes)
      broken[at] = broken[at]! ^ 0xff
      const opening = readOpening(broken)
      assert.ok(['tls', 'other', 'unfinished'].includes(opening.kind))
    }
    assert.deepEqual(readOpening(Buffer.from([0x16, 3, 1, 0, 0])), { kind: 'other' })
    assert.deepEqual(readOpening(Buffer.from([0x16, 3, 1, 0, 4, 2, 0, 0, 0])), { kind: 'other' })
    assert.deepEqual(readOpening(Buffer.from([0x16, 3, 1, 0, 4, 1, 255, 255, 255])), { kind: 'other' })
  })
})
