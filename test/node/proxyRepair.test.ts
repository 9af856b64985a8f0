/** The service proxy while things go wrong or change fast: no connection to what stays is lost. Needs root and nft. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { after, before, describe, it } from 'node:test'

import { systemClock } from '#lib/clock.ts'
import { namespaceOfFile } from '#lib/host/process.ts'
import { FedProxy, host, httpPort, ProxyNetwork, service, slice, until } from './proxyFixture.ts'
import type { LoadResult } from './proxyFixture.ts'

const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'
const agentFile = fileURLToPath(new URL('proxyAgent.ts', import.meta.url))

describe('the service proxy in trouble', { skip: reasonToSkip }, () => {
  let network: ProxyNetwork
  before(async () => {
    network = await ProxyNetwork.create(`k8ts-pr${process.pid}`)
    await network.serve('pod2', 'pod2', 'tcp/10.244.1.3/8080')
    await network.serve('other', 'other', 'tcp/10.244.2.2/8080')
  })
  after(async () => {
    await network?.[Symbol.asyncDispose]()
  })

  const stable = service('stable', { clusterIP: '10.96.0.7', ports: [{ port: 80 }] })
  const stableSlice = slice('stable', [httpPort], '10.244.1.3')
  const start = (): Promise<FedProxy> =>
    FedProxy.start({ services: [stable], slices: [stableSlice] }, { namespaceFile: network.file('node') })
  const assertNothingLost = ({ connections, failures }: LoadResult): void => {
    assert.deepEqual(failures, {})
    assert.ok(connections > 10, `${connections} connections`)
  }

  it('puts right at once what others have changed, and connections go on', async () => {
    await using proxy = await start()
    const edits: [string, string][] = [
      ['a foreign rule', 'add rule ip k8ts-services services ip daddr 10.96.0.99 drop'],
      ['an element removed', 'delete element ip k8ts-services cluster_addresses { 10.96.0.7 }'],
      ['a chain flushed', 'flush chain ip k8ts-services unserved'],
      ['a foreign element', 'add element ip k8ts-services vips { 10.96.0.66 . tcp . 80 : drop }'],
      ['a foreign chain', 'add chain ip k8ts-services mine'],
      ['the table deleted', 'delete table ip k8ts-services'],
    ]
    // The watch of changes has begun when it sees the first of them.
    await until('the watch has begun', async () => {
      const before = await network.generation()
      await network.enter('node', 'nft', 'add chain ip k8ts-services probe')
      const end = performance.now() + 500
      while (performance.now() < end && (await network.generation()) <= before) await systemClock.sleep(20)
      // It may have come while the table was being replaced, and goes with the next time.
      return (await network.generation()) > before && !(await network.listing()).chains.has('probe')
    })
    for (const [name, edit] of edits) {
      const before = await network.listing()
      // The table is replaced twice a second at most.
      await systemClock.sleep(600)
      const load = name === 'the table deleted' ? undefined : await network.load('pod1', '10.96.0.7', 80)
      await network.enter('node', 'nft', edit)
      await until(
        `${name} is put right`,
        async () => {
          const now = await network.listing()
          return (
            [...before.elements].every(
              ([set, elements]) => set === 'generation' || now.elements.get(set)?.size === elements.size,
            ) &&
            [...before.chains].every(([chain, text]) => now.chains.get(chain) === text) &&
            now.chains.size === before.chains.size
          )
        },
        // Long before the table is compared with what it should be.
        20_000,
      )
      if (load !== undefined) {
        await systemClock.sleep(200)
        assertNothingLost(await load())
      }
      assert.deepEqual(await network.connect('pod1', 'tcp/10.96.0.7/80'), ['pod2 10.244.1.2'], name)
    }
    assert.ok(
      proxy.problems.every((line) => line.includes('changed by others')),
      proxy.problems.join('\n'),
    )
  })

  it('loses no connection when its process is killed in the middle of transactions, and starts again', async () => {
    const startAgent = async () => {
      const agent = network.spawn('node', process.execPath, agentFile, '1500')
      await once(agent.stdout!, 'data')
      return agent
    }
    let agent = await startAgent()
    const load = await network.load('pod1', '10.96.0.7', 80)
    for (let round = 0; round < 3; round++) {
      await systemClock.sleep(37 * round)
      agent.kill('SIGKILL')
      await once(agent, 'close')
      // Once it is killed again while it loads its first whole table.
      if (round % 2 === 1) {
        const early = network.spawn('node', process.execPath, agentFile, '1500')
        const generation = await network.generation()
        await until('it has begun', async () => early.exitCode !== null || (await network.generation()) > generation)
        early.kill('SIGKILL')
        await once(early, 'close')
      }
      agent = await startAgent()
    }
    assertNothingLost(await load())
    const { elements } = await network.listing()
    assert.equal(elements.get('vips')!.size, 1502)
    // The ports of kube-proxy are served where the node is; they are opened after the first table is there.
    const untilOpen = ['--retry', '50', '--retry-connrefused', '--retry-delay', '1']
    const ask = (port: number, path: string) =>
      network.enter('node', 'curl', '-s', ...untilOpen, '-w', ' %{http_code}', `http://127.0.0.1:${port}${path}`)
    assert.match(await ask(32_000, '/'), /"localEndpoints": 1,[^]* 200$/)
    assert.match(await ask(10_256, '/healthz'), /"healthy":true.* 200$/)
    assert.equal(await ask(10_249, '/proxyMode'), 'nftables 200')
    assert.match(await ask(10_249, '/metrics'), /kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="IPv4"\}/)
    // Whatever it has started ends with it, killed or not.
    agent.kill('SIGKILL')
    await once(agent, 'close')
    const inside = namespaceOfFile(network.file('node'))
    await until('nothing of it is left', async () =>
      host.processes.list().every(({ networkNamespace }) => networkNamespace !== inside),
    )
  })

  it('takes thousands of services at once while endpoints flap, and loses no connection to what stays', async () => {
    await using proxy = await start()
    const flapping = service('flapping', { clusterIP: '10.96.0.9', ports: [{ port: 80 }] })
    const one = slice('flapping', [httpPort], '10.244.1.3')
    proxy.set(flapping, one)
    await until('it is served', async () => (await network.listing()).elements.get('vips')!.size === 2)
    const loads = await Promise.all([
      network.load('pod1', '10.96.0.7', 80),
      // One endpoint of this one stays as well, the other comes and goes: neither is ever asked in vain.
      network.load('pod1', '10.96.0.9', 80),
    ])
    // In the end both are there.
    for (let flap = 0; flap < 31; flap++) {
      proxy.set(
        flap % 2 === 0
          ? slice('flapping', [httpPort], '10.244.1.3', '10.244.2.2')
          : slice('flapping', [httpPort], '10.244.1.3'),
      )
      if (flap === 10)
        for (let index = 0; index < 4_000; index++) {
          const name = `burst${index}`
          const clusterIP = `10.97.${index >> 8}.${index & 255}`
          proxy.set(service(name, { clusterIP, ports: [{ port: 80 }] }), slice(name, [httpPort], '10.244.1.3'))
        }
      await systemClock.sleep(100)
    }
    await until('all are served', async () => (await network.listing()).elements.get('vips')!.size === 4_002, 240_000)
    const [toStable, toFlapping] = await Promise.all(loads.map((end) => end()))
    assertNothingLost(toStable!)
    assertNothingLost(toFlapping!)
    assert.deepEqual(Object.keys(toFlapping!.answers).toSorted(), ['other', 'pod2'])
    assert.deepEqual(await network.connect('pod1', 'tcp/10.97.15.159/80'), ['pod2 10.244.1.2'])
  })
})
