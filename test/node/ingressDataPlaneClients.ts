// Certificates of clients: who is asked for one, who may pass, and what backends are told.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { connect } from 'node:tls'
import type { Certificate, ClientCertificateRule, Rules } from '#ingress/routing.ts'
import { makeClientCertificates } from './clientCertificates.ts'
import type { ClientCertificates } from './clientCertificates.ts'
import {
  ask,
  exactHost,
  identity,
  pool,
  route,
  routing,
  startBackend,
  startServed,
  to,
} from './ingressDataPlaneFixture.ts'
import type { Ask, Backend, MakeDataPlane, Reply, Served } from './ingressDataPlaneFixture.ts'

export function testClients(make: MakeDataPlane): void {
  describe('certificates of clients', () => {
    let served: Served
    let a: Backend
    let all: ClientCertificates
    before(async () => {
      all = makeClientCertificates()
      served = await startServed(make)
      a = await startBackend('a')
    })
    after(async () => {
      for (const one of [served, a]) await one?.[Symbol.asyncDispose]()
    })

    const own = 'own.test'
    /** `own.test` checks its clients as told, `other.test` asks for none, and `third.test` trusts another authority. */
    const apply = async (rest: Partial<ClientCertificateRule> = {}, rules: Rules = {}): Promise<void> => {
      const rule: ClientCertificateRule = {
        authority: all.root,
        depth: 1,
        demand: 'required',
        passesCertificate: false,
        ...rest,
      }
      const third: ClientCertificateRule = { ...rule, authority: all.otherRoot }
      const clients = {
        authority: rule.authority,
        ...(rule.revoked === undefined ? {} : { revoked: rule.revoked }),
      }
      const routes = [
        route({ host: exactHost(own) }, to('p'), { ...rules, clientCertificate: rule }),
        route({ host: exactHost('other.test') }, to('p')),
        route({ host: exactHost('third.test') }, to('p'), { clientCertificate: third }),
      ]
      const { left } = await served.plane.apply(
        routing(routes, [pool('p', [a])], {
          certificates: new Map([
            ['default', identity('default.test')],
            ['own', identity(own)],
          ]),
          serverNames: [
            { host: exactHost(own), certificate: 'own', clients },
            { host: exactHost('third.test'), certificate: 'default', clients: { authority: all.otherRoot } },
          ],
        }),
      )
      assert.deepEqual([...left], [])
    }
    const get = (certificate?: Certificate, how: Ask = {}, serverName = own, host = own): Promise<Reply> =>
      ask(served.https, '/', {
        host,
        ...how,
        tls: { serverName, ...(certificate === undefined ? {} : { certificate }) },
      })
    const status = async (...told: Parameters<typeof get>): Promise<number> => (await get(...told)).status

    test('only who shows a good one passes, and the backend is told of it', async () => {
      await apply()
      const { echo } = await get(all.direct, { headers: { 'ssl-client-cert': 'forged' } })
      assert.deepEqual(
        ['verify', 'subject-dn', 'issuer-dn', 'cert'].map((name) => echo.headers[`ssl-client-${name}`]),
        ['SUCCESS', 'CN=direct,O=Shop', 'CN=root', undefined],
      )
      assert.deepEqual(
        [await status(), await status(all.strange), await status(all.expired), await status(identity('x.test'))],
        [400, 400, 400, 400],
      )
      assert.equal(
        (await ask(served.http, '/', { host: own, headers: { 'ssl-client-verify': 'SUCCESS' } })).status,
        403,
      )
    })

    test('other hosts ask for none, and what was asked for them does not count', async () => {
      await apply()
      assert.equal(await status(undefined, {}, 'other.test', 'other.test'), 200)
      assert.equal(await status(undefined, {}, 'other.test', own), 421)
      assert.equal(await status(undefined, {}, '', own), 421)
      assert.equal(await status(all.strange, {}, 'third.test', own), 421)
      assert.equal(await status(all.strange, {}, 'third.test', 'third.test'), 200)
      assert.equal(await status(all.direct, {}, 'third.test', 'third.test'), 400)
      assert.match(await handshake(served.https, own), /Acceptable client certificate CA names\s+CN ?= ?root/)
      assert.match(await handshake(served.https, 'other.test'), /No client certificate CA names sent/)
    })

    test('a session of another host is not gone on with', async () => {
      await apply()
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const session = await sessionOf(served.https, 'third.test', all.strange, version)
        assert.equal(await isResumed(served.https, own, session, version), false, version)
      }
    })

    test('where it is optional one may have none, but no bad one', async () => {
      await apply({ demand: 'optional' })
      const forged = { 'ssl-client-verify': 'SUCCESS', 'ssl-client-subject-dn': 'CN=admin' }
      const { echo } = await get(undefined, { headers: forged })
      assert.deepEqual(
        [
          echo.headers['ssl-client-verify'],
          echo.headers['ssl-client-subject-dn'],
          echo.headers['ssl-client-issuer-dn'],
        ],
        ['NONE', undefined, undefined],
      )
      assert.equal((await get(all.direct)).echo.headers['ssl-client-verify'], 'SUCCESS')
      assert.deepEqual([await status(all.strange), await status(all.expired)], [400, 400])
      const plain = await ask(served.http, '/', { host: own, headers: forged })
      assert.deepEqual([plain.status, plain.echo.headers['ssl-client-verify']], [200, 'NONE'])
    })

    test('where authorities do not count the backend is told what is wrong', async () => {
      await apply({ demand: 'unchecked' })
      const { echo } = await get(all.strange)
      assert.match(echo.headers['ssl-client-verify']!, /^FAILED:unable to /)
      assert.equal(echo.headers['ssl-client-subject-dn'], 'CN=strange,O=Shop')
      assert.equal((await get(all.direct)).echo.headers['ssl-client-verify'], 'SUCCESS')
      assert.equal(await status(all.expired), 400)
      assert.equal(await status(), 200)
    })

    test('no more authorities may stand between than told', async () => {
      const found: number[][] = []
      for (const depth of [0, 1, 2]) {
        await apply({ depth })
        found.push([await status(all.direct), await status(all.throughOne), await status(all.throughTwo)])
      }
      assert.deepEqual(found, [
        [200, 400, 400],
        [200, 200, 400],
        [200, 200, 200],
      ])
    })

    test('revoked ones are no good', async () => {
      await apply({ revoked: all.revocations })
      assert.deepEqual([await status(all.direct), await status(all.revoked)], [200, 400])
      await apply()
      assert.equal(await status(all.revoked), 200)
    })

    test('the subject must be as told', async () => {
      await apply({ subject: 'CN=(direct|other)' })
      assert.deepEqual([await status(all.direct), await status(all.throughOne)], [200, 403])
      await apply({ subject: 'CN=direct', demand: 'optional' })
      assert.equal(await status(), 403)
    })

    test('who has none is sent to a page', async () => {
      await apply({ errorPage: 'https://www.test/certificates?a=%20b' })
      for (const certificate of [undefined, all.strange]) {
        const { status: code, headers } = await get(certificate)
        assert.deepEqual([code, headers.location], [302, 'https://www.test/certificates?a=%20b'])
      }
      assert.equal(await status(all.direct), 200)
    })

    test('the certificate itself is passed on, with lines as in PEM', async () => {
      await apply({ passesCertificate: true }, { buffersRequests: true })
      for (const certificate of [all.direct, all.throughOne]) {
        const wanted = encodeURIComponent(new X509Certificate(certificate.chain).toString())
        for (const how of [{}, { method: 'POST', body: 'x'.repeat(200_000) }])
          assert.equal((await get(certificate, how)).echo.headers['ssl-client-cert'], wanted)
      }
    })

    test('bodies of unknown length are no way around', async () => {
      await apply({ subject: 'CN=through', passesCertificate: true }, { largestBody: 300_000, buffersRequests: true })
      const large = { method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body: 'x'.repeat(200_000) }
      const { echo } = await get(all.throughOne, large)
      assert.deepEqual(
        [echo.bytes, echo.headers['ssl-client-verify'], echo.headers['ssl-client-subject-dn']],
        [200_000, 'SUCCESS', 'CN=throughOne,O=Shop'],
      )
      assert.equal(
        echo.headers['ssl-client-cert'],
        encodeURIComponent(new X509Certificate(all.throughOne.chain).toString()),
      )
      const forged = { ...large, headers: { ...large.headers, 'x-ingress-certificate': told(all.throughOne) } }
      assert.deepEqual(
        [await status(all.throughTwo, large), await status(all.direct, large), await status(undefined, forged)],
        [400, 403, 400],
      )
      assert.equal(await status(all.throughOne, large, 'other.test', own), 421)
    })
  })
}

/** As one proxy would tell another. */
const told = ({ chain }: Certificate): string => `0 ${new X509Certificate(chain).raw.toString('base64')}`

/** What openssl's client says of a handshake. */
function handshake(port: number, serverName: string): Promise<string> {
  return new Promise((resolve) => {
    const words = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', serverName]
    const child = execFile('openssl', words, { timeout: 10_000 }, (_error, output) => resolve(output))
    child.stdin!.end()
  })
}

type Version = 'TLSv1.2' | 'TLSv1.3'

/** A session that a client could go on with; nothing when the server gives none. */
function sessionOf(
  port: number,
  servername: string,
  { chain, key }: Certificate,
  version: Version,
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername,
      cert: chain,
      key,
      minVersion: version,
      maxVersion: version,
      rejectUnauthorized: false,
    })
    socket.once('session', (session: Buffer) => {
      resolve(session)
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('secureConnect', () =>
      socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`),
    )
    socket.resume()
    socket.once('close', () => resolve(undefined))
  })
}

function isResumed(port: number, servername: string, session: Buffer | undefined, version: Version): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername,
      minVersion: version,
      maxVersion: version,
      rejectUnauthorized: false,
      ...(session === undefined ? {} : { session }),
    })
    const done = (resumed: boolean): void => {
      resolve(resumed)
      socket.destroy()
    }
    socket.once('secureConnect', () => done(socket.isSessionReused()))
    // It may also refuse the session with the whole handshake.
    socket.once('error', () => done(false))
  })
}
