// Which server of a pool a request gets, what happens when servers fail, and that nothing fails while they change.
import assert from 'node:assert/strict'
import { Agent, request as httpRequest } from 'node:http'
import { createServer as createNetServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CookieAffinity, Pool, Retry } from '#ingress/routing.ts'
import {
  aroundSuite,
  ask,
  echo,
  exactHost,
  freePort,
  identity,
  pool,
  read,
  route,
  routing,
  serverAt,
  startBackend,
  to,
  until,
} from './ingressDataPlaneFixture.ts'
import type { Ask, Backend, MakeDataPlane, Reply, Served } from './ingressDataPlaneFixture.ts'

export function testServers(make: MakeDataPlane): void {
  describe('servers', () => {
    let served: Served
    let a: Backend
    let b: Backend
    let c: Backend
    aroundSuite(make, ['a', 'b', 'c'], (plane, first, second, third) => {
      served = plane
      a = first
      b = second
      c = third
    })
    const get = (options: Ask = {}, path = '/'): Promise<Reply> => ask(served.http, path, options)
    const apply = async (one: Pool, rules: Parameters<typeof route>[2] = {}): Promise<void> => {
      await served.plane.apply(routing([route({}, to(one.name), rules)], [one]))
    }
    const names = async (requests: number, options: Ask = {}): Promise<string> => {
      let text = ''
      for (let i = 0; i < requests; i++) text += (await get(options)).echo.server
      return text
    }

    test('round robin and least loaded use all servers, a hash always the same', async () => {
      await apply(pool('p', [a, b, c]))
      const turns = await names(30)
      for (const name of 'abc') assert.ok(turns.split(name).length - 1 >= 9, turns)
      await apply(pool('p', [a, b, c], { balance: { kind: 'least-loaded' } }))
      const loads = await names(30)
      for (const name of 'abc') assert.ok(loads.includes(name), loads)
      await apply(pool('p', [a, b, c], { balance: { kind: 'hash', by: { header: 'X-User' } } }))
      const chosen = new Set<string>()
      // Their places depend on ports that the kernel gives: by so many users each server is met.
      for (let user = 0; user < 100; user++) {
        const same = new Set(await names(3, { headers: { 'x-user': `user ${user}` } }))
        assert.equal(same.size, 1)
        chosen.add([...same][0]!)
      }
      assert.equal(chosen.size, 3)
    })

    const affinity: CookieAffinity = {
      name: 'ROUTE',
      path: '/shop',
      domain: 'shop.test',
      maxAgeSeconds: 3_600,
      secure: true,
      sameSite: 'Strict',
      changeOnFailure: false,
    }
    const cookieOf = (reply: Reply): string | undefined => reply.headers['set-cookie']?.[0]?.split(';')[0]

    test('a cookie keeps a client with its server, and says what it should', async () => {
      await apply(pool('p', [a, b, c], { affinity }))
      const first = await get()
      const text = first.headers['set-cookie']![0]!
      const attributes = text.split('; ').slice(1)
      assert.match(text, /^ROUTE=[^;]+;/)
      assert.ok(!text.includes(String(a.port)) && !text.includes(String(b.port)) && !text.includes(String(c.port)))
      for (const attribute of [
        'Path=/shop',
        'Domain=shop.test',
        'Max-Age=3600',
        'Secure',
        'HttpOnly',
        'SameSite=Strict',
      ])
        assert.ok(
          attributes.some((one) => one.toLowerCase() === attribute.toLowerCase()),
          `${attribute} in ${text}`,
        )
      const expires = Date.parse(attributes.find((one) => one.startsWith('Expires='))!.slice(8))
      assert.ok(Math.abs(expires - Date.now() - 3_600_000) < 10_000, text)
      const headers = { cookie: `other=1; ${cookieOf(first)!}` }
      for (let i = 0; i < 10; i++) {
        const again = await get({ headers })
        assert.deepEqual([again.echo.server, cookieOf(again)], [first.echo.server, undefined])
      }
      const unknown = await get({ headers: { cookie: 'ROUTE=unknown' } })
      assert.ok(cookieOf(unknown) !== undefined)
      const session = pool('p', [a, b, c], {
        affinity: { name: 'S', path: '/', secure: false, changeOnFailure: false },
      })
      await apply(session)
      assert.match((await get()).headers['set-cookie']![0]!, /^S=[^;]+; Path=\/; HttpOnly$/i)
    })

    test('a client whose server is gone, or ends, gets another one and a fresh cookie', async () => {
      await apply(pool('p', [a, b], { affinity }))
      const first = await get()
      const headers = { cookie: cookieOf(first)! }
      const [mine, other] = first.echo.server === 'a' ? [a, b] : [b, a]
      for (const servers of [[other], [serverAt(mine.port, true), other]]) {
        await apply(pool('p', servers, { affinity }))
        const moved = await get({ headers })
        assert.equal(moved.echo.server, other.name)
        assert.ok(cookieOf(moved) !== undefined && cookieOf(moved) !== headers.cookie)
      }
      // It is back, and so is the client.
      await apply(pool('p', [a, b], { affinity }))
      assert.equal((await get({ headers })).echo.server, mine.name)
    })

    test('a client whose server refuses connections is served; with another cookie only when told so', async () => {
      for (const changeOnFailure of [false, true]) {
        const dead = serverAt(await freePort())
        let stuck: Reply
        // The cookie of the dead server is learned from its address while something listens there.
        {
          await using alive = await startBackendAt(dead.port)
          await apply(pool('p', [dead], { affinity: { ...affinity, changeOnFailure } }))
          stuck = await get()
          assert.equal(alive.requests, 1)
        }
        await apply(pool('p', [dead, a], { affinity: { ...affinity, changeOnFailure } }))
        const served2 = await get({ headers: { cookie: cookieOf(stuck)! } })
        assert.equal(served2.echo.server, 'a')
        assert.equal(cookieOf(served2) !== undefined, changeOnFailure)
      }
    })

    test('a client stays with the pool that its cookie is of, when that is wanted', async () => {
      const pools = [pool('p', [a], { affinity }), pool('q', [b], { affinity })]
      const forward = to(['p', 100], ['q', 0])
      await served.plane.apply(routing([route({}, to('q'))], pools))
      const headers = { cookie: cookieOf(await get())! }
      await served.plane.apply(routing([route({}, { ...forward, keepsPool: true })], pools))
      assert.deepEqual([await names(5, { headers }), await names(5)], ['bbbbb', 'aaaaa'])
      await served.plane.apply(routing([route({}, forward)], pools))
      assert.equal(await names(5, { headers }), 'aaaaa')
    })

    test('servers that end get no more requests, but finish those they have', async () => {
      let finish: (() => void) | undefined
      await using slow = await startBackend('slow', (_, response) => {
        response.writeHead(200).write('begun ')
        finish = () => response.end('done')
      })
      await apply(pool('p', [slow]))
      const begun = get()
      await until('the request is with its server', () => finish !== undefined)
      await apply(pool('p', [serverAt(slow.port, true), a]))
      assert.equal(await names(6), 'aaaaaa')
      await apply(pool('p', [a]))
      assert.equal(await names(3), 'aaa')
      finish!()
      assert.deepEqual([(await begun).status, (await begun).body], [200, 'begun done'])
      assert.equal(slow.requests, 1)
    })

    test('connections to servers are kept', async () => {
      await using own = await startBackend('own')
      await apply(pool('p', [own]))
      assert.equal(await names(20), 'own'.repeat(20))
      assert.ok(own.connections < 10, `${own.connections} connections for 20 requests, one after the other`)
    })

    test('a server that refuses connections is passed over; when all do, the answer is 502 or 503', async () => {
      const dead = serverAt(await freePort())
      await apply(pool('p', [dead, a]))
      assert.equal(await names(10), 'a'.repeat(10))
      const posted = await get({ method: 'POST', body: 'x'.repeat(100_000) })
      assert.deepEqual([posted.echo.server, posted.echo.bytes], ['a', 100_000])
      await apply(pool('p', [dead]))
      assert.ok([502, 503].includes((await get()).status))
    })

    test('what may change something is not sent twice', async () => {
      let seen = 0
      await using rude = await startBackend('rude', (request) => {
        seen++
        request.resume()
        request.once('end', () => request.socket.destroy())
      })
      await using rude2 = await startBackend('rude2', (request) => {
        seen++
        request.socket.destroy()
      })
      await apply(pool('p', [rude, rude2]))
      for (const method of ['POST', 'PATCH']) {
        seen = 0
        assert.equal((await get({ method, body: 'order' })).status, 502)
        assert.equal(seen, 1, method)
      }
    })

    test('reads are tried with another server when the first breaks, times out or answers as told', async () => {
      const retry = (on: Retry['on'], rest: Partial<Retry> = {}): Retry => ({
        tries: 3,
        timeout: 0,
        on,
        also: 'safe',
        ...rest,
      })
      await using rude = await startBackend('rude', (request) => request.socket.destroy())
      await using bad = await startBackend('bad', (_, response) => response.writeHead(503).end('busy'))
      await using mute = await startBackend('mute', () => undefined)
      await apply(pool('p', [rude, a]), { retry: retry(new Set(['connect'])) })
      assert.equal(await names(6), 'aaaaaa')
      await apply(pool('p', [bad, a]), { retry: retry(new Set(['503'])) })
      assert.equal(await names(6), 'aaaaaa')
      await apply(pool('p', [bad, a]), { retry: retry(new Set(['connect'])) })
      assert.ok((await Promise.all([get(), get()])).some(({ body }) => body === 'busy'))
      await apply(pool('p', [mute, a]), { retry: retry(new Set(['timeout'])), timeouts: { read: 2_000 } })
      assert.equal(await names(2), 'aa')
    })

    test('a server that does not answer in time: 504', async () => {
      await using mute = await startBackend('mute', () => undefined)
      await apply(pool('p', [mute]), { timeouts: { read: 300 } })
      const started = Date.now()
      assert.equal((await get()).status, 504)
      assert.equal((await get({ method: 'POST', body: 'x' })).status, 504)
      // Not only when a server that is told nothing would have given up.
      assert.ok(Date.now() - started < 50_000)
    })

    test('an answer that stops in its middle is cut, not ended', async () => {
      await using half = await startBackend('half', (request, response) => {
        response.writeHead(200).write('half')
        request.socket.setTimeout(50, () => request.socket.destroy())
      })
      await apply(pool('p', [half]))
      await assert.rejects(get(), /aborted|hang up|reset/i)
    })

    test('an answer that is none gets 502', async () => {
      const sockets = new Set<Socket>()
      const odd = createNetServer((socket) => {
        sockets.add(socket)
        socket.on('error', () => undefined).once('data', () => socket.end('SSH-2.0-OpenSSH\r\n\r\n'))
      })
      await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve))
      await apply(pool('p', [serverAt((odd.address() as AddressInfo).port)]))
      assert.equal((await get()).status, 502)
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => odd.close(resolve))
    })

    test('what cannot be applied leaves in service what was', async () => {
      await apply(pool('p', [a]))
      const broken = routing([route({}, to('p'))], [pool('p', [b])], {
        certificates: new Map([['default', { chain: 'no certificate', key: identity('x.test').key }]]),
      })
      await assert.rejects(served.plane.apply(broken))
      await assert.rejects(
        served.plane.apply(
          routing([route({ path: { kind: 'pattern', pattern: '/(', ignoreCase: false } }, to('p'))], [pool('p', [b])]),
        ),
      )
      assert.equal(await names(4), 'aaaa')
      assert.equal((await ask(served.https, '/', { tls: {} })).echo.server, 'a')
      await apply(pool('p', [b]))
      assert.equal(await names(4), 'bbbb')
    })

    test('the same routing again changes nothing', async () => {
      const same = routing([route({}, to('p'))], [pool('p', [a])])
      await served.plane.apply(same)
      assert.equal((await served.plane.apply(same)).how, 'nothing')
      assert.equal((await served.plane.apply(structuredClone(same))).how, 'nothing')
    })

    test('no request fails while servers are replaced one after the other', async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 8 })
      let servers = await Promise.all(['r0', 'r1', 'r2'].map((name) => startBackend(name)))
      await apply(pool('p', servers))
      let running = true
      const problems: string[] = []
      const seen = new Set<string>()
      const answered = Array<number>(6).fill(0)
      /** Resolves once none of the requests is under way any more that are now. */
      const ended = async (): Promise<void> => {
        const before = [...answered]
        await until('every client has asked anew', () => answered.every((count, at) => count > before[at]!))
      }
      const clients = Array.from({ length: 6 }, async (_, number) => {
        for (let i = 0; running; i++) {
          try {
            const reply = await keptAsk(agent, served.http, (i + number) % 3 === 0 ? 'POST' : 'GET')
            if (reply.status === 200) seen.add(reply.echo.server)
            else problems.push(`${reply.status} ${reply.body}`)
          } catch (error) {
            problems.push((error as Error).message)
          }
          answered[number]!++
        }
      })
      await until('all have had requests', () => seen.size === 3)
      for (let next = 3; next < 18; next++) {
        const [oldest, ...others] = servers
        const fresh = await startBackend(`r${next}`)
        await apply(pool('p', [serverAt(oldest!.port, true), ...others, fresh]))
        // What was sent to it before has to be read: a connection with an unread request is closed as an idle one.
        await ended()
        // As a server does that is told to end: it takes no other connections, closes idle ones and finishes what it has.
        await oldest!.shutDown()
        await apply(pool('p', [...others, fresh]))
        servers = [...others, fresh]
        await until('the fresh one has had requests', () => seen.has(`r${next}`))
      }
      running = false
      await Promise.all(clients)
      agent.destroy()
      for (const one of servers) await one[Symbol.asyncDispose]()
      assert.deepEqual(problems, [])
      assert.equal(seen.size, 18, [...seen].join())
    })

    test('no request fails while servers, routes and certificates change twenty times a second', async () => {
      const backends = await Promise.all(['d', 'e', 'f', 'g'].map((name) => startBackend(name, echo(name))))
      const agent = new Agent({ keepAlive: true, maxSockets: 8 })
      const base = routing([route({}, to('p'))], [pool('p', [backends[0]!])])
      await served.plane.apply(base)
      let running = true
      const seen = { requests: 0, servers: new Set<string>(), problems: [] as string[] }
      const client = async (number: number): Promise<void> => {
        for (let i = 0; running; i++) {
          try {
            const reply = await keptAsk(agent, served.http, i % 3 === number % 3 ? 'POST' : 'GET')
            if (reply.status === 200) seen.servers.add(reply.echo.server)
            else seen.problems.push(`${reply.status} ${reply.body}`)
          } catch (error) {
            seen.problems.push((error as Error).message)
          }
          seen.requests++
        }
      }
      const clients = Array.from({ length: 6 }, (_, number) => client(number))
      let changes = 0
      for (; changes < 45 || seen.requests <= 100; changes++) {
        const members = backends
          .map((one, at) => serverAt(one.port, (changes + at) % 4 === 1))
          .filter((_, at) => (changes + at) % 4 !== 0)
        const more = changes % 5 === 0 ? [route({ host: exactHost(`h${changes}.test`) }, to('p'))] : []
        await served.plane.apply({
          ...base,
          routes: [...base.routes, ...more],
          pools: new Map([['p', pool('p', members)]]),
          certificates: new Map([['default', identity(`default${changes % 7 === 0 ? 1 : 2}.test`)]]),
        })
        await sleep(50)
      }
      running = false
      await Promise.all(clients)
      agent.destroy()
      for (const one of backends) await one[Symbol.asyncDispose]()
      assert.deepEqual(seen.problems.slice(0, 5), [])
      assert.equal(seen.servers.size, 4)
    })
  })
}

async function keptAsk(agent: Agent, port: number, method: string): Promise<Reply> {
  return await new Promise<Reply>((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, agent, method, path: '/', headers: { host: 'shop.test' } })
    request.once('response', (response) => void read(response).then(resolve, reject))
    request.once('error', reject)
    request.end(method === 'POST' ? 'x'.repeat(2_000) : undefined)
  })
}

/** A backend where nobody listens now. */
async function startBackendAt(port: number): Promise<Backend> {
  return await startBackend('dead', echo('dead'), { port })
}
