import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leases } from '#api/coordination/v1/lease.ts'
import { clientOver, type Client } from '#client/client.ts'
import { runAsLeader } from '#client/leaderElection.ts'
import type { Transport } from '#client/transport.ts'
import { unavailable, type StatusError } from '#machinery/status.ts'
import { startCluster, type TestCluster } from './controllersCluster.ts'

interface Candidate {
  readonly stop: AbortController
  /** What happened, in order. */
  readonly log: string[]
  readonly ended: Promise<void>
}

function candidate(cluster: TestCluster, identity: string, client: Client = cluster.client): Candidate {
  const stop = new AbortController()
  const log: string[] = []
  const { clock, random } = cluster
  const lead = async (signal: AbortSignal): Promise<void> => {
    log.push('leads')
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    log.push('stops')
  }
  const options = { client, clock, random, namespace: 'kube-system', name: 'manager', identity }
  const ended = runAsLeader(options, lead, stop.signal).catch(
    (error: unknown) => void log.push((error as Error).message),
  )
  return { stop, log, ended }
}

const holderOf = async ({ client }: TestCluster): Promise<string | undefined> =>
  (await client.get(leases, { namespace: 'kube-system', name: 'manager' })).spec.holderIdentity

test('one leads at a time, and hands over when it is asked to stop', async () => {
  await using cluster = await startCluster({ controllers: [] })
  const a = candidate(cluster, 'a')
  await cluster.clock.advance('1s')
  const b = candidate(cluster, 'b')
  await cluster.clock.advance('2m')
  assert.deepEqual([a.log, b.log, await holderOf(cluster)], [['leads'], [], 'a'])
  a.stop.abort()
  await cluster.clock.advance('100ms')
  await a.ended
  assert.equal(await holderOf(cluster), '')
  await cluster.clock.advance('5s')
  assert.deepEqual([a.log, b.log, await holderOf(cluster)], [['leads', 'stops'], ['leads'], 'b'])
  b.stop.abort()
  await cluster.clock.advance('100ms')
  await b.ended
})

test('a leader that cannot reach the server stops before another one leads', async () => {
  await using cluster = await startCluster({ controllers: [] })
  let cut = false
  const { transport } = cluster.client
  const wire: Transport = {
    ...transport,
    send: (request, signal) => (cut ? Promise.reject(unavailable('no route')) : transport.send(request, signal)),
  }
  const a = candidate(cluster, 'a', clientOver(wire))
  await cluster.clock.advance('1s')
  const b = candidate(cluster, 'b')
  await cluster.clock.advance('10s')
  cut = true
  for (let seconds = 0; seconds < 60 && b.log.length === 0; seconds++) {
    await cluster.clock.advance('1s')
    if (b.log.length > 0) assert.ok(a.log.includes('stops'))
  }
  await a.ended
  assert.deepEqual(a.log, ['leads', 'stops', 'Lost the lease "kube-system/manager"'])
  assert.deepEqual(b.log, ['leads'])
  b.stop.abort()
  await cluster.clock.advance('100ms')
  await b.ended
})

test('a leader whose renewal is written after he was told to stop gives the lease back all the same', async () => {
  await using cluster = await startCluster({ controllers: [] })
  const { transport } = cluster.client
  const updates: string[] = []
  let tell = (): void => {}
  const wire: Transport = {
    ...transport,
    async send(request, signal) {
      if (request.method !== 'PUT') return await transport.send(request, signal)
      try {
        const answer = await transport.send(request)
        if (updates.push('written') === 2) tell()
        signal?.throwIfAborted()
        return answer
      } catch (error) {
        if (signal?.aborted !== true) updates.push((error as StatusError).reason)
        throw error
      }
    },
  }
  const a = candidate(cluster, 'a', clientOver(wire))
  tell = () => a.stop.abort()
  await cluster.clock.advance('10s')
  await a.ended
  assert.deepEqual(
    [a.log, updates],
    [
      ['leads', 'stops'],
      ['written', 'written', 'Conflict', 'written'],
    ],
  )
  assert.equal(await holderOf(cluster), '')
})

test('every term has a larger fence than the one before, also when the lease was deleted', async () => {
  await using cluster = await startCluster({ controllers: [] })
  const { client, clock, random } = cluster
  const fences: number[] = []
  for (const identity of ['a', 'b', 'c']) {
    const options = { client, clock, random, namespace: 'kube-system', name: 'manager', identity }
    await runAsLeader(
      options,
      (_, leadership) => {
        assert.equal(leadership.identity, identity)
        fences.push(leadership.fence)
        return Promise.resolve()
      },
      new AbortController().signal,
    )
    if (identity === 'b') await client.delete(leases, { namespace: 'kube-system', name: 'manager' })
  }
  assert.equal(fences.length, 3)
  assert.ok(fences[0]! < fences[1]! && fences[1]! < fences[2]!, String(fences))
})
