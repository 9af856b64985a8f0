/** What a cluster of one node takes while nobody asks anything of it: memory, processor, wake-ups, writes. */
import { readFileSync } from 'node:fs'
import { namespaces } from '#api/core/v1/namespace.ts'
import type { Client } from '#client/client.ts'
import { systemClock } from '#lib/clock.ts'
import { hostPortsFiles } from '#cluster/hostPorts.ts'
import { rootsFor } from '#cluster/record.ts'
import { isRoot, startCluster } from './cluster.ts'
import { renderMeasurements, type Measurement } from './measurement.ts'
import { descendantsOf, readChildrenCpu, readProcess, residentTogether } from './processFigures.ts'

/** Until what a start leaves behind has been done: first looks of all loops, garbage, compiled code. */
const settleMilliseconds = 20_000
const watchedMilliseconds = 60_000

const kubernetes = 'Kubernetes 1.24 without a proxy'

/**
 * With root, the node runs containers; without, it is a simulated one. What counts is all that runs beside containerd: the
 * node's process, its helpers, and the process of the machine that serves services under names.
 */
export async function run(): Promise<Measurement[]> {
  await using cluster = startCluster('bench-idle', isRoot ? [] : ['--simulated-nodes', '1'])
  await cluster.up
  const pid = await cluster.pid()
  const { client } = await cluster.connect()
  await systemClock.sleep(settleMilliseconds)
  // Connected before, so that what is measured is not a handshake.
  const revisionBefore = await readRevision(client)
  const holder = hostPortsProcess()
  const read = () => {
    const helpers = [...holder, ...descendantsOf(pid)]
    const ended = readChildrenCpu(pid)
    return {
      own: readProcess(pid),
      helpersCpu: helpers.reduce((sum, helper) => sum + readProcess(helper).cpu, ended),
      together: residentTogether([pid, ...helpers]),
    }
  }
  const before = read()
  await systemClock.sleep(watchedMilliseconds)
  const after = read()
  const writes = (await readRevision(client)) - revisionBefore
  const minutes = watchedMilliseconds / 60_000
  const percent = (cpu: (at: typeof after) => number): number =>
    ((cpu(after) - cpu(before)) / (after.own.age - before.own.age)) * 100
  return [
    {
      name: 'resident memory, without containerd',
      value: after.together / 2 ** 20,
      unit: 'MiB',
      goal: { atMost: 150 },
      beside: { name: kubernetes, value: 508 },
    },
    { name: "of which the node's process alone", value: after.own.resident / 2 ** 20, unit: 'MiB' },
    {
      name: 'processor, of one core',
      value: percent(({ own, helpersCpu }) => own.cpu + helpersCpu),
      unit: '%',
      goal: { atMost: 1 },
      beside: { name: kubernetes, value: 2.6 },
    },
    { name: "of which the node's process alone", value: percent(({ own }) => own.cpu), unit: '%' },
    { name: 'wake-ups', value: (after.own.wakeups - before.own.wakeups) / minutes / 60, unit: '/s' },
    { name: 'writes', value: writes / minutes, unit: '/min' },
  ]
}

/** The pid of the process that serves all clusters of this machine under its names, where there is one. */
function hostPortsProcess(): readonly number[] {
  const { lock } = hostPortsFiles(rootsFor(process.getuid?.() ?? 0, process.env))
  try {
    return [Number.parseInt(readFileSync(lock, 'utf8'), 10)]
  } catch {
    return []
  }
}

/** The store's revision; it grows by one with each write. */
async function readRevision(client: Client): Promise<number> {
  return Number((await client.list(namespaces, { limit: 1 })).resourceVersion)
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
