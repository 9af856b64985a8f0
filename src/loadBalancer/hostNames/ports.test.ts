import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp, request, type IncomingMessage } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { connect as connectTls, createServer as createTls, type TlsOptions } from 'node:tls'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { systemClock } from '#lib/clock.ts'
import type { Claim } from './claims.ts'
import { HostPorts } from './ports.ts'
import { freePort, idleAnswer } from './testCluster.ts'

/** Stand for addresses of load balancers: this machine has all of 127.0.0.0/8. */
const [first, second] = ['127.0.0.2', '127.0.0.3'] as const
const claim = (service: string, address: string, port: number): Claim => ({
  cluster: 'dev',
  namespace: 'default',
  service,
  address,
  port,
})

const servers: Server[] = []
const opened: HostPorts[] = []
after(() => {
  for (const ports of opened) ports.close()
  for (const server of servers) server.close()
})
async function listening<S extends Server>(server: S, host: string, port?: number): Promise<number> {
  const chosen = port ?? (await freePort())
  servers.push(server)
  server.listen(chosen, host)
  await once(server, 'listening')
  return chosen
}
async function serve(...claims: Claim[]): Promise<HostPorts> {
  const ports = new HostPorts(idleAnswer, systemClock)
  opened.push(ports)
  await ports.apply(claims)
  return ports
}
/** One request over a connection of its own. */
async function get(port: number, host: string): Promise<string> {
  const asked = request({ host: '127.0.0.1', port, agent: false, headers: { host } }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return `${answer.statusCode} ${await text(answer)}`
}
const http = (name: string): Server => createHttp((_, answer) => answer.end(name))

describe('a port of two services', () => {
  test('leads HTTP to the service that is named', async () => {
    const port = await listening(http('web'), first)
    await listening(http('api'), second, port)
    await serve(claim('web', first, port), claim('api', second, port))
    assert.equal(await get(port, 'web.default.dev.localhost'), '200 web')
    assert.equal(await get(port, `API.default.dev.localhost:${port}`), '200 api')
    const names = '  web.default.dev.localhost\n  api.default.dev.localhost\n'
    const expected = `404 No service of that name is served here. There are:\n${names}`
    assert.equal(await get(port, 'localhost'), expected)
    assert.equal(await get(port, 'other.default.dev.localhost'), expected)
  })

  test('leads TLS to the service that is named, and does not end it', async () => {
    const now = systemClock.now()
    const validity = { notBefore: now - 60_000, notAfter: now + 3_600_000 }
    const authority = createAuthority({ commonName: 'test' }, validity)
    const secure = (name: string): Server => {
      const keys = generateKey()
      const issued = issueCertificate(authority, {
        subject: { commonName: name },
        publicKey: keys.publicKey,
        extendedUsages: ['serverAuth'],
        dnsNames: [`${name}.default.dev.localhost`],
        ...validity,
      })
      const options: TlsOptions = { cert: certificatePem(issued), key: privateKeyPem(keys.privateKey) }
      return createTls(options, (socket) => socket.end(name)) as Server
    }
    const port = await listening(secure('web'), first)
    await listening(secure('api'), second, port)
    await serve(claim('web', first, port), claim('api', second, port))
    const ask = async (servername: string): Promise<string> => {
      const ca = certificatePem(authority.certificate)
      const socket = connectTls({ host: '127.0.0.1', port, servername, ca })
      try {
        return await text(socket)
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? ''
      }
    }
    assert.equal(await ask('web.default.dev.localhost'), 'web')
    assert.equal(await ask('api.default.dev.localhost'), 'api')
    assert.equal(await ask('other.default.dev.localhost'), 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME')
  })
})

describe('a port of one service', () => {
  const greeter = (): Server =>
    createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {})
      socket.write('220 ready\r\n')
      socket.on('data', (bytes) => socket.write(bytes))
      socket.on('end', () => socket.end('bye'))
    })

  test('leads there whatever is spoken, also when the server speaks first', async () => {
    const port = await listening(greeter(), first)
    await serve(claim('mail', first, port))
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    const [hello] = (await once(socket, 'data')) as [Buffer]
    assert.equal(String(hello), '220 ready\r\n')
    socket.end('EHLO')
    assert.equal(await text(socket), 'EHLObye')
  })

  test('passes on what goes both ways for long, as WebSockets do', async () => {
    const upgrading = createHttp()
    upgrading.on('upgrade', (_, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.pipe(socket)
    })
    const port = await listening(upgrading, first)
    await serve(claim('web', first, port))
    const headers = { host: 'localhost', connection: 'Upgrade', upgrade: 'echo' }
    const asked = request({ host: '127.0.0.1', port, headers }).end()
    const [, socket] = (await once(asked, 'upgrade')) as [unknown, Socket]
    const megabyte = Buffer.alloc(1024 * 1024, 'x')
    let size = 0
    const all = Promise.withResolvers<void>()
    socket.on('data', (bytes: Buffer) => (size += bytes.length) === megabyte.length && all.resolve())
    socket.write(megabyte)
    await all.promise
    socket.destroy()
  })

  test('tells that the service does not answer', async () => {
    const probe = createServer()
    const port = await listening(probe, first)
    probe.close()
    await serve(claim('web', first, port))
    assert.equal(
      await get(port, 'localhost'),
      `502 web.default.dev.localhost does not take connections: connect ECONNREFUSED 127.0.0.2:${port}\n`,
    )
  })
})

test('a port that others have is told, and had once they let it go', async () => {
  const other = http('other')
  const port = await listening(other, '127.0.0.1')
  await listening(http('web'), first, port)
  const ports = await serve(claim('web', first, port))
  assert.deepEqual(ports.problems, [{ port, problem: `another program listens on 127.0.0.1:${port}` }])
  assert.equal(await get(port, 'localhost'), '200 other')
  other.close()
  await once(other, 'close')
  await ports.apply([claim('web', first, port)])
  assert.deepEqual(ports.problems, [])
  assert.equal(await get(port, 'localhost'), '200 web')
  await ports.apply([])
  await assert.rejects(get(port, 'localhost'), { code: 'ECONNREFUSED' })
})
