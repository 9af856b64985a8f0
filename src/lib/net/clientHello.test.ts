import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { readClientHello } from './clientHello.ts'

const read = (bytes: Uint8Array) => readClientHello(bytes, 32 * 1024)

/** What a real client sends first. */
async function helloOf(servername: string): Promise<Buffer> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bytes = await new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => socket.once('data', resolve).once('data', () => socket.destroy()))
    const { port } = server.address() as AddressInfo
    connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false }).on('error', () => undefined)
  })
  server.close()
  return bytes
}

test('the name is found, however the message is cut', async () => {
  const hello = await helloOf('shop.example.com')
  assert.deepEqual(read(hello), { serverName: 'shop.example.com' })
  assert.deepEqual(read(Buffer.concat([hello, Buffer.from('GET / HTTP/1.1')])), { serverName: 'shop.example.com' })
  for (let size = 0; size < hello.length; size++) assert.equal(read(hello.subarray(0, size)), 'unfinished')
  const records: Buffer[] = []
  for (let at = 5; at < hello.length; at += 50) {
    const piece = hello.subarray(at, at + 50)
    records.push(Buffer.from([22, 3, 1, 0, piece.length]), piece)
  }
  assert.deepEqual(read(Buffer.concat(records)), { serverName: 'shop.example.com' })
})

test('who asks for no name, or is no TLS client, is told from others', async () => {
  assert.deepEqual(read(await helloOf('')), { serverName: undefined })
  assert.equal(read(Buffer.from('GET / HTTP/1.1\r\n\r\n')), 'other')
  assert.equal(read(Buffer.from([22, 3, 1, 0, 0])), 'other')
  assert.equal(read(Buffer.from([22, 3, 1, 0, 4, 1, 255, 255, 255])), 'other')
})

test('a message with lengths that lie is none', async () => {
  const hello = await helloOf('shop.example.com')
  for (let at = 9; at < hello.length; at++) {
    const broken = Buffer.from(hello)
    broken[at] = 255
    const found = read(broken)
    assert.ok(typeof found === 'string' || (found.serverName?.length ?? 0) <= 16, String(at))
  }
})
