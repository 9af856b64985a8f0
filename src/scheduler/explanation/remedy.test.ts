import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RejectionCause } from '#scheduler/plugin.ts'
import { clusterOf, podOf } from '#scheduler/testObjects.ts'
import { effortOf, isFar, remedyOf, remedyOfWhole } from './remedy.ts'

type VolumeCause = Omit<Extract<RejectionCause, { kind: 'volume' }>, 'kind'>

const rows: readonly (VolumeCause & { readonly remedy: string | undefined; readonly far?: true })[] = [
  { problem: 'missingClaim', claim: 'data', remedy: 'create the claim "data"' },
  { problem: 'unbound', remedy: 'add volumes that fit the unbound claims of the pod' },
  { problem: 'noneToBind', remedy: 'add volumes on node-1 that fit the unbound claims of the pod' },
  { problem: 'noSpace', remedy: 'free storage on node-1 for the unbound claims of the pod' },
  { problem: 'elsewhere', remedy: 'move the volumes of the pod to node-1', far: true },
  { problem: 'missingVolume', remedy: 'restore the volumes that the claims of the pod are bound to', far: true },
  { problem: 'limit', driver: 'disk.example.com', remedy: 'end a pod with volumes of disk.example.com on node-1' },
  { problem: 'diskInUse', remedy: 'end the pods on node-1 that use the same disk' },
  { problem: 'claimInUse', remedy: 'end the pod that uses the same claim' },
  { problem: 'unusableClaim', remedy: undefined, far: true },
]

const [view] = clusterOf([{ name: 'node-1' }]).nodes

for (const { remedy, far = false, ...rest } of rows) {
  test(`a remedy for volumes: ${rest.problem}`, () => {
    const cause: RejectionCause = { kind: 'volume', ...rest }
    assert.deepEqual([remedyOf(cause, podOf({ name: 'p' }), view!), isFar(effortOf(cause))], [remedy, far])
    assert.equal(remedyOfWhole(cause), remedy?.replace('node-1', 'a node'))
  })
}
