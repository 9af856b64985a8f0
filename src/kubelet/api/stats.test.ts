import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeCgroups } from '#lib/host/fakeCgroups.ts'
import { PodCgroups } from '../cgroups/podCgroups.ts'
import type { MachineFacts } from '../node/machine.ts'
import type { PodWorker } from '../podWorker.ts'
import { parseNetworkDevices } from './network.ts'
import { nodeStats } from './stats.ts'
import { StatsSource } from './statsSource.ts'
import type { VolumeFigures } from './volumeStats.ts'

const began = Date.UTC(2026, 0, 1)
const devices = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     500       5    0    0    0     0          0         0      500       5    0    0    0     0       0          0
  eth0:    1000      10    1    2    0     0          0         0     2000      20    3    4    0     0       0          0
`

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: {
    containers: [{ name: 'main', resources: { limits: { cpu: '500m' } } }],
    volumes: [
      { name: 'disk', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory' } },
    ],
  },
  status: { qosClass: 'Burstable' },
}

const onDisk = { name: 'disk', usedBytes: 1000, inodesUsed: 3 } as VolumeFigures
const inMemory = { name: 'memory', usedBytes: 5000, inodesUsed: 4 } as VolumeFigures

/** A node with one pod of one container that runs. */
function start() {
  const clock = new SimulatedClock(began)
  const cgroups = fakeCgroups()
  const podCgroups = new PodCgroups(cgroups, '/n')
  podCgroups.create(pod)
  const path = '/n/kubepods/burstable/podu1'
  for (const name of ['c1', 's1']) cgroups.create(`${path}/${name}`)
  cgroups.addProcess(`${path}/s1`, 77)
  cgroups.limit(`${path}/c1`, { cpuQuotaMicros: 50_000, memoryBytes: 1 << 20, cpuShares: 102 })
  const use = (seconds: number): void => {
    const memory = { memoryUsageBytes: 9000, memoryWorkingSetBytes: 7000, memoryRssBytes: 5000, pids: 2 }
    for (const each of ['/n', path, `${path}/c1`]) cgroups.setUsage(each, { cpuNanoseconds: seconds * 1e9, ...memory })
  }
  const worker = {
    pod,
    status: { startTime: '2026-01-01T00:00:00Z' },
    observed: {
      sandboxes: [{ id: 's1', attempt: 0, ready: true, createdAt: began, ips: [] }],
      containers: [
        {
          id: 'c1',
          name: 'main',
          sandboxId: 's1',
          attempt: 0,
          hash: '',
          state: 'running',
          createdAt: began,
          startedAt: began + 1000,
          image: 'i:1',
          imageRef: '',
        },
        {
          id: 'c0',
          name: 'main',
          sandboxId: 's1',
          attempt: 0,
          hash: '',
          state: 'exited',
          createdAt: began,
          image: 'i:1',
          imageRef: '',
        },
      ],
    },
  } as unknown as PodWorker
  const texts: Readonly<Record<string, string>> = {
    '/proc/77/net/dev': devices,
    '/proc/sys/kernel/pid_max': '4194304\n',
    '/proc/sys/kernel/threads-max': '32768\n',
    '/proc/loadavg': '0.1 0.2 0.3 1/250 999\n',
  }
  const source = new StatsSource({
    nodeName: 'n1',
    clock,
    files: {
      readText: async (name) => texts[name],
      space: async (path) => ({
        freeBytes: path === '/images' ? 30 : 40,
        usedBytes: 60,
        totalBytes: 100,
        freeInodes: 4,
        totalInodes: 10,
      }),
      status: async () => ({ kind: 'file', mode: 0, uid: 0, gid: 0, size: 123, modifiedAt: 0 }) as never,
      list: async () => ['0.log'],
    },
    machine: { cpus: 2, memoryBytes: 10_000, swapBytes: 0 } as MachineFacts,
    cgroups,
    podCgroups,
    nodeCgroup: '/n',
    own: () => ({ cpuNanoseconds: 0.5e9, residentBytes: 1000 }),
    folder: '/var/kubelet',
    logFolder: () => '/logs',
    workers: () => [worker],
    volumes: { of: async () => [onDisk, inMemory], metrics: async () => '' },
    runtime: {
      written: async () => ({ bytes: 7, inodes: 2 }),
      imageStore: async () => ({ folder: '/images', bytes: 33, inodes: 5 }),
    },
    signal: new AbortController().signal,
  })
  const stats = nodeStats(source)
  return { clock, stats, use }
}

test('the resource metrics of containers, pods and the node', () => {
  const { stats, use } = start()
  use(3)
  assert.deepEqual(
    stats
      .resourceMetrics()
      .split('\n')
      .filter((line) => !line.startsWith('#')),
    [
      `container_cpu_usage_seconds_total{container="main",namespace="default",pod="web"} 3 ${began}`,
      `container_memory_working_set_bytes{container="main",namespace="default",pod="web"} 7000 ${began}`,
      `container_start_time_seconds{container="main",namespace="default",pod="web"} ${began / 1000 + 1}`,
      `node_cpu_usage_seconds_total 3.5 ${began}`,
      `node_memory_working_set_bytes 8000 ${began}`,
      `pod_cpu_usage_seconds_total{namespace="default",pod="web"} 3 ${began}`,
      `pod_memory_working_set_bytes{namespace="default",pod="web"} 7000 ${began}`,
      'resource_scrape_error 0',
    ],
  )
})

test('a summary with rates since the one before', async () => {
  const { clock, stats, use } = start()
  use(3)
  stats.resourceMetrics()
  await clock.advance('10s')
  use(8)
  const { node, pods } = (await stats.summary()) as { node: Record<string, any>; pods: Record<string, any>[] }
  const time = '2026-01-01T00:00:10.000000Z'
  const cpu = { time, usageNanoCores: 500_000_000, usageCoreNanoSeconds: 8e9 }
  const memory = { time, usageBytes: 9000, workingSetBytes: 7000, rssBytes: 5000, pageFaults: 0, majorPageFaults: 0 }
  const space = { time, availableBytes: 40, capacityBytes: 100, inodesFree: 4, inodes: 10 }
  const imageSpace = { ...space, availableBytes: 30 }
  const device = { name: 'eth0', rxBytes: 1000, rxErrors: 1, txBytes: 2000, txErrors: 3 }
  assert.deepEqual(pods, [
    {
      podRef: { name: 'web', namespace: 'default', uid: 'u1' },
      startTime: '2026-01-01T00:00:00Z',
      containers: [
        {
          name: 'main',
          startTime: '2026-01-01T00:00:01Z',
          cpu,
          memory,
          rootfs: { ...imageSpace, usedBytes: 7, inodesUsed: 2 },
          logs: { ...space, usedBytes: 123, inodesUsed: 1 },
        },
      ],
      cpu,
      memory,
      network: { time, ...device, interfaces: [device] },
      volume: [onDisk, inMemory],
      'ephemeral-storage': { ...space, usedBytes: 7 + 123 + 1000, inodesUsed: 2 + 1 + 3 },
      process_stats: { process_count: 2 },
    },
  ])
  assert.deepEqual(
    [node['nodeName'], node['cpu'], node['memory'].availableBytes],
    ['n1', { ...cpu, usageCoreNanoSeconds: 8.5e9 }, 2000],
  )
  assert.deepEqual([node['rlimit'], node['fs'].usedBytes], [{ time, maxpid: 32_768, curproc: 250 }, 60])
  const images = { ...imageSpace, usedBytes: 33, inodesUsed: 5 }
  assert.deepEqual(node['runtime'], { imageFs: images, containerFs: images })
  assert.deepEqual(node['swap'], { time, swapAvailableBytes: 0, swapUsageBytes: 0 })
})

test('the families of cAdvisor', async () => {
  const { stats, use } = start()
  use(3)
  const lines = (await stats.cadvisorMetrics()).split('\n')
  const labels =
    'container="main",id="/kubepods/burstable/podu1/c1",image="i:1",name="c1",namespace="default",pod="web"'
  for (const line of [
    `container_cpu_usage_seconds_total{${labels},cpu="total"} 3 ${began}`,
    `container_memory_working_set_bytes{${labels}} 7000 ${began}`,
    `container_spec_cpu_quota{${labels}} 50000 ${began}`,
    `container_spec_memory_limit_bytes{${labels}} 1048576 ${began}`,
    `container_network_transmit_bytes_total{container="",id="/kubepods/burstable/podu1",image="",name="",namespace="default",pod="web",interface="eth0"} 2000 ${began}`,
    'machine_cpu_cores 2',
    'machine_memory_bytes 10000',
  ]) {
    assert.ok(lines.includes(line), line)
  }
  const types = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]!)
  assert.deepEqual(types, types.toSorted())
  assert.equal(new Set(types).size, types.length)
})

test('what went through interfaces, without the loopback', () => {
  assert.deepEqual(parseNetworkDevices(devices), [
    {
      name: 'eth0',
      rxBytes: 1000,
      rxPackets: 10,
      rxErrors: 1,
      rxDropped: 2,
      txBytes: 2000,
      txPackets: 20,
      txErrors: 3,
      txDropped: 4,
    },
  ])
})
