import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { SimulatedClock, systemClock, type Clock } from '#lib/clock.ts'
import { lingerMs } from './answers.ts'
import type { Claim, IdleClaim } from './claims.ts'
import { patience } from './firstBytes.ts'
import { mostAnswers } from './idleAnswers.ts'
import { HostPorts } from './ports.ts'
import { freePort, idleAnswer, until } from './testCluster.ts'

const opened: HostPorts[] = []
const servers: Server[] = []
after(() => {
  for (const ports of opened) ports.close()
  for (const server of servers) server.close()
})

const page = 'nothing yet\n'
const head = `HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: ${page.length}\r\nConnection: close\r\n\r\n`
const idleAt = (port: number, cluster = 'dev'): IdleClaim => ({
  cluster,
  namespace: 'kube-system',
  service: 'ingress',
  port,
})
const claim = (service: string, address: string, port: number): Claim => ({ ...idleAt(port), service, address })

async function listening(server: Server, host: string, port?: number): Promise<number> {
  const chosen = port ?? (await freePort())
  servers.push(server)
  server.listen(chosen, host)
  await once(server, 'listening')
  return chosen
}
function hostPorts(clock: Clock = systemClock, certificate = idleAnswer.certificate): HostPorts {
  const ports = new HostPorts({ ...idleAnswer, certificate }, clock)
  opened.push(ports)
  return ports
}
/** What comes for these bytes until the other side ends, or why nothing does. */
async function say(port: number, bytes: string, host = '127.0.0.1'): Promise<string> {
  const socket = connect({ host, port })
  socket.write(bytes)
  return await text(socket).catch((error: NodeJS.ErrnoException) => error.code ?? '')
}
/** The same of a client that stays until the other side has gone. */
async function heard(socket: Socket): Promise<string> {
  let said = ''
  socket.setEncoding('utf8').on('data', (more: string) => (said += more))
  await once(socket, 'end').catch((error: NodeJS.ErrnoException) => (said = error.code ?? ''))
  return said
}
const requestTo = (host: string, method = 'GET'): string => `${method} / HTTP/1.1\r\nHost: ${host}\r\n\r\n`

/** What is answered over TLS, and the subject of the certificate. */
async function sayByTls(port: number, servername: string | undefined, bytes = requestTo('a')): Promise<string> {
  const names = servername === undefined ? {} : { servername }
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2', 'http/1.1'],
    ...names,
  })
  let subject = ''
  socket.once('secureConnect', () => {
    subject = socket.getPeerX509Certificate()!.subject
    socket.write(bytes)
  })
  try {
    return `${await text(socket)} ${subject}`
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? ''
  }
}

describe('a port of services that are not there yet', () => {
  test('answers requests, for whatever host, and not those for services of others', async () => {
    const port = await freePort()
    const ports = hostPorts()
    await ports.apply([], [idleAt(port), idleAt(port, 'test')])
    for (const host of ['localhost', '127.0.0.1', 'shop.example.com', 'ingress.kube-system.test.localhost'])
      assert.equal(await say(port, requestTo(host)), head + page, host)
    assert.equal(
      await say(port, requestTo('localhost'), '::1').then((said) => ['ECONNREFUSED', head + page].includes(said)),
      true,
    )
    assert.equal(await say(port, requestTo('localhost', 'HEAD')), head)
    assert.match(await say(port, requestTo('web.default.dev.localhost')), /\r\n\r\nNo service is served here\.\n$/)
    assert.equal(await say(port, '\0\0\0\x08'), 'ECONNRESET')
    assert.deepEqual([ports.problems, ports.isIncomplete], [[], false])
  })

  test('speaks TLS with one certificate, made for the first who does', async () => {
    const port = await freePort()
    let made = 0
    const ports = hostPorts(systemClock, () => {
      made++
      return idleAnswer.certificate()
    })
    await ports.apply([], [idleAt(port)])
    await say(port, requestTo('localhost'))
    assert.equal(made, 0)
    const both = [sayByTls(port, 'localhost'), sayByTls(port, undefined)]
    assert.deepEqual(await Promise.all(both), [`${head}${page} O=Test\nCN=nobody`, `${head}${page} O=Test\nCN=nobody`])
    assert.equal(await sayByTls(port, 'web.default.dev.localhost'), 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME')
    assert.equal(await sayByTls(port, 'localhost', 'EHLO me\r\n'), ' O=Test\nCN=nobody')
    assert.equal(made, 1)
  })

  test('asks for a certificate again when there was none', async () => {
    const port = await freePort()
    let tries = 0
    await hostPorts(systemClock, async () => {
      if (tries++ === 0) throw new Error('no memory')
      return await idleAnswer.certificate()
    }).apply([], [idleAt(port)])
    assert.equal(await sayByTls(port, 'localhost'), 'ECONNRESET')
    assert.equal(await sayByTls(port, 'localhost'), `${head}${page} O=Test\nCN=nobody`)
  })

  test('leads to a service that has the port, and answers again once it has gone', async () => {
    const port = await listening(
      createHttp((_, answer) => answer.end('web')),
      '127.0.0.2',
    )
    const ports = hostPorts()
    const web = claim('web', '127.0.0.2', port)
    const ask = async (): Promise<string> =>
      (await say(port, `${requestTo('localhost')}`.replace('1.1', '1.0'))).split('\r\n\r\n')[1]!
    await ports.apply([web], [idleAt(port)])
    assert.equal(await ask(), 'web')
    await ports.apply([], [idleAt(port)])
    assert.equal(await ask(), page)
    // Who came before the service did and speaks after it is led there: the port never closes.
    const early = connect({ host: '127.0.0.1', port })
    await once(early, 'connect')
    await ports.apply([web], [])
    early.write(requestTo('localhost').replace('1.1', '1.0'))
    assert.match(await text(early), /\r\n\r\nweb$/)
  })

  test('is left to another program that has any of its addresses, and told of only for services', async () => {
    const port = await listening(
      createServer((socket) => socket.end('mine')),
      '127.0.0.1',
    )
    await listening(createHttp(), '127.0.0.2', port)
    const ports = hostPorts()
    await ports.apply([], [idleAt(port)])
    assert.deepEqual([ports.problems, ports.isIncomplete], [[], true])
    assert.equal(await say(port, requestTo('localhost')), 'mine')
    assert.match(await say(port, requestTo('localhost'), '::1'), /^(ECONNREFUSED|EADDRNOTAVAIL)$/)
    await ports.apply([claim('web', '127.0.0.2', port)], [idleAt(port)])
    assert.deepEqual(ports.problems, [{ port, problem: `another program listens on 127.0.0.1:${port}` }])
    await ports.apply([], [idleAt(port)])
    assert.deepEqual(ports.problems, [])
    assert.match(await say(port, requestTo('localhost'), '::1'), /^(ECONNREFUSED|EADDRNOTAVAIL)$/)
    servers.find((server) => (server.address() as { address: string } | null)?.address === '127.0.0.1')!.close()
    await ports.apply([], [idleAt(port)])
    assert.deepEqual([ports.isIncomplete, await say(port, requestTo('localhost'))], [false, head + page])
  })
})

describe('of its clients', () => {
  async function served(): Promise<{ readonly clock: SimulatedClock; readonly client: () => Promise<Socket> }> {
    const clock = new SimulatedClock()
    const port = await freePort()
    await hostPorts(clock).apply([], [idleAt(port)])
    const client = async (): Promise<Socket> => {
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
      await once(socket, 'connect')
      return socket
    }
    return { clock, client }
  }

  test('none stays that was answered and leaves its side open', async () => {
    const { clock, client } = await served()
    const socket = await client()
    socket.write(requestTo('localhost'))
    assert.equal(await heard(socket), head + page)
    await clock.advance(lingerMs)
    // Only who says something more finds out.
    socket.on('error', () => {})
    await until('it has gone', () => socket.destroyed || (socket.write('more'), false))
    await until('nothing is waited for', () => clock.pending === 0)
  })

  test('none stays that does not come to the point', async () => {
    const { clock, client } = await served()
    const silent = await client()
    const slow = await client()
    slow.write('GET / HTTP/1.1\r\n')
    const byTls = connectTls({ socket: await client(), rejectUnauthorized: false })
    await once(byTls, 'secureConnect')
    const said = [silent, slow, byTls].map(heard)
    await until('all are waited for', () => clock.pending === 4)
    await clock.advance(patience)
    assert.deepEqual(await Promise.all(said), ['ECONNRESET', 'ECONNRESET', ''])
    await until('nothing is waited for', () => clock.pending === 0)
  })

  test('no more than some are there at a time', async () => {
    const { clock, client } = await served()
    const ask = async (): Promise<string> => {
      const socket = await client()
      socket.write(requestTo('localhost'))
      return await heard(socket)
    }
    const said = await Promise.all(Array.from({ length: mostAnswers }, ask))
    assert.deepEqual(new Set(said), new Set([head + page]))
    assert.equal(await ask(), 'ECONNRESET')
    await clock.advance(lingerMs)
    assert.equal(await ask(), head + page)
    await clock.advance(lingerMs)
  })
})
