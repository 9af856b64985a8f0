import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Probe } from '#api/core/v1/probe.ts'
import { afterProbe, beginProbing, type ProbeKind, type ProbeOutcome } from './planProbes.ts'

const ok: ProbeOutcome = { result: 'success', output: '' }
const bad: ProbeOutcome = { result: 'failure', output: 'HTTP probe failed with statuscode: 404' }

/** Verdicts after each outcome, one period apart; `-` when probing has ended. */
function verdicts(kind: ProbeKind, probe: Probe, outcomes: readonly ProbeOutcome[]): string[] {
  let progress = beginProbing(kind, probe, 0, 0)
  return outcomes.map((outcome) => {
    if (progress.nextAt === undefined) return '-'
    progress = afterProbe(progress, probe, outcome, progress.nextAt).progress
    return progress.verdict ?? 'none'
  })
}

const rows: readonly [string, ProbeKind, Probe, readonly ProbeOutcome[], readonly string[]][] = [
  [
    'readiness needs one success',
    'readiness',
    {},
    [bad, ok, bad, bad, bad, ok],
    ['none', 'success', 'success', 'success', 'failure', 'success'],
  ],
  [
    'a success between failures starts the count anew',
    'liveness',
    {},
    [bad, bad, ok, bad, bad, bad, bad],
    ['none', 'none', 'success', 'success', 'success', 'failure', '-'],
  ],
  [
    'startup ends with its success',
    'startup',
    { failureThreshold: 30 },
    [bad, bad, ok, bad],
    ['none', 'none', 'success', '-'],
  ],
  ['startup ends with its failure', 'startup', { failureThreshold: 2 }, [bad, bad, ok], ['none', 'failure', '-']],
  ['readiness with a success threshold', 'readiness', { successThreshold: 2 }, [ok, ok], ['none', 'success']],
  [
    'what is unknown changes nothing',
    'readiness',
    {},
    [ok, { result: 'unknown', output: 'x' }],
    ['success', 'success'],
  ],
]
for (const [name, kind, probe, outcomes, expected] of rows) {
  test(`probing: ${name}`, () => assert.deepEqual(verdicts(kind, probe, outcomes), expected))
}

test('probing begins after the initial delay and repeats each period', () => {
  const probe = { initialDelaySeconds: 3, periodSeconds: 5 }
  const first = beginProbing('liveness', probe, 1000, 1500)
  assert.equal(first.nextAt, 4000)
  const { progress, event } = afterProbe(first, probe, bad, 4010)
  assert.equal(progress.nextAt, 9010)
  assert.deepEqual(event, {
    reason: 'Unhealthy',
    message: 'Liveness probe failed: HTTP probe failed with statuscode: 404',
  })
})
