import { namespaces, type Namespace } from '#api/core/v1/namespace.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Controller } from '#client/controller.ts'
import { writeStatus } from '#client/writeStatus.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { millisecondsOf } from '#machinery/time.ts'
import type { ControllerContext } from '../context.ts'
import { emptyNamespace } from './empty.ts'
import { planNamespace } from './plan.ts'

/** The finalizer that keeps a namespace until it is empty; it stands in the spec, not in the metadata. */
const finalizer = 'kubernetes'

/**
 * How long everything in a namespace stays after its deletion, in milliseconds; less by what the moment of the deletion
 * lacks to a whole second. Whoever deletes a namespace and what is in it one after the other, as `kubectl delete -f` does,
 * still finds it. Kubernetes waits 5 s (`namespaceDeletionGracePeriod`), for servers that hear of the deletion late as well.
 */
const gracePeriod = 3_000

/** Empties namespaces that are being deleted and lets them go. */
export function namespaceController(context: ControllerContext): Controller {
  const { client, clock, causes } = context
  const copies = context.informers.of(namespaces)
  const podCopies = context.informers.of(pods)
  const isEnding = (namespace: Namespace | undefined): namespace is Namespace =>
    namespace?.metadata.deletionTimestamp !== undefined

  return {
    name: 'namespace-controller',
    queue: 'namespace',
    permissions: [
      { groups: [''], resources: ['namespaces'], verbs: ['delete', 'get', 'list', 'watch'] },
      { groups: [''], resources: ['namespaces/finalize', 'namespaces/status'], verbs: ['update', 'patch'] },
      { groups: ['*'], resources: ['*'], verbs: ['delete', 'deletecollection', 'get', 'list'] },
    ],
    workers: 10,
    watch(on) {
      on(copies, (namespace) => (isEnding(namespace) ? [namespace.metadata.name] : []))
      // The last pod to end is what most namespaces wait for.
      on(podCopies, ({ metadata: { namespace = '' } }) => (isEnding(copies.get(namespace)) ? [namespace] : []))
    },
    async reconcile(name, signal) {
      const subject = { kind: namespaces.kind, name }
      const known = copies.get(name)
      if (!isEnding(known) || (known.spec?.finalizers ?? []).length === 0) {
        return causes.clear(subject, 'namespace-controller')
      }
      const early = millisecondsOf(known.metadata.deletionTimestamp)! + gracePeriod - clock.now()
      if (early > 0) return { after: early }
      const emptying = await emptyNamespace(client, name, signal)
      const plan = planNamespace(known, emptying, clock.now())
      const namespace = await writeStatus(client, namespaces, known, plan.status, signal)
      if (!plan.finished) {
        const blocking = plan.status.conditions?.filter(({ status }) => status === 'True') ?? []
        const { reason = '', message = '' } = blocking.at(-1) ?? {}
        causes.record(subject, 'namespace-controller', { reason, message })
        return { after: plan.after }
      }
      causes.clear(subject, 'namespace-controller')
      const finalizers = (namespace.spec?.finalizers ?? []).filter((each) => each !== finalizer)
      const body = { ...namespace, spec: { ...namespace.spec, finalizers } }
      await unlessGone(client.updateSubresource(namespaces, namespace.metadata, 'finalize', body, { signal }))
    },
  }
}
