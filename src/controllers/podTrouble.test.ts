import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import { timeText } from '#machinery/time.ts'
import { podTrouble, rolloutTrouble } from './podTrouble.ts'

const now = Date.UTC(2026, 0, 1, 12)
const ago = (seconds: number): string => timeText(now - seconds * 1_000)

function podWith(status: PodStatus, name = 'a'): Pod {
  const readinessProbe = { periodSeconds: 10 }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i', readinessProbe }] },
    status,
  }
}

function container(status: Partial<ContainerStatus>): PodStatus {
  const common = { name: 'c', ready: false, restartCount: 0, image: 'i', imageID: '' }
  return { phase: 'Pending', startTime: ago(20), containerStatuses: [{ ...common, ...status }] }
}

const waiting = (reason: string, message?: string): Partial<ContainerStatus> => ({
  state: { waiting: { reason, ...(message === undefined ? {} : { message }) } },
})
const running = (seconds: number): Partial<ContainerStatus> => ({ state: { running: { startedAt: ago(seconds) } } })

for (const [name, pod, recorded, said] of [
  [
    'a pod that is on its way',
    podWith({ ...container(waiting('ContainerCreating')), startTime: ago(5) }),
    [],
    'again in 10 s',
  ],
  ['a pod that finished', podWith({ phase: 'Succeeded' }), [], undefined],
  [
    'a start that takes long',
    podWith(container(waiting('ContainerCreating'))),
    [],
    `ContainerCreating: Pod "a" has waited since ${ago(20)} for its network or its sandbox`,
  ],
  [
    'a start that takes long, of which the node says why',
    podWith(container(waiting('ContainerCreating'))),
    [{ reason: 'FailedMount', message: 'secret "s" not found' }],
    'FailedMount: Pod "a": secret "s" not found',
  ],
  [
    'a key that is not there',
    podWith(container(waiting('CreateContainerConfigError', 'secret "s" not found'))),
    [],
    'CreateContainerConfigError: The container "c" of pod "a" cannot start: secret "s" not found',
  ],
  [
    'a process that was killed for its memory',
    podWith(
      container({ ...waiting('CrashLoopBackOff'), lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }),
    ),
    [],
    'CrashLoopBackOff: The container "c" of pod "a" ends again and again, last with exit code 137 (OOMKilled)',
  ],
  ['a container that has not been asked yet', podWith(container(running(5))), [], 'again in 10 s'],
  [
    'gates',
    podWith({ conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message: 'gated' }] }),
    [],
    'SchedulingGated: Pod "a" has no node: gated',
  ],
] as const) {
  test(name, () => {
    const trouble = podTrouble(pod, recorded, now)
    const { cause, recheckAt } = trouble ?? {}
    const text =
      cause !== undefined
        ? `${cause.reason}: ${cause.message}`
        : recheckAt === undefined
          ? undefined
          : `again in ${(recheckAt - now) / 1_000} s`
    assert.equal(text, said)
  })
}

test('of pods that fail alike one is told of, with the number of the others', () => {
  const bad = (name: string): Pod => podWith(container(waiting('ErrImagePull', 'not found')), name)
  const trouble = rolloutTrouble([bad('a'), bad('b'), bad('c')], () => [], now)
  assert.equal(trouble?.cause?.message, 'The container "c" of pod "a" cannot start: not found (and 2 pods more)')
})
