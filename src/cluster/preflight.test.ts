import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { describePreflight, parseDistributions, parseTrials, planPreflight, usesOf } from './preflight.ts'
import type { Facts, Uses } from './preflight.ts'

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
  'arping',
  'sysctl',
  'wg',
  'wireguard-go',
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
  haproxyVersion: 'HAProxy version 2.6.12-1+deb12u4 2026/10/01 - https://haproxy.org/',
  hasNetworkPlugins: true,
  features: { namespaces: true, bridge: true, veth: true, overlay: true, nftables: true, bridgeFilter: true },
  hasWireguard: true,
  hasTun: true,
  cgroupVersion: 2,
  cgroupControllers: ['cpu', 'cpuset', 'memory', 'pids', 'io'],
  freeBytes: 50e9,
  collisions: [],
}

const noHaproxy = 'haproxy is not installed; ingresses are served by a slower part of k8ts itself'
const noArping =
  'arping is not installed; neighbours find out late when the address of a load balancer moves to another node'

describe('planPreflight', () => {
  const cases: [
    string,
    Partial<Facts>,
    { missing?: string[]; warnings?: string[]; packages?: string[]; useful?: string[]; command?: string },
    Uses?,
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
        warnings: ['crun is not installed; containers start a little later with runc'],
        packages: ['conntrack', 'containerd', 'containernetworking-plugins', 'nftables', 'runc'],
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
      { warnings: ['crun is not installed; containers start a little later with runc'], useful: ['crun'] },
    ],
    [
      'nothing but what can be done without',
      { programs: without('haproxy', 'arping') },
      { warnings: [noHaproxy, noArping], useful: ['haproxy', 'iputils-arping'] },
    ],
    [
      'a cluster without ingresses and load balancers',
      { programs: without('haproxy', 'arping') },
      {},
      usesOf({ ingress: 'never', loadBalancer: { enabled: false } }),
    ],
    [
      'what can be done without, where it cannot be installed',
      { programs: without('haproxy', 'apt-get') },
      { warnings: [noHaproxy] },
    ],
    [
      'what can be done without, among others',
      { programs: without('haproxy', 'nft') },
      {
        missing: ['nft is not installed'],
        warnings: [noHaproxy],
        packages: ['nftables'],
        useful: ['haproxy'],
        command: 'apt-get install -y haproxy nftables',
      },
    ],
    [
      'an old haproxy',
      { haproxyVersion: 'HAProxy version 2.4.24-0ubuntu0.22.04.1 2026/10/31 - https://haproxy.org/' },
      {
        warnings: [
          'haproxy is 2.4.24-0ubuntu0.22.04.1, 2.6 or newer is needed; ingresses are served by a slower part of k8ts itself',
        ],
      },
    ],
    [
      'no WireGuard, which nobody asked for',
      { programs: without('wg', 'wireguard-go'), hasWireguard: false, hasTun: false },
      {},
      usesOf({ ingress: 'always', between: 'auto' }),
    ],
    [
      'nothing of WireGuard',
      { programs: without('wg', 'wireguard-go'), hasWireguard: false },
      {
        missing: [
          'wg is not installed, which between "wireguard" needs',
          'the kernel has no WireGuard and wireguard-go is not installed, one of which between "wireguard" needs',
        ],
        packages: ['wireguard-go', 'wireguard-tools'],
        command: 'apt-get install -y wireguard-go wireguard-tools',
      },
    ],
    [
      'WireGuard in the kernel, and no wireguard-go',
      { programs: without('wireguard-go') },
      {},
      usesOf({ ingress: 'always', between: 'wireguard' }),
    ],
    [
      'WireGuard by wireguard-go',
      { hasWireguard: false },
      { warnings: ['the kernel has no WireGuard; wireguard-go does it instead, slower'] },
    ],
    [
      'nothing in the kernel that could do WireGuard',
      { hasWireguard: false, hasTun: false },
      {
        missing: ['the kernel has neither WireGuard nor TUN (/dev/net/tun), one of which between "wireguard" needs'],
      },
    ],
    [
      'no sysctl on openSUSE',
      { distributions: ['opensuse-leap', 'suse', 'opensuse'], programs: without('sysctl', 'arping') },
      {
        missing: ['sysctl is not installed'],
        warnings: [noArping],
        packages: ['procps'],
        command: 'zypper install -y iputils procps',
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
  for (const [name, change, expected, uses] of cases) {
    it(name, () => {
      const { missing, warnings, packages, useful, command } = planPreflight({ ...good, ...change }, uses)
      assert.deepEqual(
        { missing: missing.map((item) => item.what), warnings, packages, useful, command },
        { missing: [], warnings: [], packages: [], useful: [], command: undefined, ...expected },
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
Simulated nodes need none of this: k8ts up --simulated-nodes 3, as another user than root`,
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
