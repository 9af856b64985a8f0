import assert from 'node:assert/strict'
import { connect as connectNet } from 'node:net'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import type { Authority } from '#lib/pki/certificate.ts'
import { collectBody } from './body.ts'
import { HttpClient } from './client.ts'
import type { ClientTls, HttpClientOptions } from './client.ts'
import { BodyError } from './message.ts'
import type { HttpHandler, HttpReply, HttpRequest } from './message.ts'
import { HttpServer } from './server.ts'
import type { HttpServerOptions, TlsIdentity } from './server.ts'

const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
const authority = createAuthority({ commonName: 'test' }, validity)
const stranger = createAuthority({ commonName: 'test' }, validity)

function issue(
  from: Authority,
  commonName: string,
  organizations: string[] = [],
): { certificate: string; key: string } {
  const keys = generateKey()
  const certificate = issueCertificate(from, {
    subject: { commonName, organizations },
    publicKey: keys.publicKey,
    extendedUsages: ['serverAuth', 'clientAuth'],
    dnsNames: ['localhost'],
    addresses: ['127.0.0.1'],
    ...validity,
  })
  return { certificate: certificatePem(certificate), key: privateKeyPem(keys.privateKey) }
}

const authorityPem = certificatePem(authority.certificate)
const identity: TlsIdentity = { ...issue(authority, 'server'), clientAuthority: authorityPem }

type Protocol = 'h1' | 'h2' | 'plain'

async function start(
  protocol: Protocol,
  handler: HttpHandler,
  options: Partial<HttpServerOptions> = {},
  client: Partial<HttpClientOptions> = {},
) {
  const server = new HttpServer({ handler, ...(protocol === 'plain' ? {} : { tls: identity }), ...options })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const url = `${protocol === 'plain' ? 'http' : 'https'}://127.0.0.1:${port}`
  const tls: ClientTls = { authority: authorityPem }
  const asker = new HttpClient({ url, tls, ...(protocol === 'plain' ? {} : { protocol }), ...client })
  return {
    server,
    port,
    client: asker,
    async [Symbol.asyncDispose]() {
      asker.close()
      await server.close(AbortSignal.abort())
    },
  }
}

for (const protocol of ['h1', 'h2', 'plain'] as const) {
  describe(`serving ${protocol}`, () => {
    test('a request arrives whole and its reply too', async () => {
      await using at = await start(protocol, async (request, reply) => {
        const body = await request.readBody(1_000)
        const { method, path, search, remoteAddress } = request
        const seen = {
          method,
          path,
          search,
          a: request.query.getAll('a'),
          many: request.headerValues('x-many'),
          remoteAddress,
          body: body.toString(),
        }
        reply.send(201, { 'content-type': 'application/json', 'x-b': ['1', '2'] }, JSON.stringify(seen))
      })
      const response = await at.client.request({
        method: 'POST',
        path: '/a%2Fb?a=1&a=2%20',
        headers: { 'x-many': ['one, two', 'three'] },
        body: 'hello',
      })
      assert.equal(response.status, 201)
      assert.equal(response.headers['x-b'], '1, 2')
      assert.deepEqual(JSON.parse((await response.readBody(1_000)).toString()), {
        method: 'POST',
        path: '/a%2Fb',
        search: 'a=1&a=2%20',
        a: ['1', '2 '],
        many: ['one, two', 'three'],
        remoteAddress: '127.0.0.1',
        body: 'hello',
      })
    })

    test('empty bodies, bodyless statuses and HEAD', async () => {
      await using at = await start(protocol, async (request, reply) => {
        assert.equal((await request.readBody(10)).length, 0)
        if (request.path === '/none') reply.send(204, {})
        else reply.send(200, {}, request.path === '/empty' ? '' : 'text')
      })
      const lengths = []
      for (const [method, path] of [
        ['GET', '/none'],
        ['GET', '/empty'],
        ['HEAD', '/text'],
        ['GET', '/text'],
      ] as const) {
        const response = await at.client.request({ method, path })
        lengths.push([response.status, response.headers['content-length'], (await response.readBody(10)).toString()])
      }
      assert.deepEqual(lengths, [
        [204, undefined, ''],
        [200, '0', ''],
        [200, '4', ''],
        [200, '4', 'text'],
      ])
    })

    test('a body beyond the limit is refused with 413, and the connection can go on', async () => {
      await using at = await start(protocol, async (request, reply) => {
        try {
          reply.send(200, {}, String((await request.readBody(100_000)).length))
        } catch (error) {
          assert.ok(error instanceof BodyError)
          reply.send(error.status, {}, error.message)
        }
      })
      const sizes = [100_000, 100_001, 3_000_000, 5]
      const answers = []
      for (const size of sizes) {
        const response = await at.client.request({ method: 'POST', path: '/', body: Buffer.alloc(size) })
        answers.push(`${response.status} ${(await response.readBody(1_000)).toString()}`)
      }
      const refusal = '413 request body is larger than 100000 bytes'
      assert.deepEqual(answers, ['200 100000', refusal, refusal, '200 5'])
    })

    test('pieces are joined and arrive in order', async () => {
      await using at = await start(protocol, async (_, reply) => {
        function* pieces() {
          for (let i = 0; i < 20_000; i++) yield Buffer.from(`${i},`.padEnd(100, '.'))
        }
        await reply.sendPieces(200, {}, pieces())
      })
      const body = await (await at.client.request({ path: '/' })).readBody(10_000_000)
      assert.equal(body.length, 2_000_000)
      assert.ok(body.toString('latin1', 1_999_900).startsWith('19999,'))
    })

    test('a body that is copied part by part arrives whole, though all parts are of one buffer', async () => {
      const length = 3_000_000
      await using at = await start(protocol, async (_, reply) => {
        let sent = 0
        const fill = (part: Buffer): number => {
          const size = Math.min(part.length - 1, length - sent)
          for (let i = 0; i < size; i++) part[i] = (sent + i) % 251
          sent += size
          return size
        }
        await reply.sendPieces(200, {}, { fill })
      })
      const body = await (await at.client.request({ path: '/' })).readBody(10_000_000)
      assert.equal(body.length, length)
      assert.equal(
        body.findIndex((byte, index) => byte !== index % 251),
        -1,
      )
    })

    test('a body whose copying fails is cut short, visibly', async () => {
      const errors: unknown[] = []
      await using at = await start(
        protocol,
        async (_, reply) => {
          let isFirst = true
          const fill = (part: Buffer): number => {
            if (!isFirst) throw new Error('broken')
            isFirst = false
            return part.length
          }
          await reply.sendPieces(200, {}, { fill })
        },
        { onError: (error) => errors.push((error as Error).message) },
      )
      const response = await at.client.request({ path: '/' })
      await assert.rejects(response.readBody(1_000_000), { name: 'HttpClientError', problem: 'closed' })
      assert.deepEqual(errors, ['broken'])
    })

    test('pieces that fail cut the body short, visibly', async () => {
      const errors: unknown[] = []
      await using at = await start(
        protocol,
        async (_, reply) => {
          async function* pieces() {
            yield Buffer.alloc(200_000)
            throw new Error('broken')
          }
          await reply.sendPieces(200, {}, pieces())
        },
        { onError: (error) => errors.push((error as Error).message) },
      )
      const response = await at.client.request({ path: '/' })
      await assert.rejects(response.readBody(1_000_000), { name: 'HttpClientError', problem: 'closed' })
      assert.deepEqual(errors, ['broken'])
    })

    test('the head and each piece arrive while the source still pauses', async () => {
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      await using at = await start(protocol, async (_, reply) => {
        async function* pieces() {
          await gates[0]!.promise
          yield Buffer.from('a')
          await gates[1]!.promise
          yield Buffer.from('b')
        }
        await reply.sendPieces(200, {}, pieces())
      })
      const response = await at.client.request({ path: '/' })
      const body = response.body[Symbol.asyncIterator]()
      gates[0]!.resolve()
      assert.equal((await body.next()).value!.toString(), 'a')
      gates[1]!.resolve()
      assert.equal((await body.next()).value!.toString(), 'b')
      assert.equal((await body.next()).done, true)
    })

    test('a stream delivers what is written while it is open', async () => {
      let stream: ReturnType<HttpReply['stream']> | undefined
      await using at = await start(
        protocol,
        (_, reply) => void (stream = reply.stream(200, { 'content-type': 'text/plain' })),
      )
      const response = await at.client.request({ path: '/' })
      const body = response.body[Symbol.asyncIterator]()
      stream!.write(Buffer.from('a'))
      stream!.write(Buffer.from('b'))
      assert.equal((await body.next()).value!.toString(), 'ab')
      stream!.write(Buffer.from('c'))
      stream!.end()
      assert.equal(stream!.write(Buffer.from('late')), false)
      assert.equal((await body.next()).value!.toString(), 'c')
      assert.equal((await body.next()).done, true)
    })

    test('a slow reader shows as a growing buffer', async () => {
      const { promise: opened, resolve: open } = Promise.withResolvers<ReturnType<HttpReply['stream']>>()
      await using at = await start(protocol, (_, reply) => open(reply.stream(200, {})))
      const response = await at.client.request({ path: '/' })
      const stream = await opened
      const piece = Buffer.alloc(1024 * 1024)
      let written = 0
      while (stream.write(piece)) {
        written++
        await new Promise((resolve) => setImmediate(resolve))
        assert.ok(written < 1_000, 'the buffer never filled')
      }
      assert.ok(stream.bufferedBytes >= 1024 * 1024)
      void stream.drained().then(() => stream.end())
      const body = await response.readBody(1_000 * 1024 * 1024)
      assert.equal(body.length, (written + 1) * piece.length)
    })

    test('the signal aborts when the client goes away', async () => {
      const { promise: gone, resolve } = Promise.withResolvers<string>()
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
      await using at = await start(protocol, (request) => {
        request.signal.addEventListener('abort', () => resolve((request.signal.reason as Error).message))
        begin()
      })
      const controller = new AbortController()
      const asked = at.client.request({ path: '/', signal: controller.signal })
      await begun
      controller.abort(new Error('enough'))
      await assert.rejects(asked, { message: 'enough' })
      assert.equal(await gone, 'the client closed the connection')
    })

    test('the signal stays quiet when the reply completes', async () => {
      const { promise: done, resolve } = Promise.withResolvers<boolean>()
      await using at = await start(protocol, (request, reply) => {
        const { signal } = request
        reply.onDone(() => resolve(signal.aborted))
        reply.send(200, {}, 'x')
      })
      await (await at.client.request({ path: '/' })).readBody(10)
      assert.equal(await done, false)
    })

    test('a handler that throws becomes a 500', async () => {
      const errors: string[] = []
      await using at = await start(
        protocol,
        (request) => {
          if (request.path === '/now') throw new Error('now')
          return Promise.reject(new Error('later'))
        },
        { onError: (error) => errors.push((error as Error).message) },
      )
      for (const path of ['/now', '/later']) {
        const response = await at.client.request({ path })
        assert.equal(response.status, 500)
        assert.equal((await response.readBody(100)).toString(), 'Internal Server Error\n')
      }
      assert.deepEqual(errors, ['now', 'later'])
    })

    test('closing lets requests finish and refuses later ones', async () => {
      const { promise: begun, resolve: begin } = Promise.withResolvers<HttpReply>()
      await using at = await start(protocol, (_, reply) => begin(reply))
      const asked = at.client.request({ path: '/' })
      const reply = await begun
      const closing = at.server.close()
      assert.equal(at.server.draining.aborted, true)
      reply.send(200, {}, 'done')
      assert.equal((await (await asked).readBody(100)).toString(), 'done')
      await closing
      assert.equal(at.server.connectionCount, 0)
      await assert.rejects(at.client.request({ path: '/' }), { problem: 'refused' })
    })

    test('closing cuts what is left when the signal says so', async () => {
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
      await using at = await start(protocol, () => begin())
      const asked = at.client.request({ path: '/' })
      await begun
      const cut = new AbortController()
      const closing = at.server.close(cut.signal)
      cut.abort()
      await assert.rejects(asked, { problem: 'closed' })
      await closing
    })

    test('a body may be sent as it comes', async () => {
      await using at = await start(protocol, async (request, reply) => {
        let size = 0
        for await (const piece of request.bodyPieces()) size += piece.length
        reply.send(200, {}, String(size))
      })
      async function* pieces() {
        for (let i = 0; i < 50; i++) yield Buffer.alloc(10_000)
      }
      // A deletion has its options there.
      for (const method of ['POST', 'DELETE']) {
        const response = await at.client.request({ method, path: '/', body: pieces() })
        assert.equal((await response.readBody(100)).toString(), '500000', method)
      }
    })
  })
}

describe('the bytes of a stream over HTTP/1.1', () => {
  async function bytesOf(version: '1.0' | '1.1', pieces: readonly string[]): Promise<string> {
    await using at = await start('plain', async (_, reply) => {
      const stream = reply.stream(200, { date: 'today' })
      for (const piece of pieces) {
        stream.write(Buffer.from(piece))
        await new Promise((resolve) => setImmediate(resolve))
      }
      stream.end()
    })
    const socket = connectNet({ host: '127.0.0.1', port: at.port })
    socket.write(`GET / HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`)
    const answer = await text(socket)
    return answer.slice(answer.indexOf('\r\n\r\n') + 4)
  }

  const long = 'x'.repeat(300_000)
  const rows: readonly {
    readonly name: string
    readonly version: '1.0' | '1.1'
    readonly pieces: readonly string[]
    readonly bytes: string
  }[] = [
    {
      name: 'each turn is a chunk',
      version: '1.1',
      pieces: ['one', 'and a second'],
      bytes: '3\r\none\r\nc\r\nand a second\r\n0\r\n\r\n',
    },
    {
      name: 'nothing is no end',
      version: '1.1',
      pieces: ['a', '', 'b'],
      bytes: '1\r\na\r\n1\r\nb\r\n0\r\n\r\n',
    },
    { name: 'long chunks too', version: '1.1', pieces: [long], bytes: `493e0\r\n${long}\r\n0\r\n\r\n` },
    { name: 'older clients get no chunks', version: '1.0', pieces: ['one', 'two'], bytes: 'onetwo' },
  ]
  for (const { name, version, pieces, bytes } of rows) {
    test(name, async () => assert.equal(await bytesOf(version, pieces), bytes))
  }

  test('who is sent the same gets the same, whatever others get meanwhile', async () => {
    const shared = Buffer.from('shared')
    await using at = await start('h1', (request, reply) => {
      const stream = reply.stream(200, {})
      stream.write(shared)
      if (request.path === '/other') stream.write(Buffer.from('own'))
      stream.end()
    })
    const bodies = ['/a', '/other', '/b'].map(async (path) => {
      const response = await at.client.request({ path })
      return (await response.readBody(100)).toString()
    })
    assert.deepEqual(await Promise.all(bodies), ['shared', 'sharedown', 'shared'])
  })
})

describe('requests that come in one turn', () => {
  /** What a handler does that waits once, for so many requests that arrive in one piece. */
  async function steps(count: number): Promise<string[]> {
    const taken: string[] = []
    await using server = await start('plain', async ({ path }, reply) => {
      taken.push(`begin ${path}`)
      await Promise.resolve()
      taken.push(`go on ${path}`)
      reply.send(200, {})
    })
    const socket = connectNet(server.port, '127.0.0.1')
    const requests = Array.from({ length: count }, (_, index) => `GET /${index} HTTP/1.1\r\nhost: a\r\n\r\n`)
    socket.write(requests.join(''))
    let answers = ''
    while (answers.split('200 OK').length <= count) answers += String((await once(socket, 'data'))[0])
    socket.destroy()
    return taken
  }
  const each = (step: string, from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, index) => `${step} /${from + index}`)

  test('do their steps together', async () => {
    assert.deepEqual(await steps(3), [...each('begin', 0, 3), ...each('go on', 0, 3)])
  })

  test('are not more than others can wait for', async () => {
    assert.deepEqual(await steps(40), [
      ...each('begin', 0, 32),
      ...each('go on', 0, 32),
      ...each('begin', 32, 40),
      ...each('go on', 32, 40),
    ])
  })

  test('a body that ended before it is read is empty', async () => {
    await using server = await start('h2', async (request, reply) => reply.send(200, {}, await request.readBody(10)))
    const session = connectHttp2(`https://127.0.0.1:${server.port}`, { rejectUnauthorized: false })
    // Its end is a frame of its own, in the same packet.
    const stream = session.request({ ':method': 'DELETE', ':path': '/' }, { endStream: false })
    stream.end()
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    assert.equal(headers[':status'], 200)
    stream.resume()
    await once(stream, 'end')
    session.destroy()
  })

  test('a client that has gone before its body is read sent none', async () => {
    const source = new Readable({ read: () => undefined })
    source.destroy()
    await once(source, 'close')
    const body = collectBody(source, undefined, 1_000, () => undefined)
    await assert.rejects(body, new BodyError(400, 'request body ended early'))
  })
})

describe('who is asking', () => {
  const describePeer: HttpHandler = (request: HttpRequest, reply) => {
    const { peer } = request
    reply.send(
      200,
      {},
      JSON.stringify(
        peer && {
          verified: peer.verified,
          problem: peer.problem,
          commonName: peer.commonName,
          organizations: peer.organizations,
        },
      ),
    )
  }
  const rows: [string, ClientTls, unknown][] = [
    [
      'a verified certificate',
      issue(authority, 'jane', ['dev', 'system:masters']),
      { verified: true, commonName: 'jane', organizations: ['dev', 'system:masters'] },
    ],
    [
      'one organization',
      issue(authority, 'a,b=c', ['x']),
      { verified: true, commonName: 'a,b=c', organizations: ['x'] },
    ],
    [
      'an unknown authority',
      issue(stranger, 'eve'),
      { verified: false, problem: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', commonName: 'eve', organizations: [] },
    ],
    ['no certificate', {}, undefined],
  ]
  for (const protocol of ['h1', 'h2'] as const) {
    for (const [title, tls, want] of rows) {
      test(`${title} over ${protocol}`, async () => {
        await using at = await start(protocol, describePeer, {}, { tls: { authority: authorityPem, ...tls } })
        const text = (await (await at.client.request({ path: '/' })).readBody(1_000)).toString()
        assert.deepEqual(text === '' ? undefined : JSON.parse(text), want)
      })
    }
  }

  test('the server must be vouched for', async () => {
    await using at = await start('h2', describePeer, {}, { tls: { authority: certificatePem(stranger.certificate) } })
    await assert.rejects(at.client.request({ path: '/' }), { name: 'HttpClientError', problem: 'certificate' })
  })

  test('a token goes with every request', async () => {
    let count = 0
    await using at = await start(
      'h2',
      (request, reply) => reply.send(200, {}, request.headers['authorization'] as string),
      {},
      { token: () => `t${++count}` },
    )
    const ask = async () => (await (await at.client.request({ path: '/' })).readBody(100)).toString()
    assert.deepEqual([await ask(), await ask()], ['Bearer t1', 'Bearer t2'])
  })

  test('a certificate can be replaced while serving', async () => {
    await using at = await start('h2', describePeer)
    const ask = (tls: ClientTls) => {
      at.client.setTls(tls)
      return at.client.request({ path: '/' }).then((response) => response.status)
    }
    assert.equal(await ask({ authority: authorityPem }), 200)
    at.server.setCertificate({ ...issue(stranger, 'server'), clientAuthority: authorityPem })
    await assert.rejects(ask({ authority: authorityPem }), { problem: 'certificate' })
    assert.equal(await ask({ authority: certificatePem(stranger.certificate) }), 200)
  })
})

describe('bad input', () => {
  let at: Awaited<ReturnType<typeof start>>
  before(
    async () =>
      (at = await start('plain', (_, reply) => reply.send(200, {}, 'ok'), {
        limits: { headerBytes: 8192, headersTimeout: 50 },
      })),
  )
  after(async () => await at[Symbol.asyncDispose]())

  async function raw(text: string): Promise<string> {
    const socket = connectNet(at.port, '127.0.0.1')
    socket.setEncoding('utf8')
    socket.write(text)
    let got = ''
    socket.on('data', (piece: string) => (got += piece))
    socket.on('error', () => undefined)
    await once(socket, 'close')
    return got.split('\r\n')[0]!
  }

  test('what is not HTTP is refused', async () => {
    assert.equal(await raw('hello\r\n\r\n'), 'HTTP/1.1 400 Bad Request')
  })
  test('headers that are too long are refused', async () => {
    assert.equal(
      await raw(`GET / HTTP/1.1\r\nHost: a\r\nx: ${'y'.repeat(10_000)}\r\n\r\n`),
      'HTTP/1.1 431 Request Header Fields Too Large',
    )
  })
  test('a head that never ends is refused in time', async () => {
    assert.equal(await raw('GET / HTTP/1.1\r\nHost: a\r\n'), 'HTTP/1.1 408 Request Timeout')
  })
  test('two lengths are refused', async () => {
    assert.equal(
      await raw('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
      'HTTP/1.1 400 Bad Request',
    )
  })
  test('a whole address counts as its path', async () => {
    assert.equal(await raw('GET http://a/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), 'HTTP/1.1 200 OK')
  })

  test('a busy port is named', async () => {
    const other = new HttpServer({ handler: () => undefined })
    await assert.rejects(other.listen({ host: '127.0.0.1', port: at.port }), {
      message: `Cannot listen on 127.0.0.1:${at.port}: the address is in use`,
    })
  })
})

describe('requests that never end', () => {
  const readWhole: HttpHandler = async (request, reply) => {
    if (request.method === 'POST') await request.readBody(1000)
    reply.send(200, {}, 'ok')
  }
  const limits = { headersTimeout: 50, requestTimeout: 200 }

  /** A body of which one byte comes and then nothing. */
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('x')
    await new Promise((_, reject) => AbortSignal.timeout(20_000).addEventListener('abort', reject))
  }

  for (const protocol of ['h1', 'h2'] as const) {
    test(`are given up over ${protocol}, and others are answered meanwhile`, async () => {
      await using at = await start(protocol, readWhole, { limits })
      const slow = Array.from({ length: 20 }, () =>
        at.client
          .request({ method: 'POST', path: '/', body: endless() })
          .then(({ status }) => status)
          .catch(() => 'closed'),
      )
      for (let i = 0; i < 20; i++) assert.equal((await at.client.request({ path: '/' })).status, 200)
      for (const outcome of await Promise.all(slow)) assert.ok(outcome === 408 || outcome === 'closed', String(outcome))
    })
  }

  test('a request that has its body may take its time', async () => {
    const later = new Promise((resolve) => setTimeout(resolve, 2 * limits.requestTimeout))
    const answerLater = async (_: HttpRequest, reply: HttpReply): Promise<void> => {
      await later
      reply.send(200, {}, 'ok')
    }
    await using at = await start('h2', answerLater, { limits })
    assert.equal((await at.client.request({ method: 'POST', path: '/', body: 'all' })).status, 200)
  })
})

test('streams that are opened and reset at once end the connection', async () => {
  const problems: string[] = []
  await using at = await start('h2', () => undefined, { onConnectionError: (problem) => problems.push(problem) })
  const session = connectHttp2(`https://127.0.0.1:${at.port}`, { ca: authorityPem })
  session.on('error', () => undefined)
  await once(session, 'connect')
  const closed = new Promise((resolve) => session.once('close', resolve))
  let streams = 0
  const flood = (): void => {
    for (let i = 0; i < 100 && !session.destroyed && !session.closed; i++) {
      const stream = session.request({ ':path': '/' })
      stream.on('error', () => undefined)
      stream.close(8)
      streams++
    }
    if (!session.destroyed && !session.closed && streams < 20_000) setImmediate(flood)
  }
  flood()
  await closed
  assert.ok(streams < 20_000, `${streams} resets were let through`)
})

describe('upgrades', () => {
  test('a handler takes the connection', async () => {
    await using at = await start('h1', (request, reply) => {
      if (request.upgrade === undefined) return reply.send(400, {}, 'no upgrade')
      const { socket } = request.upgrade.take()
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.upgrade.protocol}\r\n\r\n`,
      )
      socket.pipe(socket)
    })
    const upgraded = await at.client.upgrade({ method: 'POST', path: '/x', protocol: 'SPDY/3.1' })
    assert.ok('socket' in upgraded)
    assert.equal(upgraded.status, 101)
    upgraded.socket.write('echo')
    assert.equal(String((await once(upgraded.socket, 'data'))[0]), 'echo')
    upgraded.socket.destroy()
  })

  test('a handler refuses as it would any other request', async () => {
    await using at = await start('h1', (_, reply) => reply.send(403, { 'content-type': 'text/plain' }, 'forbidden'))
    const upgraded = await at.client.upgrade({ path: '/x', protocol: 'websocket' })
    assert.ok('refused' in upgraded)
    assert.equal(upgraded.refused.status, 403)
    assert.equal((await upgraded.refused.readBody(100)).toString(), 'forbidden')
  })

  test('an offer of HTTP/2 without TLS is passed over', async () => {
    await using at = await start('plain', (request, reply) => reply.send(200, {}, String(request.upgrade)))
    const response = await at.client.request({
      path: '/',
      headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': '' },
    })
    assert.equal((await response.readBody(100)).toString(), 'undefined')
  })
})
