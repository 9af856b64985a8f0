import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { clusterLayout } from './layout.ts'
import { closeOutside, openOutside, renderOutsideTable } from './outside.ts'

const layout = clusterLayout('lab')
const network = { nodeRange: '10.89.7.0/24', podRange: '10.244.0.0/16', serviceRange: '10.96.0.0/12' }

test('renderOutsideTable hides nodes behind the machine, and only when they leave it', () => {
  assert.equal(
    renderOutsideTable(layout, network),
    `add table ip ${layout.hostLink}
delete table ip ${layout.hostLink}
table ip ${layout.hostLink} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.89.7.0/24 oifname != "${layout.hostLink}" masquerade
  }
}
`,
  )
})

test('renderOutsideTable has a table for each family', () => {
  const text = renderOutsideTable(layout, { ...network, nodeRange: '10.89.7.0/24,fd00:10:89:7::/64' })
  assert.match(text, /^table ip k8ts-[0-9a-f]{8} \{$/m)
  assert.match(text, /^    ip6 saddr fd00:10:89:7::\/64 oifname != "k8ts-[0-9a-f]{8}" masquerade$/m)
})

test('openOutside says what a machine needs that forwards no IPv6', async () => {
  const files = fakeFiles({ '/proc/sys/net/ipv6/conf/all/forwarding': '0\n' })
  const only = { nodeRange: 'fd00:10:89:7::/64', podRange: 'fd00:10:244::/56', serviceRange: 'fd00:10:96::/112' }
  await assert.rejects(
    openOutside(fakeHost(new SimulatedClock(), { files }), layout, only, []),
    /this machine does not forward IPv6; "sysctl -w net\.ipv6\.conf\.all\.forwarding=1"/,
  )
})

test('closeOutside does nothing on a machine where nothing was opened', async () => {
  const host = fakeHost(new SimulatedClock(), { files: fakeFiles({ '/proc/sys/net/ipv4/ip_forward': '1\n' }) })
  await closeOutside(host, layout)
  await openOutside(host, layout, network, ['/run/k8ts/lab/.ns/one.node-net'])
  assert.deepEqual(
    (await host.nft().tables()).map(({ name }) => name),
    [layout.hostLink],
  )
  await closeOutside(host, layout)
  assert.deepEqual(await host.nft().tables(), [])
})
