import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { fakeHost } from '#lib/host/host.ts'
import { fakeIp } from '#lib/host/netlink.ts'
import { fakeNft } from '#lib/host/nft.ts'

import { takeInventory } from './inventory.ts'
import { clusterLayout, placeLayout } from './layout.ts'
import type { PlaceRecord } from './place.ts'

const { hostLink } = clusterLayout('dev')
const nodeLinks = ['k8ts-lb', 'k8ts-vxlan', 'k8ts-wireguard']

/** What of `dev` is found on a machine that is itself a node of these clusters. */
async function found(...nodeOf: readonly string[]) {
  const links = ['lo', 'eth0', hostLink, clusterLayout('other').hostLink, ...nodeLinks]
  const places = nodeOf.map((cluster) => {
    const record: PlaceRecord = { cluster, node: 'itself', kind: 'host', ephemeral: false }
    return [placeLayout(cluster, 'itself').recordFile, JSON.stringify(record)] as const
  })
  const tables = [`${hostLink}-out`, 'k8ts-services', 'k8ts-policies', 'kube-proxy']
  const host = fakeHost(new SimulatedClock(), {
    files: fakeFiles(Object.fromEntries(places)),
    ip: () => fakeIp({ 'link show': links.map((ifname) => ({ ifname })) }),
    nft: () => ({ ...fakeNft(), tables: async () => tables.map((name) => ({ family: 'ip', name })) }),
  })
  const inventory = await takeInventory(host, 'dev')
  return { links: inventory.links, tables: inventory.tables }
}

describe('what nodes have, found on the machine itself', () => {
  const all = {
    links: [hostLink, ...nodeLinks].toSorted(),
    tables: [`ip ${hostLink}-out`, 'ip k8ts-policies', 'ip k8ts-services'].toSorted(),
  }
  it('is listed where no cluster has it', async () => assert.deepEqual(await found(), all))
  it('is listed where the machine is a node of the cluster', async () => assert.deepEqual(await found('dev'), all))
  it('is not listed where it is a node of another', async () =>
    assert.deepEqual(await found('other'), { links: [hostLink], tables: [`ip ${hostLink}-out`] }))
})
