import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { fakeProcesses } from '#lib/host/process.ts'

import { describePreflight, installMissing, parseDistributions, parseTrials, planPreflight } from './preflight.ts'
import type { Facts } from './preflight.ts'

const allPrograms = [
  'apt-get',
  'containerd',
  'ctr',
  'containerd-shim-runc-v2',
  'nft',
  'conntrack',
  'ip',
  'nsenter',
  'unshare',
  'mount',
  'umount',
  'crun',
  'runc',
  'haproxy',
]
const having = (...names: string[]) => new Map(names.map((name) => [name, `/usr/bin/${name}`]))
const without = (...names: string[]) => having(...allPrograms.filter((name) => !names.includes(name)))

const good: Facts = {
  platform: 'linux',
  kernel: '6.1.0',
  root: true,
  distributions: ['debian'],
  programs: having(...allPrograms),
  containerdVersion: 'containerd github.com/containerd/containerd 1.6.20 1',
  hasNetworkPlugins: true,
  features: { namespaces: true, bridge: true, veth: true, overlay: true, nftables: true, bridgeFilter: true },
  cgroupVersion: 2,
  cgroupControllers: ['cpu', 'cpuset', 'memory', 'pids', 'io'],
  freeBytes: 50e9,
  collisions: [],
}

describe('planPreflight', () => {
  const cases: [
    string,
    Partial<Facts>,
    { missing?: string[]; warnings?: string[]; packages?: string[]; command?: string },
  ][] = [
    ['nothing is missing', {}, {}],
    ['no root', { root: false }, { missing: ['real nodes need root'], command: 'sudo k8ts up' }],
    ['another system', { platform: 'darwin', root: false }, { missing: ['real nodes need Linux, this is darwin'] }],
    [
      'no containerd',
      { programs: without('containerd', 'ctr', 'containerd-shim-runc-v2'), containerdVersion: undefined },
      {
        missing: ['containerd is not installed', 'ctr is not installed', 'containerd-shim-runc-v2 is not installed'],
        packages: ['containerd'],
        command: 'apt-get install -y containerd',
      },
    ],
    [
      'a bare Ubuntu without root',
      {
        root: false,
        distributions: ['ubuntu', 'debian'],
        programs: without('containerd', 'ctr', 'containerd-shim-runc-v2', 'crun', 'runc', 'nft', 'conntrack'),
        containerdVersion: undefined,
        hasNetworkPlugins: false,
      },
      {
        missing: [
          'real nodes need root',
          'containerd is not installed',
          'ctr is not installed',
          'containerd-shim-runc-v2 is not installed',
          'nft is not installed',
          'conntrack is not installed',
          'neither crun nor runc is installed',
          'the network plugins bridge, host-local and loopback are not installed',
        ],
        packages: ['conntrack', 'containerd', 'containernetworking-plugins', 'crun', 'nftables', 'runc'],
        command: 'sudo apt-get install -y conntrack containerd containernetworking-plugins crun nftables runc',
      },
    ],
    [
      'Fedora without conntrack and plugins',
      { distributions: ['fedora'], programs: without('conntrack'), hasNetworkPlugins: false },
      {
        missing: [
          'conntrack is not installed',
          'the network plugins bridge, host-local and loopback are not installed',
        ],
        packages: ['conntrack', 'containernetworking-plugins'],
        command: 'dnf install -y conntrack-tools containernetworking-plugins',
      },
    ],
    [
      'an unknown distribution',
      { distributions: ['mine'], programs: without('nft') },
      { missing: ['nft is not installed'], packages: ['nftables'] },
    ],
    [
      'runc alone',
      { programs: without('crun') },
      { warnings: ['crun is not installed; containers start a little later with runc'] },
    ],
    [
      'no haproxy',
      { programs: without('haproxy') },
      { warnings: ['haproxy is not installed; ingresses are served by a slower part of k8ts itself'] },
    ],
    [
      'no haproxy among others',
      { programs: without('haproxy', 'nft') },
      {
        missing: ['nft is not installed'],
        warnings: ['haproxy is not installed; ingresses are served by a slower part of k8ts itself'],
        packages: ['haproxy', 'nftables'],
        command: 'apt-get install -y haproxy nftables',
      },
    ],
    [
      'an old containerd',
      { containerdVersion: 'containerd x 1.4.13 y' },
      { missing: ['containerd is 1.4.13, 1.6 or newer is needed'] },
    ],
    [
      'no overlay',
      { features: { ...good.features, overlay: false } },
      { missing: ['the kernel cannot mount overlay (module overlay)'] },
    ],
    [
      'no bridge filter',
      { features: { ...good.features, bridgeFilter: false } },
      { warnings: ['rules do not see packets between pods of one node (module br_netfilter)'] },
    ],
    ['what could not be tried is not missing', { features: { ...good.features, overlay: undefined } }, {}],
    [
      'no control groups',
      { cgroupVersion: undefined, cgroupControllers: [] },
      { missing: ['control groups are not mounted (/sys/fs/cgroup)'] },
    ],
    [
      'no memory controller',
      { cgroupControllers: ['cpu', 'cpuset', 'pids'] },
      { missing: ['control groups have no controller memory'] },
    ],
    ['a full disk', { freeBytes: 1024 ** 3 }, { missing: ['only 1.0 GiB are free on the disk, 2 GiB are needed'] }],
    [
      'busy addresses',
      { collisions: ['pod range 10.244.0.0/16: 10.244.3.0/24'] },
      {
        missing: [
          "this machine uses addresses of the cluster's pod range 10.244.0.0/16: 10.244.3.0/24; choose other ranges",
        ],
      },
    ],
  ]
  for (const [name, change, expected] of cases) {
    it(name, () => {
      const { missing, warnings, packages, command } = planPreflight({ ...good, ...change })
      assert.deepEqual(
        { missing: missing.map((item) => item.what), warnings, packages, command },
        { missing: [], warnings: [], packages: [], command: undefined, ...expected },
      )
    })
  }
  it('says what it can install by itself', () => {
    const { missing } = planPreflight({ ...good, programs: without('nft'), freeBytes: 0 })
    assert.deepEqual(
      missing.map((item) => item.installable),
      [true, false],
    )
  })

  it('installs nothing where there is no apt-get', () => {
    const { missing } = planPreflight({ ...good, programs: without('nft', 'apt-get') })
    assert.deepEqual(
      missing.map((item) => item.installable),
      [false],
    )
  })
})

describe('describePreflight', () => {
  it('is silent when all is well', () => assert.equal(describePreflight(planPreflight(good)), ''))
  it('gives the one command', () => {
    assert.equal(
      describePreflight(planPreflight({ ...good, root: false, programs: without('nft') })),
      `Cannot run real nodes on this machine:
  - real nodes need root
  - nft is not installed
To mend it: sudo apt-get install -y nftables
Simulated nodes need none of this: k8ts up --simulated-nodes 3`,
    )
  })
})

describe('parseDistributions', () => {
  const cases: [string, string[]][] = [
    ['NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', ['ubuntu', 'debian']],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', ['rocky', 'rhel', 'centos', 'fedora']],
    ['', []],
  ]
  for (const [text, expected] of cases)
    it(JSON.stringify(text.slice(0, 20)), () => assert.deepEqual(parseDistributions(text), expected))
})

describe('parseTrials', () => {
  it('takes what is said, and nothing for granted', () => {
    assert.deepEqual(parseTrials('overlay=true\nbridge=false\nveth=true\nnamespaces=true\n'), {
      namespaces: true,
      overlay: true,
      bridge: false,
      veth: true,
      nftables: false,
      bridgeFilter: false,
    })
    assert.equal(parseTrials('').namespaces, false)
    assert.equal(parseTrials('').overlay, undefined)
  })
})

describe('installMissing', () => {
  const folders = { '/usr/sbin/x': '' }
  it('installs with services held back and puts the policy away', async () => {
    const files = fakeFiles(folders)
    let policy: string | undefined
    const processes = fakeProcesses()
    const run: typeof processes.run = async (...given) => {
      policy = await files.readText('/usr/sbin/policy-rc.d')
      return processes.run(...given)
    }
    const host = fakeHost(new SimulatedClock(), { files, processes: { ...processes, run } })
    await installMissing(host, ['nftables'], () => undefined)
    assert.match(policy ?? '', /exit 101/)
    assert.equal(await files.readText('/usr/sbin/policy-rc.d'), undefined)
    assert.deepEqual(
      processes.commands.map((command) => command.argv.slice(0, 2)),
      [['apt-get', 'install']],
    )
  })
  it('updates the lists once when a package is not known', async () => {
    let updated = false
    const processes = fakeProcesses((argv) => {
      if (argv[1] === 'update') updated = true
      return updated ? undefined : { code: 100, stderr: 'E: Unable to locate package nftables' }
    })
    await installMissing(
      fakeHost(new SimulatedClock(), { files: fakeFiles(folders), processes }),
      ['nftables'],
      () => undefined,
    )
    assert.deepEqual(
      processes.commands.map((command) => command.argv[1]),
      ['install', 'update', 'install'],
    )
  })
  it('says why it could not, and leaves a policy of the administrator alone', async () => {
    const files = fakeFiles({ '/usr/sbin/policy-rc.d': 'theirs' })
    const processes = fakeProcesses(() => ({ code: 100, stderr: 'E: no network\n' }))
    await assert.rejects(
      installMissing(fakeHost(new SimulatedClock(), { files, processes }), ['nftables'], () => undefined),
      {
        message: 'Cannot install nftables: E: no network',
      },
    )
    assert.equal(await files.readText('/usr/sbin/policy-rc.d'), 'theirs')
  })
})
