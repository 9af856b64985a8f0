import assert from 'node:assert/strict'
import { test } from 'node:test'

import { MetricRegistry } from '#lib/metrics.ts'

import { dropCounts } from './drops.ts'

test('drops are added up over readings, tables that begin again, and numbers that come and go', () => {
  const registry = new MetricRegistry()
  const drops = dropCounts(registry)
  const deniers: Readonly<Record<number, readonly string[]>> = {
    1: ['NetworkPolicy shop/closed'],
    2: ['NetworkPolicy shop/closed', 'NetworkPolicy shop/web'],
    3: ['AdminNetworkPolicy no-metadata'],
  }
  const note = (table: string, ...counts: [string, number][]): void =>
    drops.note(table, new Map(counts), (number) => deniers[number] ?? [])
  const told = (): string[] =>
    registry
      .render()
      .split('\n')
      .filter((line) => line.startsWith('k8ts_network_policy_dropped'))
      .map((line) => line.replace('k8ts_network_policy_dropped_packets_total', ''))
      .toSorted()
  note('ip', ['1', 0], ['2', 0], ['3', 0])
  assert.deepEqual(told(), [])
  note('ip', ['1', 4], ['2', 1], ['3', 0], ['9', 7])
  note('ip6', ['1', 1])
  note('ip', ['1', 5], ['2', 1], ['3', 2])
  // Replaced as a whole, and without number 2.
  note('ip', ['1', 2], ['3', 2])
  assert.deepEqual(told(), [
    '{kind="AdminNetworkPolicy",namespace="",name="no-metadata"} 2',
    '{kind="NetworkPolicy",namespace="shop",name="closed"} 9',
    '{kind="NetworkPolicy",namespace="shop",name="web"} 1',
  ])
})
