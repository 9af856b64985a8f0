import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import type { Surroundings } from '#cluster/commands/command.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { fakeProcesses } from '#lib/host/process.ts'

import { completeConfig } from './config.ts'
import { prepareMachine } from './machine.ts'
import type { Preflight } from './preflight.ts'

const warnings: Readonly<Record<string, string>> = {
  haproxy: 'haproxy is not installed; Node serves',
  'iputils-arping': 'arping is not installed; they find out late',
}

/** A machine that lacks these packages, and where apt-get installs all but some. */
function machineThatLacks(lacks: {
  readonly needed?: readonly string[]
  readonly useful?: readonly string[]
  readonly unavailable?: readonly string[]
  readonly fullDisk?: boolean
}) {
  const installed = new Set<string>()
  const asked: string[] = []
  const processes = fakeProcesses((argv) => {
    if (argv[0] !== 'apt-get' || argv[1] !== 'install') return undefined
    const names = argv.filter((word) => lacks.needed?.includes(word) || lacks.useful?.includes(word))
    asked.push(names.join(' '))
    const absent = names.find((name) => lacks.unavailable?.includes(name))
    if (absent !== undefined) return { code: 100, stderr: `E: Package '${absent}' has no installation candidate` }
    for (const name of names) installed.add(name)
    return undefined
  })
  processes.add({ pid: process.pid })
  const isAbsent = (name: string): boolean => !installed.has(name)
  const look = async (): Promise<Preflight> => {
    const packages = (lacks.needed ?? []).filter(isAbsent)
    const useful = (lacks.useful ?? []).filter(isAbsent)
    return {
      missing: [
        ...packages.map((name) => ({ what: `${name} is not installed`, installable: true })),
        ...(lacks.fullDisk === true ? [{ what: 'the disk is full', installable: false }] : []),
      ],
      warnings: useful.map((name) => warnings[name]!),
      packages,
      useful,
    }
  }
  const clock = new SimulatedClock()
  const said: string[] = []
  const surroundings = {
    host: fakeHost(clock, { files: fakeFiles({ '/usr/sbin/x': '' }), processes }),
    clock,
    environment: {},
    roots: { data: '/data', runtime: '/runtime' },
    signal: new AbortController().signal,
    progress: (line: string) => said.push(line.trim()),
  } as unknown as Surroundings
  return { asked, said, prepare: () => prepareMachine(surroundings, completeConfig({}, {}), look) }
}

describe('prepareMachine', () => {
  it('asks nobody where nothing is missing', async () => {
    const { prepare, asked, said } = machineThatLacks({})
    await prepare()
    assert.deepEqual([asked, said], [[], []])
  })

  it('installs at once what is needed and what a cluster uses besides', async () => {
    const { prepare, asked, said } = machineThatLacks({ needed: ['nftables'], useful: ['haproxy'] })
    await prepare()
    assert.deepEqual([asked, said], [['nftables haproxy'], ['installing nftables, haproxy']])
  })

  it('installs what a cluster uses though it could do without', async () => {
    const { prepare, asked, said } = machineThatLacks({ useful: ['haproxy', 'iputils-arping'] })
    await prepare()
    assert.deepEqual([asked, said], [['haproxy iputils-arping'], ['installing haproxy, iputils-arping']])
  })

  it('goes on without that where it cannot be installed, and says what is so then', async () => {
    const { prepare, said } = machineThatLacks({ useful: ['haproxy'], unavailable: ['haproxy'] })
    await prepare()
    assert.deepEqual(said, [
      'installing haproxy',
      'updating package lists',
      "Cannot install haproxy: E: Package 'haproxy' has no installation candidate",
      'haproxy is not installed; Node serves',
    ])
  })

  it('installs what is needed alone when the rest cannot be installed', async () => {
    const { prepare, asked, said } = machineThatLacks({
      needed: ['nftables'],
      useful: ['haproxy'],
      unavailable: ['haproxy'],
    })
    await prepare()
    assert.deepEqual(asked, ['nftables haproxy', 'nftables haproxy', 'nftables'])
    assert.equal(said.at(-1), 'haproxy is not installed; Node serves')
  })

  it('refuses where something needed cannot be installed', async () => {
    const { prepare } = machineThatLacks({ needed: ['nftables'], unavailable: ['nftables'] })
    await assert.rejects(prepare(), /Cannot install nftables/)
  })

  it('installs nothing that can be done without where nothing will run anyhow', async () => {
    const { prepare, asked } = machineThatLacks({ useful: ['haproxy'], fullDisk: true })
    await assert.rejects(prepare(), /the disk is full/)
    assert.deepEqual(asked, [])
  })
})
