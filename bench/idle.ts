/** What a cluster of one node takes while nobody asks anything of it: memory, processor, wake-ups, writes. */
import { namespaces } from '#api/core/v1/namespace.ts'
import type { Client } from '#client/client.ts'
import { systemClock } from '#lib/clock.ts'
import { isRoot, startCluster } from './cluster.ts'
import { renderMeasurements, type Measurement } from './measurement.ts'
import { readProcess } from './processFigures.ts'

/** Until what a start leaves behind has been done: first looks of all loops, garbage, compiled code. */
const settleMilliseconds = 20_000
const watchedMilliseconds = 60_000

const kubernetes = 'Kubernetes 1.24 without a proxy'

/** With root, the node runs containers; without, it is a simulated one. One process is all there is, beside containerd. */
export async function run(): Promise<Measurement[]> {
  await using cluster = startCluster('bench-idle', isRoot ? [] : ['--simulated-nodes', '1'])
  await cluster.up
  const pid = await cluster.pid()
  const { client } = await cluster.connect()
  await systemClock.sleep(settleMilliseconds)
  // Connected before, so that what is measured is not a handshake.
  const revisionBefore = await readRevision(client)
  const before = readProcess(pid)
  await systemClock.sleep(watchedMilliseconds)
  const after = readProcess(pid)
  const writes = (await readRevision(client)) - revisionBefore
  const minutes = watchedMilliseconds / 60_000
  const mebibytes = after.resident / 2 ** 20
  const percent = ((after.cpu - before.cpu) / (after.age - before.age)) * 100
  return [
    {
      name: 'resident memory, without containerd',
      value: mebibytes,
      unit: 'MiB',
      goal: { atMost: 150 },
      beside: { name: kubernetes, value: 508 },
    },
    {
      name: 'processor, of one core',
      value: percent,
      unit: '%',
      goal: { atMost: 1 },
      beside: { name: kubernetes, value: 2.6 },
    },
    { name: 'wake-ups', value: (after.wakeups - before.wakeups) / minutes / 60, unit: '/s' },
    { name: 'writes', value: writes / minutes, unit: '/min' },
  ]
}

/** The store's revision; it grows by one with each write. */
async function readRevision(client: Client): Promise<number> {
  return Number((await client.list(namespaces, { limit: 1 })).resourceVersion)
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
