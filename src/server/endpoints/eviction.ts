import { isConditionTrue, withCondition } from '#machinery/conditions.ts'
import type { DeleteOptions } from '#api/meta/v1/options.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodCondition } from '#api/core/v1/podStatus.ts'
import type { Eviction } from '#api/policy/v1/eviction.ts'
import { isReason, success } from '#machinery/status.ts'
import { timeText } from '#machinery/time.ts'
import { decodeKind } from '../decode.ts'
import { admitBody, writeOptions, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { thawTop } from '../objects.ts'
import { checkDeleteOptions, parseWriteOptions } from '../options.ts'
import { deleteObject } from '../registry/delete.ts'
import { updateObject } from '../registry/update.ts'
import { objectReply, type ServerReply } from '../request.ts'
import { grantEviction, stillProcessed } from './disruption.ts'
import { checkIdentity } from './names.ts'

const evictionKind = { group: 'policy', version: 'v1', kind: 'Eviction' }

/** Deletes a pod on behalf of somebody who needs its node, where disruption budgets allow it. */
export async function evictionEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { info, request } = exchange
  const query = parseWriteOptions(request.query, 'CreateOptions')
  const eviction = (await decodeKind(exchange, evictionKind, query.fieldValidation)) as Eviction
  checkIdentity(eviction, kind, info.namespace, info.name)
  const wanted = checkDeleteOptions(eviction.deleteOptions ?? {})
  const dryRun = query.dryRun || (wanted.dryRun?.length ?? 0) > 0
  await admitBody(exchange, kind, 'CREATE', evictionKind, eviction, dryRun)
  await evict(exchange, kind, wanted, dryRun)
  return objectReply({ ...success({}), code: 201, details: undefined }, 201)
}

/** Tries while the pod changes under the eyes of who evicts it. */
const attempts = 5

async function evict(exchange: Exchange, kind: Kind, wanted: DeleteOptions, dryRun: boolean): Promise<void> {
  const { server, info } = exchange
  const { namespace, name } = info
  const isPinned = wanted.preconditions?.resourceVersion !== undefined
  for (let attempt = 1; ; attempt++) {
    const { pod, unchanged, budget } = await grantEviction(server.registry.cluster, namespace, name, dryRun)
    const { uid = '', resourceVersion = '' } = pod.metadata
    const pinned = unchanged && !isPinned
    try {
      // Saying so changes the pod: where it must not have changed, that is the check.
      const revision = dryRun || isPinned ? resourceVersion : await markDisrupted(exchange, kind, pod, pinned)
      const preconditions = { uid, ...wanted.preconditions, ...(pinned ? { resourceVersion: revision } : {}) }
      const options = writeOptions(exchange, dryRun, '', wanted)
      await deleteObject(server.registry, kind, namespace, name, { ...wanted, preconditions }, options, true)
      return
    } catch (error) {
      if (!isReason(error, 'Conflict') || !pinned) throw error
      if (budget !== undefined) throw stillProcessed(budget)
      if (attempt >= attempts) throw error
    }
  }
}

/** Says in the pod's status that it is evicted, for whoever counts failures (KEP-3329). Returns the pod's revision then. */
async function markDisrupted(
  { server, ...exchange }: Exchange,
  kind: Kind,
  pod: Pod,
  pinned: boolean,
): Promise<string> {
  const { namespace = '', name, resourceVersion = '', deletionTimestamp, generation } = pod.metadata
  if (deletionTimestamp !== undefined || isConditionTrue(pod.status?.conditions, 'DisruptionTarget')) {
    return resourceVersion
  }
  const condition: PodCondition = {
    type: 'DisruptionTarget',
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    status: 'True',
    lastTransitionTime: timeText(server.registry.clock.now()),
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  }
  const { stored } = await updateObject(
    server.registry,
    kind,
    {
      namespace,
      name,
      retryConflicts: !pinned,
      isAdmitted: true,
      // Nobody owns what the server itself says.
      owners: 'stay',
      subresource: {
        name: 'eviction',
        rules: { verbs: ['create'], sharesRest: true, prepare: () => {}, validate: () => {} },
      },
      change(old) {
        const changed = thawTop(old as Pod)
        if (pinned) changed.metadata.resourceVersion = resourceVersion
        changed.status = { ...changed.status, conditions: [...withCondition(changed.status?.conditions, condition)] }
        return changed
      },
    },
    writeOptions({ server, ...exchange }, false),
  )
  return String(stored.revision)
}
