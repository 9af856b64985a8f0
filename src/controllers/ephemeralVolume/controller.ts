import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Controller } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { keyOf, nameOfKey } from '#client/index.ts'
import { messageOf } from '#lib/errorText.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { planEphemeral } from './plan.ts'

const name = 'ephemeral-volume-controller'
const byEphemeralClaim = 'ephemeralClaims'

/** Makes the claims of volumes that live as long as their pod. They go with it as its dependants. */
export function ephemeralVolumeController(context: ControllerContext): Controller {
  const { client, informers, events, causes, metrics } = context
  const { creates, failures } = metrics.ephemeralVolumes
  const [podCopies, claims] = [informers.of(pods), informers.of(persistentVolumeClaims)]
  podCopies.addIndex(byEphemeralClaim, (pod) =>
    planEphemeral(pod, () => undefined).flatMap((plan) =>
      plan.do === 'create' ? [claimKey(plan.claim.metadata)] : [],
    ),
  )
  const recorder = events.recorder('ephemeral_volume')
  return {
    name,
    queue: 'ephemeral_volume',
    permissions: [
      { groups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      { groups: [''], resources: ['pods/finalizers'], verbs: ['update'] },
      { groups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'watch', 'create'] },
    ],
    watch(on) {
      on(podCopies, (pod) => (pod.spec.volumes?.some(({ ephemeral }) => ephemeral) ? [keyOf(pod.metadata)] : []))
      on(claims, ({ metadata }) =>
        podCopies.byIndex(byEphemeralClaim, keyOf(metadata)).map((pod) => keyOf(pod.metadata)),
      )
    },
    async reconcile(key, signal) {
      const subject = { kind: pods.kind, ...nameOfKey(key) }
      const pod = podCopies.get(key)
      const namespace = pod?.metadata.namespace ?? ''
      const plans = pod === undefined ? [] : planEphemeral(pod, (claim) => claims.get(`${namespace}/${claim}`))
      for (const plan of plans) {
        let problem = plan.do === 'refuse' ? plan.problem : undefined
        if (plan.do === 'create') {
          creates.inc()
          try {
            await client.create(persistentVolumeClaims, plan.claim, { signal })
          } catch (error) {
            failures.inc()
            // The informer has not shown it yet: whose it is, is seen then.
            if (isReason(error, 'AlreadyExists')) return { after: 1_000 }
            problem = `create PVC ${plan.claim.metadata.name}: ${messageOf(error)}`
          }
        }
        if (problem === undefined) continue
        const message = `ephemeral volume ${plan.volume}: ${problem}`
        recorder.record(referenceTo(pods, pod!), { type: 'Warning', reason: 'FailedBinding', message })
        causes.record(subject, name, { reason: 'FailedBinding', message })
        throw new Error(`pod ${key}, ${message}`)
      }
      causes.clear(subject, name)
      return undefined
    },
  }
}

const claimKey = (metadata: { readonly name?: string; readonly namespace?: string }): string =>
  `${metadata.namespace ?? ''}/${metadata.name ?? ''}`
