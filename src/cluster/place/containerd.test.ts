import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'

import { SimulatedClock } from '#lib/clock.ts'
import { fakeCgroups } from '#lib/host/fakeCgroups.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { fakeProcesses } from '#lib/host/process.ts'

import { ensureContainerd, findContainerd, findRuntime, superviseContainerd } from './containerd.ts'
import { parseContainerdVersion, renderContainerdConfig } from './containerdConfig.ts'
import type { RuntimeFacts } from './containerdConfig.ts'
import { placeLayout } from './layout.ts'
import type { Place } from './place.ts'
import { renderPlaceScript } from './placeScript.ts'
import { writePodNetwork } from './podNetwork.ts'

const layout = placeLayout('dev', 'worker')
const place: Place = {
  cluster: 'dev',
  node: 'worker',
  kind: 'namespaces',
  ephemeral: false,
  layout,
  enter: (command) => ['enter', ...command],
}
const facts: RuntimeFacts = {
  containerd: { major: 1, minor: 6, text: '1.6.20' },
  runtimes: [
    { name: 'crun', path: '/usr/bin/crun' },
    { name: 'runc', path: '/usr/sbin/runc' },
  ],
  cniPlugins: '/usr/lib/cni',
  mayLowerOomScore: false,
}

function golden(name: string, text: string): void {
  const file = new URL(`testdata/${name}`, import.meta.url)
  if (process.argv.includes('--update')) writeFileSync(file, text)
  assert.equal(text, readFileSync(file, 'utf8'))
}

describe('parseContainerdVersion', () => {
  const cases: [string, ReturnType<typeof parseContainerdVersion>][] = [
    [
      'containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3',
      { major: 1, minor: 6, text: '1.6.20~ds1' },
    ],
    [
      'containerd containerd.io 1.7.27 05044ec0a9a75232cad458027ca83437aae3f4da',
      { major: 1, minor: 7, text: '1.7.27' },
    ],
    ['containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7', { major: 2, minor: 1, text: '2.1.4' }],
    ['something else', undefined],
  ]
  for (const [text, expected] of cases) it(text, () => assert.deepEqual(parseContainerdVersion(text), expected))
})

describe('renderContainerdConfig', () => {
  it('writes form 2 for 1.6 and 1.7', () => golden('containerd-1.6.toml.golden', renderContainerdConfig(layout, facts)))
  it('writes form 3 for 2.x', () => {
    const newer: RuntimeFacts = {
      ...facts,
      containerd: { major: 2, minor: 1, text: '2.1.4' },
      mayLowerOomScore: true,
      runtimes: facts.runtimes.slice(1),
    }
    golden('containerd-2.1.toml.golden', renderContainerdConfig(layout, newer))
  })
  it('refuses what is too old', () => {
    assert.throws(
      () => renderContainerdConfig(layout, { ...facts, containerd: { major: 1, minor: 4, text: '1.4.13' } }),
      {
        message: 'Cannot use containerd 1.4.13: 1.6 or newer is needed',
      },
    )
  })
})

describe('renderPlaceScript', () => {
  it('furnishes a place', () => {
    const network = { nodeRange: '10.89.7.0/24', podRange: '10.244.0.0/16', serviceRange: '10.96.0.0/12' }
    golden('place.sh.golden', renderPlaceScript(layout, { addresses: ['10.89.7.11'], network, ephemeral: true }))
  })
  it('furnishes a place of both families', () => {
    const network = {
      nodeRange: '10.89.7.0/24,fd00:10:89:7::/64',
      podRange: '10.244.0.0/16,fd00:10:244::/56',
      serviceRange: '10.96.0.0/12,fd00:10:96::/112',
    }
    const addresses = ['10.89.7.11', 'fd00:10:89:7::b']
    golden('place-dual.sh.golden', renderPlaceScript(layout, { addresses, network, ephemeral: false }))
  })
})

describe('writePodNetwork', () => {
  it('writes both families once', async () => {
    const files = fakeFiles()
    await files.makeFolder(layout.cniFolder)
    await writePodNetwork({ files }, layout, ['10.244.1.0/24', 'fd00:1::/64'], 1500)
    golden('pods.conflist.golden', (await files.readText(`${layout.cniFolder}/10-pods.conflist`))!)
  })
})

const installed = {
  '/usr/bin/containerd': '',
  '/usr/bin/crun': '',
  '/usr/sbin/runc': '',
  '/opt/cni/bin/bridge': '',
  '/opt/cni/bin/host-local': '',
  '/opt/cni/bin/loopback': '',
  '/proc/self/status': 'CapEff:\t000001fffeffffff\n',
  [`${layout.placeFolder}/place.json`]: '',
  [`${layout.placeDataFolder}/x`]: '',
}

function machine(present: Record<string, string> = installed, version: 1 | 2 = 2) {
  const clock = new SimulatedClock()
  const processes = fakeProcesses((argv) =>
    argv[1] === '--version' ? { stdout: 'containerd x 1.7.2 abc' } : undefined,
  )
  return {
    clock,
    processes,
    host: fakeHost(clock, { processes, files: fakeFiles(present), cgroups: fakeCgroups(version) }),
  }
}

describe('findRuntime', () => {
  it('prefers crun, but not on a machine with hybrid groups that shows them', async () => {
    const names = async (version: 1 | 2, kind: Place['kind']) =>
      (await findRuntime(machine(installed, version).host, { kind })).runtimes.map((runtime) => runtime.name)
    assert.deepEqual(await names(2, 'host'), ['crun', 'runc'])
    assert.deepEqual(await names(1, 'namespaces'), ['crun', 'runc'])
    assert.deepEqual(await names(1, 'host'), ['runc'])
  })
  it('says what is missing', async () => {
    const without = (pattern: RegExp) =>
      machine(Object.fromEntries(Object.entries(installed).filter(([path]) => !pattern.test(path)))).host
    await assert.rejects(findRuntime(without(/bin\/containerd/), place), /containerd is not installed/)
    await assert.rejects(findRuntime(without(/crun|runc/), place), /neither crun nor runc is installed/)
    await assert.rejects(findRuntime(without(/cni/), place), /has the plugins bridge, host-local, loopback/)
  })
})

describe('ensureContainerd', () => {
  it('starts one inside the place, waits for its answer, and adopts it the next time', async () => {
    const { clock, processes, host } = machine()
    let asked = 0
    const starting = ensureContainerd(host, place, { isReady: async () => ++asked > 3 })
    await clock.advance('1s')
    const running = await starting
    const command = ['enter', 'containerd', '--config', layout.configFile]
    assert.deepEqual(processes.commands.at(-1)?.argv, command)
    assert.deepEqual(await findContainerd(host, place), { pid: running.pid, startTicks: running.startTicks })
    const again = await ensureContainerd(host, place, { isReady: async () => true })
    assert.equal(again.pid, running.pid)
  })
  it('adopts one that nobody has noted', async () => {
    const { host, processes } = machine()
    processes.add({ pid: 77, command: ['containerd', '--config', layout.configFile] })
    processes.add({ pid: 78, command: ['containerd', '--config', '/elsewhere'] })
    assert.equal((await ensureContainerd(host, place, { isReady: async () => true })).pid, 77)
  })
  it('rejects when it dies first', async () => {
    const { clock, processes, host } = machine()
    const isReady = async (): Promise<boolean> => {
      for (const { pid } of processes.list()) processes.kill(pid, 'SIGKILL')
      return false
    }
    await host.files.write(layout.containerdLog, 'one\nno space left on device\n')
    const refused = assert.rejects(
      ensureContainerd(host, place, { isReady }),
      /Cannot start containerd of node "worker": one; no space left on device/,
    )
    await clock.advance('1s')
    await refused
  })
  it('rejects when it never answers', async () => {
    const { clock, host } = machine()
    const refused = assert.rejects(ensureContainerd(host, place, { isReady: async () => false }), /no answer for 20 s/)
    await clock.advance('21s')
    await refused
  })
})

describe('superviseContainerd', () => {
  it('starts another when one is killed, and leaves the last one alive', async () => {
    const { clock, processes, host } = machine()
    const stop = new AbortController()
    let readies = 0
    const problems: string[] = []
    const supervising = superviseContainerd(
      host,
      place,
      { isReady: async () => true, ready: () => readies++, report: (problem) => problems.push(problem) },
      stop.signal,
    )
    await clock.advance('1s')
    assert.equal(readies, 1)
    processes.kill(processes.list()[0]!.pid, 'SIGKILL')
    await clock.advance('1s')
    assert.equal(readies, 2)
    assert.equal(problems.length, 1)
    stop.abort()
    await clock.advance('1s')
    await supervising
    assert.equal(processes.list().length, 1)
    assert.equal(clock.pending, 0)
  })
})
