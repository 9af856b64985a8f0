import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricRegistry } from '#lib/metrics.ts'
import { ProjectedTokenUses } from './projectedTokenUses.ts'

test('a token that should have been replaced is noted with how late that is', () => {
  const registry = new MetricRegistry()
  const uses = new ProjectedTokenUses(registry)
  const noted: string[] = []
  const notes = { warn: () => {}, annotate: (key: string, value: string) => void noted.push(`${key}: ${value}`) }
  for (const now of [999_000, 1_000_000, 1_000_001, 1_061_500]) uses.note('jane', 1_000, now, notes)
  const annotation = 'authentication.k8s.io/stale-token: subject: jane, seconds after warning threshold:'
  assert.deepEqual(noted, [`${annotation} 0`, `${annotation} 61`])
  assert.equal(
    registry.render(),
    [
      '# HELP serviceaccount_stale_tokens_total Cumulative stale projected service account tokens used',
      '# TYPE serviceaccount_stale_tokens_total counter',
      'serviceaccount_stale_tokens_total 2',
      '# HELP serviceaccount_valid_tokens_total Cumulative valid projected service account tokens used',
      '# TYPE serviceaccount_valid_tokens_total counter',
      'serviceaccount_valid_tokens_total 2',
      '',
    ].join('\n'),
  )
})
