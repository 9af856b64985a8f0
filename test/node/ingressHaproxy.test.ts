// What only the data plane of HAProxy can do: its process is ended, replaced and found again, and says nothing about keys.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, readFile, stat } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { silentLogger } from '#lib/log.ts'
import { haproxyDataPlane } from '#ingress/haproxy/dataPlane.ts'
import type { DataPlane, ListenAddresses } from '#ingress/routing.ts'
import { ensureProgram } from '../../tools/programs.ts'
import { ask, freePort, pool, route, routing, startBackend, to, until } from './ingressDataPlaneFixture.ts'

const host = systemHost(systemClock)
const program = await ensureProgram('haproxy', 'haproxy', console.error)
const address = '127.0.0.1'

async function listenAddresses(): Promise<ListenAddresses> {
  return {
    http: [{ address, port: await freePort() }],
    https: [{ address, port: await freePort() }],
  }
}

const start = (folder: string, listen: ListenAddresses): Promise<DataPlane> =>
  haproxyDataPlane({
    endsWithUs: true,
    folder,
    program,
    listen,
    host,
    log: silentLogger,
    threads: 2,
  })

const processesOf = (folder: string): readonly number[] =>
  host.processes.list().flatMap(({ pid, command }) => (command.includes(`${folder}/haproxy.cfg`) ? [pid] : []))

/**
 * Clients that ask one after the other on kept connections until they are told to stop and have asked often enough; what failed
 * is returned.
 */
function load(
  port: number,
  clients: number,
): () => Promise<{ readonly requests: number; readonly problems: readonly string[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const problems: string[] = []
  let requests = 0
  let isOver = false
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const failed = (problem: string): void => {
        problems.push(problem)
        resolve()
      }
      httpRequest({ host: address, port, agent, headers: { host: 'shop.test' } }, (response) => {
        if (response.statusCode !== 200) problems.push(String(response.statusCode))
        response
          .resume()
          .on('end', resolve)
          .on('error', (error) => failed(error.message))
      })
        .on('error', (error) => failed(error.message))
        .end()
    })
  const all = Array.from({ length: clients }, async () => {
    for (; (!isOver || requests <= 20) && problems.length < 100; requests++) await one()
  })
  return async () => {
    isOver = true
    await Promise.all(all)
    agent.destroy()
    return { requests, problems }
  }
}

describe('the process of HAProxy', () => {
  test('a new process takes over without a request that fails', async () => {
    const listen = await listenAddresses()
    const port = listen.http[0]!.port
    await using a = await startBackend('a')
    await using plane = await start(await mkdtemp('/tmp/haproxy-'), listen)
    const apply = async (largestBody: number): Promise<string> =>
      (await plane.apply(routing([route({}, to('p'), { largestBody })], [pool('p', [a])]))).how
    await apply(1)
    const stop = load(port, 6)
    for (let i = 2; i < 8; i++) assert.equal(await apply(i), 'reload')
    const { requests, problems } = await stop()
    assert.deepEqual(problems, [])
    assert.ok(requests > 20, `only ${requests} requests`)
  })

  test('what serves requests is not root, and its successor neither', async () => {
    const listen = await listenAddresses()
    const port = listen.http[0]!.port
    const folder = await mkdtemp('/tmp/haproxy-')
    await using a = await startBackend('a')
    await using plane = await start(folder, listen)
    const workers = async (): Promise<ReadonlyMap<number, readonly string[]>> => {
      const master = Number((await readFile(`${folder}/haproxy.pid`, 'utf8')).split(' ')[0])
      const found = new Map<number, readonly string[]>()
      for (const pid of processesOf(folder).filter((each) => each !== master)) {
        // One that was replaced may be gone by now.
        const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined)
        if (status === undefined) continue
        found.set(
          pid,
          ['Uid', 'Gid', 'Groups', 'CapEff'].map((name) => new RegExp(`^${name}:[ \\t]*(\\S*)`, 'm').exec(status)![1]!),
        )
      }
      return found
    }
    const seen = new Set<number>()
    const users = new Map([['jo', '$apr1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/']])
    const authorization = `Basic ${Buffer.from('jo:correct horse').toString('base64')}`
    for (const largestBody of [50_000, 60_000]) {
      const rules = { largestBody, basicAuthentication: { realm: 'x', users } }
      await plane.apply(routing([route({}, to('p'), rules)], [pool('p', [a])]))
      for (const [pid, [user, group, groups, capabilities]] of await workers()) {
        seen.add(pid)
        assert.notEqual(user, '0')
        assert.notEqual(group, '0')
        assert.deepEqual([groups, capabilities], ['', '0000000000000000'])
      }
      // It reaches what it asks: the agent for passwords, and the plane that counts.
      const chunked = { method: 'POST', headers: { authorization, 'transfer-encoding': 'chunked' } }
      assert.equal((await ask(port, '/', { ...chunked, body: 'x'.repeat(largestBody) })).echo.bytes, largestBody)
      assert.equal((await ask(port, '/', { ...chunked, body: 'x'.repeat(largestBody + 1) })).status, 413)
      assert.equal((await ask(port, '/', { headers: { authorization } })).status, 200)
      assert.equal((await ask(port, '/')).status, 401)
    }
    assert.equal(seen.size, 2)
  })

  test('routes that come, go, and come back need no new process', async () => {
    const listen = await listenAddresses()
    const port = listen.http[0]!.port
    await using a = await startBackend('a')
    await using b = await startBackend('b')
    await using plane = await start(await mkdtemp('/tmp/haproxy-'), listen)
    const rest = route({}, to('p'))
    const api = route({ path: { kind: 'prefix', path: '/api' } }, to('q'))
    const pools = [pool('p', [a]), pool('q', [b])]
    const serverOf = async (path: string): Promise<string> => (await ask(port, path)).echo.server
    await plane.apply(routing([api, rest], pools))
    assert.equal(await serverOf('/api'), 'b')
    assert.equal((await plane.apply(routing([rest], [pool('p', [a])]))).how, 'in place')
    assert.equal(await serverOf('/api'), 'a')
    // Other endpoints of a pool that nothing leads to are nothing to the process.
    assert.equal((await plane.apply(routing([rest], [pool('p', [a]), pool('q', [a])]))).how, 'nothing')
    assert.equal((await plane.apply(routing([api, rest], pools))).how, 'in place')
    assert.equal(await serverOf('/api'), 'b')
    // Neither do those that nobody has heard of, as long as their rules are usual ones.
    const more = route({ path: { kind: 'prefix', path: '/more' } }, to('r'))
    assert.equal((await plane.apply(routing([api, more, rest], [...pools, pool('r', [b])]))).how, 'in place')
    assert.equal(await serverOf('/more'), 'b')
    assert.equal((await plane.apply(routing([api, more, rest], [...pools, pool('r', [a])]))).how, 'in place')
    assert.equal(await serverOf('/more'), 'a')
    assert.equal((await plane.apply(routing([api, rest], pools))).how, 'in place')
    assert.equal(await serverOf('/more'), 'a')
  })

  test('a process that was killed is started again with what it served, changes in place and all', async () => {
    const listen = await listenAddresses()
    const port = listen.http[0]!.port
    const folder = await mkdtemp('/tmp/haproxy-')
    await using a = await startBackend('a')
    await using b = await startBackend('b')
    await using plane = await start(folder, listen)
    await plane.apply(routing([route({}, to('p'))], [pool('p', [a])]))
    assert.equal((await plane.apply(routing([route({}, to('p'))], [pool('p', [b])]))).how, 'in place')
    for (const choose of [Math.min, Math.max]) {
      const before = processesOf(folder)
      process.kill(choose(...before), 'SIGKILL')
      await until('other processes serve', async () => {
        const now = processesOf(folder)
        if (now.length < 2 || now.some((pid) => before.includes(pid))) return false
        return (await ask(port, '/').catch(() => undefined))?.status === 200
      })
      assert.equal((await ask(port, '/')).echo.server, 'b')
    }
    assert.equal((await plane.apply(routing([route({}, to('p'))], [pool('p', [a])]))).how, 'in place')
    assert.equal((await ask(port, '/')).echo.server, 'a')
  })

  test('a data plane takes the process of the one before it over', async () => {
    const listen = await listenAddresses()
    const port = listen.http[0]!.port
    const folder = await mkdtemp('/tmp/haproxy-')
    await using a = await startBackend('a')
    await using b = await startBackend('b')
    const child = spawn(
      process.execPath,
      [
        join(import.meta.dirname, 'ingressHaproxyChild.ts'),
        program,
        folder,
        String(port),
        String(listen.https[0]!.port),
        String(a.port),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(child.stdout, 'data')
    const [master] = processesOf(folder)
    const stop = load(port, 4)
    child.kill('SIGKILL')
    await once(child, 'exit')
    {
      await using plane = await start(folder, listen)
      assert.equal((await ask(port, '/')).echo.server, 'a')
      await plane.apply(routing([route({}, to('p'))], [pool('p', [b])]))
      assert.equal((await ask(port, '/')).echo.server, 'b')
      assert.deepEqual((await stop()).problems, [])
      assert.ok(processesOf(folder).includes(master!))
    }
    assert.deepEqual(processesOf(folder), [])
  })

  test('a process that shall not outlast us ends when we are killed, also one that was replaced', async () => {
    const listen = await listenAddresses()
    const folder = await mkdtemp('/tmp/haproxy-')
    await using a = await startBackend('a')
    const ports = [listen.http[0]!.port, listen.https[0]!.port, a.port].map(String)
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'ingressHaproxyChild.ts'), program, folder, ...ports, 'ends-with-us'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(child.stdout, 'data')
    const before = processesOf(folder)
    // Its master makes itself anew and stays the same process.
    process.kill(before[0]!, 'SIGUSR2')
    await until('another worker serves', async () => processesOf(folder).some((pid) => !before.includes(pid)))
    child.kill('SIGKILL')
    await once(child, 'exit')
    await until('nothing of it is left', async () => processesOf(folder).length === 0)
    await rm(folder, { recursive: true })
  })

  test('nobody else can read what it has, and nothing is left at the end', async () => {
    const folder = await mkdtemp('/tmp/haproxy-')
    {
      await using plane = await start(folder, await listenAddresses())
      await plane.apply(routing([], []))
      assert.equal((await stat(folder)).mode & 0o777, 0o710)
      for (const name of await readdir(folder)) {
        const { mode } = await stat(`${folder}/${name}`)
        // Workers connect to us.
        assert.equal(mode & 0o077, name === 'behind.sock' || name === 'agent.sock' ? 0o060 : 0, name)
      }
      assert.doesNotMatch(await readFile(`${folder}/haproxy.cfg`, 'utf8'), /PRIVATE KEY/)
      assert.ok(processesOf(folder).length >= 2)
    }
    assert.deepEqual(processesOf(folder), [])
    await assert.rejects(stat(folder), { code: 'ENOENT' })
  })
})
