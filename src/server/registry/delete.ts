import type { DeleteOptions } from '#api/meta/v1/options.ts'
import type { KubeObject } from '#api/resource.ts'
import { conflict, modifiedMeanwhile, notFound } from '#machinery/status.ts'
import { admitWhole, type AdmissionRequest } from '../admission/chain.ts'
import { keyOf, type Kind } from '../kind.ts'
import { thawTop } from '../objects.ts'
import { StoredObject } from '../storedObject.ts'
import { commit, toStore, writeObject } from './commit.ts'
import { admissionBase, type RegistryContext, type WriteOptions } from './context.ts'
import { workingForm } from '../versions.ts'
import { timeText } from '#machinery/time.ts'

/** The finalizers by which a deletion waits for, or gives up, what the object owns. */
export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

export interface DeleteResult {
  readonly stored: StoredObject
  /** False: the object still exists and waits for its grace period or its finalizers. */
  readonly gone: boolean
}

/** Tries of one deletion against others who change the object. */
const attempts = 10

/** Deletes an object, or begins to: grace periods and finalizers let it live on with a deletion timestamp. */
export async function deleteObject(
  context: RegistryContext,
  kind: Kind,
  namespace: string,
  name: string,
  wanted: DeleteOptions,
  options: WriteOptions,
  /** Admission was asked already, about the eviction that led to this deletion. */
  isAdmitted = false,
): Promise<DeleteResult> {
  const key = keyOf(kind, namespace, name)
  const { orphans } = kind.strategy
  if (orphans !== undefined && policyOf(wanted) === undefined) options.warn(orphans.warning)
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const behind = context.cache.current()
    if (behind !== undefined) await behind
    const existing = kind.cache.entries.get(key)
    if (existing === undefined) throw notFound(kind.resource, name)
    checkPreconditions(kind, existing, wanted)
    const working = workingForm(kind, existing)
    const { object: old } = working instanceof Promise ? await working : working
    const request: AdmissionRequest = {
      operation: 'DELETE',
      resource: kind.resource,
      subresource: '',
      namespace,
      name,
      ...admissionBase(options, kind.resource),
      old,
    }
    const admitted = isAdmitted ? undefined : admitWhole(context.admission, request, context.cluster)
    if (admitted !== undefined) await admitted
    const plan = planDeletion(kind, old, wanted, context.clock.now())
    const result = await carryOut(context, kind, key, existing, plan, options.dryRun)
    if (result !== undefined) return result
  }
  throw conflict(kind.resource, name, modifiedMeanwhile)
}

type DeletionPlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'remove' }
  | { readonly do: 'mark'; readonly object: KubeObject; readonly thenRemove: boolean }

/** Decides what a deletion does to an object now. What is to be stored shares with `old` all members that stay. */
export function planDeletion(kind: Kind, old: KubeObject, wanted: DeleteOptions, now: number): DeletionPlan {
  const object = thawTop(old)
  const { metadata } = object
  const grace = planGrace(kind, object, wanted, now)
  if (grace === 'pending') return { do: 'nothing' }
  const finalizers = planFinalizers(kind, metadata.finalizers ?? [], wanted)
  if (finalizers.length === 0) delete metadata.finalizers
  else metadata.finalizers = finalizers
  const isHeld = finalizers.length > 0 || kind.strategy.holds?.(object) === true
  if (!grace && !isHeld) return { do: 'remove' }
  if (!grace) {
    const begins = metadata.deletionTimestamp === undefined
    if (begins) kind.strategy.terminating?.(object, now)
    markNow(object, now)
    if (!begins && isUnchanged(object, old)) return { do: 'nothing' }
  }
  return { do: 'mark', object, thenRemove: !isHeld && metadata.deletionGracePeriodSeconds === 0 }
}

function isUnchanged(object: KubeObject, old: KubeObject): boolean {
  return (
    (object.metadata.finalizers ?? []).join() === (old.metadata.finalizers ?? []).join() &&
    object.metadata.deletionGracePeriodSeconds === old.metadata.deletionGracePeriodSeconds &&
    object.metadata.deletionTimestamp === old.metadata.deletionTimestamp
  )
}

/** Sets the grace period. True: done. False: the kind has none, or it is over. `pending`: a deletion with one as short runs already. */
function planGrace(kind: Kind, object: KubeObject, wanted: DeleteOptions, now: number): boolean | 'pending' {
  const { metadata } = object
  const requested = wanted.gracePeriodSeconds === undefined ? undefined : Math.max(wanted.gracePeriodSeconds, 0)
  if (metadata.deletionTimestamp !== undefined) {
    const running = metadata.deletionGracePeriodSeconds
    if (running === undefined) return false
    if (requested === undefined || requested >= running)
      return running === 0 && kind.strategy.gracePeriod === undefined ? false : 'pending'
    const since = Date.parse(metadata.deletionTimestamp) - running * 1_000
    metadata.deletionTimestamp = timeText(since + requested * 1_000)
    metadata.deletionGracePeriodSeconds = requested
    return true
  }
  const period = kind.strategy.gracePeriod?.(object, requested)
  if (period === undefined) return false
  metadata.deletionTimestamp = timeText(now + period * 1_000)
  metadata.deletionGracePeriodSeconds = period
  if ((metadata.generation ?? 0) > 0) metadata.generation = metadata.generation! + 1
  return true
}

/** What waits for finalizers only is marked as of now. */
function markNow({ metadata }: KubeObject, now: number): void {
  if (metadata.deletionTimestamp === undefined || Date.parse(metadata.deletionTimestamp) > now) {
    if (metadata.deletionTimestamp === undefined && (metadata.generation ?? 0) > 0) {
      metadata.generation = metadata.generation! + 1
    }
    metadata.deletionTimestamp = timeText(now)
  }
  metadata.deletionGracePeriodSeconds = 0
}

/** The finalizers with those of the wanted propagation. Without a wish those that are there stay, or the kind decides. */
function planFinalizers({ strategy }: Kind, finalizers: readonly string[], wanted: DeleteOptions): string[] {
  const isDecided = finalizers.includes(orphanFinalizer) || finalizers.includes(foregroundFinalizer)
  const policy = policyOf(wanted) ?? (strategy.orphans === undefined || isDecided ? undefined : 'Orphan')
  if (policy === undefined) return [...finalizers]
  const others = finalizers.filter((each) => each !== foregroundFinalizer && each !== orphanFinalizer)
  if (policy === 'Orphan') return [...others, orphanFinalizer]
  return policy === 'Foreground' ? [...others, foregroundFinalizer] : others
}

/** What is to become of the dependents, where the request says so. */
function policyOf({ propagationPolicy, orphanDependents }: DeleteOptions): DeleteOptions['propagationPolicy'] {
  return propagationPolicy ?? (orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background')
}

/** Undefined: somebody else changed the object meanwhile. */
async function carryOut(
  context: RegistryContext,
  kind: Kind,
  key: string,
  existing: StoredObject,
  plan: DeletionPlan,
  dryRun: boolean,
): Promise<DeleteResult | undefined> {
  if (plan.do === 'nothing') return { stored: existing, gone: false }
  let current = existing
  if (plan.do === 'mark') {
    const { canonical, encoded } = await toStore(kind, plan.object, 'follow', existing)
    if (dryRun) return { stored: StoredObject.unwritten(key, existing.revision, encoded), gone: plan.thenRemove }
    const result = await writeObject(context, kind, key, existing.revision, encoded, canonical)
    if (!result.ok) return undefined
    if (!plan.thenRemove) return { stored: result.stored, gone: false }
    current = result.stored
  }
  if (dryRun) return { stored: existing, gone: true }
  const gone = await commit(context, key, current.revision, 'delete')
  if (!gone.ok) return undefined
  kind.strategy.released?.(current.object)
  return { stored: current.at(gone.revision), gone: true }
}

function checkPreconditions(kind: Kind, existing: StoredObject, { preconditions }: DeleteOptions): void {
  if (preconditions === undefined) return
  const { metadata } = existing.object
  const refuse = (what: string, wanted: string, has: string): never => {
    const why = `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${has}`
    throw conflict(kind.resource, metadata.name, why)
  }
  const { uid, resourceVersion } = preconditions
  if (uid !== undefined && uid !== metadata.uid) refuse('UID', uid, metadata.uid ?? '')
  if (resourceVersion !== undefined && resourceVersion !== String(existing.revision)) {
    refuse('ResourceVersion', resourceVersion, String(existing.revision))
  }
}
