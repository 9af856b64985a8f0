import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import type { ConfigMap } from '#api/core/v1/configMap.ts'
import type { Client } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { createLogger } from '#lib/log.ts'
import { seededRandom } from '#lib/random.ts'

import { followConfiguration } from './configuration.ts'

function start() {
  const clock = new SimulatedClock()
  const made: WatchedInformer<ConfigMap>[] = []
  const of = ((resource, selection = {}) => {
    assert.deepEqual(selection, { namespace: 'kube-system', fieldSelector: 'metadata.name=coredns' })
    const options = { client: {} as Client, clock, random: seededRandom(1), resource, selection }
    const informer = new WatchedInformer(options)
    made.push(informer as unknown as WatchedInformer<ConfigMap>)
    return informer
  }) as Informers['of']
  const told: string[] = []
  let changes = 0
  let revision = 0
  const lines: string[] = []
  const configuration = followConfiguration({
    informers: { of },
    domain: 'cluster.local',
    log: createLogger({ clock, sinks: [{ write: (_line, entry) => void lines.push(entry.level) }] }),
    events: {
      record: (about, { type, reason, message }) =>
        void told.push(`${about.kind} ${about.name} ${type} ${reason}: ${message}`),
      recordAction: () => {},
    },
    failed: () => void told.push('counted'),
  })
  configuration.onChange(() => void changes++)
  const object = (data: Record<string, string>): ConfigMap =>
    ({
      metadata: { name: 'coredns', namespace: 'kube-system', uid: 'u', resourceVersion: String(++revision) },
      data,
    }) as ConfigMap
  return {
    configuration,
    told,
    lines,
    changes: () => changes,
    set: (data: Record<string, string>) => made[0]!.change('MODIFIED', object(data)),
    remove: () => made[0]!.change('DELETED', object({})),
    zones: () => configuration.servers.map(({ zones }) => zones.join(' ')),
  }
}

describe('followConfiguration', () => {
  it('begins with the usual Corefile, and takes the one of the ConfigMap', () => {
    const { zones, set, changes, told } = start()
    assert.deepEqual(zones(), [''])
    set({ Corefile: '. { }\nexample.org { }' })
    assert.deepEqual(zones(), ['', 'example.org'])
    assert.equal(changes(), 1)
    set({ Corefile: '. { }\nexample.org { }' })
    assert.equal(changes(), 1)
    assert.deepEqual(told, [])
  })
  it('keeps the one before when it cannot be read, and says where and why', () => {
    const { zones, set, changes, told, lines } = start()
    set({ Corefile: 'example.org { }' })
    set({ Corefile: '. {\n  etdc\n}' })
    assert.deepEqual(zones(), ['example.org'])
    assert.equal(changes(), 1)
    assert.match(
      told[0]!,
      /^ConfigMap coredns Warning InvalidCorefile: Corefile:2 - Error during parsing: Unknown directive 'etdc'; there are .*; the Corefile before it stays in force$/,
    )
    assert.equal(told[1], 'counted')
    assert.deepEqual(lines, ['info', 'error'])
    set({ other: '' })
    assert.match(told[2]!, /InvalidCorefile: it has no entry Corefile/)
    set({ Corefile: '. { }' })
    assert.deepEqual(zones(), [''])
  })
  it('reads files that are other entries again when those change', () => {
    const { configuration, set } = start()
    const Corefile = '. { hosts /etc/coredns/hosts }'
    set({ Corefile, hosts: '192.0.2.1 a' })
    set({ Corefile, hosts: '192.0.2.2 a' })
    assert.deepEqual(configuration.servers[0]!.hosts!.addresses.get('a'), ['192.0.2.2'])
  })
  it('goes back to the usual one when the ConfigMap is deleted', () => {
    const { configuration, set, remove } = start()
    set({ Corefile: '. { }' })
    remove()
    assert.deepEqual(configuration.servers[0]!.kubernetes?.domains, ['cluster.local'])
  })
})
