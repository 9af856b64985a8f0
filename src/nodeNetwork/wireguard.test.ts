import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { fakeIp } from '#lib/host/netlink.ts'
import { fakeProcesses } from '#lib/host/process.ts'
import type { WireguardPlan } from './plan.ts'
import { applyWireguard, ensureWireguardKey, planWireguardLink, renderWireguard } from './wireguard.ts'

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

test('a kernel without WireGuard is named as the reason', async () => {
  const ip = {
    ...fakeIp(),
    batch: () => Promise.reject(new Error('Cannot run "ip link add": Error: Unknown device type.')),
  }
  const host = fakeHost(new SimulatedClock(), { ip: () => ip, processes: fakeProcesses() })
  await assert.rejects(applyWireguard({ host, keyFile: '/keys/own' }, plan), {
    message: 'the kernel of this node has no WireGuard; set between to "auto" or "vxlan"',
  })
})
