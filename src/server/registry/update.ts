import type { KubeObject } from '#api/resource.ts'
import { yieldToEventLoop } from '#lib/async/yield.ts'
import { applyDefaults } from '#machinery/defaults.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { conflict, invalid, modifiedMeanwhile, notFound } from '#machinery/status.ts'
import { differInTime } from '#machinery/patch/managedFields.ts'
import { createReport, problemCauses } from '#machinery/validate/report.ts'
import { admit, validateAdmission, type AdmissionRequest } from '../admission/chain.ts'
import { parseRevision } from '../errors.ts'
import { keyOf, refusalName, type Kind } from '../kind.ts'
import { copyPath, replaceContents, thaw, thawObject, thawTop, withoutRevision } from '../objects.ts'
import { StoredObject, type EncodedObject } from '../storedObject.ts'
import { checkSize, commit, toStore, writeObject } from './commit.ts'
import { admissionBase, largeBody, servingContext, type RegistryContext, type WriteOptions } from './context.ts'
import { createObject } from './create.ts'
import { checkOwners, ownersOf, ownUpdated, setOwners, type OwnerRule, type Through } from './owners.ts'
import { mayKeepRest, type Subresource } from '../strategy.ts'
import { workingForm } from '../versions.ts'
import { changesGeneration, checkObject } from './prepare.ts'

export interface UpdateRequest {
  readonly namespace: string
  readonly name: string
  /**
   * The wanted object, private to the caller of `change`; through a subresource with `writes` it is only read. Called again
   * when somebody else was faster.
   */
  readonly change: (old: KubeObject) => KubeObject | Promise<KubeObject>
  /** What to create when the object is not there; undefined refuses with 404. */
  readonly createInstead?: () => KubeObject | Promise<KubeObject>
  /** The part of the kind through which the update comes. */
  readonly subresource?: Through
  /** Whether the writer comes to own what it changes (`follow` where absent). */
  readonly owners?: OwnerRule
  /** True for patches: the server tries again when somebody else was faster. */
  readonly retryConflicts: boolean
  /** Admission was asked already, about the body that led to this update. */
  readonly isAdmitted?: true
}

export interface UpdateResult {
  readonly stored: StoredObject
  readonly created: boolean
}

/** Tries of one update before the client is told of the conflict. */
const attempts = 5

/** Updates an object. A result equal to what is stored writes nothing and has the old revision. */
export async function updateObject(
  context: RegistryContext,
  kind: Kind,
  update: UpdateRequest,
  options: WriteOptions,
): Promise<UpdateResult> {
  const key = keyOf(kind, update.namespace, update.name)
  for (let attempt = 1; ; attempt++) {
    const behind = context.cache.current()
    if (behind !== undefined) await behind
    const existing = kind.cache.entries.get(key)
    if (existing === undefined) {
      const made = update.createInstead?.()
      if (made === undefined) throw notFound(kind.resource, update.name)
      const object = made instanceof Promise ? await made : made
      return { stored: await createObject(context, kind, object, options, update.owners), created: true }
    }
    const outcome = await tryUpdate(context, kind, key, existing, update, options)
    if (outcome.stored !== undefined) return { stored: outcome.stored, created: false }
    const mayRetry = update.retryConflicts || outcome.unconditional
    if (!mayRetry || attempt >= attempts) throw conflict(kind.resource, update.name, modifiedMeanwhile)
  }
}

interface Attempt {
  /** Undefined: somebody else was faster. */
  readonly stored?: StoredObject
  /** The client named no revision. */
  readonly unconditional: boolean
}

async function tryUpdate(
  context: RegistryContext,
  kind: Kind,
  key: string,
  existing: StoredObject,
  update: UpdateRequest,
  options: WriteOptions,
): Promise<Attempt> {
  const { strategy } = kind
  const working = workingForm(kind, existing)
  const old = (working instanceof Promise ? await working : working).object
  const isLarge = options.isLarge === true || existing.jsonLength >= largeBody
  if (isLarge) await yieldToEventLoop()
  const changed = update.change(old)
  const object = changed instanceof Promise ? await changed : changed
  const unconditional = checkIdentity(kind, key, object, existing, update)
  const rules = update.subresource?.rules
  const wanted = rules?.writes === undefined ? object : withWrites(old, object, rules)
  const keepsRest = (): boolean => rules === undefined && mayKeepRest(strategy) && changesMetadataAlone(wanted, old)
  if (rules === undefined && !keepsRest()) for (const path of strategy.reserved ?? []) copyPath(wanted, old, path)
  keepSystemMetadata(wanted, old)
  if (rules?.sharesRest === true) defaultWritten(kind, wanted, rules)
  else if (!keepsRest()) {
    applyDefaults(kind.schema, wanted)
    strategy.default?.(wanted)
  }
  if (isLarge) {
    if (strategy.isOpen === true) checkSize(wanted)
    await yieldToEventLoop()
  }
  const rule = update.owners ?? 'follow'
  if (rule === 'follow') ownUpdated(context, kind, wanted, old, options, update.subresource)
  else setOwners(wanted, ownersOf(rule === 'said' ? object : old))
  if (isLarge) await yieldToEventLoop()
  const { managedFields } = wanted.metadata
  const serving = servingContext(context, options)
  const shown = bodyForm(wanted, old, update)
  const request: AdmissionRequest = {
    operation: 'UPDATE',
    resource: kind.resource,
    subresource: update.subresource?.name ?? '',
    namespace: update.namespace,
    name: update.name,
    ...admissionBase(options, kind.resource),
    ...shown,
    onRewrite() {
      if (shown.object !== wanted) {
        rules!.write!(wanted, shown.object, serving)
        return
      }
      if (rules?.writes !== undefined) replaceContents(wanted, withWrites(old, wanted, rules))
      else if (rules === undefined) for (const path of strategy.reserved ?? []) copyPath(wanted, old, path)
      keepSystemMetadata(wanted, old)
    },
  }
  const asks = update.isAdmitted !== true
  const admitted = asks ? admit(context.admission, request, context.cluster) : undefined
  if (admitted !== undefined) await admitted
  const guarded = context.guard({ resource: kind.resource, object: wanted, old, caller: options.caller })
  if (guarded !== undefined) await guarded
  checkOwners(wanted, managedFields, options.warn)
  if (rules?.prepare !== undefined) rules.prepare(wanted, old, serving)
  else if (rules?.sharesRest !== true && !keepsRest()) strategy.prepare?.(wanted, old, serving)
  if (mayRaiseGeneration(kind, rules) && changesGeneration(kind, wanted, old)) {
    wanted.metadata.generation = (old.metadata.generation ?? 0) + 1
  }
  if (isLarge) await yieldToEventLoop()
  if (rules === undefined && strategy.readyRules !== undefined) await strategy.readyRules(wanted, old)
  const allocation = checkObject(kind, wanted, old, serving, options.warn, rules)
  try {
    if (isLarge) await yieldToEventLoop()
    context.guardChecked({ resource: kind.resource, object: wanted, old, caller: options.caller })
    const validated = asks ? validateAdmission(context.admission, request, context.cluster) : undefined
    if (validated !== undefined) await validated
    const pending = toStore(kind, wanted, rule, existing)
    const { canonical, encoded } = pending instanceof Promise ? await pending : pending
    const isSame = sameAsStored(encoded, existing, canonical)
    let stored: StoredObject | undefined
    if (isSame) stored = existing
    else if (options.dryRun) stored = StoredObject.unwritten(key, existing.revision, encoded)
    else if (mayVanish(kind, wanted, old)) {
      const gone = await commit(context, key, existing.revision, 'delete')
      if (gone.ok) {
        stored = StoredObject.unwritten(key, existing.revision, encoded)
        strategy.released?.(wanted)
      }
    } else {
      const result = await writeObject(context, kind, key, existing.revision, encoded, canonical)
      if (result.ok) stored = result.stored
    }
    if (stored === undefined || options.dryRun) allocation?.release()
    else allocation?.commit()
    return stored === undefined ? { unconditional } : { stored, unconditional }
  } catch (error) {
    allocation?.release()
    throw error
  }
}

/** What admission sees of an update: the objects, or what travels in their place through a subresource such as `scale`. */
function bodyForm(
  object: KubeObject,
  old: KubeObject,
  { subresource }: UpdateRequest,
): { readonly object: KubeObject; readonly old: KubeObject } & Pick<AdmissionRequest, 'objectKind'> {
  const { body, read, write } = subresource?.rules ?? {}
  if (body === undefined || read === undefined || write === undefined) return { object, old }
  return { object: thaw(read(object)), old: read(old), objectKind: body }
}

/**
 * Checks that the object is the one that the client means: its revision and uid, where it names them. Returns whether
 * the client left the revision open.
 */
function checkIdentity(
  kind: Kind,
  key: string,
  object: KubeObject,
  existing: StoredObject,
  update: UpdateRequest,
): boolean {
  const { metadata } = object
  const old = existing.object.metadata
  const revision = parseRevision(metadata.resourceVersion ?? '', 'metadata.resourceVersion')
  const unconditional = revision === undefined || revision === 0
  if (unconditional && kind.strategy.unconditionalUpdate !== true && !update.retryConflicts) {
    const { report, problems } = createReport()
    report.at('metadata', 'resourceVersion').invalid(0, 'must be specified for an update')
    throw invalid(refusalName(kind), update.name, problemCauses(problems))
  }
  if (!unconditional && revision !== existing.revision) {
    throw conflict(kind.resource, update.name, modifiedMeanwhile)
  }
  if (metadata.uid !== undefined && metadata.uid !== '' && metadata.uid !== old.uid) {
    const why = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${old.uid ?? ''}`
    throw conflict(
      kind.resource,
      update.name,
      `StorageError: invalid object, Code: 4, Key: ${upstreamKey(kind, key)}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`,
    )
  }
  return unconditional
}

/** The key as Kubernetes calls it, for messages. */
function upstreamKey(kind: Kind, key: string): string {
  return `/registry/${kind.resource.plural}/${key.slice(kind.cache.prefix.length)}`
}

/** Whether all but the metadata is the very same. */
function changesMetadataAlone(object: KubeObject, old: KubeObject): boolean {
  const [after, before] = [object, old] as unknown as readonly Record<string, unknown>[]
  let missing = Object.keys(before!).length
  for (const name in after) {
    if (name !== 'metadata' && after[name] !== before![name]) return false
    missing--
  }
  return missing === 0
}

/** A copy of the old object in which only some paths are the new one's. */
function withWrites(old: KubeObject, object: KubeObject, { writes = [], sharesRest }: Subresource): KubeObject {
  const result = sharesRest === true ? thawTop(old) : thawObject(old)
  for (const path of writes) if (!keepsMetadata(path, old, object)) copyPath(result, object, path)
  return result
}

/** Whether a path is one of the metadata that leads to the very same in both. Nobody edits what metadata holds. */
function keepsMetadata(path: string, old: KubeObject, object: KubeObject): boolean {
  if (!path.startsWith('metadata.')) return false
  const name = path.slice('metadata.'.length) as keyof KubeObject['metadata']
  return object.metadata[name] === old.metadata[name]
}

/** Fills in what the schema gives a default for in the members that came through a subresource. */
function defaultWritten({ schema }: Kind, object: KubeObject, { writes = [] }: Subresource): void {
  for (const name of writes) {
    const member = schema.properties?.[name]
    if (member !== undefined) applyDefaults(member, (object as unknown as Record<string, unknown>)[name])
  }
}

/** What the system decides stays as it is, whatever the client sent or left out. */
function keepSystemMetadata(object: KubeObject, old: KubeObject): void {
  const metadata = (object.metadata = withoutRevision(object.metadata))
  const before = old.metadata
  if (before.uid !== undefined) metadata.uid = before.uid
  if (before.creationTimestamp !== undefined) metadata.creationTimestamp = before.creationTimestamp
  if (before.generateName !== undefined) metadata.generateName ??= before.generateName
  if (before.generation === undefined) delete metadata.generation
  else metadata.generation = before.generation
  if (before.deletionTimestamp === undefined) {
    delete metadata.deletionTimestamp
    delete metadata.deletionGracePeriodSeconds
  } else {
    metadata.deletionTimestamp = before.deletionTimestamp
    if (before.deletionGracePeriodSeconds === undefined) delete metadata.deletionGracePeriodSeconds
    else metadata.deletionGracePeriodSeconds = before.deletionGracePeriodSeconds
  }
}

/**
 * Whether a write would change nothing, or only when somebody wrote last. Objects of equal length may still differ in the
 * order of members alone.
 */
function sameAsStored(encoded: EncodedObject, existing: StoredObject, object: KubeObject): boolean {
  const revisionLength = `,"resourceVersion":"${existing.revision}"`.length
  if (encoded.value.length + revisionLength !== existing.jsonLength) return false
  if (existing.holds(encoded)) return true
  const { resourceVersion: _, managedFields: __, ...before } = existing.object.metadata
  const { managedFields: ___, ...after } = object.metadata
  return (
    differInTime(ownersOf(object), ownersOf(existing.object)) &&
    sameJson({ ...object, metadata: after }, { ...existing.object, metadata: before })
  )
}

/**
 * Whether what is asked for can change. Through parts with neither `writes` nor `write`, such as `binding`, the server itself
 * says something, which nobody asked for.
 */
function mayRaiseGeneration({ strategy }: Kind, rules: Subresource | undefined): boolean {
  if (strategy.generation !== undefined) return false
  if (rules === undefined || rules.write !== undefined) return true
  return rules.writes?.some((path) => path !== 'status' && !path.startsWith('metadata.')) ?? false
}

/** Whether an object that is being deleted has lost the last thing that held it. */
function mayVanish(kind: Kind, object: KubeObject, old: KubeObject): boolean {
  return (
    old.metadata.deletionTimestamp !== undefined &&
    (old.metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
    (object.metadata.finalizers?.length ?? 0) === 0 &&
    kind.strategy.holds?.(object) !== true
  )
}
