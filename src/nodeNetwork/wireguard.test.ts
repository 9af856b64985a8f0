import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { fakeIp } from '#lib/host/netlink.ts'
import { fakeProcesses, namespaceOfFile, type CommandResult } from '#lib/host/process.ts'
import type { WireguardPlan } from './plan.ts'
import { applyWireguard, ensureWireguardKey, isTold, planWireguardLink, renderWireguard } from './wireguard.ts'

const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string

const plan: WireguardPlan = {
  port: 51_820,
  mtu: 1440,
  addresses: ['10.244.0.0/32', 'fd00:10:244::/128'],
  peers: [
    { publicKey: 'aaaa=', endpoint: '10.89.7.12', ranges: ['10.244.1.0/24', 'fd00:10:244:1::/64'] },
    { publicKey: 'bbbb=', endpoint: 'fd00:10:89:7::d', ranges: ['10.244.2.0/24'] },
  ],
}

test('the text for wg names every peer, and what it may send', () => {
  const golden = new URL('testdata/wireguard.conf.golden', import.meta.url)
  assert.equal(renderWireguard(plan, 'secret='), readFileSync(golden, 'utf8'))
})

test('peers are greeted where they do not know yet that the link is new', () => {
  const text = renderWireguard({ ...plan, peers: plan.peers.slice(0, 1) }, 'secret=', true)
  assert.match(text, /AllowedIPs = 10\.244\.1\.0\/24, fd00:10:244:1::\/64\nPersistentKeepalive = 25\n$/)
})

test('the link is made, changed and taken away', () => {
  assert.deepEqual(planWireguardLink({ addresses: [] }, plan), [
    'link add k8ts-wireguard mtu 1440 type wireguard',
    'link set k8ts-wireguard up',
    'address add 10.244.0.0/32 dev k8ts-wireguard',
    'address add fd00:10:244::/128 dev k8ts-wireguard nodad',
  ])
  const link = { ifname: 'k8ts-wireguard', mtu: 1420 }
  assert.deepEqual(planWireguardLink({ link, addresses: ['10.244.9.0/32', 'fd00:10:244::/128'] }, plan), [
    'link set k8ts-wireguard mtu 1440',
    'link set k8ts-wireguard up',
    'address delete 10.244.9.0/32 dev k8ts-wireguard',
    'address add 10.244.0.0/32 dev k8ts-wireguard',
  ])
  assert.deepEqual(planWireguardLink({ link, addresses: [] }, undefined), ['link delete k8ts-wireguard'])
})

test('a key is made once, as wg writes it', async () => {
  const files = fakeFiles()
  await files.makeFolder('/keys')
  const key = await ensureWireguardKey(files, '/keys/own')
  assert.equal(Buffer.from(key.secret, 'base64').length, 32)
  assert.equal(Buffer.from(key.public, 'base64').length, 32)
  assert.deepEqual(await ensureWireguardKey(files, '/keys/own'), key)
})

test('a file that holds another key is named', async () => {
  const files = fakeFiles({ '/key': 'secret', '/signing': ed25519 })
  await assert.rejects(ensureWireguardKey(files, '/key'), /^Error: "\/key" holds no key of Curve25519 \(.+\); without/)
  await assert.rejects(ensureWireguardKey(files, '/signing'), /\(it is of type ed25519\)/)
})

test('what wg tells of a link is compared with the plan', () => {
  const own = 'secret=\tpublic=\t51820\toff\n'
  const a = 'aaaa=\t(none)\t10.89.7.12:51820\tfd00:10:244:1::/64,10.244.1.0/24\t0\t0\t0\toff\n'
  const b = 'bbbb=\t(none)\t[fd00:10:89:7::d]:51820\t10.244.2.0/24\t1764239000\t92\t180\toff\n'
  assert.equal(isTold(`${own}${b}${a}`, plan, 'secret='), true)
  assert.equal(isTold(own, { ...plan, peers: [] }, 'secret='), true)
  for (const other of [
    '(none)\t(none)\t40000\toff\n',
    own,
    `${own.replace('51820', '51821')}${a}${b}`,
    `${own}${a}`,
    `${own}${a}${b}${b.replace('bbbb', 'cccc')}`,
    `${own}${a.replace('10.89.7.12', '10.89.7.13')}${b}`,
    `${own}${a}${b.replace('10.244.2.0/24', '(none)')}`,
  ])
    assert.equal(isTold(other, plan, 'secret='), false, other)
  assert.equal(isTold(`${own}${a}${b}`, plan, 'another='), false)
})

const shown = 'address show'
const tun = { ifname: 'k8ts-wireguard', mtu: 1440, linkinfo: { info_kind: 'tun' }, addr_info: [] }
const options = { keyFile: '/keys/own', folder: '/run/wireguard-of-node' }
const ownNamespace = namespaceOfFile('/proc/self/ns/net')

/** A node whose kernel has no WireGuard, with these programs; `wireguard-go` makes a process and its link. */
async function nodeWith(programs: readonly string[], start: Partial<CommandResult> = {}) {
  const answers: Record<string, readonly Record<string, unknown>[]> = {}
  const commands: string[] = []
  const batch = async (more: readonly string[]): Promise<void> => {
    if (more.some((command) => command.includes('type wireguard'))) throw new Error('Error: Unknown device type.')
    commands.push(...more)
  }
  const ip = { ...fakeIp(answers), batch }
  const processes = fakeProcesses((argv) => {
    if (argv.at(-2) !== 'wireguard-go') return undefined
    if ((start.code ?? 0) !== 0) return start
    processes.add({ pid: 42, command: ['wireguard-go', 'k8ts-wireguard'], networkNamespace: ownNamespace })
    answers[shown] = [tun]
    return start
  })
  const files = fakeFiles(Object.fromEntries(programs.map((name) => [`/usr/bin/${name}`, ''])))
  await files.makeFolder('/keys')
  await files.makeFolder('/run')
  const host = fakeHost(new SimulatedClock(), { ip: () => ip, processes, files })
  const wgCommands = (): string[] =>
    processes.commands.map(({ argv }) => argv.slice(argv.indexOf('/run/wireguard-of-node') + 1).join(' '))
  return { host, commands, processes, wgCommands, answers }
}

test('where the kernel has no WireGuard a process holds the link', async () => {
  const { host, commands, wgCommands, processes, answers } = await nodeWith(['wg', 'wireguard-go'])
  assert.equal((await applyWireguard({ ...options, host }, plan))?.pid, 42)
  assert.deepEqual(wgCommands(), [
    'wireguard-go k8ts-wireguard',
    'wg show k8ts-wireguard dump',
    // Once with greetings, once without.
    'wg syncconf k8ts-wireguard /keys/own.conf',
    'wg syncconf k8ts-wireguard /keys/own.conf',
  ])
  assert.doesNotMatch((await host.files.readText('/keys/own.conf'))!, /PersistentKeepalive/)
  assert.deepEqual(commands, [
    'link set k8ts-wireguard up',
    'address add 10.244.0.0/32 dev k8ts-wireguard',
    'address add fd00:10:244::/128 dev k8ts-wireguard nodad',
  ])
  // It is kept, whoever asks.
  assert.equal((await applyWireguard({ ...options, host }, plan))?.pid, 42)
  assert.equal(wgCommands().filter((command) => command.startsWith('wireguard-go')).length, 1)
  // A link that nobody holds is another's.
  processes.kill(42, 'SIGKILL')
  commands.length = 0
  assert.equal((await applyWireguard({ ...options, host }, plan))?.pid, 42)
  assert.equal(commands[0], 'link delete k8ts-wireguard')
  // Without a plan all of it goes.
  commands.length = 0
  assert.equal(await applyWireguard({ ...options, host }, undefined), undefined)
  assert.deepEqual(commands, ['link delete k8ts-wireguard'])
  assert.deepEqual([processes.list(), await host.files.list('/run/wireguard-of-node')], [[], []])
  assert.deepEqual(Object.keys(answers), [shown])
})

test('what is missing is named, with what to install', async () => {
  const missing: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /^wg, by which WireGuard is told of its peers, is not installed: install the package wireguard-tools$/],
    [
      ['wg'],
      /^the kernel of this node has no WireGuard, and wireguard-go, .+: install the package wireguard-go, or set/,
    ],
  ]
  for (const [programs, message] of missing) {
    const { host } = await nodeWith(programs)
    await assert.rejects(applyWireguard({ ...options, host }, plan), { message })
  }
})

test('what wireguard-go says is told', async () => {
  const stderr =
    '┌───┐\n│ Running wireguard-go is not required │\nERROR: (k8ts-wireguard) Failed to create TUN device\n'
  const { host } = await nodeWith(['wg', 'wireguard-go'], { code: 1, stderr })
  await assert.rejects(applyWireguard({ ...options, host }, plan), {
    message: 'Cannot start wireguard-go: ERROR: (k8ts-wireguard) Failed to create TUN device',
  })
})
