import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Surroundings } from '#cluster/commands/command.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { fakeMounts, type Mount } from '#lib/host/mount.ts'
import { fakeProcesses } from '#lib/host/process.ts'
import { completeConfig, type ClusterConfig } from './config.ts'
import { createCluster } from './creation.ts'
import { clusterPaths } from './record.ts'

const roots = { runtime: '/run/k8ts', data: '/var/lib/k8ts' }

/** A machine with these files on which every program ends with a code. */
async function make(
  config: Partial<ClusterConfig>,
  files: Readonly<Record<string, string>> = {},
  code = 0,
  { mounts = [], said = [] }: { readonly mounts?: readonly Mount[]; readonly said?: string[] } = {},
) {
  const clock = new SimulatedClock()
  const run = async () => ({ code, stdout: '', stderr: '' }) as never
  const host = fakeHost(clock, {
    files: fakeFiles({ ...files }),
    processes: { ...fakeProcesses(), run },
    mounts: fakeMounts(mounts),
  })
  const surroundings = {
    host,
    clock,
    roots,
    uid: 0,
    mayMakeNodes: true,
    environment: { HOME: '/root' },
    progress: (line: string) => void said.push(line),
    signal: new AbortController().signal,
  }
  const created = createCluster(surroundings as unknown as Surroundings, completeConfig({ name: 'lab', ...config }))
  return await created.finally(async () => {
    // What is refused is not noted.
    const noted = await host.files.readText(clusterPaths('lab', roots).recordFile)
    assert.equal(
      noted !== undefined,
      await created.then(
        () => true,
        () => false,
      ),
    )
  })
}

const ipv6 = '/proc/sys/net/ipv6/conf/default/disable_ipv6'

describe('createCluster', () => {
  test('gives nodes an address, as ever', async () => {
    const { nodes, nodeRange } = await make({ workers: 1 })
    assert.match(nodeRange!, /^10\.89\.\d+\.0\/24$/)
    const [controlPlane, worker] = nodes
    assert.deepEqual(Object.keys(controlPlane!), ['name', 'role', 'address'])
    assert.match(worker!.address, /^10\.89\.\d+\.12$/)
  })
  test('gives nodes addresses of both families', async () => {
    const { nodes, nodeRange, server } = await make({ podRange: 'fd00:1::/56,10.244.0.0/16' }, { [ipv6]: '0\n' })
    assert.match(nodeRange!, /^fd00:10:89:\d+::\/64,10\.89\.\d+\.0\/24$/)
    assert.match(nodes[0]!.address, /^fd00:10:89:\d+::b$/)
    assert.match(nodes[0]!.furtherAddresses!.join(), /^10\.89\.\d+\.11$/)
    assert.equal(server.address, nodes[0]!.address)
  })

  const mounted = (target: string, type: string): Mount => ({
    target,
    type,
    source: type,
    root: '/',
    options: [],
    shared: false,
  })
  const disks: readonly (readonly [what: string, mounts: readonly Mount[], inMemory: boolean])[] = [
    ['on a disk', [mounted('/', 'ext4'), mounted('/var/lib/k8ts-other', 'overlay')], false],
    ['on that of a container', [mounted('/', 'overlay')], true],
    ['on a volume inside a container', [mounted('/', 'overlay'), mounted('/var', 'ext4')], false],
    ['below a volume that hides another', [mounted('/var', 'ext4'), mounted('/var', 'nfs4')], true],
  ]
  for (const [what, mounts, inMemory] of disks) {
    test(`keeps images in memory only where it must: ${what}`, async () => {
      const said: string[] = []
      const { config } = await make({}, {}, 0, { mounts, said })
      assert.equal(config.ephemeral, inMemory)
      const type = mounts.at(-1)!.type
      const line = `    /var/lib/k8ts is on ${type}, where nodes cannot keep images: they are kept in memory, as with --ephemeral`
      assert.deepEqual(said, inMemory ? [line] : [])
      assert.equal((await make({ ephemeral: true }, {}, 0, { mounts })).config.ephemeral, true)
    })
  }

  const six = { podRange: 'fd00:1::/56' }
  const refused: readonly (readonly [string, Partial<ClusterConfig>, Readonly<Record<string, string>>, RegExp])[] = [
    ['IPv6 where the kernel has none', six, {}, /^this machine has no IPv6 \(its kernel has none\), and the ranges/],
    [
      'IPv6 where it is off',
      six,
      { [ipv6]: '1\n' },
      /disable_ipv6=0" turns it on\), and the ranges of the cluster ask/,
    ],
    [
      'traffic shaping without its plugin',
      { trafficShaping: true },
      {},
      /^this machine lacks the network plugin bandwidth/,
    ],
  ]
  for (const [what, config, files, message] of refused)
    test(`refuses ${what}`, () => assert.rejects(make(config, files, 1), { message }))
})
