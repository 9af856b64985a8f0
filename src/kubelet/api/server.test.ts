import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { SimulatedClock, systemClock } from '#lib/clock.ts'
import { HttpClient, type ClientTls } from '#lib/http/client.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { KubeletApiError, type KubeletApi } from './kubeletApi.ts'
import { startKubeletServer, type KubeletServer } from './server.ts'

const now = systemClock.now()
const validity = { notBefore: now - 60_000, notAfter: now + 3_600_000 }
const authority = createAuthority({ commonName: 'test' }, validity)
const authorityPem = certificatePem(authority.certificate)
const identity = (commonName: string, usage: 'clientAuth' | 'serverAuth') => {
  const keys = generateKey()
  const certificate = issueCertificate(authority, {
    ...validity,
    subject: { commonName },
    publicKey: keys.publicKey,
    keyUsages: ['digitalSignature'],
    extendedUsages: [usage],
    addresses: ['127.0.0.1'],
  })
  return { certificate: certificatePem(certificate), key: privateKeyPem(keys.privateKey) }
}

/** The runtime's streaming server: switches the protocol and echoes. */
const backend = createServer()
backend.on('upgrade', (request, socket) => {
  const protocols = request.headers['x-stream-protocol-version']
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocols}\r\n\r\n`,
  )
  socket.write(`${request.method} ${request.url} `)
  socket.pipe(socket)
})

const asked: unknown[] = []
const api: KubeletApi = {
  pods: () => [],
  async logs(...words) {
    if (words[1] === 'none') throw new KubeletApiError('pod "none" does not exist', 404)
    asked.push(words.slice(0, 4))
    return (async function* () {
      yield Buffer.from('line\n')
    })()
  },
  async exec(...words) {
    asked.push(words.slice(0, 5))
    return `http://127.0.0.1:${(backend.address() as AddressInfo).port}/exec/token?a=b`
  },
  attach: () => Promise.reject(new KubeletApiError('container c not found in pod p_ns', 500)),
  portForward: () => Promise.reject(new Error('not asked')),
}

let server: KubeletServer
let clients: HttpClient[] = []
const clientWith = (tls: ClientTls): HttpClient => {
  const client = new HttpClient({ url: `https://127.0.0.1:${server.port}`, tls, protocol: 'h1' })
  clients.push(client)
  return client
}
before(async () => {
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  server = await startKubeletServer(
    {
      address: '127.0.0.1',
      port: 0,
      ...identity('system:node:n', 'serverAuth'),
      clientAuthority: authorityPem,
      clientNames: ['the-api-server'],
    },
    {
      api,
      stats: {
        summary: async () => ({ node: {} }),
        resourceMetrics: () => 'metrics',
        volumeMetrics: async () => 'volumes',
        cadvisorMetrics: async () => 'closer',
      },
      metrics: { text: () => 'own\n', probesText: () => '' },
      clock: new SimulatedClock(60_000),
    },
    (problem, error) => assert.fail(`${problem}: ${String(error)}`),
  )
})
after(async () => {
  for (const client of clients) client.close()
  await server.close()
  backend.closeAllConnections()
  backend.close()
})

const ask = async (client: HttpClient, path: string): Promise<[number, string]> => {
  const response = await client.request({ path })
  return [response.status, (await response.readBody(10_000)).toString()]
}

test('only the API server is let in', async () => {
  const stranger = clientWith({ authority: authorityPem })
  assert.deepEqual(await ask(stranger, '/pods'), [401, 'Unauthorized\n'])
  assert.deepEqual(await ask(stranger, '/healthz'), [200, 'ok\n'])
  const other = clientWith({ authority: authorityPem, ...identity('somebody', 'clientAuth') })
  assert.deepEqual(await ask(other, '/pods'), [403, 'Forbidden (user=somebody)\n'])
})

test('paths of a kubelet', async () => {
  const client = clientWith({ authority: authorityPem, ...identity('the-api-server', 'clientAuth') })
  const rows: readonly [string, number, string][] = [
    ['/pods', 200, '{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}'],
    ['/stats/summary', 200, '{"node":{}}'],
    ['/metrics', 200, 'own\nvolumes\n'],
    ['/metrics/resource', 200, 'metrics\n'],
    ['/metrics/cadvisor', 200, 'closer\n'],
    ['/metrics/probes', 200, '\n'],
    ['/metrics/none', 404, '404 page not found\n'],
    ['/metrics/resource/none', 404, '404 page not found\n'],
    ['/containerLogs/ns/p/c?tailLines=3&previous=true&sinceSeconds=10', 200, 'line\n'],
    ['/containerLogs/ns/none/c', 404, 'pod "none" does not exist\n'],
    ['/containerLogs/ns/p/c?tailLines=x', 400, 'invalid value for "tailLines": x\n'],
    ['/containerLogs/ns/p', 404, '404 page not found\n'],
    ['/exec/ns/p/c?command=ls&output=1', 400, 'Upgrade request required\n'],
    ['/exec/ns/p/c?output=1', 400, 'you must specify at least 1 command for the container\n'],
    ['/nothing', 404, '404 page not found\n'],
  ]
  for (const [path, status, body] of rows) assert.deepEqual(await ask(client, path), [status, body], path)
  assert.deepEqual(asked.shift(), [
    'ns',
    'p',
    'c',
    { follow: false, previous: true, timestamps: false, tailLines: 3, since: 50_000 },
  ])
})

test('a stream is joined with the runtime’s own', async () => {
  const client = clientWith({ authority: authorityPem, ...identity('the-api-server', 'clientAuth') })
  const answer = await client.upgrade({
    method: 'POST',
    path: '/exec/ns/p/uid/c?command=a&command=b&input=1&tty=1&error=1',
    protocol: 'SPDY/3.1',
    headers: { 'x-stream-protocol-version': 'v4.channel.k8s.io' },
  })
  if ('refused' in answer) return assert.fail(`refused: ${answer.refused.status}`)
  assert.equal(answer.headers['x-stream-protocol-version'], 'v4.channel.k8s.io')
  assert.deepEqual(asked.shift(), [
    'ns',
    'p',
    'c',
    ['a', 'b'],
    { stdin: true, stdout: false, stderr: false, tty: true },
  ])
  answer.socket.write('hello')
  let text = answer.head.toString()
  for await (const piece of answer.socket) {
    text += String(piece)
    if (text.endsWith('hello')) break
  }
  assert.equal(text, 'POST /exec/token?a=b hello')
  const refused = await client.upgrade({ method: 'POST', path: '/attach/ns/p/c?output=1', protocol: 'SPDY/3.1' })
  assert.ok('refused' in refused)
  assert.deepEqual(
    [refused.refused.status, (await refused.refused.readBody(100)).toString()],
    [500, 'container c not found in pod p_ns\n'],
  )
})
