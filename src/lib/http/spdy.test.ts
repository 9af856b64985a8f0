import assert from 'node:assert/strict'
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { SpdySession } from './spdy.ts'
import type { SpdyStream } from './spdy.ts'
import * as frames from './spdyFrames.ts'
import { dictionary, HeaderReader, HeaderWriter } from './spdyHeaders.ts'

function pair(onStream: (stream: SpdyStream) => boolean, maxStreams?: number) {
  const [left, right] = duplexPair()
  const client = new SpdySession(left, { role: 'client' })
  const server = new SpdySession(right, {
    role: 'server',
    onStream,
    ...(maxStreams === undefined ? {} : { maxStreams }),
  })
  return { client, server, [Symbol.dispose]: () => (client.destroy(), server.destroy()) }
}

const echo = (stream: SpdyStream): boolean => {
  stream.pipe(stream)
  return true
}

describe('headers', () => {
  test('the dictionary is that of SPDY/3', () => {
    assert.equal(dictionary.length, 1423)
    // The Adler-32 checksum that every SPDY/3 connection shows in its first header block.
    assert.equal(deflateSync('x', { dictionary }).toString('hex', 2, 6), 'e3c6a7c2')
  })

  test('blocks are read back in order, with one context', async () => {
    const writer = new HeaderWriter()
    const reader = new HeaderReader()
    const sizes = []
    for (const headers of [
      { streamtype: ['stdin'] },
      {},
      { streamtype: ['stdin'], port: ['8080'], many: ['a', 'b'] },
      { streamtype: ['stdin'] },
    ]) {
      const block = await writer.write(headers)
      sizes.push(block.length)
      assert.deepEqual({ ...(await reader.read(block)) }, headers)
    }
    assert.ok(sizes[3]! < sizes[0]!, 'a repeated block is shorter')
    writer.close()
    reader.close()
  })

  test('what Go wrote is understood', async () => {
    // First block of a connection of kubectl 1.28: {streamtype: ["error"]}.
    const reader = new HeaderReader()
    const block = deflateSync(Buffer.from('\0\0\0\x01\0\0\0\x0astreamtype\0\0\0\x05error'), { dictionary })
    assert.deepEqual({ ...(await reader.read(block)) }, { streamtype: ['error'] })
    reader.close()
  })

  test('broken and oversized blocks are refused', async () => {
    const bomb = deflateSync(Buffer.alloc(10_000_000), { dictionary })
    const rows: [Buffer, RegExp][] = [
      [Buffer.from('hello'), /incorrect header check/],
      [deflateSync('x'), /cut short/],
      [deflateSync(Buffer.from([0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]), { dictionary }), /cut short/],
      [bomb, /larger than 65536 bytes/],
    ]
    for (const [block, message] of rows) await assert.rejects(new HeaderReader().read(block), message)
  })
})

describe('frames', () => {
  const all = Buffer.concat([
    frames.encodeSynStream(1, Buffer.from('block'), true),
    frames.encodeSynReply(1, Buffer.from('b')),
    frames.encodeSettings([[4, 100]]),
    frames.encodeDataHead(1, 5, true),
    Buffer.from('hello'),
    frames.encodePing(7),
    frames.encodeWindowUpdate(1, 10),
    frames.encodeDataHead(3, 0, true),
    frames.encodeRstStream(1, 5),
    frames.encodeHeaders(3, Buffer.from('h')),
    frames.encodeGoAway(3, 0),
  ])
  const block = (text: string) => Buffer.from(text)
  const want: frames.Frame[] = [
    { type: 'synStream', stream: 1, fin: true, block: block('block') },
    { type: 'synReply', stream: 1, fin: false, block: block('b') },
    { type: 'ignored' },
    { type: 'data', stream: 1, fin: true, bytes: block('hello') },
    { type: 'ping', id: 7 },
    { type: 'ignored' },
    { type: 'data', stream: 3, fin: true, bytes: block('') },
    { type: 'rstStream', stream: 1, status: 5 },
    { type: 'headers', stream: 3, fin: false, block: block('h') },
    { type: 'goAway', lastStream: 3, status: 0 },
  ]

  test('all kinds are read back', () => assert.deepEqual([...new frames.FrameReader().read(all)], want))

  test('the bytes of a frame', () => {
    assert.equal(
      frames.encodeSynStream(5, Buffer.from('hi'), true).toString('hex'),
      '800300010100000c000000050000000000006869',
    )
    assert.equal(frames.encodeDataHead(5, 2, true).toString('hex'), '0000000501000002')
  })

  test('pieces of any size give the same frames', () => {
    for (const size of [1, 2, 3, 7, 16]) {
      const reader = new frames.FrameReader()
      const got: frames.Frame[] = []
      for (let at = 0; at < all.length; at += size) {
        for (const frame of reader.read(all.subarray(at, at + size))) {
          const last = got.at(-1)
          if (frame.type === 'data' && last?.type === 'data' && !last.fin && last.stream === frame.stream) {
            got[got.length - 1] = { ...frame, bytes: Buffer.concat([last.bytes, frame.bytes]) }
          } else got.push(frame)
        }
      }
      assert.deepEqual(got, want)
    }
  })

  test('what is not SPDY/3 is refused', () => {
    const read = (hex: string) => [...new frames.FrameReader().read(Buffer.from(hex, 'hex'))]
    assert.throws(() => read('8002000100000000'), /SPDY version 2 is not supported/)
    assert.throws(() => read('8003000101ffffff'), /too large/)
    assert.throws(() => read('800300010000000400000001'), /type 1 is cut short/)
  })
})

describe('sessions', () => {
  test('bytes flow both ways and each half ends by itself', async () => {
    using at = pair(echo)
    const stream = await at.client.open({ streamtype: ['stdin'] })
    const sent = Buffer.alloc(3_000_000, 'abc')
    stream.end(sent)
    assert.ok((await buffer(stream)).equals(sent))
    assert.deepEqual([at.client.streamCount, at.server.streamCount], [0, 0])
  })

  test('streams are told apart by their headers', async () => {
    const seen: string[] = []
    using at = pair((stream) => {
      seen.push(`${stream.id} ${stream.header('streamtype')} ${stream.header('port')}`)
      stream.end(stream.header('streamtype'))
      return true
    })
    const streams = await Promise.all(
      ['error', 'data'].map((type) => at.client.open({ streamtype: [type], port: ['80'] })),
    )
    assert.deepEqual(await Promise.all(streams.map((stream) => text(stream))), ['error', 'data'])
    assert.deepEqual(seen, ['1 error 80', '3 data 80'])
  })

  test('data may follow before the stream is accepted', async () => {
    using at = pair(echo)
    const stream = at.client.openNow({})
    stream.end('early')
    assert.equal(await text(stream), 'early')
  })

  test('a stream may be refused', async () => {
    using at = pair((stream) => stream.header('streamtype') === 'good')
    await assert.rejects(at.client.open({ streamtype: ['bad'] }), { message: 'the other side refused the stream' })
    assert.ok(await at.client.open({ streamtype: ['good'] }))
  })

  test('more streams than allowed are refused', async () => {
    using at = pair(() => true, 2)
    await at.client.open({})
    await at.client.open({})
    await assert.rejects(at.client.open({}), { message: 'the other side refused the stream' })
  })

  test('a reset ends the other side', async () => {
    const { promise: opened, resolve } = Promise.withResolvers<SpdyStream>()
    using at = pair((stream) => (resolve(stream), true))
    const ours = await at.client.open({})
    const theirs = await opened
    ours.destroy()
    const [error] = (await once(theirs, 'error')) as [Error]
    assert.equal(error.message, 'the other side reset the stream (status 5)')
  })

  test('pings are answered', async () => {
    using at = pair(echo)
    await at.client.ping()
    await at.server.ping()
  })

  test('closing waits for open streams', async () => {
    using at = pair(echo)
    const stream = await at.client.open({})
    at.client.close()
    assert.throws(() => at.client.openNow({}), /the connection is closing/)
    stream.end('last words')
    assert.equal(await text(stream), 'last words')
    assert.equal(await at.client.closed, undefined)
    assert.equal(await at.server.closed, undefined)
  })

  test('a connection that ends keeps what was read and fails what waits', async () => {
    using at = pair((stream) => {
      stream.write('half')
      return true
    })
    const stream = await at.client.open({})
    await once(stream, 'readable')
    at.server.destroy()
    assert.equal(await text(stream), 'half')
    await assert.rejects(at.client.ping())
  })

  test('a connection that ends with its last bytes loses none of them', async () => {
    const [left, right] = duplexPair()
    const client = new SpdySession(left, { role: 'client' })
    const stream = client.openNow({ streamtype: ['stdout'] })
    const read = text(stream)
    // The answer's headers take a turn to unpack; by then the connection is gone.
    left.once('data', () => left.destroy())
    const reply = frames.encodeSynReply(stream.id, await new HeaderWriter().write({}))
    right.write(Buffer.concat([reply, frames.encodeDataHead(stream.id, 5, true), Buffer.from('hello')]))
    assert.equal(await read, 'hello')
    assert.equal(await client.closed, undefined)
  })

  test('a stream that nobody reads holds the connection back', async () => {
    const { promise: opened, resolve } = Promise.withResolvers<SpdyStream>()
    using at = pair((stream) => (resolve(stream), true))
    const ours = await at.client.open({})
    const theirs = await opened
    let taken = 0
    for (let i = 0; i < 100; i++) ours.write(Buffer.alloc(100_000), () => taken++)
    for (let turn = 0; turn < 300; turn++) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(taken < 50, `${taken} pieces were taken`)
    ours.end()
    assert.equal((await buffer(theirs)).length, 10_000_000)
  })

  test('what is not SPDY ends the session with the reason', async () => {
    const [left, right] = duplexPair()
    const session = new SpdySession(right, { role: 'server' })
    left.on('error', () => undefined)
    left.write('GET / HTTP/1.1\r\n\r\n\x80\x02\0\0\0\0\0\0')
    left.write(Buffer.from('8002000100000000', 'hex'))
    left.end(Buffer.alloc(8_000_000, 0x80))
    assert.match(String(await session.closed), /Error: (SPDY version|control frame)/)
  })

  test('streams with wrong numbers are reset', async () => {
    const [left, right] = duplexPair()
    const session = new SpdySession(right, { role: 'server', onStream: () => true })
    const writer = new HeaderWriter()
    for (const id of [2, 3, 3, 1]) left.write(frames.encodeSynStream(id, await writer.write({})))
    const got: string[] = []
    const reader = new frames.FrameReader()
    for await (const piece of left) {
      for (const frame of reader.read(piece as Buffer)) {
        if (frame.type === 'rstStream') got.push(`reset ${frame.stream} ${frame.status}`)
        if (frame.type === 'synReply') got.push(`reply ${frame.stream}`)
      }
      if (got.length === 4) break
    }
    assert.deepEqual(got, ['reset 2 1', 'reply 3', 'reset 3 1', 'reset 1 1'])
    session.destroy()
    writer.close()
  })
})
