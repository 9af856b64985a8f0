import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatefulSet, StatefulSetSpec } from '#api/apps/v1/statefulSet.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { planStatefulSet, type Step } from './plan.ts'
import {
  claim,
  now,
  observe,
  old,
  pod,
  podOwner,
  revision,
  setOf,
  three,
  volumeClaimTemplates,
  withClaims,
} from './testSets.ts'

const partition = (number: number): StatefulSet =>
  setOf({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: number } } })
const parallel = (spec: Partial<StatefulSetSpec> = {}): StatefulSet =>
  setOf({ podManagementPolicy: 'Parallel', ...spec })

const scaledAway = (spec: Partial<StatefulSetSpec> = {}): StatefulSet =>
  setOf({
    volumeClaimTemplates,
    persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' },
    ...spec,
  })

/** A step in a few words: `create web-0 of web-new with data-web-0`. */
function shown(step: Step): string {
  const claimsOf = ({
    create,
    problems,
  }: {
    create: readonly { metadata: { name: string } }[]
    problems: readonly string[]
  }) => [...create.map(({ metadata }) => ` with ${metadata.name}`), ...problems.map((each) => ` but ${each}`)].join('')
  switch (step.do) {
    case 'create':
      return `create ${step.pod.metadata.name} of ${step.pod.metadata.labels!['controller-revision-hash']}${claimsOf(step.claims)}`
    case 'createClaims':
      return `claims of ${step.pod}${claimsOf(step.claims)}`
    case 'own':
      return `own ${step.claims.map(({ claim: { metadata }, owners }) => `${metadata.name} by ${owners?.map(({ kind }) => kind).join() ?? 'as it is'}`).join()}${step.unseen.map((name) => `${name} if it is there`).join()}${step.told ? ', told' : ''}`
    case 'update':
      return `update ${step.pod.metadata.name}${claimsOf(step.claims)}`
    case 'delete':
      return `delete ${step.pod.metadata.name}`
  }
}

const steps: readonly {
  name: string
  set?: StatefulSet
  pods: readonly Pod[]
  claims?: readonly PersistentVolumeClaim[]
  /** Rounds of tasks of steps. */
  does?: readonly (readonly (readonly string[])[])[]
  waits?: string
  replaced?: string
}[] = [
  {
    name: 'the first pod comes first',
    pods: [],
    does: [[['create web-0 of web-new']]],
    waits: 'Pod "web-0" is being created',
  },
  { name: 'all there', pods: three },
  {
    name: 'the next one waits for the one before',
    pods: [pod(0, { ready: false })],
    waits: 'Pod "web-0" is waited for: it is not ready',
  },
  {
    name: 'and comes then',
    pods: [pod(0)],
    does: [[['create web-1 of web-new']]],
    waits: 'Pod "web-1" is being created',
  },
  {
    name: 'a pod must be ready long enough',
    set: setOf({ minReadySeconds: 100 }),
    pods: [pod(0)],
    waits: 'Pod "web-0" is waited for: it has not been ready for long enough',
  },
  {
    name: 'a gap is filled before anything goes',
    set: setOf({ replicas: 2 }),
    pods: [pod(1), pod(2)],
    does: [[['create web-0 of web-new']]],
    waits: 'Pod "web-0" is being created',
  },
  {
    name: 'numbers begin where they should',
    set: setOf({ replicas: 1, ordinals: { start: 7 } }),
    pods: [],
    does: [[['create web-7 of web-new']]],
    waits: 'Pod "web-7" is being created',
  },
  {
    name: 'a pod below the first number goes',
    set: setOf({ replicas: 1, ordinals: { start: 1 } }),
    pods: [pod(0), pod(1)],
    does: [[['delete web-0']]],
  },
  {
    name: 'a pod that ends keeps its number',
    pods: [pod(0), pod(1, { ending: true }), pod(2)],
    waits: 'Pod "web-1" is waited for: it is being deleted',
  },
  {
    name: 'a pod that failed goes',
    pods: [pod(0), pod(1, { phase: 'Failed' })],
    does: [[['delete web-1']]],
    waits: 'Pod "web-1" is waited for: it is not ready',
  },
  {
    name: 'and is not made again before it has gone',
    pods: [pod(0), pod(1, { phase: 'Succeeded', ending: true })],
    waits: 'Pod "web-1" is waited for: it is being deleted',
  },
  { name: 'the highest goes first', set: setOf({ replicas: 1 }), pods: three, does: [[['delete web-2']]] },
  {
    name: 'and the next one once it has gone',
    set: setOf({ replicas: 1 }),
    pods: [pod(0), pod(1), pod(2, { ending: true })],
    waits: 'Pod "web-2" is waited for: it is being deleted',
  },
  {
    name: 'nothing goes while one that stays is not ready',
    set: setOf({ replicas: 1 }),
    pods: [pod(0, { ready: false }), pod(1)],
    waits: 'Pod "web-0" is waited for: it is not ready',
  },
  {
    name: 'nothing goes while a lower one that goes too is not ready',
    set: setOf({ replicas: 1 }),
    pods: [pod(0), pod(1, { ready: false }), pod(2, { ready: false })],
    waits: 'Pod "web-1" is waited for: it is not ready',
  },
  {
    name: 'the only one that is not ready may go',
    set: setOf({ replicas: 1 }),
    pods: [pod(0), pod(1), pod(2, { ready: false })],
    does: [[['delete web-2']]],
  },
  { name: 'a set that is being deleted is left alone', set: setOf({}, undefined, true), pods: [pod(0)] },
  {
    name: 'a rollout begins at the highest',
    pods: [old(0), old(1), old(2)],
    does: [[['delete web-2']]],
    replaced: 'web-2',
  },
  {
    name: 'and waits for the new one',
    pods: [old(0), old(1), pod(2, { ready: false })],
    waits: 'Pod "web-2" is waited for: it is not ready',
  },
  { name: 'and goes on', pods: [old(0), old(1), pod(2)], does: [[['delete web-1']]], replaced: 'web-1' },
  { name: 'down to the partition', set: partition(2), pods: [old(0), old(1), pod(2)] },
  {
    name: 'a pod below the partition comes as it was',
    set: partition(2),
    pods: [pod(1), pod(2)],
    does: [[['create web-0 of web-old']]],
    waits: 'Pod "web-0" is being created',
  },
  {
    name: 'one above it does not',
    set: partition(2),
    pods: [old(0), old(1)],
    does: [[['create web-2 of web-new']]],
    waits: 'Pod "web-2" is being created',
  },
  {
    name: 'without a partition those not yet replaced come as they were',
    set: setOf({ updateStrategy: { type: 'RollingUpdate' } }, { replicas: 3, currentReplicas: 1 }),
    pods: [pod(1), pod(2)],
    does: [[['create web-0 of web-old']]],
    waits: 'Pod "web-0" is being created',
  },
  {
    name: 'with OnDelete nothing is replaced',
    set: setOf({ updateStrategy: { type: 'OnDelete' } }),
    pods: [old(0), old(1), old(2)],
  },
  {
    name: 'scaling goes before a rollout',
    set: setOf({ replicas: 2 }),
    pods: [old(0), old(1), old(2)],
    does: [[['delete web-2']]],
  },
  {
    name: 'a broken pod of the new template stays broken until it is deleted',
    pods: [old(0), old(1), pod(2, { ready: false, of: revision('web-broken') })],
    waits: 'Pod "web-2" is waited for: it is not ready',
  },
  { name: 'a pod gets its label back', pods: [pod(0, { label: 'other' }), pod(1), pod(2)], does: [[['update web-0']]] },

  {
    name: 'parallel: all come at once',
    set: parallel(),
    pods: [],
    does: [[['create web-0 of web-new'], ['create web-1 of web-new'], ['create web-2 of web-new']]],
  },
  {
    name: 'parallel: nobody waits for one that is not ready',
    set: parallel({ replicas: 2 }),
    pods: [pod(1, { ready: false }), pod(2), pod(3)],
    does: [[['create web-0 of web-new']], [['delete web-3'], ['delete web-2']]],
    waits: 'Pod "web-1" is waited for: it is not ready',
  },
  {
    name: 'parallel: a rollout takes one after the other',
    set: parallel(),
    pods: [old(0), old(1), pod(2, { ready: false })],
    waits: 'Pod "web-2" is waited for: it is not ready',
  },
  {
    name: 'parallel: a failed pod goes and is waited for',
    set: parallel(),
    pods: [old(0), old(1), old(2, { phase: 'Failed' })],
    does: [[['delete web-2']]],
  },

  {
    name: 'claims come with their pod',
    set: withClaims,
    pods: [],
    does: [[['create web-0 of web-new with data-web-0']]],
    waits: 'Pod "web-0" is being created',
  },
  {
    name: 'unless they are there',
    set: withClaims,
    pods: [],
    claims: [claim('data-web-0')],
    does: [[['create web-0 of web-new']]],
    waits: 'Pod "web-0" is being created',
  },
  {
    name: 'a claim that is going is in the way',
    set: withClaims,
    pods: [],
    claims: [claim('data-web-0', [], true)],
    does: [[['create web-0 of web-new but pvc data-web-0 is being deleted']]],
    waits: 'Pod "web-0" is being created',
  },
  {
    name: 'a pod that waits gets claims that went',
    set: withClaims,
    pods: [pod(0, { phase: 'Pending', in: withClaims })],
    does: [[['claims of web-0 with data-web-0']]],
    waits: 'Pod "web-0" is waited for: it is not ready',
  },
  {
    name: 'a pod without its volumes is corrected',
    set: setOf({ volumeClaimTemplates, replicas: 1 }),
    pods: [pod(0)],
    claims: [claim('data-web-0')],
    does: [[['update web-0']]],
  },
  {
    name: 'claims that go with a pod are its own before it goes',
    set: scaledAway({ replicas: 0 }),
    pods: [pod(0)],
    claims: [claim('data-web-0')],
    does: [[['own data-web-0 by Pod']], [['delete web-0']]],
  },
  {
    name: 'also if the copy does not show them',
    set: scaledAway({ replicas: 0 }),
    pods: [pod(0)],
    does: [[['own data-web-0 if it is there']], [['delete web-0']]],
  },
  {
    name: 'a pod does not come before the claims of the one before have gone',
    set: scaledAway(),
    pods: [],
    claims: [claim('data-web-0', [podOwner('before')])],
    waits: 'Pod "web-0" waits for the claims of its predecessor to be gone',
  },
  {
    name: 'a new policy reaches the claims of pods that run',
    set: setOf({ replicas: 1, volumeClaimTemplates, persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } }),
    pods: [pod(0, { in: withClaims })],
    claims: [claim('data-web-0')],
    does: [[['own data-web-0 by StatefulSet, told']]],
  },
]

for (const row of steps) {
  test(`step: ${row.name}`, () => {
    const { rounds, cause, replaced } = planStatefulSet(row.set ?? setOf(), observe(row.pods, row.claims), now)
    assert.deepEqual(
      {
        does: rounds.map((round) => round.map((task) => task.map(shown))),
        waits: cause?.message,
        replaced: replaced?.metadata.name,
      },
      { does: row.does ?? [], waits: row.waits, replaced: row.replaced },
    )
  })
}
